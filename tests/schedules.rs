//! Random schedules of what can happen to log files, against a small model of what must arrive.
//!
//! One seed is one schedule, and gives the same trace again. `KINETAIL_SCHEDULES` asks for more of
//! them, `KINETAIL_SEED` for one. A failure prints its seed and the fewest operations that fail.

mod archives;
mod copies;
mod disk;
mod failing;
mod judge;
mod model;
mod operation;
mod options;
mod rare;
mod rewrites;
mod rotate;
mod strange;
mod trouble;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::panic;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use kinetail::tail::phase::{self, TRANSITIONS, Transition};
use sha2::{Digest, Sha256};

use self::model::Model;
use self::operation::{Operation, generate};
use crate::support::ground::Ground;

/// How many schedules `cargo test` runs on a disk in memory.
const SCHEDULES: u64 = 2000;

/// How many of them it runs on a real one.
const SCHEDULES_ON_DISK: u64 = 200;

/// After so many schedules that failed no further ones are run.
const COMPLAINTS_MAX: u64 = 5;

/// Operations in one schedule.
const OPERATIONS: usize = 30;

/// Schedules that fail: lines are repeated, because an archive that was delivered long ago is taken
/// for the rest of a file that was truncated when little of it was known. One that passes is to
/// leave this list.
const FAIL: &[u64] = &[872];

/// Where a schedule runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place<'p> {
    Memory,
    /// In a directory within this one.
    Disk(&'p Path),
}

impl Place<'_> {
    fn ground(self) -> Ground {
        match self {
            Self::Memory => Ground::in_memory(),
            Self::Disk(parent) => tempfile::tempdir_in(parent).unwrap().into(),
        }
    }
}

#[test]
fn random_schedules_in_memory_lose_and_repeat_nothing() {
    if let Some(seed) = number("KINETAIL_SEED") {
        on_threads(1, |_| show(seed, Place::Memory));
        return;
    }
    let count = number("KINETAIL_SCHEDULES").unwrap_or(SCHEDULES);
    let made = check(count, Place::Memory);
    let is_usual = count >= SCHEDULES && number("KINETAIL_FIRST_SEED").is_none();
    if !is_usual || env::var_os("KINETAIL_COMMON").is_some() {
        return;
    }
    let never = TRANSITIONS.iter().filter(|row| !made.contains_key(*row));
    let never: Vec<&Transition> = never.collect();
    assert!(never.is_empty(), "no schedule makes these rows: {never:#?}");
}

#[test]
fn random_schedules_on_a_disk_lose_and_repeat_nothing() {
    let directory = env::temp_dir();
    if let Some(seed) = number("KINETAIL_SEED") {
        on_threads(1, |_| show(seed, Place::Disk(&directory)));
        return;
    }
    let count = number("KINETAIL_SCHEDULES_ON_DISK").unwrap_or(SCHEDULES_ON_DISK);
    check(count, Place::Disk(&directory));
}

/// The rows of the table of phases that schedules made: by how many of them, and the first one.
type Made = BTreeMap<Transition, (u64, u64)>;

/// The rows of the table of phases, with the number of schedules that made each, and the first one.
fn table(made: &Made) -> String {
    let line = |row: &Transition| {
        let (count, first) = made.get(row).copied().unwrap_or_default();
        format!("{count:6} {first:6} {row:?}\n")
    };
    TRANSITIONS.iter().map(line).collect()
}

/// Says which rows of the table of phases were made.
fn check(count: u64, place: Place<'_>) -> Made {
    let first = number("KINETAIL_FIRST_SEED").unwrap_or(1);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let complaints = Mutex::new(Vec::new());
    let usual = ["KINETAIL_COMMON", "KINETAIL_PROMPT"];
    let is_usual = place == Place::Memory && usual.iter().all(|name| env::var_os(name).is_none());
    let fails = if is_usual { FAIL } else { &[] };
    let complaints_max = number("KINETAIL_COMPLAINTS").unwrap_or(COMPLAINTS_MAX);
    let seeds = Seeds::new(first, count);
    let made = on_threads(threads, |_| {
        let mut made = Vec::new();
        while let Some(seed) = seeds.take() {
            if complaints.lock().unwrap().len() as u64 >= complaints_max {
                break;
            }
            drop(phase::made::take());
            let complaint = run(seed, &operations(seed), place).err();
            made.push((seed, phase::made::take()));
            if fails.contains(&seed) {
                if complaint.is_none() {
                    complaints.lock().unwrap().push(format!("seed {seed} passes"));
                }
            } else if let Some(complaint) = complaint {
                let complaint = shrunk(seed, &complaint, place);
                complaints.lock().unwrap().push(complaint);
            }
        }
        made
    });
    let mut all = Made::new();
    for (seed, rows) in made.into_iter().flatten() {
        for row in rows {
            let (count, first) = all.entry(row).or_insert((0, seed));
            (*count, *first) = (*count + 1, seed.min(*first));
        }
    }
    if let Ok(path) = env::var("KINETAIL_ROWS") {
        fs::write(path, table(&all)).unwrap();
    }
    let complaints = complaints.into_inner().unwrap();
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
    all
}

#[test]
fn one_seed_gives_the_same_trace_in_memory_and_on_any_file_system() {
    let count = number("KINETAIL_SAME").unwrap_or(40);
    let here = env::temp_dir();
    let shared = Path::new("/dev/shm");
    let there = if shared.is_dir() { shared } else { &here };
    on_threads(1, |_| {
        for seed in 1..=count {
            let first = trace(seed, Place::Memory);
            for place in [Place::Disk(&here), Place::Disk(there), Place::Memory] {
                let second = trace(seed, place);
                let at = first.lines().zip(second.lines()).position(|(a, b)| a != b);
                assert!(first == second, "seed {seed}: {place:?} parts at record {at:?}");
            }
        }
    });
}

/// Writes a digest of each trace to the file that `KINETAIL_DIGESTS` names: to compare them before
/// and after a change that is to change nothing.
#[test]
fn digests_of_traces_are_written_where_they_are_asked_for() {
    let Ok(path) = env::var("KINETAIL_DIGESTS") else { return };
    let count = number("KINETAIL_SCHEDULES").unwrap_or(SCHEDULES);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let first = number("KINETAIL_FIRST_SEED").unwrap_or(1);
    let directory = env::temp_dir();
    let on_disk = env::var("KINETAIL_ON_DISK").is_ok();
    let place = if on_disk { Place::Disk(&directory) } else { Place::Memory };
    let seeds = Seeds::new(first, count);
    let found = on_threads(threads, |_| {
        let digest = |seed| (seed, Sha256::digest(told(seed, place)));
        std::iter::from_fn(|| seeds.take()).map(digest).collect::<Vec<_>>()
    });
    let mut found: Vec<_> = found.concat();
    found.sort_unstable();
    let lines = found.iter().map(|(seed, digest)| format!("{seed} {:x?}\n", &digest[..12]));
    fs::write(path, lines.collect::<String>()).unwrap();
}

/// What the flow says about files tells more than the lines that are missing.
fn show(seed: u64, place: Place<'_>) {
    let operations = operations(seed);
    let complaint = run(seed, &operations, place).err();
    let failed = complaint.is_some();
    let operations = match &complaint {
        Some(complaint) => shrink(seed, operations, complaint, place),
        None => operations,
    };
    let log = tracing_subscriber::fmt().with_test_writer().without_time().finish();
    let outcome = tracing::subscriber::with_default(log, || run(seed, &operations, place));
    assert!(!failed, "seed {seed}, the fewest operations that fail: {outcome:?}");
}

/// Works on threads that are not above permissions, also where the test runs as root.
fn on_threads<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let work = &work;
    thread::scope(|scope| {
        let start = |number| {
            scope.spawn(move || {
                let none = CapabilitySet::empty();
                let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
                set_capabilities(None, sets).unwrap();
                work(number)
            })
        };
        let threads: Vec<_> = (0..count).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// What a run delivers, in order.
fn trace(seed: u64, place: Place<'_>) -> String {
    match run(seed, &operations(seed), place) {
        Ok(records) => String::from_utf8(records.concat()).unwrap(),
        Err(complaint) => complaint,
    }
}

/// The same, and all that the flow says about files and destinations meanwhile.
fn told(seed: u64, place: Place<'_>) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .without_time()
        .finish();
    let trace = tracing::subscriber::with_default(subscriber, || trace(seed, place));
    let lines = log.0.lock().unwrap();
    if let Ok(path) = env::var("KINETAIL_TRACE_LOG") {
        fs::write(format!("{path}.{seed}"), &*lines).unwrap();
    }
    trace + &String::from_utf8_lossy(&lines)
}

/// What was logged.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Seeds that threads take in turn: some take much longer than others.
struct Seeds {
    next: AtomicU64,
    end: u64,
}

impl Seeds {
    fn new(first: u64, count: u64) -> Self {
        Self { next: AtomicU64::new(first), end: first + count }
    }

    fn take(&self) -> Option<u64> {
        Some(self.next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < self.end)
    }
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

fn operations(seed: u64) -> Vec<Operation> {
    generate(seed, OPERATIONS)
}

/// What is wrong with a schedule, and the fewest of its operations with which something is.
fn shrunk(seed: u64, complaint: &str, place: Place<'_>) -> String {
    let fewest = shrink(seed, operations(seed), complaint, place);
    let again = run(seed, &fewest, place).err().unwrap_or_default();
    let mut text = String::new();
    for operation in &fewest {
        writeln!(text, "  {operation:?}").unwrap();
    }
    format!("seed {seed}: {complaint}\nthe fewest operations that fail:\n{text}: {again}")
}

/// Runs a schedule. `Ok` holds the trace, `Err` what is wrong.
fn run(seed: u64, operations: &[Operation], place: Place<'_>) -> Result<Vec<Vec<u8>>, String> {
    // A panic is a finding like any other, and has a seed.
    let run = panic::catch_unwind(|| {
        let mut model = Model::new(seed, place.ground());
        tracing::info!("{:?}", model.options);
        for operation in operations {
            tracing::info!("{operation:?}");
            model.apply(operation);
        }
        model.finish()
    });
    run.unwrap_or_else(|panic| Err(format!("panic: {:?}", panic.downcast_ref::<String>())))
}

/// Leaves out operations for as long as the rest still fails in the same way: what is lost is not
/// the same as what is repeated.
fn shrink(
    seed: u64,
    mut operations: Vec<Operation>,
    complaint: &str,
    place: Place<'_>,
) -> Vec<Operation> {
    let kind = judge::kind(complaint);
    let mut chunk = operations.len() / 2;
    while chunk > 0 {
        let mut at = 0;
        while at < operations.len() {
            let mut fewer = operations.clone();
            fewer.drain(at..(at + chunk).min(fewer.len()));
            let fails = run(seed, &fewer, place).err();
            if fails.is_some_and(|complaint| judge::kind(&complaint) == kind) {
                operations = fewer;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    operations
}
