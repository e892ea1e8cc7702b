//! Files that grow, are rotated, cannot be written, or are taken away.

use std::io::Read as _;

use flate2::read::GzDecoder;

use super::*;

fn log_in(dir: &Path, bytes_max: u64, backups_max: usize) -> LogFile {
    LogFile::new(LogFileConfig {
        path: dir.join("logs/k.log"),
        bytes_max,
        backups_max,
        backup_age_max: Duration::from_hours(24),
        compress: false,
    })
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir.join("logs")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_full_file_is_rotated_and_only_so_many_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = log_in(dir.path(), 10, 2);
    let (now, mut stderr) = (Instant::now(), Vec::new());
    for number in 0..6 {
        log.write_line(format!("line {number}\n").as_bytes(), now, &mut stderr);
    }
    assert!(stderr.is_empty());
    let found = names(dir.path());
    assert_eq!(found.len(), 3, "{found:?}");
    let text: Vec<String> = found
        .iter()
        .map(|name| fs::read_to_string(dir.path().join("logs").join(name)).unwrap())
        .collect();
    assert_eq!(text, ["line 5\n", "line 3\n", "line 4\n"], "{found:?}");
}

#[test]
fn a_line_longer_than_the_limit_has_a_file_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = log_in(dir.path(), 5, 9);
    let now = Instant::now();
    for _ in 0..2 {
        log.write_line(b"a long line\n", now, &mut Vec::new());
    }
    assert_eq!(names(dir.path()).len(), 2);
}

#[test]
fn without_backups_the_file_starts_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = log_in(dir.path(), 10, 0);
    for line in ["first\n", "second\n"] {
        log.write_line(line.as_bytes(), Instant::now(), &mut Vec::new());
    }
    assert_eq!(names(dir.path()), ["k.log"]);
    assert_eq!(fs::read_to_string(dir.path().join("logs/k.log")).unwrap(), "second\n");
}

#[test]
fn what_is_too_old_goes_and_what_is_not_ours_stays() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let old = File::create(logs.join("k.log.20200101-000000.gz")).unwrap();
    old.set_modified(SystemTime::now() - Duration::from_hours(25)).unwrap();
    let others = ["k.log.1", "k.log.20200101", "k.log.20200101-000000.txt", "other.log"];
    for name in others {
        File::create(logs.join(name)).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    let mut log = log_in(dir.path(), 10, 9);
    for line in ["first\n", "second\n"] {
        log.write_line(line.as_bytes(), Instant::now(), &mut Vec::new());
    }
    let found = names(dir.path());
    assert!(others.iter().all(|name| found.iter().any(|found| found == name)), "{found:?}");
    assert_eq!(found.len(), others.len() + 2, "{found:?}");
}

#[test]
fn old_files_are_compressed_if_that_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = log_in(dir.path(), 10, 9);
    log.config.compress = true;
    for line in ["first\n", "second\n"] {
        log.write_line(line.as_bytes(), Instant::now(), &mut Vec::new());
    }
    log.finish();
    let found = names(dir.path());
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].ends_with(COMPRESSED), "{found:?}");
    let mut text = String::new();
    let compressed = File::open(dir.path().join("logs").join(&found[1])).unwrap();
    GzDecoder::new(compressed).read_to_string(&mut text).unwrap();
    assert_eq!(text, "first\n");
}

#[test]
fn a_file_that_cannot_be_written_is_told_once_and_the_lines_go_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    // A file stands where the directory should be.
    fs::write(dir.path().join("logs"), "").unwrap();
    let mut log = log_in(dir.path(), 10, 2);
    let (start, mut stderr) = (Instant::now(), Vec::new());
    for second in 0..12 {
        log.write_line(b"line\n", start + Duration::from_secs(second), &mut stderr);
    }
    let text = String::from_utf8(stderr).unwrap();
    assert_eq!(text.matches("line\n").count(), 12, "{text}");
    assert_eq!(text.matches("cannot write log file").count(), 1, "{text}");
    assert!(text.starts_with("kinetail: cannot write log file "), "loud, and first: {text}");
    fs::remove_file(dir.path().join("logs")).unwrap();
    let mut stderr = Vec::new();
    log.write_line(b"works\n", start + Duration::from_mins(1), &mut stderr);
    assert!(String::from_utf8(stderr).unwrap().contains("again"));
    assert_eq!(fs::read_to_string(dir.path().join("logs/k.log")).unwrap(), "works\n");
}

#[test]
fn a_full_disk_is_survived() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("logs")).unwrap();
    // Every write to it fails with "no space left on device".
    std::os::unix::fs::symlink("/dev/full", dir.path().join("logs/k.log")).unwrap();
    let mut log = log_in(dir.path(), 1_000, 2);
    let (start, mut stderr) = (Instant::now(), Vec::new());
    log.write_line(b"line\n", start, &mut stderr);
    let text = String::from_utf8(stderr).unwrap();
    assert!(text.contains("No space left on device") && text.ends_with("line\n"), "{text}");
    fs::remove_file(dir.path().join("logs/k.log")).unwrap();
    log.write_line(b"later\n", start + RETRY_AFTER, &mut Vec::new());
    assert_eq!(fs::read_to_string(dir.path().join("logs/k.log")).unwrap(), "later\n");
}

#[test]
fn a_file_that_was_moved_away_is_created_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = log_in(dir.path(), 1_000, 2);
    let start = Instant::now();
    log.write_line(b"first\n", start, &mut Vec::new());
    let path = dir.path().join("logs/k.log");
    fs::rename(&path, dir.path().join("logs/k.log.1")).unwrap();
    log.write_line(b"second\n", start + LOOK_EVERY, &mut Vec::new());
    assert_eq!(fs::read_to_string(&path).unwrap(), "second\n");
}
