//! The loop of a flow's thread: it steps the flow and makes its requests, side by side on one
//! thread, so that a batch is never handed over.
//!
//! A step blocks the thread, for its disk as long as that takes. Requests in flight wait for it,
//! and a deadline counts only after the socket was looked at (`send::deadline`).

use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;

use super::alarm::Alarm;
use super::clock;
use crate::checkpoint::Change;
use crate::checkpoint::store::{Refused, StoreHandle};
use crate::disk::watch::{Hint, Watch};
use crate::disk::writes::{Room, WriteWatch, Writes, Written};
use crate::flow::{Flow, Inbox, Mailbox, Message, Outlet};
use crate::send::Submission;
use crate::tail::disk::Disk;
use crate::tail::identity::FileKey;

/// Name look-ups of one flow at a time. A resolver that hangs keeps a thread for as long.
const LOOKUPS_MAX: usize = 2;

/// Rounds in which the thread did not sleep, after which it looks at its connections. In the first
/// it starts requests, in the second it builds the batch that comes after them.
const ROUNDS_MAX: u32 = 2;

/// Tells the daemon that the thread ends, however it ends.
pub(super) struct ExitGuard {
    pub(super) flow: Arc<str>,
    pub(super) ended: mpsc::Sender<Arc<str>>,
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        // The queue has room for every flow; without a daemon there is no receiver.
        if self.ended.try_send(Arc::clone(&self.flow)).is_err() {
            tracing::debug!(flow = %self.flow, "the daemon has exited");
        }
    }
}

/// Where a flow's connections live.
pub(super) struct Reactor(Option<Runtime>);

impl Reactor {
    /// # Errors
    /// What the system says: there are no descriptors left.
    pub(super) fn new() -> io::Result<Self> {
        let mut builder = Builder::new_current_thread();
        let builder = builder.enable_all().max_blocking_threads(LOOKUPS_MAX);
        builder.build().map(|runtime| Self(Some(runtime)))
    }

    /// Runs this to its end.
    pub(super) fn run(&self, future: impl Future<Output = ()>) {
        if let Some(runtime) = &self.0 {
            runtime.block_on(future);
        }
    }
}

impl Drop for Reactor {
    /// A name that is being looked up must not keep whoever ends a flow.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// What a flow's thread runs.
pub(super) struct Runner<D: Disk, S> {
    pub(super) flow: Flow<D>,
    pub(super) watch: Watch,
    pub(super) rest: Rest<S>,
}

/// What is the same for every kind of flow.
pub(super) struct Rest<S> {
    pub(super) inbox: Inbox,
    pub(super) outlet: FlowOutlet,
    /// How the watch tells this flow of changes of names.
    pub(super) hint: Hint,
    /// Nobody waits for this flow any more.
    pub(super) left: CancellationToken,
    /// The flow's sender.
    pub(super) sending: S,
}

impl<D: Disk, S: Future<Output = ()>> Runner<D, S>
where
    Writes: WriteWatch<D::File>,
{
    /// Steps the flow until it is drained, or left.
    pub(super) async fn run(self) {
        let Self { mut flow, watch, rest } = self;
        let Rest { inbox, mut outlet, hint, left, sending } = rest;
        let mut sending = pin!(sending);
        let room = watch.writes_room();
        let is_wanted = room.is_some();
        let mut writes = room.and_then(|room| start_writes(&outlet.flow, room));
        if writes.is_some() {
            flow.arm_writes();
        } else if is_wanted {
            flow.note_no_writes();
        }
        let mut alarm = Alarm::new();
        let mut rounds = 0;
        loop {
            let stepped = flow.step(clock::now(), &mut outlet);
            if stepped.drained {
                return;
            }
            flow.watch_directories(&watch, &hint, clock::now().instant);
            let due = writes.as_mut().and_then(|writes| flow.arm(writes, clock::now()));
            let wake_at = due.map_or(stepped.wake_at, |due| due.min(stepped.wake_at));
            let now = clock::now().instant;
            flow.rest(now);
            inbox.rest(flow.is_patient(wake_at, now));
            let mut looks = 0;
            tokio::select! {
                biased;
                () = counted(&mut looks) => return,
                // The sender first: it starts the requests of the batches just submitted.
                () = &mut sending => return,
                () = left.cancelled() => return,
                // Before the inbox, which is emptied in any case: a flow that is busy with one file
                // has news all the time.
                written = written(&mut writes) => {
                    flow.on_file_writes(&written, clock::now().instant);
                }
                () = inbox.changed() => {}
                () = alarm.ring(wake_at, now) => {}
            }
            // Who never sleeps has to look at what came. Who slept was woken by it, and with
            // nothing under way it would be a system call for nothing.
            rounds = if looks > 1 { 0 } else { rounds + 1 };
            if rounds >= ROUNDS_MAX && (flow.is_sending() || wake_at <= now) {
                rounds = 0;
                yield_now().await;
            }
            while let Some(message) = inbox.take() {
                flow.on_message(message, clock::now().instant);
            }
        }
    }
}

/// Never over; counts how often that is asked. Between two times the thread slept, or looked at
/// what came.
fn counted(looks: &mut u32) -> impl Future<Output = ()> {
    poll_fn(move |_| {
        *looks += 1;
        Poll::Pending
    })
}

/// Without notifications quiet files are polled.
fn start_writes(flow: &Arc<str>, room: Room) -> Option<Writes> {
    let started = Writes::new(room);
    if let Err(error) = &started {
        // The flow's status says so, and what to do.
        tracing::debug!(%flow, %error, "cannot start inotify for writes");
    }
    started.ok()
}

/// The next write to an armed file.
async fn written(writes: &mut Option<Writes>) -> Written {
    match writes {
        Some(writes) => writes.written().await,
        None => pending().await,
    }
}

/// Hands a flow's batches to its sender and its changes to the store.
pub(super) struct FlowOutlet {
    pub(super) flow: Arc<str>,
    pub(super) submissions: mpsc::Sender<Submission>,
    pub(super) store: StoreHandle,
    pub(super) checkpoint_ttl: Duration,
    pub(super) mailbox: Mailbox,
    pub(super) stopping: CancellationToken,
}

impl Outlet for FlowOutlet {
    fn submit(&mut self, submission: Submission) -> bool {
        self.submissions.try_send(submission).is_ok()
    }

    fn commit(&mut self, changes: Vec<Change>, token: u64) -> Result<(), Refused> {
        let mailbox = self.mailbox.clone();
        let done = Box::new(move |result| mailbox.send(Message::Written { token, result }));
        self.store.try_commit(&self.flow, changes, done)
    }

    fn stop_waiting_for_paused(&mut self) {
        self.stopping.cancel();
    }

    fn purge(&mut self, keep: Vec<FileKey>) -> bool {
        // A store that has ended is reported when it does not take a commit.
        self.store.purge(&self.flow, &keep, self.checkpoint_ttl).unwrap_or(true)
    }
}
