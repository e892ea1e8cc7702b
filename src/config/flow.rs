//! One item of `flows`, checked and turned into a [`FlowConfig`].

use std::collections::HashMap;
use std::time::Duration;

use super::aggregation::{self, RecordBytes};
use super::diagnostics::{Findings, Kind};
use super::expand::Variables;
use super::file::{FlowFile, IGNORED_FLOW};
use super::parse::{Entry, Node, Span, Value};
use super::path::odd_pattern;
use super::rotated;
use super::scalar;
use super::slot::Slot;
use super::source::Place;
use super::unknown;
use super::validate::{Environment, missing_blank};
use super::written::Written;
use super::{
    AwsConfig, Caps, Destination, Encoding, FlowConfig, InitialPosition, Input, Ordering,
    OversizeLine, PartitionKey, RetryConfig, Wire, converters, dead_letters, ignored, input,
    multi_line, network, partition_key, when_done,
};
use crate::process::{ConverterConfig, Footer, Impossible, LineStart, PatternError, impossible};
use crate::tail::exclude::Exclude;
use crate::tail::links::FollowLinks;
use crate::tail::pattern::{FilePattern, PatternError as FilePatternError, is_compressed_name};
use kinetail_base::limits::{
    FIREHOSE_RECORD_BYTES_MAX, FIREHOSE_REQUEST_BYTES_MAX, KINESIS_LARGE_REQUEST_BYTES_MAX,
    KINESIS_REQUEST_BYTES_MAX, REQUEST_RECORDS_MAX,
};

/// Characters in the name of a Kinesis stream (`CreateStream` in the API reference).
const STREAM_NAME_CHARS_MAX: usize = 128;

/// Characters in the name of a delivery stream (`CreateDeliveryStream` in the API reference).
const DELIVERY_STREAM_NAME_CHARS_MAX: usize = 64;

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

pub(super) const FOLLOW_LINKS: &[(&str, FollowLinks)] = &[
    ("always", FollowLinks::Always),
    ("never", FollowLinks::Never),
    ("owner", FollowLinks::Owner),
];

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
    let joined = aggregation::of(&file, bounds.firehose, findings);
    let pattern_span = file.file_pattern.span().unwrap_or(&item.span).clone();
    let pattern_place = findings.place(&pattern_span);
    let config = FlowConfig {
        emit_internal_metrics: file.log_emit_internal_metrics.late_boolean(findings, false),
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
        max_line_bytes: file.max_line_bytes.count(
            findings,
            LINE_BYTES_MIN..=bounds.request_bytes_max,
            bounds.request_bytes_max,
        ),
        oversize_line: file.oversize_line_policy.choice(findings, OVERSIZE, OversizeLine::Truncate),
        file_footer: pattern_of(file.file_footer_pattern, Footer::compile, findings),
        aggregated_record_bytes: joined.java_bytes,
        aggregation: joined.aggregation,
        compression: joined.compression,
        max_record_bytes: bounds.record_bytes.bytes,
        max_record_bytes_auto: bounds.record_bytes.auto,
        skip_header_lines: file.skip_header_lines.nearest_integer(findings, 0..=JAVA_INT_MAX, 0),
        truncated_record_terminator: terminator(&file, &bounds, findings),
        converters,
        retry: retry(&file, findings),
        max_in_flight_requests: file.max_in_flight_requests.count(findings, 1..=64, 8),
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

/// Which files, and which links on the way to them are followed.
fn pattern_and_links(
    file: &FlowFile<'_>,
    item: &Node,
    default: FollowLinks,
    findings: &mut Findings<'_>,
) -> Option<FilePattern> {
    let pattern = excludes(file.exclude_patterns, file_pattern(file, item, findings), findings);
    let follow = file.follow_links.choice(findings, FOLLOW_LINKS, default);
    pattern.map(|pattern| pattern.following(follow))
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

fn file_pattern(
    file: &FlowFile<'_>,
    item: &Node,
    findings: &mut Findings<'_>,
) -> Option<FilePattern> {
    let slot = file.file_pattern;
    let Some(text) = slot.text_not_empty(findings) else {
        // A value of the wrong type was reported already.
        if !slot.is_not_text() {
            let span = slot.span().unwrap_or(&item.span).clone();
            let help = if slot.is_null() {
                "the value is empty: in YAML, quote values that begin with '#', '&' or '!'"
            } else {
                "specify the files to follow, e.g. \"/var/log/app.log*\""
            };
            findings
                .error(Kind::Missing, &span, "required value missing: 'filePattern'".to_owned())
                .help(help);
        }
        return None;
    };
    let mut parsed = FilePattern::parse(text);
    if let Err(error @ FilePatternError::Glob { .. }) = &parsed
        && slot.is_java(findings)
        && let Ok(literal) = FilePattern::parse_as_java(text)
    {
        let message = format!("'filePattern': invalid pattern {}: {error}", slot.quoted(findings));
        slot.warn(findings, Kind::Invalid, message)
            .help("the directory is used literally, as in the Java agent");
        parsed = Ok(literal);
    }
    match parsed {
        Ok(pattern) => {
            if is_compressed_name(pattern.name_text().as_ref()) {
                let message = format!("'filePattern' {} can never match", slot.quoted(findings));
                slot.warn(findings, Kind::NoEffect, message).help(
                    "compressed files (.gz, .bz2, .zip, .zst, .xz and the like) are never followed",
                );
            }
            if let Some(odd) = odd_pattern(text) {
                let message = format!("'filePattern' {} {}", slot.quoted(findings), odd.what);
                let finding = if odd.may_work {
                    slot.warn(findings, Kind::Invalid, message)
                } else {
                    slot.broken(findings, Kind::Invalid, message)
                };
                finding.help(odd.help);
            }
            Some(pattern)
        }
        Err(error) => {
            let message =
                format!("'filePattern': invalid pattern {}: {error}", slot.quoted(findings));
            let help = odd_pattern(text).map_or_else(
                || "use a directory and a file name, e.g. \"/var/log/app.log*\"".to_owned(),
                |odd| odd.help,
            );
            slot.error(findings, Kind::Invalid, message).help(help);
            None
        }
    }
}

/// What the pattern matches and the flow ignores.
fn excludes(
    slot: Slot<'_>,
    pattern: Option<FilePattern>,
    findings: &mut Findings<'_>,
) -> Option<FilePattern> {
    let mut excludes = Vec::new();
    for item in slot.list(findings).unwrap_or_default() {
        let Value::Scalar(text) = &item.value else {
            let message = format!(
                "'{}': expected a string for each item, found {}",
                slot.name(),
                findings.quote(item)
            );
            findings.error(Kind::WrongType, &item.span, message).help("write one pattern each");
            continue;
        };
        match Exclude::parse(text) {
            Ok(exclude) => {
                warn_of_useless(&exclude, pattern.as_ref(), item, findings);
                excludes.push(exclude);
            }
            Err(error) => {
                let quoted = findings.quote(item);
                let message = format!("'{}': invalid pattern {quoted}: {error}", slot.name());
                findings.error(Kind::Invalid, &item.span, message).help(
                    "use a file name such as \"*.tmp\" or a full path such as \
                     \"/var/log/**/old/*\"",
                );
            }
        }
    }
    pattern.map(|pattern| pattern.excluding(excludes))
}

fn warn_of_useless(
    exclude: &Exclude,
    pattern: Option<&FilePattern>,
    item: &Node,
    findings: &mut Findings<'_>,
) {
    let quoted = findings.quote(item);
    if exclude.is_everything() {
        let message = format!("'excludePatterns' {quoted} excludes every file");
        findings.warn(Kind::NoEffect, &item.span, message).help("list the files to ignore");
    } else if pattern.is_some_and(|pattern| !exclude.can_meet(pattern)) {
        let message = format!("'excludePatterns' {quoted} matches nothing in 'filePattern'");
        findings
            .warn(Kind::NoEffect, &item.span, message)
            .help("patterns containing '/' match full paths; others match file names");
    }
}

fn destination(
    file: &FlowFile<'_>,
    item: &Node,
    findings: &mut Findings<'_>,
) -> Option<Destination> {
    let (kinesis, firehose) = (file.kinesis_stream, file.delivery_stream);
    let kinesis_name = kinesis.text(findings).is_some();
    if firehose.text(findings).is_some() {
        if kinesis_name {
            let message =
                "'kinesisStream' is ignored: 'deliveryStream' takes precedence".to_owned();
            kinesis
                .warn(findings, Kind::Conflict, message)
                .help("remove one; to ship to both, define two flows");
        }
        let name = stream_name(firehose, DELIVERY_STREAM_NAME_CHARS_MAX, findings)?;
        return Some(Destination::Firehose { delivery_stream: name });
    }
    if kinesis_name {
        let name = stream_name(kinesis, STREAM_NAME_CHARS_MAX, findings)?;
        return Some(Destination::Kinesis { stream: name });
    }
    let nameless = [firehose, kinesis].into_iter().find(|slot| slot.is_null());
    if let Some(slot) = nameless.filter(|slot| slot.is_java(findings)) {
        let message = format!("'{}' is null: the flow has no destination", slot.name());
        slot.broken(findings, Kind::Missing, message).help(
            "it starts, as in the Java agent, and what it reads waits for a stream called \"null\"",
        );
        let name = "null".to_owned();
        return Some(if slot.name() == firehose.name() {
            Destination::Firehose { delivery_stream: name }
        } else {
            Destination::Kinesis { stream: name }
        });
    }
    // A value of the wrong type was reported already.
    if kinesis.node().is_none() && firehose.node().is_none() {
        let message = "the flow has no destination".to_owned();
        findings
            .error(Kind::Missing, &item.span, message)
            .help("set \"kinesisStream\" or \"deliveryStream\"");
    }
    None
}

fn stream_name(slot: Slot<'_>, chars_max: usize, findings: &mut Findings<'_>) -> Option<String> {
    let name = slot.text(findings)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if !name.is_empty() && name.len() <= chars_max && name.chars().all(legal) {
        return Some(name.to_owned());
    }
    let arn_help = "use the stream name: the part of the ARN after '/'";
    let last = name.rsplit('/').next().unwrap_or_default();
    let help = if name.starts_with("arn:") && name.contains(":deliverystream/") {
        format!("{arn_help}, of a delivery stream: write \"deliveryStream\": \"{last}\"")
    } else if name.starts_with("arn:") && name.contains(":stream/") {
        format!("{arn_help}: write \"kinesisStream\": \"{last}\"")
    } else if name.starts_with("arn:") {
        arn_help.to_owned()
    } else if name.ends_with([',', ';']) {
        "remove the comma".to_owned()
    } else {
        format!("a name has 1 to {chars_max} letters, digits, '_', '.' and '-'")
    };
    let message = format!("'{}': invalid stream name {}", slot.name(), slot.quoted(findings));
    // A thread is called after the stream, which no NUL can be in.
    if name.contains('\0') || !slot.is_java(findings) {
        slot.error(findings, Kind::Invalid, message).help(help);
        return None;
    }
    slot.broken(findings, Kind::Invalid, message).help(format!(
        "the service will reject it and delivery of this flow is delayed, as in the Java agent; \
         {help}"
    ));
    Some(name.to_owned())
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

fn terminator(file: &FlowFile<'_>, bounds: &Bounds, findings: &mut Findings<'_>) -> Vec<u8> {
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

/// A pattern; the empty string is the same as no key.
pub(super) fn pattern_of<T>(
    slot: Slot<'_>,
    compile: impl Fn(&str) -> Result<T, PatternError>,
    findings: &mut Findings<'_>,
) -> Option<T> {
    let text = slot.text_not_empty(findings)?;
    let pattern = compile(text).map_err(|error| bad_pattern(slot, &error, findings)).ok()?;
    warn_of_impossible(slot, text, findings);
    Some(pattern)
}

/// Notes that no line can match, because something stands before its start or behind its end.
pub(super) fn warn_of_impossible(slot: Slot<'_>, text: &str, findings: &mut Findings<'_>) {
    let Ok(Some(impossible)) = impossible(text) else {
        return;
    };
    let help = match impossible {
        Impossible::BeforeTheStart => "remove the characters before '^', often a space",
        Impossible::BehindTheEnd => "remove the characters after '$', often a space",
    };
    let message = format!("'{}' {} can match no line", slot.name(), slot.quoted(findings));
    slot.broken(findings, Kind::Conflict, message).help(help);
}

/// Notes that a regular expression is broken, or has what no engine here can do.
pub(super) fn bad_pattern(slot: Slot<'_>, error: &PatternError, findings: &mut Findings<'_>) {
    let value = slot.quoted(findings);
    let (kind, what) = match error {
        PatternError::Syntax { .. } => (Kind::Invalid, "is not a valid regular expression"),
        PatternError::TooLarge { .. } | PatternError::Unsupported { .. } => {
            (Kind::Unsupported, "cannot be used")
        }
    };
    let message = format!("'{}' {value} {what}: {error}", slot.name());
    slot.error(findings, kind, message)
        .help("expects Java regular expression syntax; in JSON, write each backslash twice");
}
