//! How a flow is told things: one bounded queue, and who may put what into it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::checkpoint::store::CommitResult;
use crate::send::SenderEvent;
use crate::tail::watch::Renamed;

/// Messages that may wait for a flow. A flow has at most one outcome to come for each of its at
/// most 64 requests, one answer of the store, one hint and one order, so there is always room;
/// the rest is for changes of health.
const INBOX_MESSAGES_MAX: usize = 512;

/// What a flow is told.
#[derive(Debug)]
pub enum Message {
    /// Read no further, deliver what was read, write it down.
    Drain,
    /// Names may have changed.
    Look,
    /// A name changed from one to the other.
    Renamed(Renamed),
    /// The sender has news.
    Sender(SenderEvent),
    /// The store answers.
    Written {
        /// Which changes.
        token: u64,
        /// Whether they are on disk.
        result: CommitResult,
    },
}

/// The flow's end.
#[derive(Debug)]
pub struct Inbox {
    messages: Receiver<Message>,
    hinted: Arc<AtomicBool>,
}

/// The others' end.
#[derive(Debug, Clone)]
pub struct Mailbox {
    messages: SyncSender<Message>,
    hinted: Arc<AtomicBool>,
}

impl Inbox {
    /// An empty inbox and a way to fill it.
    #[must_use]
    pub fn new() -> (Mailbox, Self) {
        let (sender, messages) = sync_channel(INBOX_MESSAGES_MAX);
        let hinted = Arc::new(AtomicBool::new(false));
        (Mailbox { messages: sender, hinted: Arc::clone(&hinted) }, Self { messages, hinted })
    }

    /// The next message; waits for it at most this long. `Err` if nobody is left to send one.
    ///
    /// # Errors
    ///
    /// [`Abandoned`] when all mailboxes are gone.
    pub fn wait(&self, timeout: Duration) -> Result<Option<Message>, Abandoned> {
        match self.messages.recv_timeout(timeout) {
            Ok(message) => {
                if matches!(message, Message::Look) {
                    self.hinted.store(false, Ordering::Release);
                }
                Ok(Some(message))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Abandoned),
        }
    }
}

/// Nobody can send to this inbox any more: the daemon is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody is left to send messages to this flow")]
pub struct Abandoned;

impl Mailbox {
    /// Puts a message into the inbox. Nobody needs to know if the flow is gone: then nobody waits
    /// for what the message says.
    pub fn send(&self, message: Message) {
        if self.messages.send(message).is_err() {
            tracing::debug!("a message came for a flow that has ended");
        }
    }

    /// Tells of a rename, and asks for a look at the directories.
    pub fn renamed(&self, renamed: &Renamed) {
        if self.messages.try_send(Message::Renamed(renamed.clone())).is_err() {
            // The queue is full, so the flow is busy; scans find the file if its name matches.
            tracing::debug!(from = %renamed.from.display(), "a rename is not told");
        }
    }

    /// Asks for a look at the directories. Hints that come before the flow looked are one hint.
    pub fn hint(&self) {
        if !self.hinted.swap(true, Ordering::AcqRel)
            && self.messages.try_send(Message::Look).is_err()
        {
            // The queue is full, so the flow is busy; the next scan finds what this was about.
            self.hinted.store(false, Ordering::Release);
        }
    }
}
