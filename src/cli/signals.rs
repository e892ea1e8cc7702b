//! SIGTERM and SIGINT: the first asks for a stop, the second for a stop at once. SIGHUP is one of
//! them where a terminal was closed; else it asks for the configuration to be read again.

use std::convert::Infallible;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use rustix::termios::tcgetattr;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::admin::orders::{Desk, Order};

/// Signals that come this soon after one another are one order.
const SAME_ORDER: Duration = Duration::from_millis(50);

/// Listens from its creation on, so that no signal is missed while the daemon starts.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Whether it runs on a terminal that can hang up.
    on_terminal: bool,
    /// Where the order to read the configuration again goes.
    desk: Option<Desk>,
}

impl Signals {
    /// Starts to listen. A file that would exceed the limit on the size of files (`LimitFSIZE=`)
    /// fails to be written from now on, where else a signal would end the process.
    pub(super) fn new() -> io::Result<Self> {
        drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            on_terminal: io::stderr().is_terminal(),
            desk: None,
        })
    }

    /// With a desk for reloads of the configuration.
    pub(super) fn reloading(self, desk: Desk) -> Self {
        Self { desk: Some(desk), ..self }
    }

    /// The terminal that there was at the start has hung up.
    fn terminal_is_gone(&self) -> bool {
        self.on_terminal && tcgetattr(io::stderr()).is_err()
    }

    /// Waits for one that asks for a stop.
    pub(super) async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => {
                    if self.terminal_is_gone() {
                        return;
                    }
                    match &self.desk {
                        Some(desk) if desk.post(Order::Reload) => {}
                        Some(_) => tracing::warn!(name: "reload_ignored",
                            "SIGHUP ignored; orders are waiting already"),
                        None => return,
                    }
                }
            }
        }
    }

    /// Counts signals into the channel for as long as it is polled.
    pub(super) async fn count(mut self, seen: watch::Sender<u32>) -> Infallible {
        loop {
            self.next().await;
            seen.send_modify(|count| *count = count.saturating_add(1));
            // Some programs send a signal to the process and to its group: that is one order.
            let same_order = tokio::time::sleep(SAME_ORDER);
            tokio::pin!(same_order);
            loop {
                tokio::select! {
                    () = &mut same_order => break,
                    () = self.next() => {}
                }
            }
            tracing::info!(name: "drain_reminder",
                "draining; send another signal to stop immediately");
        }
    }
}

/// Waits until this many signals came.
pub(super) async fn reached(mut seen: watch::Receiver<u32>, count: u32) {
    if seen.wait_for(|seen| *seen >= count).await.is_err() {
        // Nobody counts any more, so no signal will ever come.
        std::future::pending::<()>().await;
    }
}
