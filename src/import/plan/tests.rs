//! What the black-box tests of the takeover cannot arrange, or not on every file system.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::*;
use crate::config::Environment;
use crate::tail::holes::Holes;
use crate::tail::identity::Anchor;

const MILLIS_LATER: i64 = 10 * 60 * 60 * 1000;

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn flow(&self, name_pattern: &str) -> FlowConfig {
        let pattern = self.path(name_pattern);
        let text = format!(
            "{{\"flows\":[{{\"filePattern\":\"{}\",\"kinesisStream\":\"s\"}}]}}",
            pattern.display()
        );
        let (mut config, _) =
            crate::config::load(&text, Path::new("f"), &Environment::default()).unwrap();
        config.flows.remove(0)
    }

    /// Writes a file and gives the row that the Java agent would have at this offset.
    fn file(&self, name: &str, content: &str, offset: u64) -> Row {
        fs::write(self.path(name), content).unwrap();
        let meta = fs::metadata(self.path(name)).unwrap();
        let modified_millis = meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000;
        Row {
            path: self.path(name),
            inode: Some(Inode { device: meta.dev(), number: meta.ino() }),
            modified_millis,
            size: content.len() as u64,
            offset: Some(offset),
            updated_millis: Some(modified_millis + MILLIS_LATER),
        }
    }
}

fn kinds(plan: &FlowPlan) -> Vec<(Kind, u64)> {
    plan.lines.iter().map(|line| (line.kind, line.offset)).collect()
}

#[test]
fn a_checkpoint_has_the_proof_of_what_lies_before_it() {
    let dir = Dir::new();
    let row = dir.file("a", "one\ntwo\nthree\n", 8);
    let plan = plan(&dir.flow("a"), std::slice::from_ref(&row));
    assert_eq!(kinds(&plan), [(Kind::Continued, 8)]);
    let expected = Checkpoint {
        file: FileKey(1),
        inode: row.inode.unwrap(),
        path: row.path,
        real: None,
        head: Head::of(b"one\ntwo\nthree\n"),
        offset: 8,
        anchor: Anchor::of(b"one\ntwo\n"),
        life: Life::Live,
        holes: Holes::NONE,
        places: Vec::new(),
        cursor: None,
    };
    assert_eq!(plan.checkpoints, [expected]);
}

#[test]
fn of_a_file_that_has_rows_under_two_names_the_newest_counts() {
    let dir = Dir::new();
    let row = dir.file("a.1", "one\ntwo\n", 8);
    let before = Row { path: dir.path("a"), offset: Some(4), ..row.clone() };
    let plan = plan(&dir.flow("a*"), &[before, row]);
    assert_eq!(kinds(&plan), [(Kind::Continued, 8)]);
    assert_eq!(plan.checkpoints[0].life, Life::Live, "its newest name is the one that it has");
}

#[test]
fn an_older_file_that_is_gone_is_named_and_no_gap() {
    let dir = Dir::new();
    let row = dir.file("a", "one\n", 4);
    let gone = Row {
        path: dir.path("a.1"),
        inode: row.inode.map(|inode| Inode { number: inode.number + 1_000_000, ..inode }),
        ..row.clone()
    };
    let plan = plan(&dir.flow("a*"), &[gone, row]);
    assert_eq!(kinds(&plan), [(Kind::Continued, 4), (Kind::Vanished, 4)]);
    assert!(!plan.lines.iter().any(Line::is_gap));
}

#[test]
fn a_row_without_a_readable_file_id_is_a_gap() {
    let dir = Dir::new();
    let row = Row { inode: None, ..dir.file("a", "one\n", 4) };
    let plan = plan(&dir.flow("a"), &[row]);
    assert_eq!(kinds(&plan), [(Kind::NotFound, 4), (Kind::New, 0)]);
    assert!(plan.checkpoints.is_empty() && plan.lines.iter().any(Line::is_gap));
}

#[test]
fn a_file_that_cannot_be_read_is_a_gap() {
    let dir = Dir::new();
    let row = dir.file("a", "one\n", 4);
    fs::set_permissions(dir.path("a"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(dir.path("a")).is_ok() {
        // Root may read everything.
        return;
    }
    let plan = plan(&dir.flow("a"), &[row]);
    assert_eq!(kinds(&plan), [(Kind::Unreadable, 0)]);
    assert!(plan.lines.iter().any(Line::is_gap));
}

#[test]
fn behind_add_brackets_the_record_at_the_offset_was_sent() {
    let dir = Dir::new();
    let row = dir.file("a", "one\ntwo\nthree\n", 4);
    let mut flow = dir.flow("a");
    flow.converters = vec![ConverterConfig::AddBrackets];
    assert_eq!(kinds(&plan(&flow, std::slice::from_ref(&row))), [(Kind::Continued, 8)]);
    let first = Row { offset: Some(0), ..row };
    assert_eq!(kinds(&plan(&flow, &[first])), [(Kind::Continued, 4)]);
}

#[test]
fn a_device_that_was_given_another_number_is_no_obstacle() {
    let dir = Dir::new();
    let row = dir.file("a", "one\ntwo\n", 4);
    let inode = row.inode.unwrap();
    let other = Inode { device: inode.device + 1, ..inode };
    let plan = plan(&dir.flow("a"), &[Row { inode: Some(other), ..row }]);
    assert_eq!(kinds(&plan), [(Kind::Continued, 4)]);
    assert_eq!(plan.checkpoints[0].inode, inode, "kinetail goes by the number that it has now");
}

#[test]
fn without_rows_there_is_nothing_to_do() {
    let dir = Dir::new();
    let plan = plan(&dir.flow("a"), &[]);
    assert!(plan.lines.is_empty() && plan.checkpoints.is_empty());
}
