//! Standard output of a command that says something and ends, such as `check`.
//!
//! Whoever reads may leave in the middle (`kinetail check | head`). From then on the text goes
//! nowhere, and the command does its work and ends with its own exit code. Every other error is
//! passed on.

use std::io::{self, ErrorKind, Stdout, Write};

use crate::shown;

/// A stream whose reader may leave.
#[derive(Debug)]
pub(super) struct Output<W> {
    inner: W,
    is_closed: bool,
}

/// Standard output.
pub(super) fn stdout() -> Output<Stdout> {
    Output::new(io::stdout())
}

/// That the reader has left is no error.
pub(super) fn or_closed(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if is_closed(&error) { Ok(()) } else { Err(error) })
}

fn is_closed(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}

impl<W> Output<W> {
    fn new(inner: W) -> Self {
        Self { inner, is_closed: false }
    }

    fn ignoring_a_closed_pipe(&mut self, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error) if is_closed(&error) => {
                self.is_closed = true;
                Ok(())
            }
            result => result,
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_closed {
            return Ok(bytes.len());
        }
        // Names have no line ends of their own here: who writes one shows it by `shown`.
        let text = String::from_utf8_lossy(bytes);
        let result = self.inner.write_all(shown::lines(&text).as_bytes());
        self.ignoring_a_closed_pipe(result)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let result = self.inner.flush();
        self.ignoring_a_closed_pipe(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails every call in this way, and counts them.
    struct Failing {
        kind: ErrorKind,
        calls: usize,
    }

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.calls += 1;
            Err(self.kind.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.calls += 1;
            Err(self.kind.into())
        }
    }

    #[test]
    fn a_reader_that_left_is_not_written_to_again_and_is_no_error() {
        let mut out = Output::new(Failing { kind: ErrorKind::BrokenPipe, calls: 0 });
        writeln!(out, "a").unwrap();
        writeln!(out, "b").unwrap();
        out.flush().unwrap();
        assert_eq!(out.inner.calls, 1);
        let mut full = Output::new(Failing { kind: ErrorKind::StorageFull, calls: 0 });
        assert!(writeln!(full, "a").is_err());
        assert!(full.flush().is_err());
    }
}
