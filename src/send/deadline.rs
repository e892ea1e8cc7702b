//! A deadline on a thread that does other work as well.
//!
//! A flow builds batches, and waits for its disk, on the thread that its connections live on. If
//! that took longer than the deadline, the answer may lie in the socket, unread: giving it up would
//! send records twice.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::poll;
use tokio::task::yield_now;
use tokio::time::timeout;

/// Turns of the event loop after a deadline. One finds what is in the socket, the next has the
/// connection read a part of it, a third brings that here, and a body comes in many parts.
const TURNS_AFTER: usize = 64;

/// What the future comes to, or `None` if it is not over in time although its socket was looked
/// at after that.
pub(super) async fn deadline<F: Future>(after: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    if let Ok(output) = timeout(after, &mut future).await {
        return Some(output);
    }
    for _ in 0..TURNS_AFTER {
        yield_now().await;
        if let std::task::Poll::Ready(output) = poll!(&mut future) {
            return Some(output);
        }
    }
    None
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
            let (answer, ()) = tokio::join!(deadline(SHORT, answer), busy);
            assert_eq!(answer, Some(7));
        }
    }

    #[tokio::test]
    async fn no_answer_is_none() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (_server, answer) = answer_of(&listener).await;
        assert_eq!(deadline(SHORT, answer).await, None);
    }
}
