//! What the admin port knows: snapshots that flows publish, and a look at the process.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::history::{History, Rate};
use super::orders::Outcome;
use super::pulse::{Hung, Pulse};
use crate::checkpoint::store::StoreHealth;
use crate::dead_letters::KeptLetters;
use crate::metrics::destination::DestinationState;
use crate::metrics::prometheus::Prometheus;
use crate::metrics::totals::FlowTotals;
use crate::process::StepCount;
use crate::send::DestinationHealth;
use crate::tail::identity::Inode;
use crate::tail::problems::FileProblem;
use crate::tail::rotated::RotatedNames;

/// One flow at one moment, as it published itself.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing for others to show")]
pub struct FlowStatus {
    /// The flow's id.
    pub flow: Arc<str>,
    /// Where its records go, for a person.
    pub destination: String,
    /// How that destination is doing.
    pub health: DestinationHealth,
    /// When it published this.
    pub reported_at: Instant,
    /// Whether it has looked at all of its directories at least once.
    pub scanned_once: bool,
    /// Which names count as those of rotated files, unless it reads something else than files.
    pub rotated_names: Option<RotatedNames>,
    /// The files that it follows.
    pub files: Vec<FileStatus>,
    /// Batches that are not yet acknowledged.
    pub in_flight: usize,
    /// Bytes written but not acknowledged, over all files.
    pub lag_bytes: u64,
    /// Seconds since everything written was acknowledged.
    pub lag_seconds: f64,
    /// How many files it follows; `files` may hold fewer.
    pub files_total: usize,
    /// How many of them are open.
    pub files_open: usize,
    /// How often it was started again after a bug in it.
    pub restarts: u64,
    /// Bytes written and not yet read, over all files.
    pub bytes_behind: u64,
    /// Files with such bytes of which nothing was read yet.
    pub files_behind: u64,
    /// What it did since the program started.
    pub totals: FlowTotals,
    /// What is in the way of its files: the first of them.
    pub problems: Vec<FileProblem>,
    /// How many problems there are; `problems` may hold fewer.
    pub problems_total: usize,
    /// What each converter did with records, if any of them did something that is counted.
    pub steps: Vec<(&'static str, StepCount)>,
    /// Where its destination is and what happened there last.
    pub destination_state: Arc<DestinationState>,
    /// What it does right now.
    pub pulse: Arc<Pulse>,
    /// What cannot be delivered and is not on disk yet.
    pub dead_letters: DeadLetterStatus,
    /// It wants figures of its own in the log.
    pub emit_internal_metrics: bool,
    /// It was told to deliver what it read and to end.
    pub draining: bool,
    /// It holds bytes of deleted files that could not be found again.
    pub holds_deleted: bool,
}

impl FlowStatus {
    /// A flow that has been started at `now` and has not looked at anything yet.
    #[must_use]
    pub fn starting(flow: Arc<str>, destination: String, now: Instant) -> Self {
        Self {
            flow,
            destination,
            health: DestinationHealth::Ok,
            reported_at: now,
            scanned_once: false,
            rotated_names: None,
            files: Vec::new(),
            in_flight: 0,
            lag_bytes: 0,
            lag_seconds: 0.0,
            files_total: 0,
            files_open: 0,
            restarts: 0,
            bytes_behind: 0,
            files_behind: 0,
            totals: FlowTotals::default(),
            problems: Vec::new(),
            problems_total: 0,
            steps: Vec::new(),
            destination_state: Arc::default(),
            pulse: Arc::new(Pulse::new(now)),
            dead_letters: DeadLetterStatus::default(),
            emit_internal_metrics: false,
            draining: false,
            holds_deleted: false,
        }
    }
}

/// Dead letters of a flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterStatus {
    /// How many are not on disk yet.
    pub waiting: u64,
    /// Why they cannot be written, and since when.
    pub failing: Option<(String, Instant)>,
    /// Those on disk: neither resent nor purged, as of the last minute.
    pub kept: KeptLetters,
    /// The directory.
    pub directory: PathBuf,
}

/// One file of a flow.
#[derive(Debug, Clone)]
pub struct FileStatus {
    /// Where it was last seen.
    pub path: Arc<Path>,
    /// The name that it has now, if it is open and has another one.
    pub name_now: Option<PathBuf>,
    /// The file itself, whatever its name is by now.
    pub inode: Inode,
    /// The name of its state.
    pub state: &'static str,
    /// Its size in bytes.
    pub size: u64,
    /// Everything before this byte was read.
    pub read_offset: u64,
    /// Everything before this byte is acknowledged.
    pub acked_offset: u64,
    /// Bytes written but not acknowledged.
    pub lag_bytes: u64,
    /// Seconds since everything in it was acknowledged.
    pub lag_seconds: f64,
    /// Since when all that is missing is the end of its last line.
    pub half_line_since: Option<Instant>,
}

/// A flow's newest snapshot. Its thread owns the only sender: when that is gone, the thread is.
pub type FlowFeed = watch::Receiver<Arc<FlowStatus>>;

/// What is not of one flow.
#[derive(Debug, Clone)]
pub struct ProcessStatus {
    /// Bytes that batches hold.
    pub memory_used_bytes: u64,
    /// Bytes that batches may hold.
    pub memory_budget_bytes: u64,
    /// Where the checkpoints are.
    pub checkpoint_file: PathBuf,
    /// How their store is doing.
    pub checkpoints: StoreHealth,
    /// What the last reload of the configuration came to.
    pub reload: Option<ReloadReport>,
}

/// What a reload came to.
#[derive(Debug, Clone)]
pub struct ReloadReport {
    /// When.
    pub at: Instant,
    /// Whether the new configuration is in force.
    pub outcome: Outcome,
    /// What happened, one thing a line.
    pub lines: Vec<String>,
}

/// Takes a look at the process. It is called for every request and must not wait.
pub type ProcessProbe = Arc<dyn Fn() -> ProcessStatus + Send + Sync>;

/// Everything that the admin port reads from. Cheap to clone.
#[derive(Clone)]
pub struct AdminState {
    /// What was counted.
    pub prometheus: Prometheus,
    /// When the program started.
    pub started_at: Instant,
    /// The flows that are configured now; replaced as a whole after a reload or a restart.
    pub flows: watch::Receiver<Vec<FlowFeed>>,
    /// Looks at the process.
    pub process: ProcessProbe,
    /// The last hour.
    pub history: Arc<History>,
}

kinetail_base::debug_only!(AdminState { flows });

impl AdminState {
    /// One look at everything.
    pub(super) fn snapshot(&self, now: Instant) -> Snapshot {
        let flows = self
            .flows
            .borrow()
            .iter()
            .map(|feed| {
                let status = Arc::clone(&feed.borrow());
                // The only way this fails is that the sender is gone.
                let alive = feed.has_changed().is_ok();
                let hung = if alive { status.pulse.hung(now) } else { None };
                let rate = self.history.rate(&status, now);
                FlowSnapshot { alive, hung, rate, status }
            })
            .collect();
        let uptime = now.saturating_duration_since(self.started_at);
        Snapshot { now, wall: Timestamp::now(), uptime, flows, process: (self.process)() }
    }
}

/// Everything at one moment: what the pure parts of this module work on.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) now: Instant,
    /// The same moment for people.
    pub(super) wall: Timestamp,
    pub(super) uptime: Duration,
    pub(super) flows: Vec<FlowSnapshot>,
    pub(super) process: ProcessStatus,
}

impl Snapshot {
    /// A moment in the words of the page: UTC, to the second.
    pub(super) fn date_of(&self, moment: Instant) -> String {
        let ago = self.now.saturating_duration_since(moment);
        let ahead = moment.saturating_duration_since(self.now);
        // A clock that leaves the range of dates shows its end.
        let date = self.wall.saturating_sub(ago).and_then(|date| date.saturating_add(ahead));
        date.unwrap_or(self.wall).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

#[derive(Debug, Clone)]
pub(super) struct FlowSnapshot {
    /// Whether the flow's thread is still there.
    pub(super) alive: bool,
    /// It waits for something that does not answer.
    pub(super) hung: Option<Hung>,
    pub(super) rate: Rate,
    pub(super) status: Arc<FlowStatus>,
}

/// The files that are most behind, at most `max`, in the order of their paths, and how many were
/// skipped.
pub(super) fn most_behind(status: &FlowStatus, max: usize) -> (Vec<&FileStatus>, usize) {
    let mut files: Vec<&FileStatus> = status.files.iter().collect();
    if files.len() > max {
        files.sort_by_key(|file| std::cmp::Reverse(file.lag_bytes));
        files.truncate(max);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let omitted = status.files_total.max(status.files.len()).saturating_sub(files.len());
    (files, omitted)
}

/// A path as text, two different paths never as the same one: a byte that is not UTF-8 becomes
/// the replacement character and two hexadecimal digits, and so do the bytes of a replacement
/// character that stands there.
pub(super) fn display_path(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;

    let mut text = String::new();
    let escape = |bytes: &[u8], text: &mut String| {
        for byte in bytes {
            // Writing to a String cannot fail; the result is a formality of the trait.
            if write!(text, "\u{fffd}{byte:02x}").is_err() {
                return;
            }
        }
    };
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\u{fffd}' {
                escape(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut text);
            } else {
                text.push(c);
            }
        }
        escape(chunk.invalid(), &mut text);
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    pub(in crate::admin) fn file(path: &[u8], lag_bytes: u64) -> FileStatus {
        FileStatus {
            path: Path::new(OsStr::from_bytes(path)).into(),
            name_now: None,
            inode: Inode { device: 2, number: 3 },
            state: "open",
            size: 1_000 + lag_bytes,
            read_offset: 1_000,
            acked_offset: 1_000,
            lag_bytes,
            lag_seconds: 1.5,
            half_line_since: None,
        }
    }

    /// A sound process with one flow that has these files.
    pub(in crate::admin) fn snapshot(files: Vec<FileStatus>) -> Snapshot {
        let now = Instant::now();
        let mut status = FlowStatus::starting("f".into(), "Kinesis stream s".to_owned(), now);
        status.scanned_once = true;
        status.files_total = files.len();
        status.files = files;
        Snapshot {
            now,
            wall: Timestamp::from_second(1_795_000_000).unwrap(),
            uptime: Duration::from_secs(90),
            flows: vec![FlowSnapshot {
                alive: true,
                hung: None,
                rate: Rate::default(),
                status: Arc::new(status),
            }],
            process: ProcessStatus {
                memory_used_bytes: 1,
                memory_budget_bytes: 2,
                checkpoint_file: "/var/lib/kinetail/db".into(),
                checkpoints: StoreHealth::Ok,
                reload: None,
            },
        }
    }

    #[test]
    fn the_files_most_behind_are_kept() {
        let snapshot = snapshot(vec![file(b"/b", 5), file(b"/a", 7), file(b"/c", 1)]);
        let (files, omitted) = most_behind(&snapshot.flows[0].status, 2);
        let paths: Vec<_> = files.iter().map(|file| &*file.path).collect();
        assert_eq!((paths, omitted), (vec![Path::new("/a"), Path::new("/b")], 1));
    }

    #[test]
    fn different_paths_never_look_the_same() {
        let show = |bytes: &[u8]| display_path(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(show("/var/log/é \"x\"\\x2d\n".as_bytes()), "/var/log/é \"x\"\\x2d\n");
        assert_eq!(show(b"/a\xff\xfeb"), "/a\u{fffd}ff\u{fffd}feb");
        assert_ne!(show(b"/\xff"), show("/\u{fffd}ff".as_bytes()));
    }

    #[test]
    fn a_flow_whose_thread_is_gone_is_seen() {
        let now = Instant::now();
        let status = Arc::new(FlowStatus::starting("f".into(), String::new(), now));
        let (publish, feed) = watch::channel(status);
        let (_list, flows) = watch::channel(vec![feed]);
        let (prometheus, _recorder) = Prometheus::detached();
        let process = snapshot(Vec::new()).process;
        let process: ProcessProbe = Arc::new(move || process.clone());
        let state =
            AdminState { prometheus, started_at: now, flows, process, history: Arc::default() };
        assert!(state.snapshot(now).flows[0].alive);
        publish.send_replace(Arc::new(FlowStatus::starting("f".into(), String::new(), now)));
        assert!(state.snapshot(now).flows[0].alive);
        drop(publish);
        assert!(!state.snapshot(now).flows[0].alive);
    }
}
