//! F01 to F03, F06, F09 and F19 with the real logrotate, as Debian ships it, and the real binary.
//!
//! logrotate is run by force, so that a month of rotations takes seconds. Without it these tests
//! pass with a loud message, or fail if `KINETAIL_REQUIRE_LOGROTATE=1`, as in `.ci/run`.

use std::collections::HashSet;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use fastrand::Rng;

use crate::support::agent::SOON;
use crate::support::load::Lines;
use crate::support::shipment::{QUIET, Shipment};
use crate::support::wait::wait_until;

/// Rotations of one test.
const ROTATIONS: usize = 25;

/// logrotate, with a configuration and a state of its own.
struct Logrotate {
    program: PathBuf,
    dir: tempfile::TempDir,
    log: PathBuf,
}

impl Logrotate {
    /// For one log, with these directives; `None` if this machine has none and need not have it.
    fn new(log: &Path, directives: &str) -> Option<Self> {
        let Some(program) = find() else {
            assert!(
                std::env::var_os("KINETAIL_REQUIRE_LOGROTATE").is_none_or(|set| set != "1"),
                "no logrotate: apt-get install logrotate"
            );
            // Past the capture of the test harness: this must not look like a pass.
            let message = "\n*** NOT TESTED with logrotate, which is not installed\n\n";
            std::io::stderr().write_all(message.as_bytes()).unwrap();
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("logrotate.conf");
        let text = format!("\"{}\" {{\nrotate 100\nmissingok\n{directives}\n}}\n", log.display());
        fs::write(&config, text).unwrap();
        // It reads no configuration that others may change.
        fs::set_permissions(&config, Permissions::from_mode(0o644)).unwrap();
        Some(Self { program, dir, log: log.to_path_buf() })
    }

    /// Rotates once. Says whether logrotate complained that the writer was faster.
    fn rotate(&self) -> bool {
        let output = Command::new(&self.program)
            .arg("--force")
            .arg("--state")
            .arg(self.dir.path().join("state"))
            .arg(self.dir.path().join("logrotate.conf"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // The writer may make the new log just before logrotate does, which then complains; the
        // old one is rotated all the same.
        let raced = said.contains("File exists");
        assert!(output.status.success() || raced, "{}: {said}", output.status);
        self.keep_backup();
        raced
    }

    /// If the writer makes the new log before logrotate does, logrotate moves that one to a
    /// `.backup`, and the next such move destroys it, perhaps within milliseconds and before
    /// anybody can have opened it. It gets a name of its own here.
    fn keep_backup(&self) {
        let entries = fs::read_dir(self.log.parent().unwrap()).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        if let Some(backup) = paths.find(|path| is_backup(path)) {
            let inode = backup.metadata().unwrap().ino();
            fs::rename(&backup, backup.with_extension(format!("{inode}.kept"))).unwrap();
        }
    }

    /// The rotated files. If the writer makes the new log before logrotate does, logrotate moves
    /// that one to a `.backup`, which counts for nothing here.
    fn rotated(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.log.parent().unwrap()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let is_kept = |path: &Path| path.extension().is_some_and(|end| end == "kept");
        paths.filter(|path| *path != self.log && !is_backup(path) && !is_kept(path)).collect()
    }
}

fn is_backup(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "backup")
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    places.map(|place| place.join("logrotate")).find(|program| program.is_file())
}

/// Appends lines to a log until told to stop. It reopens the log for each write, as a
/// shell script does; a line's generation is the file that it went to.
struct Writer {
    stop: SyncSender<()>,
    thread: JoinHandle<Lines>,
}

impl Writer {
    fn start(log: &Path, seed: u64) -> Self {
        let (stop, stopped) = sync_channel(1);
        let log = log.to_path_buf();
        let thread = std::thread::spawn(move || write(&log, &stopped, Rng::with_seed(seed)));
        Self { stop, thread }
    }

    fn stop(self) -> Vec<Vec<u8>> {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap().written
    }
}

fn write(log: &Path, stopped: &Receiver<()>, mut rng: Rng) -> Lines {
    let mut lines = Lines::default();
    let (mut generation, mut inode) = (0, 0);
    while stopped.recv_timeout(Duration::from_micros(rng.u64(..2_000)))
        == Err(RecvTimeoutError::Timeout)
    {
        let mut open = File::options().append(true).create(true).open(log).unwrap();
        let now = open.metadata().unwrap().ino();
        if now != inode {
            (generation, inode) = (generation + 1, now);
        }
        let line = lines.one(&format!("w{generation}"), rng.usize(20..200));
        open.write_all(&line).unwrap();
    }
    lines
}

/// Rotates by renaming while a writer writes all the time. Each file is rotated when the agent has
/// read something of it.
fn rotate_by_renaming(name_pattern: &str, directives: &str, after: fn(&Logrotate, usize)) {
    let mut shipment = Shipment::start(name_pattern);
    let log = shipment.home.log("app.log");
    let Some(logrotate) = Logrotate::new(&log, directives) else { return };
    let writer = Writer::start(&log, shipment.rng.u64(..));
    let (mut newest, mut races) = (0, 0);
    for round in 0..ROTATIONS {
        newest = wait_for_a_newer_file(&shipment, newest);
        races += usize::from(logrotate.rotate());
        after(&logrotate, round);
    }
    wait_for_a_newer_file(&shipment, newest);
    shipment.lines.written = writer.stop();
    // Where it complained it does not compress, and overwrites that file with the next one.
    assert!(logrotate.rotated().len() + races >= ROTATIONS, "each rotation left a file");
    shipment.check();
}

/// Waits for a line of a file that the writer opened after this one; says which.
fn wait_for_a_newer_file(shipment: &Shipment, known: usize) -> usize {
    let mut newest = 0;
    let arrived = || {
        let data = shipment.endpoint.data(&shipment.stream);
        newest = data.iter().filter_map(|record| file_of(record)).max().unwrap_or(0);
        newest > known
    };
    wait_until("line of a new file", SOON, arrived, || shipment.log());
    newest
}

fn file_of(record: &[u8]) -> Option<usize> {
    std::str::from_utf8(record).ok()?.strip_prefix('w')?.split('|').next()?.parse().ok()
}

fn nothing(_: &Logrotate, _: usize) {}

/// F01, F03. `nocreate`, the writer makes the new file: nothing lost, nothing repeated, in order.
#[test]
fn logrotate_nocreate() {
    rotate_by_renaming("app.log*", "nocreate", nothing);
}

/// F01, F03. `create`, and the pattern does not cover the rotated names: the same.
#[test]
fn logrotate_create_with_the_exact_name() {
    rotate_by_renaming("app.log", "create 0640", nothing);
}

/// F02. `dateext`: the same. All of these days are today, so each dated file gets another date.
#[test]
fn logrotate_dateext() {
    rotate_by_renaming("app.log*", "create\ndateext", |logrotate, round| {
        let another = format!("app.log-2020{round:04}");
        let is_todays = |path: &PathBuf| !path.to_string_lossy().contains("app.log-2020");
        let todays = logrotate.rotated().into_iter().find(is_todays).unwrap();
        fs::rename(&todays, todays.with_file_name(another)).unwrap();
    });
}

/// F19. `compress`: the file is compressed and deleted right after it was renamed; the rest is read
/// through the descriptor. Nothing lost, nothing repeated, in order.
#[test]
fn logrotate_compress() {
    rotate_by_renaming("app.log*", "create\ncompress", nothing);
}

/// F19. `compress` and `delaycompress`: the same.
#[test]
fn logrotate_delaycompress() {
    rotate_by_renaming("app.log*", "create\ncompress\ndelaycompress", nothing);
}

/// F06. `copytruncate`, the writer paused around it: nothing lost, nothing repeated, in order.
fn copytruncate_with_pauses(name_pattern: &str) {
    let mut shipment = Shipment::start(name_pattern);
    let log = shipment.home.log("app.log");
    let Some(logrotate) = Logrotate::new(&log, "copytruncate") else { return };
    for round in 0..ROTATIONS {
        let generation = format!("g{round}");
        let known_before = shipment.endpoint.count(&shipment.stream);
        shipment.write("app.log", &generation);
        shipment.wait_for_a_line_of(&generation, known_before);
        // These are likely to be only in the copy when the agent looks again.
        shipment.write("app.log", &generation);
        logrotate.rotate();
    }
    assert_eq!(logrotate.rotated().len(), ROTATIONS);
    shipment.check();
}

#[test]
fn logrotate_copytruncate_with_pauses() {
    copytruncate_with_pauses("app.log*");
}

#[test]
fn logrotate_copytruncate_with_pauses_and_the_exact_name() {
    copytruncate_with_pauses("app.log");
}

/// F09. `copytruncate` under a writer that never pauses: whatever logrotate left in the copies or
/// in the log arrives. What it destroyed is in neither; how much that is and how much of it
/// arrived all the same is told.
#[test]
fn logrotate_copytruncate_under_a_writer_that_never_pauses() {
    let shipment = Shipment::start("app.log*");
    let log = shipment.home.log("app.log");
    let Some(logrotate) = Logrotate::new(&log, "copytruncate") else { return };
    let writer = Writer::start(&log, 9);
    for _ in 0..2 * ROTATIONS {
        let known_before = shipment.endpoint.count(&shipment.stream);
        shipment.wait_for_a_line_of("w1", known_before);
        logrotate.rotate();
    }
    let written: HashSet<Vec<u8>> = writer.stop().into_iter().collect();
    let mut left: Vec<Vec<u8>> = Vec::new();
    for path in logrotate.rotated().iter().chain([&log]) {
        let bytes = fs::read(path).unwrap();
        left.extend(bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
    }
    shipment.endpoint.wait_for_all(&shipment.stream, &left, SOON, || shipment.log());
    shipment.wait_for_quiet(QUIET);
    let left: HashSet<Vec<u8>> = left.into_iter().collect();
    let arrived = shipment.endpoint.data(&shipment.stream);
    let records = arrived.len();
    let arrived: HashSet<Vec<u8>> = arrived.into_iter().collect();
    // Half a line that a copy ends with is a record, too.
    let foreign: Vec<_> =
        arrived.iter().filter(|r| !written.contains(*r) && !left.contains(*r)).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let destroyed: Vec<_> = written.difference(&left).collect();
    let saved = destroyed.iter().filter(|line| arrived.contains(**line)).count();
    println!(
        "{} rotations destroyed {} of {} lines; {saved} of them arrived; {} records came twice",
        2 * ROTATIONS,
        destroyed.len(),
        written.len(),
        records - arrived.len()
    );
}
