//! Keys of other programs and of forks of the Java agent, and what does their work here. People
//! bring them along with a configuration that worked elsewhere, and no edit distance finds
//! `kinesisStream` from `stream_name`.

/// What to write in place of a key of another program, if it is known there.
pub(super) fn advice(key: &str) -> Option<&'static str> {
    let groups = FOREIGN.iter();
    groups
        .filter(|(keys, _)| keys.iter().any(|known| known.eq_ignore_ascii_case(key)))
        .map(|(_, advice)| *advice)
        .next()
}

/// Keys and what to do instead. Upper and lower case are one.
const FOREIGN: &[(&[&str], &str)] = &[
    // Forks of the Java agent.
    (
        &["partitionKeyField", "partition_key", "partition_key_field"],
        "another program's key: use the flow key \"partitionKey\" to derive a key from each \
         record, for example \"{record.user.id}\" for JSON",
    ),
    (
        &["metadataFields", "tagFields", "add_fields", "labels", "tags"],
        "another agent's key: use the converter ADDMETADATA for fixed \"metadata\", ADDEC2METADATA \
         for instance metadata",
    ),
    (
        &["dataType", "parser", "codec"],
        "another agent's key: converters in \"dataProcessingOptions\" decide what becomes of a \
         line, such as LOGTOJSON with a \"logFormat\", or CSVTOJSON",
    ),
    (
        &["converterClass", "plugin", "className"],
        "another agent's key: Java classes cannot be loaded; use the converters of \
         \"dataProcessingOptions\"",
    ),
    // Where from.
    (
        &[
            "file",
            "fileName",
            "filePath",
            "file_path",
            "files",
            "glob",
            "include",
            "inputPath",
            "logFile",
            "logPath",
            "path",
            "paths",
            "pattern",
        ],
        "another program's key: use the flow key \"filePattern\" to select files",
    ),
    (
        &["exclude", "exclude_files", "exclude_path", "excludes", "ignore"],
        "another program's key: use the flow key \"excludePatterns\" to ignore files",
    ),
    (
        &["beginning", "readFrom", "read_from", "read_from_head", "start_at", "start_position"],
        "another program's key: write \"initialPosition\": \"START_OF_FILE\" or \"END_OF_FILE\" \
         into the flow",
    ),
    (
        &["data_dir", "db", "pos_file", "positions", "registry", "sincedb_path", "state_file"],
        "another program's key: use the top-level key \"checkpointFile\" for the checkpoint \
         database",
    ),
    (
        &["multiline.parser", "multiline.pattern", "multiline_start"],
        "another program's key: \"multiLineStartPattern\" of a flow matches the start of a \
         record's first line",
    ),
    (
        &["charset", "fileEncoding", "file_encoding"],
        "another program's key: \"encoding\" of a flow is auto or raw; bytes are not converted",
    ),
    (
        &["skip_long_lines", "max_line_size", "max_bytes"],
        "another program's key: \"maxLineBytes\" and \"oversizeLinePolicy\" of a flow decide about \
         long lines",
    ),
    (
        &["pollInterval", "poll_interval", "refresh_interval", "scan_frequency", "interval"],
        "another program's key: use the flow key \"scanIntervalMillis\" to set how often \
         directories are scanned",
    ),
    // Where to.
    (
        &["stream", "streamName", "stream_name", "kinesisStreamName", "kinesis_stream_name"],
        "another program's key: set \"kinesisStream\" or \"deliveryStream\" of the flow to the \
         stream name",
    ),
    (
        &[
            "deliveryStreamName",
            "delivery_stream_name",
            "firehose",
            "firehoseStream",
            "firehose_stream",
        ],
        "another program's key: set \"deliveryStream\" of the flow to the delivery stream name",
    ),
    (
        &["streamArn", "stream_arn", "deliveryStreamArn"],
        "streams are specified by name: set \"kinesisStream\" or \"deliveryStream\", and \
         \"region\"",
    ),
    (
        &["roleArn", "role_arn", "assumeRole", "assume_role", "iamRole"],
        "another program's key: use \"assumeRoleARN\", at the top level or in a flow",
    ),
    (
        &["endpointUrl", "endpoint_url", "kinesisEndpoint", "kinesis_endpoint"],
        "another program's key: write \"kinesis.endpoint\" or \"firehose.endpoint\" at the top \
         level, or \"endpoint\" in a flow",
    ),
    (
        &["batchSize", "batch_size", "max_batch_size", "bulk_max_size"],
        "another program's key: \"maxBufferSizeRecords\" and \"maxBufferSizeBytes\" of a flow \
         bound a batch",
    ),
    (
        &["flush", "flushInterval", "flush_interval", "batch_timeout", "timeout_secs", "linger"],
        "another program's key: use the flow key \"maxBufferAgeMillis\" to limit the age of a \
         batch",
    ),
    (
        &["concurrency", "threads", "worker", "workers", "numThreads"],
        "another program's key: \"maxInFlightRequests\" of a flow bounds the requests at a time",
    ),
    (
        &["compress", "gzip", "simple_aggregation"],
        "another program's key: use the flow keys \"aggregation\" and \"compression\"",
    ),
    (
        &["data_keys", "log_key", "time_key", "time_key_format", "include_tag_key"],
        "another program's key: a record is the line's bytes, unless converters in \
         \"dataProcessingOptions\" change them",
    ),
    // As whom.
    (
        &["awsSessionToken", "aws_session_token", "sessionToken", "session_token"],
        "temporary keys expire and are not supported in the file: set AWS_ACCESS_KEY_ID, \
         AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN in the environment, or use a role",
    ),
    (
        &["awsProfile", "aws_profile", "profile", "profileName"],
        "set AWS_PROFILE in the environment of kinetail",
    ),
    (
        &["httpProxy", "http_proxy", "httpsProxy", "https_proxy", "proxyHost"],
        "set \"proxy\": \"http://HOST:PORT\" at the top level, or set HTTPS_PROXY in the \
         environment of kinetail",
    ),
    // Comments, where JSON has no place for them.
    (
        &["#", "$comment", "$schema", "//", "_comment", "comment", "comments", "description"],
        "ignored; comments begin with // in JSON and with # in YAML",
    ),
    (&["disabled", "enable", "enabled"], "ignored: to disable a flow, remove it or comment it out"),
    // Whole configurations of others.
    (
        &["customConfig", "sinks", "sources", "transforms"],
        "it looks like Vector's configuration, or that of Kinesis Agent for Windows: here \
         \"flows\" has items with a \"filePattern\" and a \"kinesisStream\"",
    ),
    (
        &["pipes", "selfUpdate", "telemetrics"],
        "it looks like the configuration of Kinesis Agent for Windows: here \"flows\" has items \
         with a \"filePattern\" and a \"kinesisStream\"",
    ),
    (
        &["inputs", "outputs", "parsers", "pipeline", "service"],
        "it looks like Fluent Bit's configuration: here \"flows\" has items with a \"filePattern\" \
         and a \"kinesisStream\"",
    ),
    (
        &["exporters", "extensions", "processors", "receivers"],
        "it looks like the OpenTelemetry Collector's configuration: here \"flows\" has items with \
         a \"filePattern\" and a \"kinesisStream\"",
    ),
    (
        &["filebeat.inputs", "filebeat", "output", "output.kinesis", "output.elasticsearch"],
        "it looks like Filebeat's configuration: here \"flows\" has items with a \"filePattern\" \
         and a \"kinesisStream\"",
    ),
    (
        &["scrape_configs", "clients", "server"],
        "it looks like Promtail's configuration: here \"flows\" has items with a \"filePattern\" \
         and a \"kinesisStream\"",
    ),
    (
        &["agent", "collect_list", "log_group_name", "log_stream_name", "logs", "logs_collected"],
        "it looks like the CloudWatch agent's configuration: here \"flows\" has items with a \
         \"filePattern\" and a \"kinesisStream\"",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::file::{FlowFile, TopLevelFile};
    use super::*;

    #[test]
    fn no_key_of_ours_is_foreign_and_none_appears_twice() {
        let all: Vec<&str> = FOREIGN.iter().flat_map(|(keys, _)| keys.iter().copied()).collect();
        for (at, key) in all.iter().enumerate() {
            let again = all.iter().skip(at + 1).any(|other| other.eq_ignore_ascii_case(key));
            assert!(!again, "{key} twice");
            let own = FlowFile::KEYS.iter().chain(TopLevelFile::KEYS);
            assert!(!own.into_iter().any(|own| own == key), "{key}");
        }
        assert_eq!(advice("Stream_Name"), advice("stream_name"));
        assert_eq!(advice("colour"), None);
    }
}
