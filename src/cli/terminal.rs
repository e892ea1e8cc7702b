//! Standard output and standard error, written to without the standard library's locks: whoever
//! holds one without a reader would make all others wait, too.
//!
//! What runs for long writes through a [`queue`](super::queue). [`tell`] is for what has to be said
//! before there is one, or after it is gone.

use std::io::{self, LineWriter, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::mpsc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::queue::{Queue, Sink};
use crate::shown;

/// Who does not take a message within this time does not get to hold up a start or an end.
const TELL_TIME_MAX: Duration = Duration::from_secs(2);

/// Where to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stderr,
    Stdout,
}

/// Writes all of it and waits for as long as that takes.
///
/// # Errors
/// If the reader is gone.
pub(super) fn write(stream: Stream, text: &[u8]) -> io::Result<()> {
    match stream {
        Stream::Stderr => write_to(io::stderr().as_fd(), text),
        Stream::Stdout => write_to(io::stdout().as_fd(), text),
    }
}

fn write_to(to: BorrowedFd<'_>, text: &[u8]) -> io::Result<()> {
    let mut left = text;
    while !left.is_empty() {
        match rustix::io::write(to, left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => left = left.get(count..).unwrap_or_default(),
            // Somebody who shares the file has made it non-blocking.
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(&to, PollFlags::OUT)], None)?;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Writes all of it, and gives up waiting for a reader that does not take it. What is given up may
/// still be taken later.
///
/// # Errors
/// If the reader is gone.
pub(super) fn tell(stream: Stream, text: &str) -> io::Result<()> {
    let (done, is_done) = mpsc::sync_channel(1);
    let text = shown::lines(text).into_owned();
    let bytes = text.as_bytes().to_vec();
    let thread = std::thread::Builder::new().name("tell".to_owned());
    let started = thread.spawn(move || {
        // Who does not wait any more does not need to know.
        done.send(write(stream, &bytes)).unwrap_or_default();
    });
    if started.is_err() {
        return write(stream, text.as_bytes());
    }
    is_done.recv_timeout(TELL_TIME_MAX).unwrap_or(Ok(()))
}

/// How many columns the terminal has now; it may have been resized. `None` if standard output is
/// none, or does not say.
pub(super) fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// As much of a line of ASCII as fits into a terminal, so that it stays one line: whole parts
/// between bars where that leaves something. The last column stays free, because some terminals
/// begin a new line when it is written.
pub(super) fn fit(line: &str, columns: usize) -> &str {
    let room = columns.saturating_sub(1);
    if line.len() <= room {
        return line;
    }
    let cut = line.get(..room).unwrap_or_default();
    // The bar itself may be what no longer fits.
    let parts = if line.get(room..).is_some_and(|rest| rest.starts_with(" | ")) {
        Some(cut)
    } else {
        cut.rsplit_once(" | ").map(|(parts, _)| parts)
    };
    parts.unwrap_or(cut)
}

/// Standard output through a queue, line by line: for a program that continues without a reader.
///
/// # Errors
/// If there is no thread for it.
pub(super) fn queued_stdout() -> io::Result<LineWriter<Queue>> {
    // What is not shown is on no account a loss.
    Ok(LineWriter::new(Queue::start("terminal", Stdout, |_| {})?))
}

#[derive(Debug)]
struct Stdout;

impl Sink for Stdout {
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        write(Stream::Stdout, text)
    }

    fn write_gap(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

/// Flushes the writer, within a time limit.
pub(super) fn finish(mut out: LineWriter<Queue>) -> io::Result<()> {
    out.flush()?;
    out.get_ref().finish(TELL_TIME_MAX);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    use super::*;

    #[test]
    fn a_line_is_cut_to_the_terminal_between_two_parts_if_it_has_any() {
        let line = "300 records | 100 records/s | 0 retries";
        assert_eq!(fit(line, 80), line);
        assert_eq!(fit(line, line.len() + 1), line);
        assert_eq!(fit(line, line.len()), "300 records | 100 records/s");
        assert_eq!(fit(line, 20), "300 records");
        assert_eq!(fit(line, 12), "300 records");
        assert_eq!(fit(line, 8), "300 rec");
        assert_eq!(fit(line, 1), "");
        for columns in 0..60 {
            assert!(fit(line, columns).len() <= columns.saturating_sub(1));
        }
    }

    #[test]
    fn a_pipe_that_was_set_to_non_blocking_gets_everything() {
        let (mut reader, writer) = io::pipe().unwrap();
        let flags = fcntl_getfl(&writer).unwrap();
        fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
        let text = vec![b'x'; 1_000_000];
        let expected = text.len();
        let thread = std::thread::spawn(move || write_to(writer.as_fd(), &text));
        let mut seen = Vec::new();
        reader.read_to_end(&mut seen).unwrap();
        thread.join().unwrap().unwrap();
        assert_eq!(seen.len(), expected);
    }
}
