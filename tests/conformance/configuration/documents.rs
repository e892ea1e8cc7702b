//! Sections 1.1 and 1.2: what a document is, and what its numbers and words mean.

use super::Given::{All, Kinesis, Top};
use super::Want::{Error, Value, Warning};
use super::*;

#[test]
fn files_and_flows() {
    run(FILES_AND_FLOWS);
}

const FILES_AND_FLOWS: &[Case] = &[
    (
        "1.1",
        All("{\"flows\": [// x\n{\"filePattern\": /* y */ \"/a/b\", \
                 \"kinesisStream\": \"s\"}]}"),
        Value(id, "kinesis:s:/a/b"),
    ),
    (
        "1.1",
        All("/* head\n */ {\"flows\": [{\"filePattern\": \"/a/b\", \
                 \"kinesisStream\": \"s\"}]} // end"),
        Value(id, "kinesis:s:/a/b"),
    ),
    (
        "1.1",
        All("\u{feff}{\"flows\": [{\"filePattern\": \"/a/b\", \"kinesisStream\": \"s\"}]}"),
        Value(id, "kinesis:s:/a/b"),
    ),
    (
        "1.1",
        All(r#"{"flows": [{"filePattern": "/a/http://b", "kinesisStream": "s"}]}"#),
        Value(id, "kinesis:s:/a/http:/b"),
    ),
    (
        "1.1",
        All(r#"{"flows": [{"filePattern": "/a/b", "kinesisStream": "s"}]}}"#),
        Warning("content after the end of the document is ignored"),
    ),
    ("1.1", Top("# x\n\"region\": \"us-east-1\""), Error("'#' does not start a comment")),
    ("1.1", Top(r#"'region': "us-east-1""#), Error("double quotes")),
    ("1.1", Top(r#"region: "us-east-1""#), Error("double quotes")),
    (
        "1.1",
        All(r#"{"flows": [{"filePattern": "/a/b", "kinesisStream": "s"},]}"#),
        Error("trailing comma"),
    ),
    (
        "1.1",
        All(r#"{"flows": [{"filePattern": "/a/b", "kinesisStream": "s",}]}"#),
        Error("trailing comma"),
    ),
    ("1.1", All("[]"), Error("expected a map")),
    ("1.1", All(r#""x""#), Error("expected a map")),
    ("1.1", All("{"), Error("agent.json:1:1")),
    (
        "1.1",
        Top(r#""shutdownTimeoutMillis": 1, "shutdownTimeoutMillis": 2"#),
        Warning("duplicate key"),
    ),
    ("1.1", Kinesis(r#""kinesisStream": "t""#), Warning("the last value is used")),
    ("1.1", All("{}"), Error("required list missing: 'flows'")),
    ("1.1", All(r#"{"flows": null}"#), Error("required list missing: 'flows'")),
    ("1.1", All(r#"{"flows": []}"#), Error("no flows configured")),
    ("1.1", All(r#"{"flows": {}}"#), Error("'flows': expected a list")),
    ("1.1", All(r#"{"flows": "x"}"#), Error("'flows': expected a list")),
    (
        "1.1",
        Top(r#""cloudwatch": {"emitMetrics": false}"#),
        Warning(r#"keys are flat: use "cloudwatch.emitMetrics""#),
    ),
    ("1.1", Top(r#""maxBufferAgeMillis": 1000"#), Warning("it belongs in a flow")),
    ("1.1", Kinesis(r#""cloudwatch.emitMetrics": true"#), Warning("it belongs at the top level")),
    ("1.1", Top(r#""something.else": 1"#), Warning(r#"unknown key "something.else""#)),
    (
        "1.1",
        Kinesis(r#""initialPositon": "START_OF_FILE""#),
        Warning(r#"did you mean "initialPosition"?"#),
    ),
    (
        "1.1",
        Kinesis(r#""initialposition": "START_OF_FILE""#),
        Warning(r#"did you mean "initialPosition"?"#),
    ),
];

#[test]
fn numbers_and_truth_values() {
    run(NUMBERS_AND_TRUTH_VALUES);
}

const NUMBERS_AND_TRUTH_VALUES: &[Case] = &[
    ("1.2", Top(r#""shutdownTimeoutMillis": 500"#), Value(stop_millis, "500")),
    ("1.2", Top(r#""shutdownTimeoutMillis": "500""#), Value(stop_millis, "500")),
    ("1.2", Top(r#""shutdownTimeoutMillis": "+500""#), Value(stop_millis, "500")),
    ("1.2", Top(r#""shutdownTimeoutMillis": "0x1F""#), Value(stop_millis, "31")),
    ("1.2", Top(r#""shutdownTimeoutMillis": "0X1f""#), Value(stop_millis, "31")),
    ("1.2", Top("\"shutdownTimeoutMillis\": \"#1F\""), Value(stop_millis, "31")),
    ("1.2", Top(r#""shutdownTimeoutMillis": "010""#), Value(stop_millis, "8")),
    ("1.2", Top(r#""shutdownTimeoutMillis": "0""#), Value(stop_millis, "0")),
    ("1.2", Kinesis(r#""skipHeaderLines": 5.0"#), Error(r#"expected an integer, found "5.0""#)),
    ("1.2", Kinesis(r#""skipHeaderLines": 1e3"#), Error("expected an integer")),
    ("1.2", Kinesis(r#""skipHeaderLines": """#), Error(r#"expected an integer, found """#)),
    ("1.2", Kinesis(r#""skipHeaderLines": " 5""#), Error("expected an integer")),
    ("1.2", Kinesis(r#""skipHeaderLines": "5 ""#), Error("expected an integer")),
    ("1.2", Kinesis(r#""skipHeaderLines": "5s""#), Error("expected an integer")),
    ("1.2", Kinesis(r#""skipHeaderLines": "09""#), Error("expected an integer")),
    ("1.2", Kinesis(r#""skipHeaderLines": true"#), Error("expected an integer")),
    ("1.2", Kinesis(r#""skipHeaderLines": [1]"#), Error("expected an integer, found a list")),
    ("1.2", Kinesis(r#""skipHeaderLines": null"#), Error("omit the key to use the default")),
    ("1.2", Kinesis(r#""skipHeaderLines": "9223372036854775808""#), Error("expected an integer")),
    ("1.2", Top(r#""cloudwatch.emitMetrics": true"#), Value(emits, "true")),
    ("1.2", Top(r#""cloudwatch.emitMetrics": "TRUE""#), Value(emits, "true")),
    ("1.2", Top(r#""cloudwatch.emitMetrics": "Yes""#), Value(emits, "true")),
    ("1.2", Top(r#""cloudwatch.emitMetrics": "t""#), Value(emits, "true")),
    ("1.2", Top(r#""cloudwatch.emitMetrics": "Y""#), Value(emits, "true")),
    ("1.2", Top(r#""cloudwatch.emitMetrics": 1"#), Value(emits, "true")),
    ("1.2", Top(r#""cloudwatch.emitMetrics": false"#), Value(emits, "false")),
    ("1.2", Top(r#""cloudwatch.emitMetrics": "No""#), Value(emits, "false")),
    ("1.2", Top(r#""cloudwatch.emitMetrics": "F""#), Value(emits, "false")),
    ("1.2", Top(r#""cloudwatch.emitMetrics": "n""#), Value(emits, "false")),
    ("1.2", Top(r#""cloudwatch.emitMetrics": "0""#), Value(emits, "false")),
    ("1.2", Top(r#""useHttpGzip": "on""#), Error(r#"expected true or false, found "on""#)),
    ("1.2", Top(r#""useHttpGzip": 2"#), Error("expected true or false")),
    ("1.2", Top(r#""useHttpGzip": null"#), Error("expected true or false, found null")),
    ("1.2", Top(r#""kinesis.region": null"#), Value(kinesis_region, "")),
    ("1.2", Top(r#""kinesis.region": 5"#), Warning("'kinesis.region': invalid region \"5\"")),
    ("1.2", Top(r#""kinesis.region": {}"#), Error("invalid region")),
    ("1.2", Top(r#""cloudwatch.emitMetrics": "on""#), Warning("the default is used")),
    ("1.2", Top(r#""shutdownTimeoutMillis": null"#), Warning("the default is used")),
    ("1.2", Kinesis(r#""truncatedRecordTerminator": 1e3"#), Value(terminator, "1000.0")),
    ("1.2", Kinesis(r#""truncatedRecordTerminator": "1e3""#), Value(terminator, "1e3")),
    ("1.2", Kinesis(r#""truncatedRecordTerminator": [1, "a"]"#), Warning("as in the Java agent")),
    (
        "1.2",
        Kinesis(r#""initialPosition": "start_of_file""#),
        Error("expected one of END_OF_FILE, START_OF_FILE"),
    ),
    ("1.2", Kinesis(r#""initialPosition": """#), Error("expected one of")),
    (
        "1.2",
        Kinesis(r#""partitionKeyOption": "random""#),
        Error("expected one of RANDOM, DETERMINISTIC"),
    ),
    ("1.2", Kinesis(r#""truncatedRecordTerminator": 7"#), Value(terminator, "7")),
];
