//! A whole flow on real files, or on files in memory, with a clock that only the test moves.
//!
//! The world keeps what a store and a stream would keep: checkpoints that were checkpointed, and
//! records of batches that were acknowledged. A crash throws everything else away.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kinetail::admin::status::FlowStatus;
use kinetail::batch::body::Body;
use kinetail::budget::Budget;
use kinetail::checkpoint::store::{CommitResult, Refused};
use kinetail::checkpoint::{Change, Checkpoint, Life};
use kinetail::config::{
    Compression, Destination, Encoding, FlowAwsConfig, FlowConfig, InitialPosition, Input,
    Ordering, OversizeLine, PartitionKey, RetryConfig, Wire,
};
use kinetail::disk::OsDisk;
use kinetail::flow::files::{Beginning, tailer};
use kinetail::flow::{Flow, FlowParts, Message, Outlet, Stepped};
use kinetail::metrics::prometheus::Prometheus;
use kinetail::metrics::{FlowMetrics, name};
use kinetail::send::{Outcome, RejectedRecord, SenderEvent, Submission};
use kinetail::tail::disk::Disk as _;
use kinetail::tail::identity::{FileKey, Inode};
use kinetail::tail::names::Renamed;
use kinetail::tail::pattern::FilePattern;
use kinetail::tail::rotated::RotatedNames;
use kinetail::tail::space::SpaceGuard;
use kinetail::tail::tailer::{Earlier, Now};
use metrics_exporter_prometheus::PrometheusRecorder;
use tokio::sync::watch;

use super::ground::{Files, Ground, nanos};
use super::shots::Shots;
use super::test_disk::TestDisk;

/// How far the clock moves between two steps.
const TICK: Duration = Duration::from_millis(20);

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
    recorder: PrometheusRecorder,
    counted: Prometheus,
    /// What the flow says of itself.
    reports: Option<watch::Receiver<Arc<FlowStatus>>>,
}

/// Says whether the service refuses a record.
pub type Refusal = Box<dyn Fn(&[u8]) -> bool>;

/// What the flow submitted without an outcome yet.
#[derive(Default)]
struct Kept {
    submissions: VecDeque<Submission>,
    commits: VecDeque<(Vec<Change>, u64)>,
    store: StoreState,
    /// How many batches there were at a time, at most.
    most: usize,
}

/// Whether the store takes changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StoreState {
    /// It does.
    #[default]
    Open,
    /// Its queue is full.
    Full,
    /// It has ended.
    Closed,
}

impl Outlet for Kept {
    fn submit(&mut self, submission: Submission) -> bool {
        self.submissions.push_back(submission);
        self.most = self.most.max(self.submissions.len());
        true
    }

    fn commit(&mut self, changes: Vec<Change>, token: u64) -> Result<(), Refused> {
        match self.store {
            StoreState::Open => self.commits.push_back((changes, token)),
            StoreState::Full => return Err(Refused::Full(changes)),
            StoreState::Closed => return Err(Refused::Closed(changes)),
        }
        Ok(())
    }

    fn purge(&mut self, _keep: Vec<FileKey>) -> bool {
        true
    }
}

/// The configuration of a flow over files that match this pattern.
fn defaults(text: &str) -> FlowConfig {
    FlowConfig {
        id: format!("kinesis:test:{text}"),
        emit_internal_metrics: false,
        input: Input::Files,
        pattern: FilePattern::parse(text).unwrap(),
        rotated_names: RotatedNames::default(),
        destination: Destination::Kinesis { stream: "test".to_owned() },
        aws: FlowAwsConfig::default(),
        initial_position: InitialPosition::StartOfFile,
        max_buffer_age: Duration::from_millis(50),
        max_buffer_records: 500,
        max_buffer_bytes: 5 * 1024 * 1024,
        partition_key: PartitionKey::Random,
        multi_line_start: None,
        file_footer: None,
        aggregated_record_bytes: 0,
        aggregation: None,
        compression: Compression::None,
        max_record_bytes: 1024 * 1024,
        max_record_bytes_auto: false,
        multi_line_hold: Duration::from_secs(1),
        partial_line_hold: None,
        encoding: Encoding::Auto,
        max_line_bytes: 5 * 1024 * 1024,
        oversize_line: OversizeLine::Truncate,
        skip_header_lines: 0,
        truncated_record_terminator: b"\n".to_vec(),
        converters: Vec::new(),
        retry: RetryConfig { initial: Duration::from_millis(100), max: Duration::from_secs(10) },
        max_in_flight_requests: 4,
        caps: kinetail::config::Caps::default(),
        ordering: Ordering::Relaxed,
        wire: Wire::Json,
        scan_interval: Duration::from_millis(100),
        when_done: None,
        dead_letters: None,
    }
}

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
            let stepped = self.step();
            if !self.told {
                // The next step is a tick later than this.
                let before = stepped.wake_at.checked_sub(TICK).unwrap();
                self.now = self.now.max(before.min(end));
            }
        }
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

    fn answer(&mut self) {
        while !self.store_down
            && let Some((changes, token)) = self.outlet.commits.pop_front()
        {
            for change in changes {
                match change {
                    Change::Forget(file) => {
                        self.rows.remove(&file);
                    }
                    Change::Save(row) => self.add_row(row),
                }
            }
            self.known_flow = true;
            let now = self.disk.now_nanos(self.wall_now());
            self.times = Some((self.times.map_or(now, |(first, _)| first), now));
            self.unwritten.clear();
            self.tell(Message::Written { token, result: CommitResult::Durable });
        }
        if self.endpoint_down {
            return;
        }
        for _ in 0..self.acks_per_step {
            let Some(submission) = self.outlet.submissions.pop_front() else { return };
            self.acknowledge(submission);
        }
    }

    fn acknowledge(&mut self, mut submission: Submission) {
        let records = submission.body.records();
        let bytes = submission.body.data_bytes();
        let body = submission.body.finish();
        let mut data = records_of(&body);
        let mut keys = keys_of(&body);
        let rejected = self.rejected(&submission.body, &data);
        for record in rejected.iter().rev() {
            data.remove(record.index);
            if !keys.is_empty() {
                keys.remove(record.index);
            }
        }
        self.keys.extend(keys);
        self.unwritten.extend_from_slice(&data);
        self.stream.extend(data);
        let outcome = Outcome {
            batch: submission.batch,
            records_delivered: records - rejected.len(),
            bytes_delivered: bytes,
            rejected,
            took: Duration::from_millis(1),
            attempts: 1,
            throttled: false,
            pushed_back: false,
            speak: None,
            spare: None,
            maybe_duplicated: false,
        };
        self.tell(Message::Sender(SenderEvent::Outcome(outcome)));
    }

    /// What the service refuses of a batch, as the sender tells it.
    fn rejected(&self, body: &Body, data: &[Vec<u8>]) -> Vec<RejectedRecord> {
        let Some(refuses) = &self.refuses else { return Vec::new() };
        let places = (0..).zip(data).filter(|(_, data)| refuses(data)).map(|(place, _)| place);
        let rejected = |index| RejectedRecord {
            index,
            records: body.records_in(index),
            code: "Refused".to_owned(),
            message: "by the test".to_owned(),
            origins: body.origins_of(index).to_vec(),
            data: body.record_data(index),
        };
        places.map(rejected).collect()
    }

    fn tell(&mut self, message: Message) {
        let now = self.now;
        self.told = true;
        self.flow.as_mut().expect("the flow runs").on_message(message, now);
    }

    /// The acknowledged records that a crash at this moment may repeat.
    pub fn unwritten_records(&self) -> &[Vec<u8>] {
        &self.unwritten
    }

    /// How many batches were in flight at a time since the last start, at most.
    pub fn most_in_flight(&self) -> usize {
        self.outlet.most
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

    /// How many full scans the flow made.
    pub fn scans(&self) -> u64 {
        self.flow.as_ref().expect("the flow runs").full_scans()
    }

    /// How many files of this world are open, whoever has them open in this process.
    pub fn open_files(&self) -> usize {
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let ours = |path: PathBuf| path.starts_with(self.dir.path());
        open.filter(|fd| fs::read_link(fd.path()).is_ok_and(ours)).count()
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

    /// What the flow said of itself last.
    pub fn status(&self) -> Arc<FlowStatus> {
        Arc::clone(&self.reports.as_ref().expect("the flow was started").borrow())
    }

    /// The flow's clock.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// How often something of this kind happened to a file.
    pub fn transitions(&self, kind: &str) -> u64 {
        self.counted(name::FILE_TRANSITIONS, &format!("kind=\"{kind}\""))
    }

    /// The value of a counter or gauge of the flow whose labels hold this text; 0 if there is
    /// none.
    pub fn counted(&self, metric: &str, label: &str) -> u64 {
        let text = self.counted.render();
        let series = |line: &&str| line.starts_with(&format!("{metric}{{")) && line.contains(label);
        let line = text.lines().find(series);
        line.and_then(|line| line.rsplit(' ').next()).map_or(0, |value| value.parse().unwrap())
    }

    /// What happened to files so far, a line for each kind of event.
    pub fn all_transitions(&self) -> String {
        let text = self.counted.render().replace(&self.dir.path().display().to_string(), "");
        let is_one = |line: &&str| line.starts_with(&format!("{}{{", name::FILE_TRANSITIONS));
        let mut lines: Vec<&str> = text.lines().filter(is_one).collect();
        lines.sort_unstable();
        lines.join("\n")
    }

    /// Adds a row to those that survive a crash.
    pub fn add_row(&mut self, row: Checkpoint) {
        self.next_key = self.next_key.max(row.file.0 + 1);
        self.rows.insert(row.file, row);
    }

    /// The rows that survive a crash, but for those of finished contents, which are kept for a
    /// while only so that copies of them are known.
    pub fn rows(&self) -> BTreeMap<FileKey, Checkpoint> {
        let open = self.rows.iter().filter(|(_, row)| row.life != Life::Finished);
        open.map(|(key, row)| (*key, row.clone())).collect()
    }

    /// How many rows there are in all.
    pub fn rows_kept(&self) -> usize {
        self.rows.len()
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

/// The partition keys of the records in a request body.
fn keys_of(body: &[u8]) -> Vec<String> {
    let parsed: serde_json::Value = serde_json::from_slice(body).unwrap();
    let records = parsed["Records"].as_array().unwrap().iter();
    records.filter_map(|record| Some(record["PartitionKey"].as_str()?.to_owned())).collect()
}

/// The data of the records in a request body.
pub fn records_of(body: &[u8]) -> Vec<Vec<u8>> {
    let parsed: serde_json::Value = serde_json::from_slice(body).unwrap();
    parsed["Records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| {
            let data = record["Data"].as_str().unwrap();
            base64_simd::STANDARD.decode_to_vec(data).unwrap()
        })
        .collect()
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
