//! Section 1.3: the keys of the whole file.

use super::Given::{Kinesis, Top};
use super::Want::{Error, Value, Warning};
use super::*;

#[test]
fn top_level_keys() {
    run(TOP_LEVEL_KEYS);
}

const TOP_LEVEL_KEYS: &[Case] = &[
    ("1.3", Top(r#""awsAccessKeyId": "a", "awsSecretAccessKey": "b""#), Value(keys, "true")),
    ("1.3", Top(r#""awsAccessKeyId": "", "awsSecretAccessKey": """#), Value(keys, "false")),
    (
        "1.3",
        Top(r#""awsAccessKeyId": "a""#),
        Warning("'awsAccessKeyId' is ignored without 'awsSecretAccessKey'"),
    ),
    (
        "1.3",
        Top(r#""awsSecretAccessKey": "b""#),
        Warning("'awsSecretAccessKey' is ignored without 'awsAccessKeyId'"),
    ),
    (
        "1.3",
        Top(r#""assumeRoleARN": "arn:aws:iam::1:role/r""#),
        Value(role, "arn:aws:iam::1:role/r None"),
    ),
    (
        "1.3",
        Top(r#""assumeRoleARN": "arn:aws-cn:iam::1:role/p/r", "assumeRoleExternalId": "x-1""#),
        Value(role, r#"arn:aws-cn:iam::1:role/p/r Some("x-1")"#),
    ),
    ("1.3", Top(r#""assumeRoleARN": "", "assumeRoleExternalId": """#), Value(role, "")),
    ("1.3", Top(r#""assumeRoleExternalId": "x-1""#), Warning("is ignored without 'assumeRoleARN'")),
    ("1.3", Top(r#""assumeRoleARN": "r""#), Warning(r#"'assumeRoleARN': invalid role ARN "r""#)),
    ("1.3", Top(r#""kinesis.region": "US-EAST-1""#), Warning("invalid region")),
    ("1.3", Top(r#""kinesis.region": "us east 1""#), Error("invalid region")),
    (
        "1.3",
        Top(r#""kinesis.endpoint": "https://u:p@h.example:/?q=1#f""#),
        Warning("invalid endpoint"),
    ),
    ("1.3", Top(r#""cloudwatch.namespace": "AWS/x""#), Warning("invalid namespace")),
    ("1.3", Top(r#""checkpointFile": "/var/lib/x/""#), Warning("is a directory")),
    ("1.3", Top(r#""log.level": "ALL""#), Warning("did you mean trace?; until then it is info")),
    ("1.3", Top(r#""log.level": "FATAL""#), Warning("did you mean error?; until then it is info")),
    ("1.3", Top(r#""log.level": "all""#), Warning("did you mean trace?")),
    ("1.3", Top(r#""log.level": ["INFO"]"#), Warning("'log.level'")),
    ("1.3", Top(r#""log.file": "/var/log/x/""#), Warning("'log.file'")),
    ("1.3", Top(r#""log.maxFileSize": "ten""#), Warning("'log.maxFileSize'")),
    ("1.3", Top(r#""log.maxBackupIndex": -1"#), Warning("5 is used")),
    ("1.3", Top(r#""log.statusReportingPeriodSeconds": 0"#), Warning("30 is used")),
    (
        "1.3",
        Top(r#""userDefinedCredentialsProvider.classname": "a.B""#),
        Warning("Java classes cannot be loaded"),
    ),
    (
        "1.3",
        Top(r#""userDefinedCredentialsProvider.location": "/x.jar""#),
        Warning("Java classes cannot be loaded"),
    ),
    (
        "1.3",
        Top(r#""kinesis.endpoint": "", "firehose.endpoint": "",
                "cloudwatch.endpoint": "", "sts.endpoint": """#),
        Value(endpoints, "- - - -"),
    ),
    (
        "1.3",
        Top(r#""kinesis.endpoint": "kinesis.us-west-2.amazonaws.com""#),
        Value(endpoints, "https://kinesis.us-west-2.amazonaws.com - - -"),
    ),
    (
        "1.3",
        Top(r#""firehose.endpoint": "https://firehose.us-west-2.amazonaws.com/""#),
        Value(endpoints, "- https://firehose.us-west-2.amazonaws.com - -"),
    ),
    (
        "1.3",
        Top(r#""cloudwatch.endpoint": "http://127.0.0.1:4566""#),
        Value(endpoints, "- - http://127.0.0.1:4566 -"),
    ),
    (
        "1.3",
        Top(r#""sts.endpoint": "sts.cn-north-1.amazonaws.com.cn""#),
        Value(endpoints, "- - - https://sts.cn-north-1.amazonaws.com.cn"),
    ),
    ("1.3", Top(r#""kinesis.endpoint": "ftp://x""#), Error("scheme must be http or https")),
    ("1.3", Top(r#""kinesis.region": "eu-west-1""#), Value(kinesis_region, "eu-west-1")),
    ("1.3", Top(r#""shutdownTimeoutMillis": "10000""#), Value(stop_millis, "10000")),
    ("1.3", Kinesis(r#""initialPosition": "END_OF_FILE""#), Value(stop_millis, "10000")),
    ("1.3", Kinesis(r#""initialPosition": "END_OF_FILE""#), Value(emits, "true")),
    (
        "1.3",
        Kinesis(r#""initialPosition": "END_OF_FILE""#),
        Value(cloudwatch, "AWSKinesisAgent 30000"),
    ),
    (
        "1.3",
        Top(r#""cloudwatch.namespace": "Mine", "cloudwatch.metricsBufferTimeMillis": "60000""#),
        Value(cloudwatch, "Mine 60000"),
    ),
    (
        "1.3",
        Top(r#""checkpointFile": "/var/lib/x/db", "checkpointTimeToLiveDays": 14"#),
        Value(checkpoints, "/var/lib/x/db 14"),
    ),
    (
        "1.3",
        Top(r#""checkpointFile": null"#),
        Value(checkpoints, "/var/lib/kinetail/checkpoints.db 7"),
    ),
    ("1.3", Top(r#""checkpointTimeToLiveDays": 0"#), Warning("1 is used")),
    ("1.3", Top(r#""shutdownTimeoutMillis": -5"#), Warning("0 is used")),
    ("1.3", Top(r#""userAgent": "mine""#), Value(user_agent, r#"Prefixed("mine")"#)),
    ("1.3", Top(r#""userAgentOverride": "mine""#), Value(user_agent, r#"Replaced("mine")"#)),
    ("1.3", Top(r#""maxSendingThreadsPerCore": "12""#), Warning("is ignored")),
    ("1.3", Top(r#""maxSendingThreads": 24"#), Warning("is ignored")),
    ("1.3", Top(r#""sendingThreadsKeepAliveMillis": 60000"#), Warning("is ignored")),
    ("1.3", Top(r#""sendingThreadsMaxQueueSize": 100"#), Warning("is ignored")),
    ("1.3", Top(r#""maxConnections": 50"#), Warning("is ignored")),
    ("1.3", Top(r#""maxConnections": "many""#), Error("'maxConnections': expected an integer")),
    ("1.3", Top(r#""connectionTTLMillis": -1"#), Warning("is ignored")),
    ("1.3", Top(r#""connectionTimeoutMillis": 10000"#), Warning("is ignored")),
    ("1.3", Top(r#""socketTimeoutMillis": 50000"#), Warning("is ignored")),
    ("1.3", Top(r#""useTcpKeepAlive": false"#), Warning("is ignored")),
    ("1.3", Top(r#""useTcpKeepAlive": "maybe""#), Error("expected true or false")),
    ("1.3", Top(r#""useHttpGzip": "yes""#), Warning("is ignored")),
    ("1.3", Top(r#""checkpoints.queryTimeoutSeconds": 30"#), Warning("is ignored")),
    ("1.3", Top(r#""checkpoints.connectionTimeoutSeconds": 5"#), Warning("is ignored")),
    ("1.3", Top(r#""pollPeriodMillis": 100"#), Warning("is ignored")),
];
