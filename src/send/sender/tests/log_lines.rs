//! What the sender logs while requests fail for long.

use std::cell::RefCell;
use std::sync::Once;

use tokio::time::timeout;

use super::*;

thread_local! {
    /// What this thread logs, while a test captures it.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Hears what the thread logs that it is used on.
///
/// One subscriber for all threads, because a place that is met for the first time on a thread
/// without one, in a test alongside this one, would stay mute for all others too.
struct Listener;

impl Listener {
    fn start() {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            let log = tracing_subscriber::fmt().with_ansi(false).with_writer(|| Self).finish();
            tracing::subscriber::set_global_default(log).expect("it is set once");
        });
        tracing::callsite::rebuild_interest_cache();
        LOG.set(Some(Vec::new()));
    }

    fn stop() -> String {
        String::from_utf8(LOG.take().expect("it was started")).expect("text")
    }
}

impl std::io::Write for Listener {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.iter_mut().for_each(|log| log.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What the service does with each request.
type Script = Box<dyn Fn(usize) -> Step>;

#[tokio::test(start_paused = true)]
async fn an_hour_of_failures_is_a_few_lines() {
    let denied = || Step::Error(400, "AccessDeniedException");
    let expired = || Step::Error(400, "ExpiredTokenException");
    let busy = || Step::Error(503, "ServiceUnavailable");
    let throttled = || Step::Error(400, "ThrottlingException");
    let kinds: [(&str, Script); 4] = [
        ("always busy", Box::new(move |_| busy())),
        ("paused", Box::new(move |_| denied())),
        ("no credentials", Box::new(|_| Step::MissingCredentials)),
        (
            "paused and let in by turns",
            Box::new(move |turn| match turn % 8 {
                0..4 => expired(),
                4..6 => throttled(),
                _ => Step::PutResponse(&[0]),
            }),
        ),
    ];
    for (what, step) in kinds {
        Listener::start();
        let transport = Scripted::new((0..40_000).map(step));
        let batches = (0..8).map(|batch| submission(batch, &["a"])).collect();
        let hour = Duration::from_hours(1);
        let ended = timeout(hour, run_all(&transport, batches, 8)).await;
        let text = Listener::stop();
        assert!(ended.is_err(), "{what}: it continues");
        let requests = transport.seconds().len();
        let lines = text.lines().count();
        assert!(requests >= 60, "{what}: {requests} requests");
        assert!((2..=40).contains(&lines), "{what}: {requests} requests, {lines} lines:\n{text}");
        assert!(text.contains("failures="), "{what}: the summaries count:\n{text}");
    }
}
