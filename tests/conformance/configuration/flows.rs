//! Sections 1.4 and 1.6: the keys of a flow, and the samples of the Java agent.

use super::Given::{All, Firehose, Kinesis};
use super::Want::{Error, Value, Warning};
use super::*;

#[test]
fn flow_keys() {
    run(FLOW_KEYS);
}

const FLOW_KEYS: &[Case] = &[
    (
        "1.4",
        All(r#"{"flows": [{"kinesisStream": "s"}]}"#),
        Error("required value missing: 'filePattern'"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "", "kinesisStream": "s"}]}"#),
        Error("required value missing: 'filePattern'"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "app.log", "kinesisStream": "s"}]}"#),
        Error("no directory part"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "/var/log/", "kinesisStream": "s"}]}"#),
        Error("no file name"),
    ),
    ("1.4", All(r#"{"flows": [{"filePattern": "/a/b"}]}"#), Error("the flow has no destination")),
    (
        "1.4",
        Kinesis(r#""deliveryStream": "d""#),
        Warning("'kinesisStream' is ignored: 'deliveryStream' takes precedence"),
    ),
    ("1.4", Kinesis(r#""initialPosition": "END_OF_FILE""#), Value(position, "EndOfFile")),
    ("1.4", Kinesis(r#""initialPosition": "START_OF_FILE""#), Value(position, "StartOfFile")),
    ("1.4", Kinesis(r#""skipHeaderLines": 0"#), Value(position, "EndOfFile")),
    ("1.4", Kinesis(r#""maxBufferAgeMillis": 1000"#), Value(age_millis, "1000")),
    ("1.4", Kinesis(r#""maxBufferAgeMillis": 60000"#), Value(age_millis, "60000")),
    ("1.4", Kinesis(r#""maxBufferAgeMillis": 900000"#), Value(age_millis, "900000")),
    ("1.4", Kinesis(r#""maxBufferAgeMillis": 10"#), Value(age_millis, "10")),
    (
        "1.4",
        Kinesis(r#""maxBufferAgeMillis": 9"#),
        Error("'maxBufferAgeMillis': 9 is out of range"),
    ),
    ("1.4", Kinesis(r#""maxBufferAgeMillis": 900001"#), Error("900001 is out of range")),
    ("1.4", Kinesis(r#""maxBufferAgeMillis": -1"#), Error("-1 is out of range")),
    ("1.4", Kinesis(r#""maxBufferSizeRecords": 1"#), Value(records, "1")),
    ("1.4", Kinesis(r#""maxBufferSizeRecords": "500""#), Value(records, "500")),
    ("1.4", Kinesis(r#""maxBufferSizeRecords": 0"#), Error("0 is out of range (1 to 500)")),
    ("1.4", Kinesis(r#""maxBufferSizeRecords": 501"#), Error("501 is out of range (1 to 500)")),
    ("1.4", Kinesis(r#""maxBufferSizeRecords": -1"#), Error("-1 is out of range (1 to 500)")),
    ("1.4", Kinesis(r#""skipHeaderLines": 0"#), Value(records, "500")),
    ("1.4", Kinesis(r#""skipHeaderLines": 0"#), Value(bytes, "5242880")),
    ("1.4", Firehose(r#""skipHeaderLines": 0"#), Value(bytes, "4194304")),
    ("1.4", Kinesis(r#""maxBufferSizeBytes": 5242880"#), Value(bytes, "5242880")),
    ("1.4", Kinesis(r#""maxBufferSizeBytes": 5242881"#), Error("range (1 to 5242880)")),
    ("1.4", Kinesis(r#""maxBufferSizeBytes": 0"#), Error("range (1 to 5242880)")),
    ("1.4", Firehose(r#""maxBufferSizeBytes": 4194304"#), Value(bytes, "4194304")),
    ("1.4", Firehose(r#""maxBufferSizeBytes": 4194305"#), Error("range (1 to 4194304)")),
    ("1.4", Kinesis(r#""waitOnFullPublishQueueMillis": 60000"#), Warning("is ignored")),
    ("1.4", Kinesis(r#""waitOnFullPublishQueueMillis": 999"#), Error("range (1000 to 900000)")),
    ("1.4", Kinesis(r#""waitOnEmptyPublishQueueMillis": 900001"#), Error("range (1000 to 900000)")),
    ("1.4", Kinesis(r#""waitOnFullRetryQueueMillis": "x""#), Warning("is ignored")),
    ("1.4", Kinesis(r#""skipHeaderLines": 0"#), Value(retry, "100 10000")),
    (
        "1.4",
        Kinesis(r#""retryInitialBackoffMillis": 7, "retryMaxBackoffMillis": "9""#),
        Value(retry, "7 9"),
    ),
    (
        "1.4",
        Kinesis(r#""retryInitialBackoffMillis": -1"#),
        Error("'retryInitialBackoffMillis': -1 is out of range"),
    ),
    ("1.4", Kinesis(r#""retryInitialBackoffMillis": 0"#), Warning("1 is used")),
    ("1.4", Kinesis(r#""retryMaxBackoffMillis": 50"#), Warning("no delay is longer than 50 ms")),
    ("1.4", Kinesis(r#""publishQueueCapacity": 0"#), Warning("is ignored")),
    ("1.4", Kinesis(r#""skipHeaderLines": "2""#), Value(header_lines, "2")),
    ("1.4", Kinesis(r#""skipHeaderLines": -1"#), Warning("0 is used")),
    ("1.4", Kinesis(r#""initialPosition": null"#), Value(position, "EndOfFile")),
    ("1.4", Kinesis(r#""partitionKeyOption": null"#), Value(partition_key, "Random")),
    ("1.4", Firehose(r#""partitionKeyOption": "MD5""#), Warning("is ignored in a Firehose flow")),
    (
        "1.4",
        Kinesis(r#""aggregatedRecordSizeBytes": "many""#),
        Warning("is ignored in a Kinesis flow"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "/a/b", "kinesisStream": "a b"}]}"#),
        Warning("the service will reject it"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "/a/b", "deliveryStream": null}]}"#),
        Warning("'deliveryStream' is null"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "/a{1/b*", "kinesisStream": "s"}]}"#),
        Warning("the directory is used literally"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "/a/b{1", "kinesisStream": "s"}]}"#),
        Error("unclosed '{'"),
    ),
    ("1.4", Kinesis(r#""multiLineStartPattern": """#), Value(is_multi_line, "false")),
    ("1.4", Kinesis(r#""multiLineStartPattern": null"#), Value(is_multi_line, "false")),
    ("1.4", Kinesis(r#""multiLineStartPattern": "    \\{""#), Value(is_multi_line, "true")),
    ("1.4", Kinesis(r#""multiLineStartPattern": "(""#), Error(r#"'multiLineStartPattern' "(""#)),
    ("1.4", Kinesis(r#""skipHeaderLines": 0"#), Value(terminator, "\n")),
    ("1.4", Kinesis(r#""truncatedRecordTerminator": """#), Value(terminator, "")),
    ("1.4", Kinesis(r#""truncatedRecordTerminator": "\r\n""#), Value(terminator, "\r\n")),
    (
        "1.4",
        Kinesis(r#""truncatedRecordTerminator": null"#),
        Error("'truncatedRecordTerminator': expected a string, found null"),
    ),
    ("1.4", Kinesis(r#""dataProcessingOptions": []"#), Value(converters, "0")),
    ("1.4", Kinesis(r#""dataProcessingOptions": null"#), Value(converters, "0")),
    (
        "1.4",
        Kinesis(r#""dataProcessingOptions": [{"optionName": "SINGLELINE"}]"#),
        Value(converters, "1"),
    ),
    (
        "1.4",
        Kinesis(r#""dataProcessingOptions": {"optionName": "SINGLELINE"}"#),
        Warning("'dataProcessingOptions': expected a list"),
    ),
    (
        "1.4",
        Kinesis(r#""dataProcessingOptions": [{"optionName": "X"}]"#),
        Error("unknown converter"),
    ),
    ("1.4", Kinesis(r#""minTimeBetweenFilePollsMillis": 100"#), Warning("is ignored")),
    ("1.4", Kinesis(r#""maxTimeBetweenFileTrackerRefreshMillis": "10000""#), Warning("is ignored")),
    ("1.4", Kinesis(r#""minTimeBetweenFilePollsMillis": "soon""#), Error("expected an integer")),
    ("1.4", Kinesis(r#""partitionKeyOption": "RANDOM""#), Value(partition_key, "Random")),
    (
        "1.4",
        Kinesis(r#""partitionKeyOption": "DETERMINISTIC""#),
        Value(partition_key, "Deterministic"),
    ),
    ("1.4", Kinesis(r#""skipHeaderLines": 0"#), Value(partition_key, "Random")),
    (
        "1.4",
        Firehose(r#""partitionKeyOption": "RANDOM""#),
        Warning("is ignored in a Firehose flow"),
    ),
    ("1.4", Kinesis(r#""skipHeaderLines": 0"#), Value(id, "kinesis:s:/tmp/a.log*")),
    ("1.4", Firehose(r#""skipHeaderLines": 0"#), Value(id, "fh:d:/tmp/a.log*")),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "/a//b/./../c.log", "kinesisStream": "s"}]}"#),
        Value(id, "kinesis:s:/a/b/./../c.log"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "/a/b", "kinesisStream": "s"},
                    {"filePattern": "/a/b", "deliveryStream": "s"},
                    {"filePattern": "/a/b", "kinesisStream": "t"}]}"#),
        Value(ids, "kinesis:s:/a/b fh:s:/a/b kinesis:t:/a/b"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "/a/b", "kinesisStream": "s"},
                    {"filePattern": "/a//b", "kinesisStream": "s"}]}"#),
        Error("duplicate flow: kinesis:s:/a/b"),
    ),
];

#[test]
fn the_samples_that_the_java_agent_comes_with() {
    run(THE_SAMPLES_THAT_THE_JAVA_AGENT_COMES_WITH);
}

const THE_SAMPLES_THAT_THE_JAVA_AGENT_COMES_WITH: &[Case] = &[
    (
        "1.6",
        All("{\"cloudwatch.emitMetrics\": true, \"kinesis.endpoint\": \"\", \
                 \"firehose.endpoint\": \"\", \"flows\": [{\"filePattern\": \"/tmp/app.log*\", \
                 \"kinesisStream\": \"yourkinesisstream\", \"partitionKeyOption\": \"RANDOM\"}, \
                 {\"filePattern\": \"/tmp/app.log*\", \
                 \"deliveryStream\": \"yourdeliverystream\"}]}"),
        Value(ids, "kinesis:yourkinesisstream:/tmp/app.log* fh:yourdeliverystream:/tmp/app.log*"),
    ),
    (
        "1.6",
        All(r#"{"flows":[{"filePattern":"/tmp/a.log","deliveryStream":"d"}]}"#),
        Value(id, "fh:d:/tmp/a.log"),
    ),
    (
        "1.6",
        All("{\"checkpointFile\": \"/tmp/checkpoints\", \
                 \"cloudwatch.endpoint\": \"https://monitoring.us-west-2.amazonaws.com\", \
                 \"kinesis.endpoint\": \"https://kinesis.us-west-2.amazonaws.com\", \
                 \"awsAccessKeyId\": \"a\", \"awsSecretAccessKey\": \"b\", \"flows\": [\
                 {\"filePattern\": \"/tmp/x*\", \"kinesisStream\": \"s\", \
                 \"initialPosition\": \"END_OF_FILE\", \"dataProcessingOptions\": [\
                 {\"optionName\": \"CSVTOJSON\", \"customFieldNames\": [\"a\"], \
                 \"delimiter\": \"\\\\t\"}]}, \
                 {\"filePattern\": \"/tmp/y*\", \"deliveryStream\": \"d\", \
                 \"initialPosition\": \"START_OF_FILE\", \"dataProcessingOptions\": [\
                 {\"optionName\": \"LOGTOJSON\", \"logFormat\": \"COMMONAPACHELOG\"}]}]}"),
        Value(ids, "kinesis:s:/tmp/x* fh:d:/tmp/y*"),
    ),
];
