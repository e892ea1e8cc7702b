//! `whenDone`: what becomes of a file that is delivered completely.

use std::path::PathBuf;
use std::time::Duration;

use super::diagnostics::{Findings, Kind};
use super::file::{FlowFile, mirror};
use super::parse::{Entry, Value};
use super::path;
use super::slot::Slot;
use super::unknown::{self, Level};
use crate::disk::disposal::Disposal;

/// A file is done if nothing was written to it for this long, unless the flow says otherwise.
const QUIET_MILLIS: u64 = 300_000;

/// The least and the most that can be asked for: a second, a week.
const QUIET_RANGE_MILLIS: std::ops::RangeInclusive<u64> = 1_000..=604_800_000;

/// The `initialPosition` with which no byte of a file is passed over.
const START: &str = "START_OF_FILE";

/// What becomes of a file, and when.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WhenDone {
    /// What.
    pub disposal: Disposal,
    /// After nothing was written to it for this long.
    pub quiet: Duration,
}

mirror! {
    /// `whenDone` as a map.
    MoveFile {
        to: "move" own,
    }
}

/// What the words mean.
const WORDS: &[(&str, bool)] = &[("delete", true), ("keep", false)];

/// Reads it; nothing if files stay where they are.
pub(super) fn of(file: &FlowFile<'_>, findings: &mut Findings<'_>) -> Option<WhenDone> {
    let quiet = file.when_done_quiet_millis.millis(findings, QUIET_RANGE_MILLIS, QUIET_MILLIS);
    let slot = file.when_done;
    let disposal = match &slot.node()?.value {
        Value::Map(entries) => directory(slot, entries, findings).map(Disposal::Move),
        Value::List(_) | Value::Null | Value::Scalar(_) => {
            slot.choice(findings, WORDS, false).then_some(Disposal::Delete)
        }
    }?;
    // What is wrong with the key itself is reported where the flow reads it.
    if !reads_whole_files(file) {
        let message = "'whenDone' would remove files that were skipped at the first start";
        slot.error(findings, Kind::Conflict, message.to_owned())
            .help("set 'initialPosition: START_OF_FILE', so that all files are delivered");
    }
    Some(WhenDone { disposal, quiet })
}

fn reads_whole_files(file: &FlowFile<'_>) -> bool {
    let text = file.initial_position.scalar_text();
    text.is_some_and(|text| text.trim().eq_ignore_ascii_case(START))
}

/// The directory that delivered files are moved into.
fn directory(slot: Slot<'_>, entries: &[Entry], findings: &mut Findings<'_>) -> Option<PathBuf> {
    let level = Level { keys: MoveFile::KEYS, ignored: &[], elsewhere: &[] };
    unknown::warn(entries, &level, findings);
    let to = MoveFile::of(entries).to;
    let Some(text) = to.text_not_empty(findings) else {
        let message = "'whenDone' has no 'move'".to_owned();
        slot.error(findings, Kind::Missing, message)
            .help("write keep, delete, or {\"move\": \"/var/spool/app/done\"}");
        return None;
    };
    let directory = PathBuf::from(text);
    if !directory.is_absolute() {
        let message = format!("'move': expected an absolute path, found {}", to.quoted(findings));
        to.error(findings, Kind::Invalid, message)
            .help("use an existing directory on the file system of the logs");
        return None;
    }
    if let Some(odd) = path::odd_path(text) {
        let message = format!("'move' {}", odd.what);
        to.error(findings, Kind::Invalid, message).help(odd.help);
        return None;
    }
    Some(directory)
}
