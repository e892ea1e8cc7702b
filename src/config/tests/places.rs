//! Every mistake in one report, each where it stands, and no input that makes the loader panic.

use super::super::{ReadError, read};
use super::*;

/// Line and column of the only diagnostic.
fn place(text: &str) -> (usize, usize) {
    let found = match try_load(text) {
        Ok((_, warnings)) => warnings,
        Err(report) => report.diagnostics,
    };
    let [found] = found.as_slice() else { panic!("not one: {found:?}") };
    (found.place.line, found.place.column)
}

#[test]
fn all_mistakes_are_in_one_report_in_the_order_of_the_file() {
    let report = report(
        "{\n  \"region\": \"US East\",\n  \"regoin\": 1,\n  \"flows\": [\n    \
         {\"filePattern\": \"a.log\", \
         \"maxBufferSizeRecords\": 900},\n    {\"kinesisStream\": \"s\", \"kinesisStream\": \"t\", \
         \"wire\": \"xml\"}\n  ]\n}",
    );
    let expected = "\
agent.json:2:13: error: 'region': invalid region \"US East\"
    2 |   \"region\": \"US East\",
      |             ^^^^^^^^^
  help: did you mean us-east-1?

agent.json:3:3: warning: unknown key \"regoin\"
    3 |   \"regoin\": 1,
      |   ^^^^^^^^
  help: did you mean \"region\"?

agent.json:5:5: error: the flow has no destination
    5 |     {\"filePattern\": \"a.log\", \"maxBufferSizeRecords\": 900},
      |     ^
  help: set \"kinesisStream\" or \"deliveryStream\"

agent.json:5:21: error: 'filePattern': invalid pattern \"a.log\": no directory part
    5 |     {\"filePattern\": \"a.log\", \"maxBufferSizeRecords\": 900},
      |                     ^^^^^^^
  help: use a directory and a file name, e.g. \"/var/log/app.log*\"

agent.json:5:54: error: 'maxBufferSizeRecords': 900 is out of range (1 to 500)
    5 |     {\"filePattern\": \"a.log\", \"maxBufferSizeRecords\": 900},
      |                                                      ^^^
  help: omit the key to use the default (500)

agent.json:6:5: error: required value missing: 'filePattern'
    6 |     {\"kinesisStream\": \"s\", \"kinesisStream\": \"t\", \"wire\": \"xml\"}
      |     ^
  help: specify the files to follow, e.g. \"/var/log/app.log*\"

agent.json:6:28: warning: duplicate key 'kinesisStream'
    6 |     {\"kinesisStream\": \"s\", \"kinesisStream\": \"t\", \"wire\": \"xml\"}
      |                            ^^^^^^^^^^^^^^^
agent.json:6:6: note: this value is ignored
    6 |     {\"kinesisStream\": \"s\", \"kinesisStream\": \"t\", \"wire\": \"xml\"}
      |      ^^^^^^^^^^^^^^^
  help: the last value is used; remove the others

agent.json:6:58: error: 'wire': invalid value \"xml\"; expected one of auto, cbor, json
    6 |     {\"kinesisStream\": \"s\", \"kinesisStream\": \"t\", \"wire\": \"xml\"}
      |                                                          ^^^^^
  help: values are case-sensitive

6 errors and 2 warnings in agent.json";
    assert_eq!(report.to_string(), expected);
}

#[test]
fn places_are_true_behind_comments_tabs_wide_characters_and_any_line_end() {
    for (text, expected) in [
        (top("\"x1234\": 1"), (1, 2)),
        (format!("/* é\n */ {{ // x\r\n\t\"x1234\": 1, \"flows\": [{FLOW}]}}"), (3, 2)),
        (format!("{{/* 日本 */ \"x1234\": 1, \"flows\": [{FLOW}]}}"), (1, 11)),
        (format!("\u{feff}{{\"x1234\": 1, \"flows\": [{FLOW}]}}"), (1, 2)),
        (format!("# 日本\r\n\r\nx1234: 1\r\nflows: [{FLOW}]\r\n"), (3, 1)),
        (format!("flows: [{FLOW}]\n\"x1234\" : 1\n"), (2, 1)),
        (format!("region: 'é' \nflows: [{FLOW}]\n"), (1, 9)),
        ("flows:\n  - filePattern: /日/本\n    kinesisStream: 'a b'\n".to_owned(), (3, 20)),
        (format!("flows: [{FLOW}]\nshutdownTimeoutMillis:\n"), (2, 1)),
    ] {
        assert_eq!(place(&text), expected, "{text}");
    }
}

#[test]
fn text_that_is_no_document_is_an_error_with_a_place() {
    for (text, message, at) in [
        ("{\n  # x\n}", "'#' does not start a comment in JSON; use '//'", (2, 3)),
        ("{\n  flows: []}", "JSON keys and strings require double quotes", (2, 3)),
        ("{\"a\": \"x\n\"}", "the string is not closed on its line", (1, 7)),
        ("{ /* x", "the comment is never closed; '*/' is missing", (1, 3)),
        ("{\"a\": 1", "this '{' is never closed", (1, 1)),
        ("flows:\n- a: [1\n", "unclosed bracket '['", (2, 6)),
        ("region: a: b", "mapping values are not allowed in this context", (1, 9)),
    ] {
        let found = error(text);
        assert_eq!((found.0, found.1.as_str()), (Kind::Syntax, message), "{text}");
        assert_eq!(place(text), at, "{text}");
    }
}

#[test]
fn what_follows_the_map_is_pointed_at_and_keeps_its_secrets() {
    let (_, warnings) = load(
        &format!("{{\"flows\": [{FLOW}]}}\n}} {{\"awsSecretAccessKey\": \"hidden\"}}"),
        Path::new("agent.json"),
        &Environment::default(),
    )
    .unwrap();
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    let said = warning.to_string();
    assert!(said.contains("agent.json:2:1: warning: content after the end"), "{said}");
    assert!(!said.contains("hidden"), "{said}");
}

#[test]
fn a_file_is_read_or_the_reason_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.json");
    let read = || read(&path, &Environment::default());
    let error = read().unwrap_err();
    assert!(matches!(error, ReadError::NotFound { .. }));
    assert!(error.to_string().ends_with("agent.json: no such file; specify another with -c"));
    std::fs::write(&path, format!("{{\"flows\": [{FLOW}]}}")).unwrap();
    assert_eq!(read().unwrap().config.flows.len(), 1);
    std::fs::write(&path, b"{\xff}").unwrap();
    assert!(matches!(read().unwrap_err(), ReadError::NotUtf8 { at: 2, .. }));
    std::fs::write(&path, "{}").unwrap();
    let ReadError::Invalid(report) = read().unwrap_err() else { panic!("not invalid") };
    assert_eq!(*report.path, *path);
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(super::super::FILE_BYTES_MAX + 1).unwrap();
    assert!(matches!(read().unwrap_err(), ReadError::TooLarge { .. }));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(read().unwrap_err(), ReadError::Directory { .. }));
    let below_a_file = directory.path().join("f");
    std::fs::write(&below_a_file, "").unwrap();
    let error = super::super::read(&below_a_file.join("x"), &Environment::default()).unwrap_err();
    assert!(matches!(error, ReadError::NotReadable { .. }), "{error}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_loader_panic(bytes in proptest::collection::vec(0_u8.., 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Err(report) = try_load(&text) {
            proptest::prop_assert!(!report.to_string().is_empty());
            proptest::prop_assert!(!report.diagnostics.is_empty());
        }
    }

    #[test]
    fn no_damage_to_a_file_makes_the_loader_panic(
        cut in 0..1_000_usize,
        insert in "[{}\\[\\]:,\"'#/*&!|>\\-\r\n\t é\u{0}]{0,4}",
        shipped in 0..2_usize,
    ) {
        let json = format!("{{\"awsSecretAccessKey\": \"x\", /* c */ \"flows\": [{FLOW}]}} // y");
        let yaml = include_str!("../../../config/quickstart.yaml").to_owned();
        let mut text = if shipped == 0 { json } else { yaml };
        let at = text.floor_char_boundary(cut % text.len());
        text.insert_str(at, &insert);
        if let Err(report) = try_load(&text) {
            proptest::prop_assert!(!report.to_string().is_empty());
        }
        text.truncate(at);
        if let Err(report) = try_load(&text) {
            proptest::prop_assert!(!report.to_string().is_empty());
        }
    }
}
