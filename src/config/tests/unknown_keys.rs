//! Keys that mean nothing where they stand warn, with the best guess at what was meant.

use super::super::file::{IGNORED_FLOW, IGNORED_TOP_LEVEL};
use super::super::suggest::DISTANCES;
use super::*;

#[test]
fn an_unknown_key_gets_the_nearest_one() {
    for (entry, key, help) in [
        ("\"checkpointfile\": 1", "checkpointfile", "did you mean \"checkpointFile\"?"),
        ("\"kinesis.endpont\": 1", "kinesis.endpont", "did you mean \"kinesis.endpoint\"?"),
        (
            "\"maxBufferAgeMilis\": 1",
            "maxBufferAgeMilis",
            "did you mean \"maxBufferAgeMillis\"? it belongs in a flow, inside of \"flows\"",
        ),
        ("\"colour\": 1", "colour", "ignored; see docs/configuration.md for all keys"),
    ] {
        let found = warning(&top(entry));
        assert_eq!(found.0, Kind::Unknown);
        assert_eq!(found.1, format!("unknown key {key:?}"));
        assert_eq!(found.2, help);
    }
    let found = warning(&kinesis("\"filePatern\": 1"));
    assert_eq!(found.2, "did you mean \"filePattern\"?");
}

#[test]
fn a_key_in_the_wrong_place_is_sent_to_the_right_one() {
    let found = warning(&top("\"maxBufferAgeMillis\": 100"));
    assert_eq!(found.0, Kind::Misplaced);
    assert_eq!(found.1, "'maxBufferAgeMillis' is in the wrong place and is ignored");
    assert_eq!(found.2, "it belongs in a flow, inside of \"flows\"");
    let found = warning(&kinesis("\"cloudwatch.emitMetrics\": false"));
    assert_eq!(found.2, "it belongs at the top level, outside of \"flows\"");
    assert_eq!(warning(&kinesis("\"maxConnections\": 5")).0, Kind::Misplaced);
}

#[test]
fn a_map_in_place_of_flat_keys_gets_the_flat_names() {
    let found = warnings(&top(r#""cloudwatch": {"emitMetrics": false, "namspace": "x"}"#));
    let texts: Vec<(&str, &str)> =
        found.iter().map(|d| (d.message.as_str(), d.help.as_deref().unwrap_or_default())).collect();
    assert_eq!(
        texts,
        [
            (
                "'emitMetrics' inside 'cloudwatch' is ignored",
                "keys are flat: use \"cloudwatch.emitMetrics\" here"
            ),
            (
                "'namspace' inside 'cloudwatch' is ignored",
                "keys are flat: use \"cloudwatch.namespace\" here"
            ),
        ]
    );
    assert!(found.iter().all(|d| d.kind == Kind::Misplaced));
    let found = warning(&kinesis(r#""kinesis": {"endpoint": "x"}"#));
    assert!(found.2.ends_with("\"kinesis.endpoint\" at the top level, outside of \"flows\""));
}

#[test]
fn keys_of_the_java_agent_that_do_nothing_say_so() {
    for (key, reason) in IGNORED_TOP_LEVEL {
        let found = warning(&top(&format!("\"{key}\": 1")));
        assert_eq!(found.0, Kind::NoEffect);
        assert_eq!(found.1, format!("'{key}' is ignored"));
        assert_eq!(found.2, *reason);
    }
    for (key, reason) in IGNORED_FLOW {
        let value = if key.starts_with("waitOn") { 1_000 } else { 1 };
        let found = warning(&kinesis(&format!("\"{key}\": {value}")));
        assert_eq!((found.0, found.2.as_str()), (Kind::NoEffect, *reason));
    }
}

#[test]
fn keys_that_do_nothing_are_still_of_the_type_that_the_java_agent_wants() {
    let first_error = |text: &str| {
        let found = report(text).diagnostics.into_iter();
        let mut errors = found.filter(|found| found.severity == Severity::Error);
        let error = errors.next().unwrap();
        assert!(errors.next().is_none());
        (error.kind, error.message)
    };
    for (key, value, kind, message) in [
        ("maxConnections", "\"x\"", Kind::WrongType, "expected an integer, found \"x\""),
        ("maxConnections", "2147483648", Kind::OutOfRange, "2147483648 is out of range"),
        ("useHttpGzip", "\"maybe\"", Kind::WrongType, "expected true or false, found \"maybe\""),
    ] {
        let found = first_error(&top(&format!("\"{key}\": {value}")));
        assert_eq!(found.0, kind);
        assert!(found.1.contains(message), "{found:?}");
    }
    let found = first_error(&kinesis("\"waitOnEmptyPublishQueueMillis\": 999"));
    assert_eq!(found.1, "'waitOnEmptyPublishQueueMillis': 999 is out of range (1000 to 900000)");
    // The Java agent never reads this one.
    assert_eq!(warning(&kinesis("\"waitOnFullRetryQueueMillis\": []")).0, Kind::NoEffect);
}

/// A flow with one converter that has some more entries.
fn in_converter(entries: &str) -> String {
    kinesis(&format!("\"dataProcessingOptions\": [{{\"optionName\": \"SINGLELINE\", {entries}}}]"))
}

#[test]
fn a_key_inside_of_data_processing_options_is_sent_where_it_belongs() {
    let flow = "it belongs one level up, in the flow, next to \"dataProcessingOptions\"";
    let file = "it belongs at the top level, outside of \"flows\"";
    for (entry, message, help) in [
        (
            r#""initialPosition": "START_OF_FILE""#,
            "'initialPosition' is in the wrong place and is ignored",
            flow,
        ),
        (
            r#""maxBufferAgeMillis": 1000"#,
            "'maxBufferAgeMillis' is in the wrong place and is ignored",
            flow,
        ),
        (r#""kinesisStream": "s""#, "'kinesisStream' is in the wrong place and is ignored", flow),
        (r#""region": "us-east-1""#, "'region' is in the wrong place and is ignored", flow),
        (
            r#""publishQueueCapacity": 1"#,
            "'publishQueueCapacity' is in the wrong place and is ignored",
            flow,
        ),
        (
            r#""checkpointFile": "/c""#,
            "'checkpointFile' is in the wrong place and is ignored",
            file,
        ),
        (
            r#""delimiter": ",""#,
            "'delimiter' is in the wrong place and is ignored",
            "it belongs in another converter",
        ),
        (r#""parseOption": []"#, "unknown key \"parseOption\"", "did you mean \"parseOptions\"?"),
        (
            r#""initialposition": "END_OF_FILE""#,
            "unknown key \"initialposition\"",
            "did you mean \"initialPosition\"? it belongs one level up, in the flow, next to \
             \"dataProcessingOptions\"",
        ),
    ] {
        let found = warning(&in_converter(entry));
        assert_eq!((found.1.as_str(), found.2.as_str()), (message, help), "{entry}");
    }
    let converter = "it belongs in an item of \"dataProcessingOptions\", in a flow";
    assert_eq!(warning(&kinesis(r#""matchPattern": "x""#)).2, converter);
    assert_eq!(warning(&top(r#""optionName": "x""#)).2, converter);
}

#[test]
fn a_key_of_another_program_gets_a_pointer_to_ours() {
    for (entry, part) in [
        ("\"partition_key\": \"x\"", "flow key \"partitionKey\""),
        ("\"tagFields\": {}", "ADDMETADATA"),
        ("\"metadataFields\": {}", "ADDMETADATA"),
        ("\"dataType\": \"x\"", "LOGTOJSON"),
        ("\"converterClass\": \"x\"", "Java classes cannot be loaded"),
        ("\"stream_name\": \"x\"", "\"kinesisStream\" or \"deliveryStream\""),
        ("\"path\": \"/x\"", "\"filePattern\""),
        ("\"multiline.pattern\": \"x\"", "\"multiLineStartPattern\""),
        ("\"read_from_head\": true", "\"initialPosition\""),
        ("\"aws_session_token\": \"x\"", "AWS_SESSION_TOKEN"),
        ("\"_comment\": \"x\"", "begin with //"),
    ] {
        for text in [kinesis(entry), top(entry), in_converter(entry)] {
            let found = warning(&text);
            assert_eq!(found.0, Kind::Unknown, "{entry}");
            assert!(found.2.contains(part), "{entry}: {}", found.2);
        }
    }
    for (text, part) in [
        ("sources: {}\nsinks: {}\n", "Vector"),
        ("receivers: {}\n", "OpenTelemetry"),
        ("pipeline: {}\n", "Fluent Bit"),
        ("filebeat.inputs: []\n", "Filebeat"),
    ] {
        let report = report(text);
        let helps = report.diagnostics.iter().filter_map(|found| found.help.as_deref());
        assert!(helps.into_iter().any(|help| help.contains(part)), "{report}");
    }
}

#[test]
fn a_hundred_thousand_unknown_keys_are_counted_and_some_are_told() {
    const KEYS: usize = 100_000;
    for (first, last) in [("{", ", \"flows\": []}"), ("{\"flows\": [{", "}]}")] {
        let keys: Vec<String> = (0..KEYS).map(|n| format!("\"filePatterm{n}\": {n}")).collect();
        DISTANCES.set(0);
        let report = report(&format!("{first}{}{last}", keys.join(",\n")));
        assert!(DISTANCES.get() < 3 * KEYS, "{}", DISTANCES.get());
        assert!(report.diagnostics.len() < 60, "{}", report.diagnostics.len());
        let more = report.diagnostics.iter().find(|found| found.others > 0).unwrap();
        assert_eq!(more.message, "and 99950 more of this kind");
        assert_eq!(more.place.line, 51);
        assert!(report.to_string().contains(" and 100000 warnings in agent.json"), "{report}");
    }
    // Inside of a map that should be flat, and in a map where all are duplicates.
    let keys: Vec<String> = (0..KEYS).map(|n| format!("\"x{n}\": {n}")).collect();
    DISTANCES.set(0);
    let found = warnings(&top(&format!("\"cloudwatch\": {{{}}}", keys.join(","))));
    assert!(found.len() < 60 && DISTANCES.get() < 3 * KEYS, "{}", found.len());
    let found = warnings(&top(&vec!["\"region\": \"us-east-1\""; 10_000].join(",")));
    assert_eq!(found.last().unwrap().others + found.len(), 9_999);
}

/// The Java agent would start with a wrong value of a key that it has; it never saw these.
#[test]
fn a_wrong_type_of_a_key_that_the_java_agent_does_not_have_is_an_error_in_json() {
    for (key, value) in [
        ("followLinks", "[]"),
        ("rotatedNames", "[[]]"),
        ("whenDone", "[]"),
        ("whenDoneQuietMillis", "\"soon\""),
        ("dataProcessingOptions", r#"[{"optionName": "FLATTEN", "separator": []}]"#),
        ("dataProcessingOptions", r#"[{"optionName": "PARSEJSON", "field": {}}]"#),
    ] {
        let (_, message, _) = error(&kinesis(&format!("\"{key}\": {value}")));
        assert!(message.contains("expected"), "{key}: {message}");
    }
}
