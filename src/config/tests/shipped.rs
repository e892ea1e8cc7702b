//! The files that come with kinetail load without a warning and agree with the code.

use std::path::PathBuf;

use super::super::StatusLines;
use super::super::file::{CONVERTERS, FlowFile, TopLevelFile};
use super::*;

const REFERENCE: &str = include_str!("../../../config/kinetail.reference.yaml");
const QUICKSTART: &str = include_str!("../../../config/quickstart.yaml");
const DOCUMENT: &str = include_str!("../../../docs/configuration.md");

#[test]
fn the_quickstart_loads_without_a_warning() {
    let config = loaded(QUICKSTART);
    let ids: Vec<&str> = config.flows.iter().map(|flow| flow.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "kinesis:quickstart-system-logs:/var/log/*.log",
            "fh:quickstart-csv:config/samples/*.csv",
            "kinesis:quickstart-access-logs:config/samples/access*.log",
            "kinesis:quickstart-my-logs:/tmp/kinetail-quickstart*.log",
        ]
    );
    assert_eq!(config.checkpoint_file, PathBuf::from("target/quickstart/checkpoints.db"));
}

#[test]
fn the_reference_loads_without_a_warning() {
    let config = loaded(REFERENCE);
    assert_eq!(config.flows.len(), 4);
}

/// Every key with its default as the reference shows it, commented out.
#[test]
fn the_reference_has_every_key_and_its_commented_defaults_are_the_defaults() {
    let keys = [TopLevelFile::KEYS, FlowFile::KEYS].into_iter().chain(CONVERTERS.iter().copied());
    for key in keys.flatten() {
        assert!(REFERENCE.contains(&format!("{key}:")), "the reference lacks {key}");
        assert!(DOCUMENT.contains(&format!("`{key}`")), "the document lacks {key}");
    }
    // Uncommenting each `#key: value` changes nothing but where no default can be shown.
    let uncommented: String = REFERENCE
        .lines()
        .map(|line| {
            let bare = line.trim_start();
            let indent = line.len() - bare.len();
            match bare.strip_prefix('#') {
                Some(entry) if entry.starts_with(|c: char| c.is_ascii_lowercase()) => {
                    format!("{}{entry}\n", " ".repeat(indent))
                }
                _ => format!("{line}\n"),
            }
        })
        .collect();
    assert_ne!(uncommented, REFERENCE);
    // And where an explicitly set key matters, even with its default.
    let mut expected = loaded(REFERENCE);
    assert_eq!(expected.log.status_lines, StatusLines::Default);
    expected.log.status_lines = StatusLines::Asked;
    assert_eq!(format!("{:?}", loaded(&uncommented)), format!("{expected:?}"));
}

#[test]
fn the_document_has_every_ignored_key() {
    for (key, _) in
        super::super::file::IGNORED_TOP_LEVEL.iter().chain(super::super::file::IGNORED_FLOW)
    {
        assert!(DOCUMENT.contains(&format!("`{key}`")), "the document lacks {key}");
    }
}
