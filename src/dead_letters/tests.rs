//! Files of dead letters on a real disk, with a clock that the test moves.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::*;
use crate::batch::dead_letter::{Bounds, Place, Reason, Stage, Undelivered, Why, encode};
use crate::tail::identity::FileKey;

const FLOW: &str = "kinesis:s:/var/log/*.log";
/// A writer holds its lock for less.
const LOCKED: Duration = Duration::from_secs(11);

const LOOSE: Bounds = Bounds { bytes_max: u64::MAX, age_max: Duration::from_hours(24) };

/// A letter with this data, as a line.
fn line(data: &str) -> Vec<u8> {
    let letter = Undelivered {
        reason: Reason::Unparsable,
        code: "PARSEJSON".to_owned(),
        message: String::new(),
        file: FileKey(1),
        offset: 0,
        len: data.len() as u64,
        stage: Stage::Line,
        data: data.as_bytes().to_vec(),
    };
    let mut line = Vec::new();
    let place = Place { file: b"/var/log/a.log", log: b"/var/log/a.log" };
    encode(&letter, place, ("2026-11-29T00:00:00.000Z", FLOW), &mut line);
    line
}

/// A writer of a flow on a clock of its own.
struct Desk {
    dir: tempfile::TempDir,
    writer: Writer,
    now: Moment,
}

impl Desk {
    fn new(bounds: Bounds) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("letters");
        // Files are dated by the real clock.
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let now = Moment { instant: Instant::now(), wall };
        Self { writer: Writer::new(&path, FLOW, bounds), dir, now }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("letters")
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.wall += time;
    }

    /// Time passes until the writer releases its file.
    fn close(&mut self) {
        self.pass(LOCKED);
        self.writer.tend(self.now, &mut Vec::new()).unwrap();
    }

    /// What ends a run begins another.
    fn restart(&mut self, bounds: Bounds) {
        self.writer = Writer::new(&self.path(), FLOW, bounds);
    }

    fn append(&mut self, data: &str) -> Result<Vec<Dropped>, DeadLetterError> {
        let mut dropped = Vec::new();
        self.writer.append(&line(data), self.now, &mut dropped).map(|()| dropped)
    }

    fn data(&self) -> Vec<String> {
        let directory = Directory::open(&self.path()).unwrap();
        let files = directory.list().unwrap();
        let letters = files.iter().flat_map(|file| directory.read(&file.name).unwrap().lines);
        letters.map(|line| String::from_utf8(line.letter.unwrap().data).unwrap()).collect()
    }

    fn names(&self) -> Vec<String> {
        let directory = Directory::open(&self.path()).unwrap();
        directory.list().unwrap().iter().map(|file| file.name.to_string()).collect()
    }
}

#[test]
fn letters_go_into_one_file_until_it_is_old_or_in_use() {
    let mut desk = Desk::new(LOOSE);
    desk.append("1").unwrap();
    desk.pass(Duration::from_secs(9));
    desk.append("2").unwrap();
    let directory = Directory::open(&desk.path()).unwrap();
    let name = directory.list().unwrap()[0].name.clone();
    assert!(directory.lock(&name).unwrap().is_none(), "the writer has it");
    desk.close();
    assert!(directory.lock(&name).unwrap().is_some(), "the writer waits for letters");
    desk.append("3").unwrap();
    assert_eq!(desk.names().len(), 1);
    desk.close();
    let locked = directory.lock(&name).unwrap().unwrap();
    desk.append("4").unwrap();
    assert_eq!(desk.names().len(), 2, "the other file is in use");
    drop(locked);
    desk.pass(Duration::from_hours(1));
    desk.append("5").unwrap();
    assert_eq!(desk.names().len(), 3, "the second file is old");
    assert_eq!(desk.data(), ["1", "2", "3", "4", "5"]);
}

#[test]
fn a_file_that_was_rewritten_gets_no_more() {
    let mut desk = Desk::new(LOOSE);
    for data in ["1", "2"] {
        desk.append(data).unwrap();
    }
    desk.close();
    let directory = Directory::open(&desk.path()).unwrap();
    let name = directory.list().unwrap()[0].name.clone();
    let mut file = directory.lock(&name).unwrap().unwrap();
    let lines = file.read(&directory).unwrap().lines;
    file.keep(&directory, &[&lines[1].bytes]).unwrap();
    desk.append("3").unwrap();
    assert_eq!((desk.names().len(), desk.data()), (2, vec!["2".to_owned(), "3".to_owned()]));
}

#[test]
fn the_oldest_file_is_dropped_for_a_newer_one_and_told() {
    let two = 2 * line("x").len() as u64;
    let bounds = Bounds { bytes_max: two, ..LOOSE };
    let mut desk = Desk::new(bounds);
    for data in ["1", "2"] {
        assert_eq!(desk.append(data).unwrap(), []);
        desk.pass(Duration::from_secs(1));
        desk.restart(bounds);
    }
    let oldest = desk.path().join(&desk.names()[0]);
    let dropped = desk.append("3").unwrap();
    let expected = Dropped {
        path: oldest,
        why: Why::Bytes,
        letters: 1,
        bytes: two / 2,
        sources: vec!["/var/log/a.log".to_owned()],
    };
    assert_eq!(dropped, [expected]);
    assert_eq!(desk.data(), ["2", "3"]);
}

#[test]
fn old_files_are_dropped_and_told() {
    let mut desk = Desk::new(LOOSE);
    desk.append("1").unwrap();
    desk.pass(Duration::from_hours(23));
    let mut dropped = Vec::new();
    desk.writer.tend(desk.now, &mut dropped).unwrap();
    assert_eq!(dropped, [], "it is not old");
    desk.pass(Duration::from_hours(2));
    desk.writer.tend(desk.now, &mut dropped).unwrap();
    assert_eq!(
        dropped.iter().map(|file| (file.why, file.letters)).collect::<Vec<_>>(),
        [(Why::Age, 1)]
    );
    assert_eq!(desk.names().len(), 0);
}

#[test]
fn a_file_that_another_process_works_on_is_not_dropped() {
    let mut desk = Desk::new(Bounds { bytes_max: 1, ..LOOSE });
    desk.append("1").unwrap();
    desk.close();
    let directory = Directory::open(&desk.path()).unwrap();
    let name = directory.list().unwrap()[0].name.clone();
    let locked = directory.lock(&name).unwrap().unwrap();
    assert_eq!(desk.append("2").unwrap(), []);
    assert_eq!(desk.data(), ["1", "2"]);
    drop(locked);
}

#[test]
fn files_of_other_flows_and_programs_are_left_alone() {
    let mut desk = Desk::new(Bounds { bytes_max: 1, ..LOOSE });
    fs::create_dir(desk.path()).unwrap();
    let mut other = Writer::new(&desk.path(), "another flow", LOOSE);
    other.append(&line("other"), desk.now, &mut Vec::new()).unwrap();
    drop(other);
    fs::write(desk.path().join("notes.ndjson"), "mine").unwrap();
    let precious = desk.dir.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    let tag = crate::batch::dead_letter::LetterFileName::tag_of(FLOW);
    symlink(&precious, desk.path().join(format!("dead-{tag}-0000000000001-000001.ndjson")))
        .unwrap();
    fs::create_dir(desk.path().join(format!("dead-{tag}-0000000000001-000002.ndjson"))).unwrap();
    for data in ["1", "2"] {
        desk.append(data).unwrap();
        desk.restart(Bounds { bytes_max: 1, ..LOOSE });
    }
    let data = desk.data();
    assert_eq!(data.iter().filter(|data| *data == "other").count(), 1);
    assert_eq!(data.len(), 2, "{data:?}");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    assert_eq!(fs::read_dir(desk.path()).unwrap().count(), 5);
}

#[test]
fn what_is_removed_while_it_is_written_to_is_begun_again() {
    let mut desk = Desk::new(LOOSE);
    desk.append("1").unwrap();
    fs::remove_file(desk.path().join(&desk.names()[0])).unwrap();
    desk.append("2").unwrap();
    assert_eq!(desk.data(), ["2"]);
    fs::rename(desk.path(), desk.dir.path().join("moved")).unwrap();
    desk.append("3").unwrap();
    assert_eq!(desk.data(), ["3"]);
}

#[test]
fn half_a_line_at_the_end_of_a_file_is_not_a_letter() {
    let mut desk = Desk::new(LOOSE);
    desk.append("1").unwrap();
    let path = desk.path().join(&desk.names()[0]);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(&line("2")[..20]);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(desk.data(), ["1"]);
}

#[test]
fn a_directory_that_others_can_write_to_is_refused() {
    let mut desk = Desk::new(LOOSE);
    let refused = |desk: &mut Desk| {
        let error = desk.append("1").unwrap_err();
        assert!(matches!(error, DeadLetterError::Unsafe { .. }), "{error}");
        fs::read_dir(desk.path()).unwrap().count()
    };
    fs::create_dir(desk.path()).unwrap();
    for mode in [0o777, 0o1777, 0o720] {
        fs::set_permissions(desk.path(), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(refused(&mut desk), 0);
    }
    fs::set_permissions(desk.path(), fs::Permissions::from_mode(0o755)).unwrap();
    desk.append("1").unwrap();
}

#[test]
fn a_link_is_not_followed_even_with_a_slash_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let (target, link) = (dir.path().join("target"), dir.path().join("link"));
    fs::create_dir(&target).unwrap();
    symlink(&target, &link).unwrap();
    for path in [link.clone(), Path::new(&format!("{}/", link.display())).to_owned()] {
        let error = Directory::create(&path).unwrap_err();
        assert!(error.to_string().contains("it is a symbolic link"), "{error}");
    }
    // One that leads nowhere is no better.
    fs::remove_dir(&target).unwrap();
    let error = Directory::create(&link).unwrap_err();
    assert!(error.to_string().contains("it is a symbolic link"), "{error}");
    assert!(!target.try_exists().unwrap());
}

#[test]
fn a_rewritten_file_keeps_its_lock_its_mode_and_what_is_left() {
    let mut desk = Desk::new(LOOSE);
    for data in ["1", "2", "3"] {
        desk.append(data).unwrap();
    }
    desk.close();
    let directory = Directory::open(&desk.path()).unwrap();
    let name = directory.list().unwrap()[0].name.clone();
    // What a process left that was killed while it rewrote the file.
    fs::write(desk.path().join(format!("{name}.new")), "torn").unwrap();
    let mut file = directory.lock(&name).unwrap().unwrap();
    let lines = file.read(&directory).unwrap().lines;
    let kept: Vec<&[u8]> = lines.iter().skip(1).map(|line| line.bytes.as_slice()).collect();
    file.keep(&directory, &kept).unwrap();
    assert_eq!(desk.data(), ["2", "3"]);
    let mode = fs::metadata(desk.path().join(name.to_string())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let file = directory.lock(&name).unwrap().unwrap();
    assert!(directory.lock(&name).unwrap().is_none());
    file.keep(&directory, &[]).unwrap();
    assert_eq!(fs::read_dir(desk.path()).unwrap().count(), 0);
}
