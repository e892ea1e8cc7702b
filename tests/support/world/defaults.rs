//! The configuration of a flow unless a test says otherwise.

use std::time::Duration;

use kinetail::config::{
    Compression, Destination, Encoding, FlowAwsConfig, FlowConfig, InitialPosition, Input,
    Ordering, OversizeLine, PartitionKey, RetryConfig, Wire,
};
use kinetail::tail::pattern::FilePattern;
use kinetail::tail::rotated::RotatedNames;

/// The configuration of a flow over files that match this pattern.
pub(super) fn defaults(text: &str) -> FlowConfig {
    FlowConfig {
        id: format!("kinesis:test:{text}"),
        emit_internal_metrics: false,
        input: Input::Files,
        pattern: FilePattern::parse(text).unwrap(),
        rotated_names: RotatedNames::default(),
        destination: Destination::Kinesis { stream: "test".to_owned() },
        aws: FlowAwsConfig::default(),
        initial_position: InitialPosition::StartOfFile,
        max_buffer_age: Duration::from_millis(50),
        max_buffer_records: 500,
        max_buffer_bytes: 5 * 1024 * 1024,
        partition_key: PartitionKey::Random,
        multi_line_start: None,
        file_footer: None,
        aggregated_record_bytes: 0,
        aggregation: None,
        compression: Compression::None,
        max_record_bytes: 1024 * 1024,
        max_record_bytes_auto: false,
        multi_line_hold: Duration::from_secs(1),
        partial_line_hold: None,
        encoding: Encoding::Auto,
        max_line_bytes: 5 * 1024 * 1024,
        oversize_line: OversizeLine::Truncate,
        skip_header_lines: 0,
        truncated_record_terminator: b"\n".to_vec(),
        converters: Vec::new(),
        retry: RetryConfig { initial: Duration::from_millis(100), max: Duration::from_secs(10) },
        max_in_flight_requests: 4,
        caps: kinetail::config::Caps::default(),
        ordering: Ordering::Relaxed,
        wire: Wire::Json,
        scan_interval: Duration::from_millis(100),
        when_done: None,
        dead_letters: None,
    }
}
