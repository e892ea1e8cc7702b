//! The mirror of what a person writes: every key, by its name in the file, with no meaning yet.
//!
//! One line here makes a key known, with `own` if the Java agent does not have it; `validate`,
//! `flow` and `converters` give it a meaning. Keys of the Java agent that do nothing here stand in
//! [`IGNORED_TOP_LEVEL`] and [`IGNORED_FLOW`] with the reason.

macro_rules! mirror {
    ($(
        $(#[$doc:meta])* $name:ident { $($field:ident: $key:literal $($own:ident)?,)+ }
    )+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name<'a> {
            $(pub(super) $field: $crate::config::slot::Slot<'a>,)+
        }

        impl<'a> $name<'a> {
            /// Every key, in the order of the mirror.
            pub(super) const KEYS: &'static [&'static str] = &[$($key),+];

            /// Looks every key up.
            pub(super) fn of(entries: &'a [$crate::config::parse::Entry]) -> Self {
                Self { $($field: $crate::config::slot::Slot::find($key, entries)$(.$own())?,)+ }
            }
        }
    )+};
}

pub(super) use mirror;

mirror! {
    /// The whole file.
    TopLevelFile {
        admin_address: "admin.address" own,
        admin_allow_remote: "admin.allowRemote" own,
        admin_socket: "admin.socket" own,
        assume_role_arn: "assumeRoleARN",
        assume_role_external_id: "assumeRoleExternalId",
        aws_access_key_id: "awsAccessKeyId",
        aws_secret_access_key: "awsSecretAccessKey",
        ca_file: "caFile" own,
        checkpoint_file: "checkpointFile",
        checkpoint_time_to_live_days: "checkpointTimeToLiveDays",
        cloudwatch_emit_extra_metrics: "cloudwatch.emitExtraMetrics" own,
        cloudwatch_emit_metrics: "cloudwatch.emitMetrics",
        cloudwatch_endpoint: "cloudwatch.endpoint",
        cloudwatch_metrics_buffer_time_millis: "cloudwatch.metricsBufferTimeMillis",
        cloudwatch_metrics_queue_size: "cloudwatch.metricsQueueSize",
        cloudwatch_namespace: "cloudwatch.namespace",
        cloudwatch_region: "cloudwatch.region" own,
        cloudwatch_tag_instance: "cloudwatch.tagInstance",
        expand_environment: "expandEnvironment" own,
        firehose_endpoint: "firehose.endpoint",
        firehose_region: "firehose.region" own,
        flows: "flows",
        follow_links: "followLinks" own,
        java_checkpoint_file: "javaCheckpointFile" own,
        kinesis_endpoint: "kinesis.endpoint",
        kinesis_region: "kinesis.region",
        log_compress_backups: "log.compressBackups" own,
        log_emit_internal_metrics: "log.emitInternalMetrics",
        log_emit_metrics: "log.emitMetrics",
        log_file: "log.file",
        log_format: "log.format" own,
        log_level: "log.level",
        log_max_backup_age_days: "log.maxBackupAgeDays" own,
        log_max_backup_index: "log.maxBackupIndex",
        log_max_file_size: "log.maxFileSize",
        log_status_reporting_period_seconds: "log.statusReportingPeriodSeconds",
        memory_budget_bytes: "memoryBudgetBytes" own,
        min_free_disk_percent: "minFreeDiskPercent" own,
        no_proxy: "noProxy" own,
        notify: "notify" own,
        proxy: "proxy" own,
        region: "region" own,
        shutdown_timeout_millis: "shutdownTimeoutMillis",
        sts_endpoint: "sts.endpoint",
        use_dual_stack_endpoint: "useDualStackEndpoint" own,
        use_fips_endpoint: "useFipsEndpoint" own,
        user_agent: "userAgent",
        user_agent_override: "userAgentOverride",
    }

    /// One item of `flows`.
    FlowFile {
        aggregated_record_size_bytes: "aggregatedRecordSizeBytes",
        aggregated_records_max: "aggregatedRecordsMax" own,
        aggregation: "aggregation" own,
        assume_role_arn: "assumeRoleARN",
        assume_role_external_id: "assumeRoleExternalId",
        compression: "compression" own,
        compression_level: "compressionLevel" own,
        data_processing_options: "dataProcessingOptions",
        dead_letter_directory: "deadLetterDirectory" own,
        dead_letter_max_age_hours: "deadLetterMaxAgeHours" own,
        dead_letter_max_bytes: "deadLetterMaxBytes" own,
        delivery_stream: "deliveryStream",
        encoding: "encoding" own,
        endpoint: "endpoint" own,
        exclude_patterns: "excludePatterns" own,
        file_footer_pattern: "fileFooterPattern",
        file_pattern: "filePattern",
        follow_links: "followLinks" own,
        initial_position: "initialPosition",
        input: "input" own,
        journal_command: "journalCommand" own,
        journal_directory: "journalDirectory" own,
        journal_fields: "journalFields" own,
        journal_identifiers: "journalIdentifiers" own,
        journal_priority: "journalPriority" own,
        journal_units: "journalUnits" own,
        kinesis_stream: "kinesisStream",
        log_emit_internal_metrics: "log.emitInternalMetrics",
        max_buffer_age_millis: "maxBufferAgeMillis",
        max_buffer_size_bytes: "maxBufferSizeBytes",
        max_buffer_size_records: "maxBufferSizeRecords",
        max_bytes_per_second: "maxBytesPerSecond" own,
        max_in_flight_requests: "maxInFlightRequests" own,
        max_line_bytes: "maxLineBytes" own,
        max_record_bytes: "maxRecordBytes" own,
        max_records_per_second: "maxRecordsPerSecond" own,
        multi_line_hold_millis: "multiLineHoldMillis" own,
        multi_line_start_pattern: "multiLineStartPattern",
        multiline: "multiline" own,
        ordering: "ordering" own,
        oversize_line_policy: "oversizeLinePolicy" own,
        partial_line_millis: "partialLineMillis" own,
        partition_key: "partitionKey" own,
        partition_key_missing: "partitionKeyMissing" own,
        partition_key_missing_value: "partitionKeyMissingValue" own,
        partition_key_option: "partitionKeyOption",
        partition_key_pattern: "partitionKeyPattern" own,
        region: "region" own,
        retry_initial_backoff_millis: "retryInitialBackoffMillis",
        retry_max_backoff_millis: "retryMaxBackoffMillis",
        rotated_names: "rotatedNames" own,
        scan_interval_millis: "scanIntervalMillis" own,
        skip_header_lines: "skipHeaderLines",
        truncated_record_terminator: "truncatedRecordTerminator",
        use_dual_stack_endpoint: "useDualStackEndpoint" own,
        use_fips_endpoint: "useFipsEndpoint" own,
        when_done: "whenDone" own,
        when_done_quiet_millis: "whenDoneQuietMillis" own,
        wire: "wire" own,
    }

    /// One item of `dataProcessingOptions`, before it is known which converter it is.
    ConverterFile {
        option_name: "optionName",
    }

    /// The options of SINGLELINE.
    SingleLineFile {
        parse_options: "parseOptions",
    }

    /// The options of ADDEC2METADATA.
    AddEc2MetadataFile {
        json_format: "jsonFormat",
        log_format: "logFormat",
        metadata_ttl: "metadataTTL",
        tags: "tags",
    }

    /// The options of ADDMETADATA.
    AddMetadataFile {
        json_format: "jsonFormat",
        metadata: "metadata",
        timestamp: "timestamp",
    }

    /// The options of CSVTOJSON.
    CsvToJsonFile {
        custom_field_names: "customFieldNames",
        delimiter: "delimiter",
        json_format: "jsonFormat",
    }

    /// The options of LOGTOJSON.
    LogToJsonFile {
        custom_field_names: "customFieldNames",
        json_format: "jsonFormat",
        log_format: "logFormat",
        match_pattern: "matchPattern",
    }
}

/// The options of each converter.
pub(super) const CONVERTERS: &[&[&str]] = &[
    ConverterFile::KEYS,
    SingleLineFile::KEYS,
    AddEc2MetadataFile::KEYS,
    AddMetadataFile::KEYS,
    CsvToJsonFile::KEYS,
    LogToJsonFile::KEYS,
];

/// A key of the Java agent that does nothing here, and why.
pub(super) type Ignored = (&'static str, &'static str);

/// Top-level keys of the Java agent, its older versions as well, that do nothing here.
pub(super) const IGNORED_TOP_LEVEL: &[Ignored] = &[
    ("checkpoints.connectionTimeoutSeconds", "unused by the Java agent as well"),
    ("checkpoints.queryTimeoutSeconds", "checkpoints are written in the background"),
    ("connectionTTLMillis", "connections are reused while they are healthy"),
    ("connectionTimeoutMillis", "the connect timeout is fixed at 3.1 s"),
    ("maxConnections", "use maxInFlightRequests (per flow) to limit connections"),
    ("maxSendingThreads", "kinetail does not use sender threads"),
    ("maxSendingThreadsPerCore", "kinetail does not use sender threads"),
    (
        "pollPeriodMillis",
        "use scanIntervalMillis (per flow) to set how often directories are scanned",
    ),
    ("sendingThreadsKeepAliveMillis", "kinetail does not use sender threads"),
    ("sendingThreadsMaxQueueSize", "use memoryBudgetBytes to limit buffered data"),
    ("socketTimeoutMillis", "the request timeout is fixed at 30 s"),
    ("useHttpGzip", "responses are small; requests were never compressed"),
    ("useTcpKeepAlive", "dead connections are detected by the request timeout"),
    (
        "userDefinedCredentialsProvider.classname",
        "Java classes cannot be loaded; `kinetail check` shows the credential source in use",
    ),
    ("userDefinedCredentialsProvider.location", "Java classes cannot be loaded"),
];

/// Flow keys of the Java agent that do nothing here.
pub(super) const IGNORED_FLOW: &[Ignored] = &[
    (
        "maxTimeBetweenFileTrackerRefreshMillis",
        "use scanIntervalMillis to set how often directories are scanned",
    ),
    ("minTimeBetweenFilePollsMillis", "the polling interval adapts to file activity"),
    ("publishQueueCapacity", "use memoryBudgetBytes to limit buffered data"),
    ("waitOnEmptyPublishQueueMillis", "kinetail has no such queue"),
    ("waitOnFullPublishQueueMillis", "kinetail has no such queue"),
    ("waitOnFullRetryQueueMillis", "kinetail has no such queue"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn is_sorted<T: Ord>(items: &[T]) -> bool {
        items.windows(2).all(|pair| pair.first() < pair.last())
    }

    #[test]
    fn every_list_is_sorted_and_no_key_is_both_used_and_ignored() {
        let ignored: Vec<&str> = IGNORED_TOP_LEVEL.iter().map(|(name, _)| *name).collect();
        assert!(is_sorted(&ignored) && is_sorted(TopLevelFile::KEYS));
        assert!(!TopLevelFile::KEYS.iter().any(|key| ignored.contains(key)));
        let ignored: Vec<&str> = IGNORED_FLOW.iter().map(|(name, _)| *name).collect();
        assert!(is_sorted(&ignored) && is_sorted(FlowFile::KEYS));
        assert!(!FlowFile::KEYS.iter().any(|key| ignored.contains(key)));
    }
}
