//! Every key of the Java agent with every kind of value: where that agent starts kinetail starts,
//! with a warning unless the value is what the key wants; where that agent refuses, it refuses.

use std::path::Path;

use kinetail::config::{Environment, load};

/// One value of each kind, as it stands in JSON.
const KINDS: &[&str] =
    &["null", "true", r#""""#, r#""text""#, "5", "5.0", r#""5""#, r#"["a", 1, null]"#, "[]", "{}"];

/// With which of [`KINDS`] the Java agent starts.
#[derive(Debug, Clone, Copy)]
enum Starts {
    /// The value is text, read late, or never looked at.
    Always,
    But(&'static [&'static str]),
    With(&'static [&'static str]),
}

/// Where a key stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    Top,
    Kinesis,
    Firehose,
    /// In a converter of this name, beside these options.
    Converter(&'static str, &'static str),
}

const NUMBERS: Starts = Starts::With(&["5", r#""5""#]);
const NO_HOSTS: Starts = Starts::But(&[r#"["a", 1, null]"#, "[]", "{}"]);
/// `[]` and `{}` are no regular expressions.
const PATTERNS: Starts = Starts::But(&["[]", "{}"]);

const KEYS: &[(Place, &str, Starts)] = &[
    (Place::Top, "assumeRoleARN", Starts::Always),
    (Place::Top, "assumeRoleExternalId", Starts::Always),
    (Place::Top, "awsAccessKeyId", Starts::Always),
    (Place::Top, "awsSecretAccessKey", Starts::Always),
    (Place::Top, "checkpointFile", Starts::Always),
    (Place::Top, "checkpointTimeToLiveDays", NUMBERS),
    (Place::Top, "checkpoints.connectionTimeoutSeconds", NUMBERS),
    (Place::Top, "checkpoints.queryTimeoutSeconds", NUMBERS),
    (Place::Top, "cloudwatch.emitMetrics", Starts::Always),
    (Place::Top, "cloudwatch.endpoint", NO_HOSTS),
    (Place::Top, "cloudwatch.metricsBufferTimeMillis", Starts::Always),
    (Place::Top, "cloudwatch.metricsQueueSize", Starts::Always),
    (Place::Top, "cloudwatch.namespace", Starts::Always),
    (Place::Top, "cloudwatch.tagInstance", Starts::Always),
    (Place::Top, "connectionTTLMillis", NUMBERS),
    (Place::Top, "connectionTimeoutMillis", NUMBERS),
    (Place::Top, "firehose.endpoint", NO_HOSTS),
    (Place::Top, "kinesis.endpoint", NO_HOSTS),
    (Place::Top, "kinesis.region", NO_HOSTS),
    (Place::Top, "log.emitInternalMetrics", Starts::Always),
    (Place::Top, "log.emitMetrics", Starts::Always),
    (Place::Top, "log.file", Starts::Always),
    (Place::Top, "log.level", Starts::Always),
    (Place::Top, "log.maxBackupIndex", Starts::Always),
    (Place::Top, "log.maxFileSize", Starts::Always),
    (Place::Top, "log.statusReportingPeriodSeconds", Starts::Always),
    (Place::Top, "maxConnections", NUMBERS),
    (Place::Top, "maxSendingThreads", NUMBERS),
    (Place::Top, "maxSendingThreadsPerCore", NUMBERS),
    (Place::Top, "pollPeriodMillis", Starts::Always),
    (Place::Top, "sendingThreadsKeepAliveMillis", NUMBERS),
    (Place::Top, "sendingThreadsMaxQueueSize", NUMBERS),
    (Place::Top, "shutdownTimeoutMillis", Starts::Always),
    (Place::Top, "socketTimeoutMillis", NUMBERS),
    (Place::Top, "sts.endpoint", NO_HOSTS),
    (Place::Top, "useHttpGzip", Starts::With(&["true"])),
    (Place::Top, "useTcpKeepAlive", Starts::With(&["true"])),
    (Place::Top, "userAgent", Starts::Always),
    (Place::Top, "userAgentOverride", Starts::Always),
    (Place::Top, "userDefinedCredentialsProvider.classname", Starts::Always),
    (Place::Top, "userDefinedCredentialsProvider.location", Starts::Always),
    (Place::Firehose, "aggregatedRecordSizeBytes", NUMBERS),
    (Place::Kinesis, "aggregatedRecordSizeBytes", Starts::Always),
    // Any list and any map but an empty list holds an item that is no converter.
    (Place::Kinesis, "dataProcessingOptions", Starts::But(&[r#"["a", 1, null]"#])),
    (Place::Kinesis, "deliveryStream", Starts::Always),
    (Place::Kinesis, "fileFooterPattern", PATTERNS),
    (Place::Kinesis, "filePattern", Starts::With(&[])),
    (Place::Kinesis, "initialPosition", Starts::With(&["null"])),
    (Place::Kinesis, "kinesisStream", Starts::Always),
    (Place::Kinesis, "log.emitInternalMetrics", Starts::Always),
    (Place::Kinesis, "maxBufferSizeBytes", NUMBERS),
    (Place::Kinesis, "maxBufferSizeRecords", NUMBERS),
    (Place::Kinesis, "maxTimeBetweenFileTrackerRefreshMillis", NUMBERS),
    (Place::Kinesis, "minTimeBetweenFilePollsMillis", NUMBERS),
    (Place::Kinesis, "multiLineStartPattern", PATTERNS),
    (Place::Firehose, "partitionKeyOption", Starts::Always),
    (Place::Kinesis, "partitionKeyOption", Starts::With(&["null"])),
    (Place::Kinesis, "publishQueueCapacity", NUMBERS),
    (Place::Kinesis, "retryInitialBackoffMillis", NUMBERS),
    (Place::Kinesis, "retryMaxBackoffMillis", NUMBERS),
    (Place::Kinesis, "skipHeaderLines", NUMBERS),
    (Place::Kinesis, "truncatedRecordTerminator", Starts::But(&["null"])),
    (Place::Kinesis, "waitOnEmptyPublishQueueMillis", Starts::With(&[])),
    (Place::Kinesis, "waitOnFullPublishQueueMillis", Starts::With(&[])),
    (Place::Kinesis, "waitOnFullRetryQueueMillis", Starts::Always),
    (
        Place::Converter("CSVTOJSON", ""),
        "customFieldNames",
        Starts::With(&["null", "[]", r#"["a", 1, null]"#]),
    ),
    (Place::Converter("CSVTOJSON", r#", "customFieldNames": ["a"]"#), "delimiter", Starts::Always),
    (
        Place::Converter("CSVTOJSON", r#", "customFieldNames": ["a"]"#),
        "jsonFormat",
        Starts::With(&["null"]),
    ),
    (Place::Converter("LOGTOJSON", ""), "logFormat", Starts::With(&[])),
    (
        Place::Converter("LOGTOJSON", r#", "logFormat": "SYSLOG", "matchPattern": "(a)""#),
        "customFieldNames",
        Starts::With(&["[]", r#"["a", 1, null]"#]),
    ),
    (
        Place::Converter(
            "LOGTOJSON",
            r#", "logFormat": "SYSLOG", "customFieldNames": ["a","b","c","d","e"]"#,
        ),
        "matchPattern",
        PATTERNS,
    ),
    (Place::Converter("ADDMETADATA", ""), "metadata", Starts::Always),
    (
        Place::Converter("ADDEC2METADATA", r#", "logFormat": "SYSLOG""#),
        "metadataTTL",
        Starts::Always,
    ),
    (Place::Converter("SINGLELINE", ""), "parseOptions", Starts::But(&["null"])),
    (Place::Converter("X", ""), "optionName", Starts::With(&[])),
];

impl Starts {
    fn with(self, value: &str) -> bool {
        match self {
            Self::Always => true,
            Self::But(kinds) => !kinds.contains(&value),
            Self::With(kinds) => kinds.contains(&value),
        }
    }
}

/// A configuration in which a key has a value; the key stands last, so it counts.
fn configuration(place: Place, key: &str, value: &str) -> String {
    let pair = format!("\"{key}\": {value}");
    let flow = |more: &str| match place {
        Place::Firehose => {
            format!(r#"{{"filePattern": "/tmp/a.log*", "deliveryStream": "d", {more}}}"#)
        }
        _ => format!(r#"{{"filePattern": "/tmp/a.log*", "kinesisStream": "s", {more}}}"#),
    };
    match place {
        Place::Top => format!("{{\"flows\": [{}], {pair}}}", flow(r#""skipHeaderLines": 0"#)),
        Place::Firehose | Place::Kinesis => format!("{{\"flows\": [{}]}}", flow(&pair)),
        Place::Converter(name, options) => {
            let item = format!("{{\"optionName\": \"{name}\"{options}, {pair}}}");
            format!("{{\"flows\": [{}]}}", flow(&format!("\"dataProcessingOptions\": [{item}]")))
        }
    }
}

#[test]
fn every_key_with_every_kind_of_value_starts_where_the_java_agent_starts() {
    let mut wrong = Vec::new();
    for &(place, key, starts) in KEYS {
        for value in KINDS {
            let text = configuration(place, key, value);
            let loaded = load(&text, Path::new("agent.json"), &Environment::default());
            let (started, said) = match loaded {
                Ok((_, warnings)) => (true, format!("{warnings:?}")),
                Err(report) => (false, report.to_string()),
            };
            if started != starts.with(value) {
                wrong.push(format!("{text}\n    started: {started}, {said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_pattern_that_is_a_list_is_the_text_that_java_makes_of_it() {
    let text = r#"{"flows": [{"filePattern": ["/a/b"], "kinesisStream": "s"}]}"#;
    let (config, warnings) = load(text, Path::new("agent.json"), &Environment::default()).unwrap();
    assert_eq!(config.flows[0].id, "kinesis:s:[/a/b]");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

/// What the Java agent takes for text is text here, and what it passes over has no effect, but in
/// YAML, which that agent cannot read, it is an error.
#[test]
fn what_is_only_tolerated_is_an_error_in_yaml() {
    for (place, key, value) in [
        (Place::Top, "log.level", "ALL"),
        (Place::Top, "shutdownTimeoutMillis", "soon"),
        (Place::Top, "cloudwatch.emitMetrics", "maybe"),
        (Place::Kinesis, "kinesisStream", "[s]"),
        (Place::Kinesis, "dataProcessingOptions", "SINGLELINE"),
        (Place::Kinesis, "filePattern", "'/a{1/b'"),
        (Place::Converter("CSVTOJSON", ", customFieldNames: [a]"), "delimiter", "'('"),
        (Place::Converter("SINGLELINE", ""), "parseOptions", "NO_TRIM"),
    ] {
        let json = configuration(place, key, value);
        // Without its first brace it is a map of YAML, with values in the flow style.
        let yaml = json.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap();
        let yaml = yaml.replace("], \"", "]\n\"");
        let loaded = load(&yaml, Path::new("kinetail.yaml"), &Environment::default());
        assert!(loaded.is_err(), "{yaml}");
    }
}
