//! A deadline on a thread that does other work as well.
//!
//! A flow builds batches, and waits for its disk, on the thread that its connections live on. If
//! that took longer than the deadline, the answer may lie in the socket, unread: giving it up would
//! send records twice.
//!
//! A runtime wakes itself, with a system call, for each timer that is set and due before all
//! others, which the timers of a request are if there is no other request. So they are kept, and
//! set on for the next request: that costs nothing until they are due.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures_util::poll;
use parking_lot::Mutex;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep_until};

/// Turns of the event loop after a deadline. One finds what is in the socket, the next has the
/// connection read a part of it, a third brings that here, and a body comes in many parts.
const TURNS_AFTER: usize = 64;

type Timer = Pin<Box<Sleep>>;

/// The timers of calls, as many as there were at a time.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    unused: Mutex<Vec<Timer>>,
}

impl Deadlines {
    /// What the future comes to, or `None` if it is not over in time although its socket was
    /// looked at after that.
    pub(super) async fn within<F: Future>(&self, after: Duration, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut timer = self.timer(Instant::now() + after);
        let in_time = poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
        });
        let in_time = in_time.await;
        self.with_unused(|unused| unused.push(timer));
        if in_time.is_some() {
            return in_time;
        }
        for _ in 0..TURNS_AFTER {
            yield_now().await;
            if let Poll::Ready(output) = poll!(&mut future) {
                return Some(output);
            }
        }
        None
    }

    fn timer(&self, at: Instant) -> Timer {
        match self.with_unused(Vec::pop) {
            Some(mut timer) => {
                timer.as_mut().reset(at);
                timer
            }
            None => Box::pin(sleep_until(at)),
        }
    }

    /// They are consistent between any two statements.
    fn with_unused<T>(&self, change: impl FnOnce(&mut Vec<Timer>) -> T) -> T {
        change(&mut self.unused.lock())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpStream;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    /// A connection read by a task of its own, as the HTTP client has it.
    #[expect(clippy::disallowed_methods, reason = "the HTTP client spawns such a task, too")]
    async fn answer_of(listener: &TcpListener) -> (std::net::TcpStream, impl Future<Output = u8>) {
        let address = listener.local_addr().expect("an address");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let (server, _) = listener.accept().expect("the other end");
        let reading = tokio::spawn(async move { stream.read_u8().await.expect("a byte") });
        (server, async { reading.await.expect("no panic") })
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the thread has to hang")]
    async fn an_answer_that_came_while_the_thread_was_busy_counts() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        for _ in 0..50 {
            let (mut server, answer) = answer_of(&listener).await;
            let busy = async {
                // The request is on its way, and then the thread hangs.
                yield_now().await;
                server.write_all(&[7]).expect("room");
                std::thread::sleep(2 * SHORT);
            };
            let deadlines = Deadlines::default();
            let (answer, ()) = tokio::join!(deadlines.within(SHORT, answer), busy);
            assert_eq!(answer, Some(7));
        }
    }

    #[tokio::test]
    async fn no_answer_is_none() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (_server, answer) = answer_of(&listener).await;
        assert_eq!(Deadlines::default().within(SHORT, answer).await, None);
    }

    /// How long a call that never ends has, after calls that ended at these times.
    async fn lasting(deadlines: &Deadlines, ends: &[Duration]) -> Duration {
        for end in ends {
            assert!(deadlines.within(2 * *end, tokio::time::sleep(*end)).await.is_some());
        }
        let start = Instant::now();
        assert_eq!(deadlines.within(SHORT, std::future::pending::<()>()).await, None);
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_was_used_before_is_due_at_its_new_time() {
        let hour = Duration::from_hours(1);
        for ends in [&[][..], &[SHORT], &[hour], &[SHORT, hour, SHORT]] {
            let deadlines = Deadlines::default();
            for _ in 0..3 {
                let lasting = lasting(&deadlines, ends).await;
                assert!(lasting >= SHORT && lasting < 2 * SHORT, "{lasting:?} after {ends:?}");
            }
            assert_eq!(deadlines.with_unused(|unused| unused.len()), 1);
        }
    }
}
