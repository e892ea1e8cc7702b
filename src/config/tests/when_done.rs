//! `whenDone`.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::config::WhenDone;
use crate::disk::disposal::Disposal;

const START: &str = r#""initialPosition": "START_OF_FILE""#;

#[test]
fn files_stay_are_deleted_or_are_moved() {
    assert_eq!(flow(&kinesis(START)).when_done, None);
    assert_eq!(flow(&kinesis(&format!(r#"{START}, "whenDone": "keep""#))).when_done, None);
    let delete = flow(&kinesis(&format!(r#"{START}, "whenDone": "delete""#)));
    let quiet = Duration::from_mins(5);
    assert_eq!(delete.when_done, Some(WhenDone { disposal: Disposal::Delete, quiet }));
    let moved = flow(&kinesis(&format!(
        r#"{START}, "whenDone": {{"move": "/tmp/done"}}, "whenDoneQuietMillis": 60000"#
    )));
    let disposal = Disposal::Move(PathBuf::from("/tmp/done"));
    assert_eq!(moved.when_done, Some(WhenDone { disposal, quiet: Duration::from_mins(1) }));
}

#[test]
fn what_would_remove_files_that_were_not_delivered_is_an_error() {
    for position in ["", r#""initialPosition": "END_OF_FILE", "#] {
        let (kind, message, help) = error(&kinesis(&format!(r#"{position}"whenDone": "delete""#)));
        assert_eq!(kind, Kind::Conflict, "{message}");
        assert!(message.contains("skipped at the first start"), "{message}");
        assert!(help.contains("START_OF_FILE"), "{help}");
    }
}

#[test]
fn directories_that_cannot_be_meant_are_errors() {
    for (value, wanted) in [
        (r#"{"move": "done"}"#, "expected an absolute path"),
        (r#"{"move": "~/done"}"#, "expected an absolute path"),
        (r#"{"move": "file:///tmp"}"#, "expected an absolute path"),
        (r"{}", "'whenDone' has no 'move'"),
        (r#""remove""#, "whenDone"),
        (r#"["delete"]"#, "whenDone"),
    ] {
        let (_, message, help) = error(&kinesis(&format!(r#"{START}, "whenDone": {value}"#)));
        assert!(message.contains(wanted), "{value}: {message}");
        assert!(!help.is_empty(), "{value}: {message}");
    }
}
