//! How a flow is told things. Whoever tells it something never waits: a flow whose disk hangs takes
//! nothing for as long as it hangs, and those who tell it things serve all the others, too.
//!
//! Each kind has a place of its own, so that none takes the place of another: what has to arrive
//! (outcomes, answers of the store, the order to drain), of which a flow itself allows only so
//! many; the newest health; renames; and the hint that names may have changed.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::checkpoint::store::CommitResult;
use crate::send::{DestinationHealth, SenderEvent};
use crate::tail::names::Renamed;

/// Renames that may wait for a flow. What does not fit is found by a look at the directories.
const RENAMES_MAX: usize = 256;

/// Messages that have to arrive and may wait for a flow. It has at most one outcome to come for
/// each of its at most 256 requests, one answer of the store and one order, so they never are as
/// many; none of them may ever be dropped.
const NEWS_MAX: usize = 512;

/// What a flow may have open.
#[derive(Debug, Clone, Copy)]
pub struct Descriptors {
    /// Files.
    pub files: usize,
    /// Requests at a time.
    pub requests: usize,
}

/// What a flow is told.
#[derive(Debug)]
pub enum Message {
    /// There are other flows now, and so many descriptors for this one.
    Descriptors(Descriptors),
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
    shared: Arc<Shared>,
}

/// The others' end.
#[derive(Debug, Clone)]
pub struct Mailbox {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    news: VecDeque<Message>,
    health: Option<DestinationHealth>,
    descriptors: Option<Descriptors>,
    renames: VecDeque<Renamed>,
    look: bool,
    /// An answer of the store waits for the flow to wake up anyway.
    is_patient: bool,
    /// The flow is gone.
    closed: bool,
}

impl Waiting {
    /// What has to arrive comes first; the order of each kind is kept.
    fn next(&mut self) -> Option<Message> {
        let news = self.news.pop_front();
        let health = |health| Message::Sender(SenderEvent::Health(health));
        news.or_else(|| self.health.take().map(health))
            .or_else(|| self.descriptors.take().map(Message::Descriptors))
            .or_else(|| self.renames.pop_front().map(Message::Renamed))
            .or_else(|| std::mem::take(&mut self.look).then_some(Message::Look))
    }
}

impl Inbox {
    /// An empty inbox and a way to fill it.
    #[must_use]
    pub fn new() -> (Mailbox, Self) {
        let shared: Arc<Shared> = Arc::default();
        (Mailbox { shared: Arc::clone(&shared) }, Self { shared })
    }

    /// The next message, if there is one.
    #[must_use]
    pub fn take(&self) -> Option<Message> {
        self.shared.waiting.lock().next()
    }

    /// The flow waits now. If it is patient, an answer of the store does not wake it: it wakes up
    /// soon anyway, and then takes whatever there is.
    pub fn rest(&self, is_patient: bool) {
        let mut waiting = self.shared.waiting.lock();
        waiting.is_patient = is_patient;
        let was_left = !is_patient && !waiting.news.is_empty();
        drop(waiting);
        if was_left {
            self.shared.changed.notify_one();
        }
    }

    /// Returns when something came since it returned last. Only one may wait.
    pub async fn changed(&self) {
        self.shared.changed.notified().await;
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut waiting = self.shared.waiting.lock();
        // Outcomes own the memory of batches.
        *waiting = Waiting { closed: true, ..Waiting::default() };
    }
}

impl Mailbox {
    /// Puts a message into the inbox. Errors are ignored if the flow is gone: then nothing waits
    /// for what the message says.
    pub fn send(&self, message: Message) {
        let can_wait = matches!(message, Message::Written { .. });
        self.put(can_wait, |waiting| match message {
            Message::Descriptors(max) => waiting.descriptors = Some(max),
            Message::Look => waiting.look = true,
            Message::Renamed(renamed) => push_rename(waiting, renamed),
            Message::Sender(SenderEvent::Health(health)) => waiting.health = Some(health),
            Message::Drain | Message::Sender(_) | Message::Written { .. } => {
                debug_assert!(waiting.news.len() < NEWS_MAX, "a flow exceeded its own limit");
                waiting.news.push_back(message);
            }
        });
    }

    /// Tells of a rename, and asks for a look at the directories.
    pub fn renamed(&self, renamed: &Renamed) {
        self.send(Message::Renamed(renamed.clone()));
    }

    /// Asks for a look at the directories. Hints that come before the flow looked are one hint.
    pub fn hint(&self) {
        self.send(Message::Look);
    }

    fn put(&self, can_wait: bool, change: impl FnOnce(&mut Waiting)) {
        let mut waiting = self.shared.waiting.lock();
        if waiting.closed {
            return;
        }
        change(&mut waiting);
        let is_left = can_wait && waiting.is_patient;
        drop(waiting);
        if !is_left {
            self.shared.changed.notify_one();
        }
    }
}

/// A rename too many becomes a look at everything.
fn push_rename(waiting: &mut Waiting, renamed: Renamed) {
    if waiting.renames.len() < RENAMES_MAX {
        waiting.renames.push_back(renamed);
    } else {
        waiting.look = true;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;

    use super::*;

    fn rename(number: usize) -> Renamed {
        Renamed { from: format!("/l/{number}").into(), to: format!("/l/{number}.1").into() }
    }

    fn all(inbox: &Inbox) -> Vec<Message> {
        std::iter::from_fn(|| inbox.take()).collect()
    }

    #[test]
    fn renames_beyond_their_place_become_a_look_and_take_no_place_of_outcomes() {
        let (mailbox, inbox) = Inbox::new();
        // Nobody takes anything: each of these would wait if it could.
        for number in 0..10 * RENAMES_MAX {
            mailbox.renamed(&rename(number));
        }
        for number in 0..64 {
            mailbox.send(Message::Sender(SenderEvent::GivenUp(number)));
        }
        mailbox.send(Message::Drain);
        let messages = all(&inbox);
        assert_eq!(messages.len(), 64 + 1 + RENAMES_MAX + 1);
        assert!(matches!(&messages[0], Message::Sender(SenderEvent::GivenUp(0))));
        assert!(matches!(&messages[64], Message::Drain));
        assert!(matches!(&messages[65], Message::Renamed(first) if *first == rename(0)));
        assert!(matches!(messages.last(), Some(Message::Look)));
    }

    #[test]
    fn of_many_states_of_health_the_newest_counts() {
        let (mailbox, inbox) = Inbox::new();
        for number in 0..2 * NEWS_MAX {
            let reason = number.to_string();
            let health = DestinationHealth::Retrying { reason };
            mailbox.send(Message::Sender(SenderEvent::Health(health)));
        }
        mailbox.send(Message::Sender(SenderEvent::Health(DestinationHealth::Ok)));
        let messages = all(&inbox);
        let [Message::Sender(SenderEvent::Health(DestinationHealth::Ok))] = messages.as_slice()
        else {
            panic!("{messages:?}")
        };
    }

    #[test]
    fn hints_are_one_hint_until_the_flow_looked() {
        let (mailbox, inbox) = Inbox::new();
        for _ in 0..3 {
            mailbox.hint();
            mailbox.hint();
            assert!(matches!(all(&inbox).as_slice(), [Message::Look]));
        }
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_a_message_of_another_thread() {
        let (mailbox, inbox) = Inbox::new();
        let sender = std::thread::spawn(move || mailbox.send(Message::Drain));
        inbox.changed().await;
        assert!(matches!(inbox.take(), Some(Message::Drain)));
        sender.join().unwrap();
    }

    #[tokio::test]
    async fn an_answer_of_the_store_leaves_a_patient_flow_asleep() {
        let (mailbox, inbox) = Inbox::new();
        let written = || Message::Written { token: 1, result: CommitResult::Durable };
        let is_woken = async || poll!(pin!(inbox.changed())).is_ready();
        inbox.rest(true);
        mailbox.send(written());
        assert!(!is_woken().await);
        mailbox.hint();
        assert!(is_woken().await);
        assert_eq!(all(&inbox).len(), 2, "it comes with what wakes");

        mailbox.send(written());
        inbox.rest(true);
        assert!(!is_woken().await);
        inbox.rest(false);
        assert!(is_woken().await, "who became impatient learns of it");
        assert_eq!(all(&inbox).len(), 1);
        mailbox.send(written());
        assert!(is_woken().await);
    }

    #[tokio::test]
    async fn what_came_before_anybody_waited_is_not_missed() {
        let (mailbox, inbox) = Inbox::new();
        mailbox.send(Message::Drain);
        mailbox.hint();
        inbox.changed().await;
        assert_eq!(all(&inbox).len(), 2);
    }

    #[test]
    fn a_flow_that_is_gone_keeps_nothing() {
        let (mailbox, inbox) = Inbox::new();
        mailbox.send(Message::Drain);
        drop(inbox);
        mailbox.send(Message::Drain);
        mailbox.renamed(&rename(1));
        assert!(mailbox.shared.waiting.lock().news.is_empty());
        assert!(mailbox.shared.waiting.lock().renames.is_empty());
    }
}
