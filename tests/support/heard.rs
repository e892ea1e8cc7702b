//! What this process logs, thread by thread: a flow that a test steps logs on the test's thread.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

thread_local! {
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writes to the log of the thread that it is called on, if that is kept.
struct Listener;

impl io::Write for Listener {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.iter_mut().for_each(|log| log.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged on this thread while this runs, from info on.
pub fn logged(run: impl FnOnce()) -> String {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(|| Listener).finish();
        tracing::subscriber::set_global_default(log).expect("it is set once");
    });
    tracing::callsite::rebuild_interest_cache();
    LOG.set(Some(Vec::new()));
    run();
    String::from_utf8(LOG.take().expect("it was started")).expect("text")
}
