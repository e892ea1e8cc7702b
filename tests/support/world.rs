//! A whole flow on real files, or on files in memory, with a clock that only the test moves.
//!
//! The world keeps what a store and a stream would keep: checkpoints that were checkpointed, and
//! records of batches that were acknowledged. A crash throws everything else away.

mod answers;
mod defaults;
mod kept;
mod looks;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kinetail::admin::status::FlowStatus;
use kinetail::budget::Budget;
use kinetail::checkpoint::Checkpoint;
use kinetail::config::FlowConfig;
use kinetail::disk::OsDisk;
use kinetail::flow::files::{Beginning, tailer};
use kinetail::flow::{Flow, FlowParts, Message, Stepped};
use kinetail::metrics::FlowMetrics;
use kinetail::metrics::prometheus::Prometheus;
use kinetail::metrics::recorder::Counting;
use kinetail::send::distances::SharedDistance;
use kinetail::tail::disk::Disk as _;
use kinetail::tail::identity::{FileKey, Inode};
use kinetail::tail::names::Renamed;
use kinetail::tail::space::SpaceGuard;
use kinetail::tail::tailer::{Earlier, Now};
use tokio::sync::watch;

use self::defaults::defaults;
use self::kept::Kept;
pub use self::kept::{StoreState, records_of};
use super::ground::{Files, Ground, nanos};
use super::shots::Shots;
use super::test_disk::TestDisk;

/// How far the clock moves between two steps.
pub const TICK: Duration = Duration::from_millis(20);

/// Tests do not depend on how full the disk of the machine is.
const UNGUARDED: SpaceGuard = SpaceGuard { min_free_percent: 0 };

/// A flow and everything around it.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own for a test")]
pub struct World {
    pub dir: Ground,
    /// The files in it, as writers see them.
    pub files: Files,
    /// The disk that the flow reads from, with what its calls come to.
    pub disk: TestDisk,
    pub config: FlowConfig,
    flow: Option<Flow<TestDisk>>,
    now: Instant,
    /// When the world began.
    began: Instant,
    /// The flow was told something that it did not act upon yet.
    told: bool,
    /// The next writes to quiet files are notified, from the flow's next start on.
    pub notifies_writes: bool,
    shots: Shots,
    /// How often a flow was stepped.
    pub steps: u64,
    outlet: Kept,
    /// Records of acknowledged batches, in order.
    pub stream: Vec<Vec<u8>>,
    /// Their partition keys; empty for a Firehose flow.
    pub keys: Vec<String>,
    rows: BTreeMap<FileKey, Checkpoint>,
    next_key: u64,
    known_flow: bool,
    /// Records that were acknowledged and whose checkpoint may not be checkpointed yet.
    unwritten: Vec<Vec<u8>>,
    /// A wall clock for the flow instead of the real one.
    pub wall_nanos: Option<i128>,
    /// While true no batch is acknowledged.
    pub endpoint_down: bool,
    /// Which records the service refuses for good.
    pub refuses: Option<Refusal>,
    /// How many batches are acknowledged in a step.
    pub acks_per_step: usize,
    /// How long it takes for an answer, as the sender tells it.
    pub answers_take: Duration,
    /// How many files the flow may have open, from its next start on.
    pub descriptors_max: usize,
    /// When held files give their space back, from its next start on.
    pub space: SpaceGuard,
    /// When the flow first and last wrote something down, as a store would know it.
    times: Option<(i128, i128)>,
    /// While true the store does not answer.
    pub store_down: bool,
    /// What the flow and others may hold, from its next start on.
    pub budget: Arc<Budget>,
    /// What the flow counts goes here.
    recorder: Counting,
    counted: Prometheus,
    /// What the flow says of itself.
    reports: Option<watch::Receiver<Arc<FlowStatus>>>,
}

/// Says whether the service refuses a record.
pub type Refusal = Box<dyn Fn(&[u8]) -> bool>;

impl World {
    /// A flow over files in a new directory whose names match `name_pattern`, started.
    pub fn new(name_pattern: &str) -> Self {
        Self::with(name_pattern, |_| {})
    }

    /// The same with a changed configuration.
    pub fn with(name_pattern: &str, change: impl FnOnce(&mut FlowConfig)) -> Self {
        Self::within(tempfile::tempdir().unwrap(), name_pattern, change)
    }

    /// The same in a directory of one's own.
    pub fn within(
        dir: impl Into<Ground>,
        name_pattern: &str,
        change: impl FnOnce(&mut FlowConfig),
    ) -> Self {
        let dir: Ground = dir.into();
        let text = format!("{}/{name_pattern}", dir.path().display());
        let mut config = defaults(&text);
        change(&mut config);
        let (counted, recorder) = Prometheus::detached();
        let (files, disk) = (dir.files(), dir.disk());
        let began = Instant::now() + Duration::from_hours(1);
        let mut world = Self {
            dir,
            files,
            disk,
            config,
            flow: None,
            now: began,
            began,
            told: false,
            notifies_writes: false,
            shots: Shots::default(),
            steps: 0,
            outlet: Kept::default(),
            stream: Vec::new(),
            keys: Vec::new(),
            rows: BTreeMap::new(),
            next_key: 1,
            known_flow: false,
            unwritten: Vec::new(),
            wall_nanos: None,
            endpoint_down: false,
            refuses: None,
            acks_per_step: usize::MAX,
            answers_take: Duration::from_millis(1),
            descriptors_max: 1024,
            space: UNGUARDED,
            times: None,
            store_down: false,
            budget: Budget::new(64 * 1024 * 1024, 1),
            recorder,
            counted,
            reports: None,
        };
        world.start();
        world
    }

    /// Starts the flow from what was checkpointed.
    pub fn start(&mut self) {
        let beginning = Beginning {
            known_flow: self.known_flow,
            earlier: self
                .times
                .filter(|_| self.known_flow)
                .map(|(first, last)| Earlier { first_start_nanos: first, last_known_nanos: last }),
            rows: self.rows.values().cloned().collect(),
            next_file_key: self.next_key,
            descriptors_max: self.descriptors_max,
            space: self.space,
        };
        let status = FlowStatus::starting("test".into(), "test".to_owned(), self.now);
        let (status, reports) = watch::channel(Arc::new(status));
        self.reports = Some(reports);
        let parts = FlowParts {
            config: self.config.clone(),
            tailer: tailer(self.disk.clone(), &self.config, beginning, self.now),
            account: self.budget.account(),
            metrics: metrics::with_local_recorder(&self.recorder, || {
                FlowMetrics::new(&self.config.id)
            }),
            status,
            seed: 7,
            restarts: 0,
            feeding: None,
            distance: SharedDistance::default(),
        };
        let mut flow = Flow::new(parts, self.now);
        self.shots = Shots::default();
        if self.notifies_writes {
            flow.arm_writes();
        }
        self.flow = Some(flow);
    }

    /// From now on writes are notified as the shots say.
    pub fn shots(&mut self) -> &mut Shots {
        &mut self.shots
    }

    /// The process dies: what was not checkpointed and not acknowledged is gone.
    pub fn crash(&mut self) {
        self.flow = None;
        self.outlet = Kept::default();
    }

    /// How many transactions the flow asked for.
    pub fn transactions(&self) -> u64 {
        self.outlet.transactions
    }

    /// From now on the store takes changes so.
    pub fn set_store(&mut self, state: StoreState) {
        self.outlet.store = state;
    }

    /// Asks the flow to drain, and lets it.
    pub fn stop(&mut self) {
        self.tell(Message::Drain);
        for _ in 0..2_000 {
            if self.step().drained {
                self.flow = None;
                return;
            }
        }
        panic!("the flow did not drain");
    }

    /// Moves the clock a tick, steps the flow, answers what it handed on.
    pub fn step(&mut self) -> Stepped {
        self.steps += 1;
        let happened = (self.stream.len(), self.outlet.transactions);
        self.disk.script.borrow_mut().begin_step(happened);
        self.now += TICK;
        self.told = false;
        let now = Now { instant: self.now, wall_nanos: self.wall_now() };
        let flow = self.flow.as_mut().expect("the flow runs");
        let (outlet, shots) = (&mut self.outlet, &mut self.shots);
        let written = shots.fire();
        let stepped = metrics::with_local_recorder(&self.recorder, || {
            flow.on_file_writes(&written, now.instant);
            let stepped = flow.step(now, outlet);
            flow.arm(shots, now);
            stepped
        });
        // A call that takes long takes the flow's time.
        self.now += std::mem::take(&mut self.disk.script.borrow_mut().took);
        self.answer();
        stepped
    }

    /// Says that names may have changed, as inotify would, and steps.
    pub fn hint(&mut self) {
        self.tell(Message::Look);
        self.step();
    }

    /// Tells of a rename, as inotify would. The next step acts on it.
    pub fn tell_renamed(&mut self, from: &str, to: &str) {
        let renamed = Renamed { from: self.path(from), to: self.path(to) };
        // Nobody hears of what happens while the flow is down.
        if self.flow.is_some() {
            self.tell(Message::Renamed(renamed));
        }
    }

    /// Steps for this long on the flow's clock, as often as the flow asks for it.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step_and_rest(Duration::ZERO, end);
        }
    }

    /// Steps, and lets time pass until the flow asks for the next step, or for `rest` if that is
    /// longer, but not past `end`. If something was acknowledged or checkpointed no time passes;
    /// says whether that was so.
    pub fn step_and_rest(&mut self, rest: Duration, end: Instant) -> bool {
        let stepped = self.step();
        if !self.told {
            // The next step is a tick later than this.
            let before = stepped.wake_at.checked_sub(TICK).unwrap();
            let next = before.max(self.now + rest);
            self.now = self.now.max(next.min(end));
        }
        self.told
    }

    /// Steps until nothing has happened for a while: everything readable is delivered.
    pub fn settle(&mut self) {
        self.run(Duration::from_secs(5));
    }

    /// Moves the clock by this much at once and steps: the machine slept, or nothing happened.
    pub fn leap(&mut self, time: Duration) {
        self.now += time;
        self.step();
    }

    fn wall_now(&self) -> i128 {
        let of_files = self.files.clock(self.now.duration_since(self.began));
        let wall = || nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
        self.wall_nanos.or(of_files).unwrap_or_else(wall)
    }

    fn tell(&mut self, message: Message) {
        let now = self.now;
        self.told = true;
        self.flow.as_mut().expect("the flow runs").on_message(message, now);
    }

    /// Lets time pass without a step.
    pub fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Lets time pass of which the files know, too.
    pub fn pass_for_all(&mut self, time: Duration) {
        self.now += time;
        self.wall_now();
    }

    /// What a restart of the machine does to file systems without a device number of their own.
    pub fn change_device_numbers(&mut self) {
        self.rows.values_mut().for_each(|row| row.inode.device += 1_000);
    }

    /// A path in the world's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Appends to a file, which is made if it is not there.
    pub fn append(&self, name: &str, bytes: &[u8]) {
        self.files.append(&self.path(name), bytes);
    }

    /// Renames a file.
    pub fn rename(&self, from: &str, to: &str) {
        self.files.rename(&self.path(from), &self.path(to));
    }

    /// Gives a file another inode number in what is checkpointed.
    pub fn change_inode(&mut self, from: Inode, to: Inode) {
        self.rows.values_mut().filter(|row| row.inode == from).for_each(|row| row.inode = to);
    }

    /// Adds a row to those that survive a crash.
    pub fn add_row(&mut self, row: Checkpoint) {
        self.next_key = self.next_key.max(row.file.0 + 1);
        self.rows.insert(row.file, row);
    }
}

/// Appends to a file, which is made if it is not there.
pub fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

/// Copies a file and truncates it, as logrotate's `copytruncate` does.
pub fn copy_truncate(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    File::options().write(true).open(from).unwrap().set_len(0).unwrap();
}

/// Waits until files that are made from now on have a later stamp than those that are there.
pub fn let_the_clock_tick() {
    let made = tempfile::tempfile().unwrap().metadata().unwrap().modified().unwrap();
    let made = i128::try_from(made.duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    while OsDisk.now_nanos(0) <= made {
        std::thread::yield_now();
    }
}

/// Waits until the clock that stamps files advanced by this much: longer than the slack that is
/// given to it.
pub fn let_the_clock_pass(time: Duration) {
    let until = OsDisk.now_nanos(0) + i128::try_from(time.as_nanos()).unwrap();
    while OsDisk.now_nanos(0) < until {
        std::thread::yield_now();
    }
}
