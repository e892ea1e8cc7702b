//! One item of `flows`, checked and turned into a [`FlowConfig`].

use std::collections::HashMap;
use std::time::Duration;

use super::aggregation::{self, RecordBytes};
use super::destination::destination;
use super::diagnostics::{Findings, Kind};
use super::document::missing_blank;
use super::expand::Variables;
use super::expression::pattern_of;
use super::file::{FlowFile, IGNORED_FLOW};
use super::file_pattern::pattern_and_links;
use super::parse::{Entry, Node, Span, Value};
use super::rotated;
use super::scalar;
use super::slot::Slot;
use super::source::Place;
use super::unknown;
use super::validate::Environment;
use super::written::Written;
use super::{
    AwsConfig, Caps, Destination, Encoding, FlowConfig, InitialPosition, Input, Ordering,
    OversizeLine, PartitionKey, RetryConfig, Wire, converters, dead_letters, ignored, input,
    multi_line, network, partition_key, when_done,
};
use crate::process::{ConverterConfig, Footer, LineStart};
use crate::tail::links::FollowLinks;
use crate::tail::pattern::FilePattern;
use kinetail_base::limits::{
    FIREHOSE_RECORD_BYTES_MAX, FIREHOSE_REQUEST_BYTES_MAX, KINESIS_LARGE_REQUEST_BYTES_MAX,
    KINESIS_REQUEST_BYTES_MAX, REQUEST_RECORDS_MAX,
};

/// The longest delay between attempts that can be asked for: a day.
const BACKOFF_MILLIS_MAX: u64 = 24 * 60 * 60 * 1000;

/// The least limit of the length of a line, in bytes.
const LINE_BYTES_MIN: u64 = 1024;

/// The highest cap of what is sent in a second: nothing is faster.
const CAP_MAX: u64 = u32::MAX as u64;

/// The largest number that the Java agent's `int` takes.
const JAVA_INT_MAX: u64 = 2_147_483_647;

const POSITIONS: &[(&str, InitialPosition)] =
    &[("END_OF_FILE", InitialPosition::EndOfFile), ("START_OF_FILE", InitialPosition::StartOfFile)];

const ENCODINGS: &[(&str, Encoding)] = &[("auto", Encoding::Auto), ("raw", Encoding::Raw)];

const OVERSIZE: &[(&str, OversizeLine)] = &[
    ("truncate", OversizeLine::Truncate),
    ("split", OversizeLine::Split),
    ("drop", OversizeLine::Drop),
    ("deadLetter", OversizeLine::DeadLetter),
];

const ORDERINGS: &[(&str, Ordering)] =
    &[("relaxed", Ordering::Relaxed), ("strict", Ordering::Strict)];

const WIRES: &[(&str, Wire)] = &[("auto", Wire::Auto), ("cbor", Wire::Cbor), ("json", Wire::Json)];

/// A checked flow and where its id comes from.
pub(super) struct CheckedFlow {
    pub(super) config: FlowConfig,
    pub(super) pattern_span: Span,
    pub(super) pattern_place: Place,
    pub(super) written: Written,
}

/// What a flow has from the main file unless it says otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlowDefaults<'c> {
    pub(super) environment: &'c Environment,
    pub(super) aws: Option<&'c AwsConfig>,
    pub(super) follow_links: FollowLinks,
    /// What values are expanded from, if they are.
    pub(super) variables: Option<&'c Variables>,
}

/// The flows of all files, each id once.
#[derive(Default)]
pub(super) struct CheckedFlows {
    pub(super) flows: Vec<CheckedFlow>,
    by_id: HashMap<String, usize>,
}

impl CheckedFlows {
    pub(super) fn with_id(&self, id: &str) -> Option<&CheckedFlow> {
        self.flows.get(*self.by_id.get(id)?)
    }

    /// The flow of standard input.
    pub(super) fn of_stdin(&self) -> Option<&CheckedFlow> {
        self.flows.iter().find(|flow| flow.config.input == Input::Stdin)
    }

    pub(super) fn push(&mut self, flow: CheckedFlow) {
        self.by_id.insert(flow.config.id.clone(), self.flows.len());
        self.flows.push(flow);
    }
}

/// Checks one flow. Nothing comes back if it has no id, that is, no pattern or no destination.
pub(super) fn flow(
    item: &Node,
    defaults: FlowDefaults<'_>,
    findings: &mut Findings<'_>,
) -> Option<CheckedFlow> {
    let entries = entries_of(item, findings)?;
    unknown::warn(entries, &unknown::FLOW, findings);
    ignored::check(entries, IGNORED_FLOW, findings);
    let file = FlowFile::of(entries);
    let (converters, multi_line_start) = records(&file, defaults, findings);
    let input = input::of(&file, &converters, findings);
    let links = defaults.follow_links;
    let pattern = input.pattern().or_else(|| pattern_and_links(&file, item, links, findings));
    let destination = destination(&file, item, findings);
    let bounds = Bounds::of(destination.as_ref(), &file, findings);
    let max_line_bytes = file.max_line_bytes.count(
        findings,
        LINE_BYTES_MIN..=bounds.request_bytes_max,
        bounds.request_bytes_max,
    );
    let joined = aggregation::of(&file, bounds.firehose, findings);
    let pattern_span = file.file_pattern.span().unwrap_or(&item.span).clone();
    let pattern_place = findings.place(&pattern_span);
    let config = FlowConfig {
        emit_internal_metrics: file.log_emit_internal_metrics.late().boolean(findings, false),
        aws: network::flow_aws(&file, defaults.aws, findings),
        initial_position: position(file.initial_position, findings),
        max_buffer_age: file.max_buffer_age_millis.millis(findings, 10..=900_000, 1_000),
        max_buffer_records: file.max_buffer_size_records.count(
            findings,
            1..=REQUEST_RECORDS_MAX as u64,
            REQUEST_RECORDS_MAX as u64,
        ),
        max_buffer_bytes: file.max_buffer_size_bytes.count(
            findings,
            1..=bounds.request_bytes_max,
            bounds.buffer_bytes,
        ),
        partition_key: partition_key::of(&file, bounds.firehose, defaults.environment, findings),
        rotated_names: rotated::rotated_names(file.rotated_names, findings),
        multi_line_start,
        multi_line_hold: file.multi_line_hold_millis.millis(findings, 0..=60_000, 1_000),
        partial_line_hold: partial_line_hold(&file, findings),
        encoding: file.encoding.choice(findings, ENCODINGS, Encoding::Auto),
        max_line_bytes,
        oversize_line: file.oversize_line_policy.choice(findings, OVERSIZE, OversizeLine::Truncate),
        file_footer: pattern_of(file.file_footer_pattern, Footer::compile, findings),
        aggregated_record_bytes: joined.java_bytes,
        aggregation: joined.aggregation,
        compression: joined.compression,
        compression_level: aggregation::level(&file, findings),
        max_record_bytes: bounds.record_bytes.bytes,
        max_record_bytes_auto: bounds.record_bytes.auto,
        skip_header_lines: file.skip_header_lines.nearest_integer(findings, 0..=JAVA_INT_MAX, 0),
        truncated_record_terminator: terminator(&file, &bounds, max_line_bytes, findings),
        converters,
        retry: retry(&file, findings),
        max_in_flight_requests: file.max_in_flight_requests.count(findings, 1..=256, 8),
        caps: caps(&file, findings),
        ordering: file.ordering.choice(findings, ORDERINGS, Ordering::Relaxed),
        wire: wire(&file, &bounds, findings),
        scan_interval: file.scan_interval_millis.millis(findings, 50..=60_000, 1_000),
        when_done: when_done::of(&file, findings),
        dead_letters: dead_letters::of(&file, findings),
        // These come last, so that all other keys are checked although there is no flow.
        id: id(&input, pattern.as_ref()?, destination.as_ref()?),
        input,
        pattern: pattern?,
        destination: destination?,
    };
    warn_of_keys_without_order(&config, file.ordering, findings);
    dead_letters::check(&config, &file, findings);
    let written = Written::of(item, defaults);
    Some(CheckedFlow { config, pattern_span, pattern_place, written })
}

/// The keys of an item of `flows`.
fn entries_of<'a>(item: &'a Node, findings: &mut Findings<'_>) -> Option<&'a [Entry]> {
    let Value::Map(entries) = &item.value else {
        let message =
            format!("'flows': expected a map for each item, found {}", findings.quote(item));
        let help = missing_blank(item, findings).unwrap_or_else(|| {
            "write {\"filePattern\": \"…\", \"kinesisStream\": \"…\"}".to_owned()
        });
        findings.error(Kind::WrongType, &item.span, message).help(help);
        return None;
    };
    Some(entries)
}

/// How long a last line without a newline waits; `None`: until it has one.
fn partial_line_hold(file: &FlowFile<'_>, findings: &mut Findings<'_>) -> Option<Duration> {
    let hold = file.partial_line_millis.millis(findings, 0..=3_600_000, 0);
    (!hold.is_zero()).then_some(hold)
}

/// What may be sent in a second.
fn caps(file: &FlowFile<'_>, findings: &mut Findings<'_>) -> Caps {
    Caps {
        records: cap(file.max_records_per_second, findings),
        bytes: cap(file.max_bytes_per_second, findings),
    }
}

/// One cap; nothing if there is no limit.
fn cap(slot: Slot<'_>, findings: &mut Findings<'_>) -> Option<u32> {
    slot.node()?;
    let cap = slot.count(findings, 1..=CAP_MAX, CAP_MAX);
    Some(u32::try_from(cap).unwrap_or(u32::MAX))
}

/// With random keys each record has its own: there is no order within a key.
fn warn_of_keys_without_order(config: &FlowConfig, slot: Slot<'_>, findings: &mut Findings<'_>) {
    let random = matches!(config.partition_key, PartitionKey::Random);
    let keyed = matches!(config.destination, Destination::Kinesis { .. });
    if config.ordering == Ordering::Strict && random && keyed {
        let message = "'ordering: strict' has no effect with random partition keys";
        slot.warn(findings, Kind::NoEffect, message.to_owned())
            .help("records with equal keys arrive in order: set 'partitionKey' to group them");
    }
}

/// Where to begin in files that are there at the first start.
fn position(slot: Slot<'_>, findings: &mut Findings<'_>) -> InitialPosition {
    slot.choice(findings, POSITIONS, InitialPosition::EndOfFile)
}

/// What is done to records, and which lines begin one.
fn records(
    file: &FlowFile<'_>,
    defaults: FlowDefaults<'_>,
    findings: &mut Findings<'_>,
) -> (Vec<ConverterConfig>, Option<LineStart>) {
    let options = file.data_processing_options;
    let converters = converters::chain(options, defaults.environment, findings);
    let start = multi_line::start(file, &converters, findings);
    (converters, start)
}

/// What depends on the kind of destination. If it is unknown, the wider limit holds.
struct Bounds {
    firehose: bool,
    record_bytes_max: usize,
    request_bytes_max: u64,
    /// `maxBufferSizeBytes`, unless it is given.
    buffer_bytes: u64,
    /// `maxRecordBytes`.
    record_bytes: RecordBytes,
}

impl Bounds {
    fn of(
        destination: Option<&Destination>,
        file: &FlowFile<'_>,
        findings: &mut Findings<'_>,
    ) -> Self {
        let firehose = match destination {
            Some(Destination::Firehose { .. }) => true,
            Some(Destination::Kinesis { .. }) => false,
            None => file.delivery_stream.node().is_some(),
        };
        let record_bytes = RecordBytes::of(file, firehose, findings);
        if firehose {
            Self {
                firehose,
                record_bytes_max: FIREHOSE_RECORD_BYTES_MAX,
                request_bytes_max: FIREHOSE_REQUEST_BYTES_MAX as u64,
                buffer_bytes: FIREHOSE_REQUEST_BYTES_MAX as u64,
                record_bytes,
            }
        } else {
            Self {
                firehose,
                record_bytes_max: record_bytes.bytes,
                request_bytes_max: if record_bytes.is_large() {
                    KINESIS_LARGE_REQUEST_BYTES_MAX as u64
                } else {
                    KINESIS_REQUEST_BYTES_MAX as u64
                },
                buffer_bytes: KINESIS_REQUEST_BYTES_MAX as u64,
                record_bytes,
            }
        }
    }
}

/// The id that the Java agent gives the flow; its checkpoints are found by it.
fn id(input: &Input, pattern: &FilePattern, destination: &Destination) -> String {
    let (kind, stream) = match destination {
        Destination::Firehose { delivery_stream } => ("fh", delivery_stream),
        Destination::Kinesis { stream } => ("kinesis", stream),
    };
    let files = || format!("{}/{}", pattern.directory_text(), pattern.name_text());
    format!("{kind}:{stream}:{}", input.id().unwrap_or_else(files))
}

/// The Java agent takes any number here but a negative first delay.
fn retry(file: &FlowFile<'_>, findings: &mut Findings<'_>) -> RetryConfig {
    let (first, most) = (file.retry_initial_backoff_millis, file.retry_max_backoff_millis);
    let negative = first.scalar_text().and_then(scalar::integer).is_some_and(|number| number < 0);
    let range = 1..=BACKOFF_MILLIS_MAX;
    let initial = if negative {
        first.millis(findings, range.clone(), 100)
    } else {
        first.nearest_millis(findings, range.clone(), 100)
    };
    let max = most.nearest_millis(findings, range, 10_000);
    if max < initial && !negative {
        let message = format!(
            "'{}' ({} ms) is less than '{}' ({} ms)",
            most.name(),
            max.as_millis(),
            first.name(),
            initial.as_millis()
        );
        let slot = if most.is_given() { most } else { first };
        slot.warn(findings, Kind::Conflict, message)
            .help(format!("no delay is longer than {} ms", max.as_millis()));
    }
    RetryConfig { initial: initial.min(max), max }
}

fn terminator(
    file: &FlowFile<'_>,
    bounds: &Bounds,
    line_bytes_max: usize,
    findings: &mut Findings<'_>,
) -> Vec<u8> {
    let slot = file.truncated_record_terminator;
    let default = b"\n".to_vec();
    if slot.is_null() {
        slot.wrong_type(findings, "a string").help("omit the key to use a newline");
        return default;
    }
    let Some(text) = slot.text(findings) else {
        return default;
    };
    if text.len() >= bounds.record_bytes_max {
        let message = format!(
            "'{}' exceeds the maximum record size of {} bytes",
            slot.name(),
            bounds.record_bytes_max
        );
        slot.error(findings, Kind::OutOfRange, message)
            .help("it is appended to truncated records and must be shorter than a record");
    } else if text.len() >= line_bytes_max {
        let message = format!(
            "'{}' has {} bytes, and 'maxLineBytes' allows {line_bytes_max}",
            slot.name(),
            text.len()
        );
        slot.error(findings, Kind::Conflict, message).help(
            "nothing of the line would be in a truncated record: shorten it, or raise maxLineBytes",
        );
    }
    text.as_bytes().to_vec()
}

fn wire(file: &FlowFile<'_>, bounds: &Bounds, findings: &mut Findings<'_>) -> Wire {
    let slot = file.wire;
    let wire = slot.choice(findings, WIRES, Wire::Auto);
    if wire == Wire::Cbor && bounds.firehose {
        let message = "Firehose does not support CBOR".to_owned();
        slot.error(findings, Kind::Unsupported, message).help("write auto or json");
    }
    wire
}
