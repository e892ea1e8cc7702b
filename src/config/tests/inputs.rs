//! `input`, and what belongs to it.

use super::super::Input;
use super::*;
use crate::process::journal::Shape;

const PAGE: &str = include_str!("../../../docs/inputs.md");

fn input(entries: &str) -> String {
    format!("{{\"flows\": [{{\"kinesisStream\": \"s\", {entries}}}]}}")
}

#[test]
fn a_flow_of_the_journal_has_an_id_by_what_it_follows() {
    let cases = [
        ("", "kinesis:s:journald"),
        (r#", "journalPriority": "err", "journalFields": ["MESSAGE"]"#, "kinesis:s:journald"),
        (
            r#", "journalUnits": ["b", "a"], "journalIdentifiers": ["c"],
                "journalDirectory": "/j""#,
            "kinesis:s:journald:directory=/j,identifier=c,unit=a,unit=b",
        ),
    ];
    for (more, id) in cases {
        assert_eq!(flow(&input(&format!("\"input\": \"journald\"{more}"))).id, id);
    }
    assert_eq!(flow(&input(r#""input": "stdin""#)).id, "kinesis:s:stdin");
}

#[test]
fn fields_are_the_message_some_or_all() {
    let shape = |fields: &str| {
        let text = format!(r#""input": "journald", "journalFields": {fields}"#);
        match flow(&input(&text)).input {
            Input::Journal(journal) => journal.shape,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(shape("[]"), Shape::Message);
    assert_eq!(
        shape(r#"["MESSAGE", "_PID"]"#),
        Shape::Fields(vec!["MESSAGE".into(), "_PID".into()])
    );
    assert_eq!(shape(r#"["MESSAGE", "*"]"#), Shape::AllFields);
}

#[test]
fn what_cannot_be_is_an_error() {
    let cases = [
        (r#""input": "journal", "filePattern": "/l/a""#, "'input': invalid value"),
        (r#""input": "journald", "filePattern": "/l/a""#, "'filePattern' cannot be used"),
        (r#""input": "stdin", "skipHeaderLines": 1"#, "'skipHeaderLines' cannot be used"),
        (r#""input": "stdin", "initialPosition": "START_OF_FILE""#, "'initialPosition' cannot"),
        (r#""input": "journald", "journalPriority": "warn""#, "'journalPriority': invalid value"),
        (r#""input": "journald", "journalFields": ["message"]"#, "invalid field name"),
        (r#""input": "journald", "journalUnits": [""]"#, "'journalUnits': "),
        (r#""input": "journald", "journalCommand": "journalctl""#, "is not an absolute path"),
        (
            r#""input": "stdin", "dataProcessingOptions": [{"optionName": "PARSECRI"}]"#,
            "'PARSECRI', 'PARSEDOCKER'",
        ),
    ];
    for (entries, wanted) in cases {
        let (_, message, help) = error(&input(entries));
        assert!(message.contains(wanted), "{entries}: {message}");
        assert!(!help.is_empty());
    }
    let two = r#"{"flows": [{"input": "stdin", "kinesisStream": "a"},
        {"input": "stdin", "kinesisStream": "b"}]}"#;
    assert!(error(two).1.contains("second flow of standard input"));
}

#[test]
fn keys_of_the_journal_do_nothing_for_files() {
    let (kind, message, _) = warning(&kinesis(r#""journalUnits": ["a"]"#));
    assert_eq!(kind, Kind::NoEffect);
    assert!(message.contains("'journalUnits' is ignored"), "{message}");
}

#[test]
fn the_configurations_of_the_page_are_right() {
    let mut found = Vec::new();
    for block in PAGE.split("```").skip(1).step_by(2) {
        let Some((kind, text)) = block.split_once('\n') else { continue };
        if kind.split(' ').next() != Some("yaml") {
            continue;
        }
        let loaded = load(text, Path::new("kinetail.yaml"), &Environment::default());
        let (config, warnings) = loaded.unwrap_or_else(|report| panic!("{text}: {report}"));
        assert_eq!(warnings, [], "{text}");
        found.push(config.flows[0].id.clone());
    }
    assert_eq!(found, ["kinesis:system:journald", "kinesis:app:stdin"]);
}
