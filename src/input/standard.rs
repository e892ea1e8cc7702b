//! Standard input: what a program writes into kinetail's pipe.

use std::io;
use std::os::fd::AsFd;

use rustix::io::{Errno, ioctl_fionread, read};

use super::feed::{Feed, Order};
use super::wait::wait;

/// So much is read at a time, in bytes: what a pipe holds.
const READ_BYTES: usize = 64 * 1024;

/// Leaves out what is too long of a line. Without this one line could fill the feed.
#[derive(Debug)]
pub struct LineLimit {
    /// The longest line, in bytes; `None` if lines are sent in pieces.
    max: Option<usize>,
    /// How long the line is by now.
    len: usize,
}

impl LineLimit {
    /// A little more than a line may have is kept, so that it is seen to be too long.
    const MORE_BYTES: usize = 64;

    /// Lines that are longer are cut by their flow.
    #[must_use]
    pub fn new(line_bytes_max: Option<usize>) -> Self {
        Self { max: line_bytes_max.map(|max| max + Self::MORE_BYTES), len: 0 }
    }

    /// Appends what is kept of these bytes.
    pub fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(max) = self.max else { return out.extend_from_slice(bytes) };
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, end) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            let kept = text.get(..max.saturating_sub(self.len)).unwrap_or(text);
            out.extend_from_slice(kept);
            self.len = self.len.saturating_add(text.len());
            if end {
                out.push(b'\n');
                self.len = 0;
            }
        }
    }
}

/// Fills the feed until the input ends, or until it is told to finish.
pub fn run(feed: &Feed, line_bytes_max: Option<usize>) {
    if let Err(error) = fill(feed, io::stdin(), line_bytes_max) {
        tracing::error!(name: "input_failed",
            %error, "cannot read standard input; lines already read will be delivered");
    }
    feed.end();
}

fn fill(feed: &Feed, input: impl AsFd, line_bytes_max: Option<usize>) -> io::Result<()> {
    let mut room = vec![0; READ_BYTES];
    let mut limit = LineLimit::new(line_bytes_max);
    let mut kept = Vec::new();
    // What the pipe held when there was an order to finish.
    let mut left: Option<u64> = None;
    while left != Some(0) {
        if left.is_none() {
            wait([Some(input.as_fd()), Some(feed.called())], None)?;
            if feed.order() != Order::Read {
                left = Some(ioctl_fionread(&input).unwrap_or(0));
                continue;
            }
        }
        let wanted = left
            .map_or(READ_BYTES, |left| usize::try_from(left).unwrap_or(READ_BYTES).min(READ_BYTES));
        let len = match read(&input, room.get_mut(..wanted).unwrap_or_default()) {
            Ok(0) => return Ok(()),
            Ok(len) => len,
            Err(Errno::INTR | Errno::AGAIN) => continue,
            Err(error) => return Err(error.into()),
        };
        left = left.map(|left| left.saturating_sub(len as u64));
        kept.clear();
        limit.take(room.get(..len).unwrap_or_default(), &mut kept);
        if !feed.push(&kept, None) {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(max: Option<usize>, pieces: &[&str]) -> String {
        let (mut limit, mut out) = (LineLimit::new(max), Vec::new());
        for piece in pieces {
            limit.take(piece.as_bytes(), &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn of_a_line_that_is_too_long_its_beginning_and_its_end_stay() {
        let long = "x".repeat(30);
        let cut = "x".repeat(10 + LineLimit::MORE_BYTES);
        assert_eq!(
            kept(Some(10), &["a\n", &long, &long, &long, "\nb\n"]),
            format!("a\n{cut}\nb\n")
        );
        assert_eq!(kept(None, &[&long, &long, "\n"]), format!("{long}{long}\n"));
        assert_eq!(kept(Some(10), &["no end"]), "no end");
    }
}
