//! What came from an input and is not acknowledged yet: bounded, shared by the thread that reads
//! and the flow.
//!
//! Bytes stay until they are acknowledged, so a flow that starts again after a bug, or with another
//! configuration, finds all of them. When a feed is full whoever fills it waits, and with it the
//! pipe and what writes to it.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex, MutexGuard};
use rustix::event::{EventfdFlags, eventfd};
use tokio_util::sync::CancellationToken;

use crate::tail::identity::HEAD_BYTES_MAX;

/// A feed holds at most so many bytes that are not acknowledged, and what one entry has more.
const FEED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A feed has room for so many of the longest lines, in any case.
const LONGEST_LINES: usize = 2;

/// Of what is acknowledged so many bytes stay: they prove the position behind them.
const PROOF_BYTES: usize = 2 * HEAD_BYTES_MAX;

/// What a cursor costs in addition to its own bytes, in bytes.
const CURSOR_BYTES: usize = 64;

/// What becomes of bytes that are lost when the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They can be read again: the journal has them.
    Kept,
    /// They are gone: a pipe has given them away.
    Volatile,
}

/// What whoever fills a feed is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// Read on.
    Read,
    /// Read what is there already, and no more.
    Finish,
    /// Nobody takes anything any more.
    Leave,
}

/// A feed. Clones are the same feed.
#[derive(Debug, Clone)]
pub struct Feed {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    kind: Kind,
    bytes_max: usize,
    content: Mutex<Content>,
    room: Condvar,
    /// Readable when there is a new order.
    called: OwnedFd,
    delivered: CancellationToken,
}

#[derive(Debug)]
pub(super) struct Content {
    /// Which flow reads it: each begins at offset 0.
    pub(super) generation: u64,
    /// The first bytes, which are kept.
    head: Vec<u8>,
    bytes: VecDeque<u8>,
    /// Where `bytes` begin.
    start: u64,
    acked: u64,
    /// Where entries end that are not acknowledged, and their cursors.
    cursors: VecDeque<(u64, Arc<str>)>,
    /// The cursor at `acked`.
    acked_cursor: Option<Arc<str>>,
    cursor_bytes: usize,
    order: Order,
    /// Nothing more will come.
    pub(super) over: bool,
    /// What is here is the beginning of a record that never fits.
    pub(super) stuck: bool,
    /// When something came last, in nanoseconds since 1970.
    pub(super) modified_nanos: i128,
}

impl Content {
    pub(super) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Copies what there is from an offset on. `None` if that is not here any more.
    pub(super) fn read_at(&self, offset: u64, room: &mut [u8]) -> Option<usize> {
        let mut filled = 0;
        while filled < room.len() {
            let at = offset + filled as u64;
            // What was acknowledged may be missing behind the first bytes.
            let found = match self.from(at) {
                None if filled == 0 => return None,
                found => found.unwrap_or_default(),
            };
            if found.is_empty() {
                break;
            }
            let rest = room.get_mut(filled..).unwrap_or_default();
            let len = found.len().min(rest.len());
            for (to, from) in rest.iter_mut().zip(found) {
                *to = *from;
            }
            filled += len;
        }
        Some(filled)
    }

    /// Bytes that lie together.
    fn from(&self, offset: u64) -> Option<&[u8]> {
        let Some(at) = offset.checked_sub(self.start) else {
            let at = usize::try_from(offset).ok()?;
            return self.head.get(at..).filter(|rest| !rest.is_empty());
        };
        let at = usize::try_from(at).ok()?.min(self.bytes.len());
        let (first, second) = self.bytes.as_slices();
        Some(match at.checked_sub(first.len()) {
            Some(at) => second.get(at..).unwrap_or_default(),
            None => first.get(at..).unwrap_or_default(),
        })
    }

    fn waiting(&self) -> usize {
        let bytes = usize::try_from(self.end() - self.acked).unwrap_or(usize::MAX);
        bytes.saturating_add(self.cursor_bytes)
    }

    fn add(&mut self, bytes: &[u8]) {
        let missing = HEAD_BYTES_MAX - self.head.len();
        self.head.extend(bytes.iter().take(missing));
        self.bytes.extend(bytes);
        self.modified_nanos = wall_nanos();
    }

    fn acknowledge(&mut self, offset: u64) {
        self.acked = self.acked.max(offset.min(self.end()));
        self.stuck = false;
        while let Some((end, _)) = self.cursors.front()
            && *end <= self.acked
        {
            let cursor = self.cursors.pop_front().map(|(_, cursor)| cursor);
            let len = cursor.as_ref().map_or(0, |cursor| cursor.len());
            self.cursor_bytes = self.cursor_bytes.saturating_sub(len + CURSOR_BYTES);
            self.acked_cursor = cursor.or_else(|| self.acked_cursor.take());
        }
        let keep_from = self.acked.saturating_sub(PROOF_BYTES as u64).max(self.start);
        let gone = usize::try_from(keep_from - self.start).unwrap_or(0).min(self.bytes.len());
        // In larger pieces: moving the beginning costs something each time.
        if gone >= PROOF_BYTES {
            self.bytes.drain(..gone);
            self.start += gone as u64;
        }
    }

    /// Another flow reads from what is not acknowledged on.
    fn begin(&mut self) {
        let acked = usize::try_from(self.acked - self.start).unwrap_or(0).min(self.bytes.len());
        self.bytes.drain(..acked);
        self.generation += 1;
        for (end, _) in &mut self.cursors {
            *end = end.saturating_sub(self.acked);
        }
        (self.start, self.acked, self.stuck) = (0, 0, false);
        self.head = self.bytes.iter().take(HEAD_BYTES_MAX).copied().collect();
    }
}

impl Feed {
    /// An empty feed, which a flow sees as a file at this path. `delivered` is cancelled when
    /// nothing more comes and everything is acknowledged.
    ///
    /// # Errors
    ///
    /// No file descriptor is free.
    pub fn new(
        path: &Path,
        kind: Kind,
        line_bytes_max: usize,
        delivered: CancellationToken,
    ) -> std::io::Result<Self> {
        let content = Content {
            generation: 0,
            head: Vec::new(),
            bytes: VecDeque::new(),
            start: 0,
            acked: 0,
            cursors: VecDeque::new(),
            acked_cursor: None,
            cursor_bytes: 0,
            order: Order::Read,
            over: false,
            stuck: false,
            modified_nanos: wall_nanos(),
        };
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let shared = Shared {
            path: path.to_owned(),
            kind,
            bytes_max: FEED_BYTES_MAX.max(LONGEST_LINES * line_bytes_max),
            content: Mutex::new(content),
            room: Condvar::new(),
            called: eventfd(0, flags)?,
            delivered,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Content> {
        self.shared.content.lock()
    }

    /// Where a flow sees it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Appends what was read, with the cursor of the entry that ends there. Waits while the feed is
    /// full. `false` if no flow reads it any more.
    #[must_use]
    pub fn push(&self, bytes: &[u8], cursor: Option<Arc<str>>) -> bool {
        let mut content = self.lock();
        while content.waiting() >= self.shared.bytes_max && content.order != Order::Leave {
            self.shared.room.wait(&mut content);
        }
        if content.order == Order::Leave {
            return false;
        }
        content.add(bytes);
        if let Some(cursor) = cursor {
            let end = content.end();
            // Entries without a record end where the one before them does.
            if content.cursors.back().is_some_and(|(known, _)| *known == end) {
                content.cursors.pop_back();
            } else {
                content.cursor_bytes += cursor.len() + CURSOR_BYTES;
            }
            content.cursors.push_back((end, cursor));
        }
        true
    }

    /// Nothing more will come.
    pub fn end(&self) {
        self.lock().over = true;
    }

    /// What whoever fills it is to do now.
    #[must_use]
    pub fn order(&self) -> Order {
        self.lock().order
    }

    /// Waits for this long, or until there is a new order.
    pub(super) fn pause(&self, time: Duration) {
        let mut content = self.lock();
        let order = content.order;
        self.shared.room.wait_while_for(&mut content, |now| now.order == order, time);
    }

    /// Readable from the moment on at which there is another order than to read.
    pub(super) fn called(&self) -> BorrowedFd<'_> {
        self.shared.called.as_fd()
    }

    /// Orders whoever fills it.
    pub(crate) fn give_order(&self, order: Order) {
        let mut content = self.lock();
        content.order = content.order.max(order);
        drop(content);
        self.shared.room.notify_all();
        if let Err(error) = rustix::io::write(&self.shared.called, &1_u64.to_ne_bytes()) {
            // It is readable already.
            tracing::trace!(%error, "an order was given before");
        }
    }

    /// Bytes that came and are not acknowledged.
    #[must_use]
    pub(crate) fn unacknowledged(&self) -> u64 {
        let content = self.lock();
        content.end() - content.acked
    }

    /// A flow reads it from now on, from what is not acknowledged.
    #[must_use]
    pub(crate) fn attach(&self) -> Attached {
        self.lock().begin();
        Attached { feed: self.clone() }
    }
}

/// A feed and the flow that reads it. Without the flow a feed is not filled if it can
/// be filled again.
#[derive(Debug)]
pub struct Attached {
    feed: Feed,
}

impl Attached {
    /// Everything up to this offset is in the stream.
    pub fn acknowledge(&self, offset: u64) {
        self.feed.lock().acknowledge(offset);
        self.feed.shared.room.notify_all();
    }

    /// The entry up to which everything is acknowledged.
    #[must_use]
    pub fn cursor(&self) -> Option<Arc<str>> {
        self.feed.lock().acked_cursor.clone()
    }

    /// Whether whoever fills it waits for acknowledgements.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.feed.lock().waiting() >= self.feed.shared.bytes_max
    }

    /// Nothing ends before `searched`, and nothing is in flight: if there is no room for more, what
    /// is here ends there.
    pub(crate) fn note_searched(&self, searched: u64) {
        let mut content = self.feed.lock();
        let full = content.waiting() >= self.feed.shared.bytes_max;
        content.stuck = full && searched >= content.end() && content.end() > content.acked;
    }

    /// Whether more than this comes.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.feed.lock().over
    }

    /// Whether what is not acknowledged at the end of the process is gone.
    #[must_use]
    pub fn is_lost_after_stop(&self) -> bool {
        self.feed.shared.kind == Kind::Volatile && self.feed.order() != Order::Read
    }

    /// Whether a flow that drains must continue: what cannot be read again is not all acknowledged.
    #[must_use]
    pub(crate) fn must_drain(&self) -> bool {
        let content = self.feed.lock();
        let lost = self.feed.shared.kind == Kind::Volatile && content.order != Order::Read;
        lost && !(content.over && content.acked == content.end())
    }

    /// Tells whoever waits for it that everything arrived, if it did.
    pub(crate) fn tell_if_delivered(&self) {
        let content = self.feed.lock();
        if content.over && content.acked == content.end() {
            self.feed.shared.delivered.cancel();
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if self.feed.shared.kind == Kind::Kept {
            self.feed.give_order(Order::Leave);
        }
    }
}

fn wall_nanos() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
