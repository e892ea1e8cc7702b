//! Values that would be taken as they stand, although nobody can mean that: each is found with its
//! place and what to do, and the daemon starts where the Java agent would.

use super::Given::{All, Firehose, Kinesis, Top};
use super::Want::{Broken, Error, Value, Warning};
use super::*;

#[test]
fn what_nothing_expands() {
    run(UNEXPANDED);
}

const UNEXPANDED: &[Case] = &[
    ("1.3", Top(r#""checkpointFile": "~/c.db""#), Error("'~' is not expanded")),
    ("1.3", Top(r#""checkpointFile": "${HOME}/c.db""#), Error("variables are not replaced")),
    ("1.3", Top(r#""log.file": "~/kinetail.log""#), Error("'~' is not expanded")),
    ("1.3", Top(r#""log.file": "$LOGS/k.log""#), Error("variables are not replaced")),
    (
        "1.3",
        Top(r#""kinesis.endpoint": "$KINESIS_ENDPOINT""#),
        Broken("variables are not replaced"),
    ),
    ("1.3", Top(r#""region": "<region>""#), Error("unreplaced placeholder")),
    ("1.3", Top(r#""region": "${AWS_REGION}""#), Error("variables are not replaced")),
    ("1.4", Kinesis(r#""maxInFlightRequests": "${N}""#), Error("variables are not replaced")),
    ("1.3", Top(r#""cloudwatch.namespace": "{{ ns }}""#), Warning("unfilled template")),
    ("1.3", Top(r#""javaCheckpointFile": "~/checkpoints""#), Warning("'~' is not expanded")),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "~/logs/*.log", "kinesisStream": "s"}]}"#),
        Broken("'filePattern': \"~\" is used literally"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "${LOGDIR}/*.log", "kinesisStream": "s"}]}"#),
        Broken("'filePattern': \"${LOGDIR}\" is used literally"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "/a/b", "deliveryStream": "d",
                "excludePatterns": ["${OLD}.log"]}]}"#),
        Warning("\"${OLD}\" is used literally"),
    ),
    (
        "1.5",
        Kinesis(
            r#""dataProcessingOptions": [{"optionName": "ADDMETADATA",
                "metadata": {"host": "${HOSTNAME}"}}]"#,
        ),
        Warning("'metadata': \"${HOSTNAME}\" is used literally"),
    ),
    (
        "1.4",
        Kinesis(r#""multiLineStartPattern": "^${x}""#),
        Error("is not a valid regular expression"),
    ),
    ("1.4", Kinesis(r#""fileFooterPattern": "end$""#), Value(position, "EndOfFile")),
];

#[test]
fn what_is_no_path_of_this_machine() {
    run(PATHS);
}

const PATHS: &[Case] = &[
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "s3://bucket/*.log", "kinesisStream": "s"}]}"#),
        Warning("'filePattern' \"s3://bucket/*.log\" is a URL"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "file:///var/log/a.log", "kinesisStream": "s"}]}"#),
        Warning("write the path alone: /var/log/a.log"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "C:\\logs\\a.log", "kinesisStream": "s"}]}"#),
        Error("write a path of this machine"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "C:/logs/a.log", "kinesisStream": "s"}]}"#),
        Warning("is a path of Windows"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "/a/b.log,/a/c.log", "kinesisStream": "s"}]}"#),
        Warning("looks like several patterns"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "/a/.*\\.log", "kinesisStream": "s"}]}"#),
        Warning("looks like a regular expression"),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "*.log", "kinesisStream": "s"}]}"#),
        Error("use a directory and a file name"),
    ),
    ("1.3", Top(r#""checkpointFile": "s3://bucket/c.db""#), Error("is a URL")),
    ("1.3", Top(r#""log.file": "C:\\logs\\k.log""#), Error("is a path of Windows")),
];

#[test]
fn names_keys_and_patterns_that_cannot_be_meant() {
    run(OTHERS);
}

const OTHERS: &[Case] = &[
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "/a/b",
                "kinesisStream": "arn:aws:firehose:us-east-1:1:deliverystream/d"}]}"#),
        Warning("write \"deliveryStream\": \"d\""),
    ),
    (
        "1.4",
        All(r#"{"flows": [{"filePattern": "/a/b",
                "kinesisStream": "arn:aws:kinesis:us-east-1:1:stream/s"}]}"#),
        Warning("write \"kinesisStream\": \"s\""),
    ),
    (
        "1.5",
        Kinesis(
            r#""dataProcessingOptions": [{"optionName": "CSVTOJSON",
                "customFieldNames": ["a"], "delimiter": "|"}]"#,
        ),
        Broken("in which '|' means or"),
    ),
    (
        "1.5",
        Kinesis(
            r#""dataProcessingOptions": [{"optionName": "CSVTOJSON",
                "customFieldNames": ["a"], "delimiter": "."}]"#,
        ),
        Broken("in which '.' means any character"),
    ),
    (
        "1.5",
        Kinesis(
            r#""dataProcessingOptions": [{"optionName": "CSVTOJSON",
                "customFieldNames": ["a"], "delimiter": "\\|"}]"#,
        ),
        Value(converters, "1"),
    ),
    (
        "1.5",
        Kinesis(
            r#""dataProcessingOptions": [{"optionName": "LOGTOJSON", "logFormat": "SYSLOG",
                "matchPattern": " ^(\\d+)$",
                "customFieldNames": ["a"]}]"#,
        ),
        Broken("can match no line"),
    ),
    (
        "1.5",
        Kinesis(
            r#""dataProcessingOptions": [{"optionName": "LOGTOJSON", "logFormat": "SYSLOG",
                "matchPattern": "^(\\d+)$ ",
                "customFieldNames": ["a"]}]"#,
        ),
        Broken("can match no line"),
    ),
    ("1.4", Kinesis(r#""multiLineStartPattern": " ^x""#), Broken("can match no line")),
    (
        "1.3",
        Top(r#""awsAccessKeyId": "ASIAABCDEFGHIJKLMNOP", "awsSecretAccessKey": "x""#),
        Warning("temporary"),
    ),
    (
        "1.3",
        Top(r#""awsAccessKeyId": "AKIAIOSFODNN7EXAMPLE", "awsSecretAccessKey": "x""#),
        Warning("AWS's own sample"),
    ),
    ("1.3", Top(r#""assumeRoleExternalId": "arn:aws:iam::1:role/r""#), Warning("assumeRoleARN")),
    (
        "1.4",
        Firehose(r#""endpoint": "kinesis.us-east-1.amazonaws.com""#),
        Warning("is an endpoint of Kinesis, not of Firehose"),
    ),
];
