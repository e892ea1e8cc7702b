//! A bounded queue of lines with a thread that writes them: whoever has something to say never
//! waits for who reads it.
//!
//! A terminal that was stopped with Ctrl-S, a pager, a pipe without a reader and a disk that
//! hangs all take no more for as long as they like. Lines that find no room are dropped and
//! counted, and the place where they are missing says how many there were.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::metrics::reason::LineLost;

/// Lines that may wait.
pub(super) const LINES_MAX: usize = 4_096;

/// Bytes that they may have together, that which is being written included.
pub(super) const BYTES_MAX: usize = 4 * 1024 * 1024;

/// At the end lines are written for as long as this; the rest is dropped.
pub(super) const LAST_LINES_TIME_MAX: Duration = Duration::from_secs(2);

/// Counts lost lines.
pub(super) type CountLoss = fn(LineLost);

/// Who takes lines. It may block for as long as it likes.
pub(super) trait Sink: Send + 'static {
    /// Takes one piece of text, most often a line with its end.
    ///
    /// # Errors
    /// If the reader is gone.
    fn write(&mut self, text: &[u8]) -> io::Result<()>;

    /// Says that this many lines are missing here.
    ///
    /// # Errors
    /// As above.
    fn write_gap(&mut self, lines: u64) -> io::Result<()>;

    /// Nothing comes any more.
    fn finish(&mut self) {}
}

/// The way into the queue. Clones lead into the same one.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    shared: Arc<Shared>,
    count_loss: CountLoss,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something changed: for the thread there is something to do, or the thread has ended.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    texts: VecDeque<Waiting>,
    bytes: usize,
    /// Lines that were dropped after the last queued one.
    lost: u64,
    /// The sink failed for good.
    broken: bool,
    closing: bool,
    ended: bool,
}

#[derive(Debug)]
struct Waiting {
    /// Lines that were dropped just before it.
    lost_before: u64,
    text: Vec<u8>,
}

/// What the thread does next.
enum Work {
    Write(Waiting),
    Gap(u64),
    End,
}

impl Queue {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub(super) fn start(thread: &str, sink: impl Sink, count_loss: CountLoss) -> io::Result<Self> {
        let shared: Arc<Shared> = Arc::default();
        let theirs = Ended(Arc::clone(&shared));
        std::thread::Builder::new()
            .name(thread.to_owned())
            .spawn(move || write_all(&theirs.0, sink, count_loss))?;
        Ok(Self { shared, count_loss })
    }

    /// Puts a text into the queue, or drops and counts it. Never waits for the sink.
    pub(super) fn push(&self, text: Vec<u8>) {
        let mut state = self.shared.state.lock();
        let bytes = state.bytes.saturating_add(text.len());
        if state.ended || state.texts.len() >= LINES_MAX || bytes > BYTES_MAX {
            state.lost = state.lost.saturating_add(1);
            drop(state);
            (self.count_loss)(LineLost::QueueFull);
            return;
        }
        state.bytes = bytes;
        let lost_before = std::mem::take(&mut state.lost);
        state.texts.push_back(Waiting { lost_before, text });
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Whether everything that was put in is written: whoever only has news of the moment waits
    /// for that.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.shared.state.lock();
        state.texts.is_empty() && state.bytes == 0
    }

    /// Whether the sink failed the last time.
    pub(super) fn is_broken(&self) -> bool {
        self.shared.state.lock().broken
    }

    /// Has the rest written, for at most this long. `false` if it was not enough.
    pub(super) fn finish(&self, time_max: Duration) -> bool {
        let mut state = self.shared.state.lock();
        state.closing = true;
        self.shared.changed.notify_all();
        self.shared.changed.wait_while_for(&mut state, |state| !state.ended, time_max);
        state.ended
    }
}

impl io::Write for Queue {
    /// Takes all of it, unless the reader is gone.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.is_broken() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.push(text.to_vec());
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    /// Waits for something to do; before that, says how the last piece of work went.
    fn next(&self, written: usize, broken: bool) -> Work {
        let mut state = self.state.lock();
        state.bytes = state.bytes.saturating_sub(written);
        state.broken = broken;
        loop {
            if let Some(waiting) = state.texts.pop_front() {
                return Work::Write(waiting);
            }
            if state.lost > 0 {
                return Work::Gap(std::mem::take(&mut state.lost));
            }
            if state.closing {
                return Work::End;
            }
            self.changed.wait(&mut state);
        }
    }
}

/// Says that the thread has ended, however it ended.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.state.lock().ended = true;
        self.0.changed.notify_all();
    }
}

fn write_all(shared: &Shared, mut sink: impl Sink, count_loss: CountLoss) {
    let (mut written, mut broken) = (0, false);
    loop {
        let (gap, text) = match shared.next(written, broken) {
            Work::Write(Waiting { lost_before, text }) => (lost_before, text),
            Work::Gap(lines) => (lines, Vec::new()),
            Work::End => break,
        };
        let told = if gap > 0 { sink.write_gap(gap) } else { Ok(()) };
        written = text.len();
        let taken = if text.is_empty() { Ok(()) } else { sink.write(&text) };
        broken = told.is_err() || taken.is_err();
        if taken.is_err() {
            count_loss(LineLost::WriteFailed);
        }
    }
    sink.finish();
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    /// Takes a text only when the test lets it, and tells the test of it.
    struct Stuck {
        released: Receiver<()>,
        taken: Sender<String>,
    }

    impl Sink for Stuck {
        fn write(&mut self, text: &[u8]) -> io::Result<()> {
            self.released.recv().map_err(io::Error::other)?;
            let text = String::from_utf8_lossy(text).into_owned();
            self.taken.send(text).map_err(io::Error::other)
        }

        fn write_gap(&mut self, lines: u64) -> io::Result<()> {
            self.taken.send(format!("{lines} are missing")).map_err(io::Error::other)
        }
    }

    fn stuck() -> (Queue, Sender<()>, Receiver<String>) {
        let ((go, released), (taken, seen)) = (channel(), channel());
        (Queue::start("test", Stuck { released, taken }, ignore).unwrap(), go, seen)
    }

    fn ignore(_: LineLost) {}

    #[test]
    fn what_a_sink_does_not_take_is_dropped_and_counted_and_the_gap_is_told_in_its_place() {
        static LOST: AtomicUsize = AtomicUsize::new(0);
        let (mut queue, go, seen) = stuck();
        queue.count_loss = |why| {
            assert_eq!(why, LineLost::QueueFull);
            LOST.fetch_add(1, Ordering::Relaxed);
        };
        queue.push(b"held".to_vec());
        wait_until_fewer_wait(&queue, 1);
        for number in 0..LINES_MAX + 3 {
            queue.push(format!("{number}").into_bytes());
        }
        assert_eq!(LOST.load(Ordering::Relaxed), 3);
        go.send(()).unwrap();
        assert_eq!(seen.recv_timeout(SOON).unwrap(), "held");
        wait_until_fewer_wait(&queue, LINES_MAX);
        queue.push(b"behind the gap".to_vec());
        for _ in 0..=LINES_MAX {
            go.send(()).unwrap();
        }
        let rest: Vec<String> =
            (0..LINES_MAX + 2).map(|_| seen.recv_timeout(SOON).unwrap()).collect();
        assert_eq!(rest.first().unwrap(), "0");
        let last = format!("{}", LINES_MAX - 1);
        assert_eq!(
            rest.get(LINES_MAX - 1..).unwrap(),
            [last.as_str(), "3 are missing", "behind the gap"]
        );
        assert!(queue.finish(SOON));
    }

    /// Waits until fewer than this many wait.
    fn wait_until_fewer_wait(queue: &Queue, fewer_than: usize) {
        let deadline = std::time::Instant::now() + SOON;
        while queue.shared.state.lock().texts.len() >= fewer_than {
            assert!(std::time::Instant::now() < deadline, "the thread takes nothing");
            std::thread::yield_now();
        }
    }

    #[test]
    fn few_lines_of_many_bytes_fill_it_too_and_a_gap_at_the_end_is_told() {
        let (queue, go, seen) = stuck();
        for _ in 0..5 {
            queue.push(vec![b'x'; BYTES_MAX / 4]);
        }
        queue.push(vec![b'y'; BYTES_MAX + 1]);
        for _ in 0..4 {
            go.send(()).unwrap();
            assert_eq!(seen.recv_timeout(SOON).unwrap().len(), BYTES_MAX / 4);
        }
        assert_eq!(seen.recv_timeout(SOON).unwrap(), "2 are missing");
        assert!(queue.finish(SOON));
    }

    #[test]
    fn an_end_does_not_wait_for_a_sink_that_takes_nothing() {
        let (queue, go, _seen) = stuck();
        queue.push(b"never taken".to_vec());
        assert!(!queue.finish(Duration::from_millis(10)));
        drop(go);
        assert!(queue.finish(SOON), "the thread ended when it could");
    }

    #[test]
    fn a_sink_that_failed_is_known_and_later_lines_are_tried() {
        struct Once(u32, Sender<u32>);
        impl Sink for Once {
            fn write(&mut self, _: &[u8]) -> io::Result<()> {
                self.0 += 1;
                self.1.send(self.0).map_err(io::Error::other)?;
                if self.0 == 1 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
            }

            fn write_gap(&mut self, _: u64) -> io::Result<()> {
                Ok(())
            }
        }
        let (telling, tries) = channel();
        let queue = Queue::start("test", Once(0, telling), ignore).unwrap();
        queue.push(b"fails".to_vec());
        assert_eq!(tries.recv_timeout(SOON).unwrap(), 1);
        queue.push(b"works".to_vec());
        assert_eq!(tries.recv_timeout(SOON).unwrap(), 2);
        assert!(queue.finish(SOON));
        assert!(!queue.is_broken());
    }
}
