//! One flow: a file pattern, a processing chain and a destination, stepped by hand.
//!
//! A flow owns all of its state and shares none. [`Flow::step`] looks at the files, reads what
//! there is room for, closes and submits batches, and checkpoints what was acknowledged; it never
//! waits. Time comes in as an argument, outcomes through [`Flow::on_message`]. The thread that
//! waits and steps is in `daemon`.

mod carry;
mod checkpointing;
mod dead_letters;
mod event_log;
mod failed_rounds;
mod feeding;
pub mod files;
mod footer;
mod gap;
mod half_line;
mod header;
mod inbox;
mod memory;
mod notify_status;
mod outlet;
mod overlong;
mod problem_lines;
mod pump;
mod record_issues;
mod report;
mod reporting;
mod step;
mod stream_facts;
mod under_way;
mod when_done;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

pub use feeding::Feeding;
pub use inbox::{Descriptors, Inbox, Mailbox, Message};
pub use outlet::Outlet;
pub use step::Stepped;

use self::carry::Carried;
use self::checkpointing::{Handing, Writing};
use self::dead_letters::DeadLetters;
use self::event_log::EventLog;
use self::failed_rounds::FailedRounds;
use self::notify_status::NotifyStatus;
use self::problem_lines::ProblemLines;
use self::record_issues::RecordIssues;
use self::reporting::Reporting;
use self::stream_facts::Stream;
use self::under_way::UnderWay;
use self::when_done::Disposing;
use crate::admin::pulse::{Doing, Pulse};
use crate::admin::status::FlowStatus;
use crate::batch::PackOptions;
use crate::batch::body::Encoding;
use crate::batch::pack::Packer;
use crate::budget::{Account, Loan};
use crate::checkpoint::Change;
use crate::config::{Destination, FlowConfig, Input, Ordering};
use crate::disk::watch::{Hint, Watch};
use crate::ec2::MachineFacts;
use crate::metrics::FlowMetrics;
use crate::metrics::totals::{FlowTotals, RequestTotals};
use crate::process::{Framing, RawReason, StepCount};
use crate::send::distances::SharedDistance;
use crate::send::in_flight_limit::{Finished, InFlightLimit};
use crate::send::ledger::Ledger;
use crate::send::{DestinationHealth, Outcome, SenderEvent};
use crate::tail::disk::Disk;
use crate::tail::identity::FileKey;
use crate::tail::tailer::Tailer;
use crate::tail::window::Window;

/// What a flow is made of.
#[derive(Debug)]
pub struct FlowParts<D: Disk> {
    /// Its configuration.
    pub config: FlowConfig,
    /// Its files.
    pub tailer: Tailer<D>,
    /// Its memory.
    pub account: Account,
    /// Its counters.
    pub metrics: FlowMetrics,
    /// Who is told how it is.
    pub status: watch::Sender<Arc<FlowStatus>>,
    /// The seed of its random partition keys.
    pub seed: u64,
    /// How often it was started again after a bug in it.
    pub restarts: u64,
    /// What it reads if that is no files.
    pub feeding: Option<Feeding>,
    /// How far away its endpoint is.
    pub distance: SharedDistance,
}

/// One flow.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that others do not imply")]
pub struct Flow<D: Disk> {
    config: FlowConfig,
    tailer: Tailer<D>,
    /// What is known about the machine, if a converter writes it.
    machine: Option<MachineFacts>,
    window: Window,
    packer: Packer,
    stream: Stream,
    /// Converters may write where a record is from.
    names_logs: bool,
    /// What each converter did with records.
    step_totals: Vec<(&'static str, StepCount)>,
    /// The file whose log they were told of last.
    named: Option<FileKey>,
    /// Files in which no line says what their columns are called.
    headerless: BTreeSet<FileKey>,
    /// Entries that begin in a generation and end in the younger one.
    carried: BTreeMap<FileKey, Carried>,
    /// Generations whose last entry ends with them, complete or not.
    uncarriable: BTreeSet<FileKey>,
    ledger: Ledger,
    in_flight: InFlightLimit,
    /// How far away the endpoint is, as all flows see it.
    distance: SharedDistance,
    /// Records that are kept because they cannot be delivered.
    dead: Option<DeadLetters>,
    account: Account,
    /// Memory that the tailer needs for compressed files.
    loan: Option<Loan>,
    metrics: FlowMetrics,
    status: watch::Sender<Arc<FlowStatus>>,
    pulse: Arc<Pulse>,
    health: DestinationHealth,
    under_way: UnderWay,
    /// Files whose footer was read, and where they ended then.
    footers: BTreeMap<FileKey, u64>,
    /// When a full batch last had to wait for a free request.
    blocked_at: Option<Instant>,
    /// How long it has worked in all, and since when it does or rests.
    worked: Duration,
    began: Instant,
    /// A batch was handed on in this step.
    has_submitted: bool,
    /// The file whose turn the last batch interrupted, and where its turn began.
    interrupted: Option<(FileKey, u64)>,
    waiting_for_memory: bool,
    /// The newest change for each file that is not handed to the store yet.
    changes: BTreeMap<FileKey, Change>,
    /// The changes that the store has and has not answered, by offset.
    writing: Option<Writing>,
    next_token: u64,
    /// Changes may be gathered until then.
    gather_until: Instant,
    /// Whether the store takes changes.
    handing: Handing,
    /// Rows of files that are gone are to be deleted.
    purge_due: bool,
    /// The store has to learn that this flow ran, even before it found a file.
    introduced: bool,
    /// The store has answered for the first time: where the flow began is checkpointed.
    start_is_kept: bool,
    draining: bool,
    /// A row was saved for its time since the order to drain.
    time_is_saved: bool,
    /// The destination is paused and the flow stops: batches are not sent any more.
    gave_up: bool,
    reporting: Reporting,
    /// What it begins with was told.
    is_start_told: bool,
    notify_status: NotifyStatus,
    restarts: u64,
    totals: FlowTotals,
    /// What the flow's requests came to before it was started again.
    requests_before: RequestTotals,
    /// Bytes that were read by the time of the last report.
    read_at_report: u64,
    failed_rounds: FailedRounds,
    record_issues: RecordIssues,
    event_log: EventLog,
    problem_lines: ProblemLines,
    disposing: Option<Disposing>,
    feeding: Option<Feeding>,
}

impl<D: Disk> Flow<D> {
    /// Puts a flow together.
    #[must_use]
    pub fn new(parts: FlowParts<D>, now: Instant) -> Self {
        for reason in RawReason::ALL {
            parts.metrics.records_raw_fallback(reason, 0);
        }
        let pulse = Arc::clone(&parts.status.borrow().pulse);
        let when_done = parts.config.when_done.clone();
        let disposing = when_done.map(|config| Disposing::new(config, now));
        let mut packer = Packer::new(&pack_options(&parts.config, &parts.account), parts.seed);
        if matches!(parts.config.input, Input::Journal(_)) {
            packer.read_entries();
        }
        let mut tailer = parts.tailer;
        if packer.framing().is_some_and(Framing::spans_generations) {
            tailer.control().span_generations();
        }
        Self {
            packer,
            stream: Stream::default(),
            names_logs: !parts.config.converters.is_empty(),
            named: None,
            headerless: BTreeSet::new(),
            carried: BTreeMap::new(),
            uncarriable: BTreeSet::new(),
            step_totals: Vec::new(),
            dead: DeadLetters::of(&parts.config),
            in_flight: InFlightLimit::new(requests_at_a_time(&parts.config)),
            config: parts.config,
            tailer,
            machine: None,
            window: Window::new(),
            ledger: Ledger::default(),
            distance: parts.distance,
            account: parts.account,
            loan: None,
            metrics: parts.metrics,
            pulse,
            status: parts.status,
            health: DestinationHealth::Ok,
            under_way: UnderWay::default(),
            footers: BTreeMap::new(),
            blocked_at: None,
            worked: Duration::ZERO,
            began: now,
            has_submitted: false,
            interrupted: None,
            waiting_for_memory: false,
            changes: BTreeMap::new(),
            writing: None,
            gather_until: now,
            handing: Handing::Open,
            purge_due: false,
            next_token: 1,
            introduced: false,
            start_is_kept: false,
            draining: false,
            time_is_saved: false,
            gave_up: false,
            reporting: Reporting::new(now),
            is_start_told: false,
            notify_status: NotifyStatus::default(),
            restarts: parts.restarts,
            totals: FlowTotals::default(),
            requests_before: RequestTotals::default(),
            read_at_report: 0,
            failed_rounds: FailedRounds::default(),
            record_issues: RecordIssues::default(),
            event_log: EventLog::default(),
            problem_lines: ProblemLines::default(),
            disposing,
            feeding: parts.feeding,
        }
    }

    /// Says how the next batches are written.
    pub fn speak(&mut self, encoding: Encoding) {
        self.packer.speak(encoding);
    }

    /// Says where converters find what is known about the machine, if any of them writes it.
    pub(crate) fn know_machine(&mut self, machine: Option<MachineFacts>) {
        self.machine = machine;
    }

    /// Goes on counting where the flow was before a bug ended it. That it ended is an error.
    pub(crate) fn restore_totals(&mut self, before: FlowTotals) {
        self.adopt(before);
        self.totals.errors_in_a_row = before.errors_in_a_row.saturating_add(1);
    }

    /// Goes on counting where the flow was before it was drained.
    pub fn adopt(&mut self, before: FlowTotals) {
        self.totals = before;
        self.requests_before = before.requests;
        self.read_at_report = before.bytes_read;
    }

    /// The thread waits for messages now: whatever it does else may hang.
    pub fn rest(&mut self, now: Instant) {
        self.pulse.continue_with(Doing::Nothing);
        self.worked += now.saturating_duration_since(self.began);
        self.began = now;
    }

    /// Whether the sender has a batch.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Takes a message. The next step acts on it.
    pub fn on_message(&mut self, message: Message, now: Instant) {
        self.pulse.begin(Doing::News, now);
        self.reporting.note_news();
        match message {
            Message::Descriptors(Descriptors { files, requests }) => {
                self.tailer.control().set_descriptors_max(files);
                self.in_flight.limit(requests.min(requests_at_a_time(&self.config)));
            }
            Message::Drain => {
                self.draining = true;
                self.tailer.control().drain();
            }
            Message::Look => self.tailer.control().hint(now),
            Message::Renamed(renamed) => self.tailer.control().on_renamed(renamed, now),
            Message::Sender(SenderEvent::GivenUp(batch)) => {
                self.gave_up = true;
                self.under_way.remove(batch);
                self.dead.as_mut().into_iter().for_each(|dead| dead.forget(batch));
            }
            Message::Sender(SenderEvent::Health(health)) => self.on_health(health),
            Message::Sender(SenderEvent::Outcome(outcome)) => self.on_outcome(outcome, now),
            Message::Written { token, result } => self.on_checkpoint_result(token, result),
        }
    }

    /// How many full scans were made.
    #[must_use]
    pub fn full_scans(&self) -> u64 {
        self.tailer.scans()
    }

    /// Asks for hints about the directories that the last scan went through.
    pub(crate) fn watch_directories(&mut self, watch: &Watch, hint: &Hint, now: Instant) {
        if self.feeding.is_some() {
            return;
        }
        self.pulse.begin(Doing::Watch, now);
        let told = (&self.tailer, &self.metrics, self.config.id.as_str());
        self.notify_status.update(told, watch, hint, now);
    }

    fn on_health(&mut self, health: DestinationHealth) {
        let paused = matches!(health, DestinationHealth::Paused { .. });
        self.metrics.destination_paused.set(f64::from(u8::from(paused)));
        self.health = health;
    }

    fn on_outcome(&mut self, outcome: Outcome, now: Instant) {
        self.report_outcome(&outcome);
        if let Some(submitted) = self.under_way.remove(outcome.batch) {
            self.in_flight.on_finished(Finished {
                took: outcome.took,
                worked: self.worked.saturating_sub(submitted.worked),
                distance: self.distance.learn(submitted.bytes, outcome.took, now),
                pushed_back: outcome.pushed_back,
                was_blocked: self.blocked_at.is_some_and(|at| at >= submitted.at),
            });
        }
        self.finish(outcome.batch, outcome.rejected, now);
        if let Some(encoding) = outcome.speak {
            self.speak(encoding);
        }
        if let Some(spare) = outcome.spare {
            self.keep_spare(spare);
        }
        self.release_memory();
    }
}

fn pack_options<'c>(config: &'c FlowConfig, account: &Account) -> PackOptions<'c> {
    let options = config.pack_options();
    let is_base64 = matches!(config.destination, Destination::Firehose { .. });
    let requests = requests_at_a_time(config);
    let most = memory::batch_bytes_max(requests, account.reach_bytes(), is_base64);
    PackOptions { max_buffer_bytes: options.max_buffer_bytes.min(most), ..options }
}

/// A batch that waits for its turn could overtake the one before it: with `ordering: strict` there
/// is none.
fn requests_at_a_time(config: &FlowConfig) -> usize {
    match config.ordering {
        Ordering::Relaxed => config.max_in_flight_requests,
        Ordering::Strict => 1,
    }
}
