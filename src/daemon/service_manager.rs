//! Tells the service manager (systemd) how the daemon is doing, on a thread of its own: a manager
//! that hangs takes nothing, and must not stop the supervision and the stop.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use sd_notify::NotifyState;

/// The service manager hears from us twice as often as it asks to.
const WATCHDOG_SHARE: u32 = 2;

/// States that may wait for it: one of each.
const STATES_MAX: usize = 4;

/// What the service manager is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// All threads run.
    Ready,
    /// A sign of life.
    Alive,
    /// The configuration is read again; [`State::Ready`] ends that.
    Reloading,
    /// The daemon was told to stop.
    Stopping,
}

/// The way to the service manager, if there is one.
#[derive(Debug)]
pub(super) struct ServiceManager(Option<SyncSender<State>>);

impl ServiceManager {
    /// Without a service manager there is nothing to do.
    pub(super) fn of_process() -> Self {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Self(None);
        }
        let (sender, states) = sync_channel(STATES_MAX);
        let thread = std::thread::Builder::new().name("notify".to_owned());
        match thread.spawn(move || tell_all(&states)) {
            Ok(_) => Self(Some(sender)),
            Err(error) => {
                tracing::warn!(name: "service_manager_unavailable",
                    %error, "cannot start the service manager thread");
                Self(None)
            }
        }
    }

    /// Tells it, or, if it takes nothing, does not.
    pub(super) fn tell(&self, state: State) {
        let Some(sender) = &self.0 else { return };
        if sender.try_send(state).is_err() {
            tracing::debug!(?state, "cannot notify the service manager");
        }
    }
}

fn tell_all(states: &Receiver<State>) {
    for state in states {
        let states: &[NotifyState<'_>] = match state {
            State::Ready => &[NotifyState::Ready],
            State::Alive => &[NotifyState::Watchdog],
            State::Stopping => &[NotifyState::Stopping],
            State::Reloading => &[
                NotifyState::Reloading,
                NotifyState::monotonic_usec_now().unwrap_or(NotifyState::Reloading),
            ],
        };
        if let Err(error) = sd_notify::notify(states) {
            tracing::debug!(%error, "cannot reach the service manager");
        }
    }
}

/// How often it wants a sign of life.
pub(super) fn watchdog_interval() -> tokio::time::Interval {
    let asked = sd_notify::watchdog_enabled();
    let every = asked.map_or(Duration::from_hours(1), |every| every / WATCHDOG_SHARE);
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval
}
