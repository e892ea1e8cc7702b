//! `aggregation`, `compression` and `maxRecordBytes`: what becomes of records on their way into
//! those of the service.

use super::diagnostics::{Findings, Kind};
use super::file::FlowFile;
use super::scalar;
use super::{Aggregation, Compression, Format};
use crate::batch::COMPRESSION_LEVELS;
use kinetail_base::limits::{
    FIREHOSE_RECORD_BYTES_MAX, KINESIS_LARGE_RECORD_BYTES_MAX, KINESIS_RECORD_BYTES_MAX,
};

/// `aggregatedRecordSizeBytes` of an aggregate, unless it is given: that of the Kinesis Producer
/// Library.
const AGGREGATE_BYTES: u64 = 51_200;

/// The least that can be asked for: less is no aggregate of anything.
const AGGREGATE_BYTES_MIN: u64 = 1024;

/// `aggregatedRecordsMax`, unless it is given: Firehose takes no more apart.
const AGGREGATE_RECORDS: u64 = 500;

/// The most that can be asked for.
const AGGREGATE_RECORDS_MAX: u64 = 100_000;

/// The least `maxRecordBytes`: a record has a key in addition to its data.
const RECORD_BYTES_MIN: u64 = 4 * 1024;

const FORMATS: &[(&str, Option<Format>)] =
    &[("none", None), ("kpl", Some(Format::Kpl)), ("newline", Some(Format::Newline))];

const COMPRESSIONS: &[(&str, Compression)] =
    &[("none", Compression::None), ("gzip", Compression::Gzip)];

/// What the keys say together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joined {
    /// Lines are joined as the Java agent does it, into records of at most so many bytes.
    pub(super) java_bytes: usize,
    pub(super) aggregation: Option<Aggregation>,
    pub(super) compression: Compression,
}

/// `compressionLevel`, unless it is given: that of gzip itself.
const LEVEL: u64 = 6;

/// `compressionLevel`.
pub(super) fn level(file: &FlowFile<'_>, findings: &mut Findings<'_>) -> u32 {
    if file.compression.scalar_text() != Some("gzip") {
        file.compression_level.without_effect("without 'compression: gzip'", findings);
    }
    let (least, most) = (*COMPRESSION_LEVELS.start(), *COMPRESSION_LEVELS.end());
    let range = u64::from(least)..=u64::from(most);
    let level = file.compression_level.integer(findings, range, LEVEL);
    u32::try_from(level).unwrap_or(u32::MAX)
}

pub(super) fn of(file: &FlowFile<'_>, firehose: bool, findings: &mut Findings<'_>) -> Joined {
    let compression = file.compression.choice(findings, COMPRESSIONS, Compression::None);
    let slot = file.aggregation;
    let (size, records) = (file.aggregated_record_size_bytes, file.aggregated_records_max);
    if !slot.is_given() {
        records.without_effect("without 'aggregation'", findings);
        let java_bytes = as_in_java(file, firehose, findings);
        return Joined { java_bytes, aggregation: None, compression };
    }
    let Some(format) = slot.choice(findings, FORMATS, None) else {
        for slot in [size, records] {
            slot.without_effect("without 'aggregation'", findings);
        }
        return Joined { java_bytes: 0, aggregation: None, compression };
    };
    if format == Format::Kpl && firehose {
        let message = "'aggregation' kpl is for Kinesis data streams".to_owned();
        slot.error(findings, Kind::Unsupported, message)
            .help("write newline: Firehose writes such records to its destination as they are");
    }
    if format == Format::Kpl && compression == Compression::Gzip {
        let message = "'compression' gzip cannot be combined with 'aggregation' kpl".to_owned();
        file.compression.error(findings, Kind::Conflict, message).help(
            "the Kinesis Client Library does not decompress gzip: remove compression, or set \
             aggregation: newline",
        );
    }
    let bytes = AGGREGATE_BYTES_MIN..=FIREHOSE_RECORD_BYTES_MAX as u64;
    let bytes_max = size.count(findings, bytes, AGGREGATE_BYTES);
    let records_max = records.count(findings, 1..=AGGREGATE_RECORDS_MAX, AGGREGATE_RECORDS);
    let aggregation = Aggregation { format, bytes_max, records_max };
    Joined { java_bytes: 0, aggregation: Some(aggregation), compression }
}

/// Without `aggregation` lines are joined on Firehose flows only, and multi-line records are not.
fn as_in_java(file: &FlowFile<'_>, firehose: bool, findings: &mut Findings<'_>) -> usize {
    let slot = file.aggregated_record_size_bytes;
    let is_zero = || slot.scalar_text().and_then(scalar::integer) == Some(0);
    if !firehose && slot.is_given() && !is_zero() {
        let message = format!("'{}' is ignored in a Kinesis flow", slot.name());
        slot.warn(findings, Kind::NoEffect, message)
            .help("remove it, or set \"aggregation\" to kpl or newline");
    }
    if !firehose {
        return 0;
    }
    let bytes = slot.count(findings, 0..=FIREHOSE_RECORD_BYTES_MAX as u64, 0);
    if bytes == 0
        || (file.multi_line_start_pattern.node().is_none() && file.multiline.node().is_none())
    {
        return bytes;
    }
    let message = format!("'{}' is ignored: 'multiLineStartPattern' takes precedence", slot.name());
    slot.warn(findings, Kind::NoEffect, message)
        .help("remove it, or set \"aggregation\": \"newline\", which joins such records too");
    0
}

/// `maxRecordBytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordBytes {
    /// The limit, as long as nothing better is known.
    pub(super) bytes: usize,
    /// It is learned from the stream.
    pub(super) auto: bool,
}

impl RecordBytes {
    pub(super) fn of(file: &FlowFile<'_>, firehose: bool, findings: &mut Findings<'_>) -> Self {
        let slot = file.max_record_bytes;
        let default = Self { bytes: KINESIS_RECORD_BYTES_MAX, auto: false };
        if firehose {
            slot.without_effect("in a Firehose flow", findings);
            return default;
        }
        if slot.scalar_text() == Some("auto") {
            return Self { auto: true, ..default };
        }
        let range = RECORD_BYTES_MIN..=KINESIS_LARGE_RECORD_BYTES_MAX as u64;
        let bytes = slot.count(findings, range, KINESIS_RECORD_BYTES_MAX as u64);
        Self { bytes, auto: false }
    }

    /// Whether records may be larger than streams take by default.
    pub(super) fn is_large(self) -> bool {
        self.auto || self.bytes > KINESIS_RECORD_BYTES_MAX
    }
}
