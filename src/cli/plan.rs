//! `kinetail plan`: what a flow needs of its stream, and what each way of packing costs, found out
//! by packing what its files hold now.

use std::fs;
use std::io::{self, Read as _, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;

use super::configuration::{self, ConfigArgs};
use super::{CliError, output};
use crate::batch::pack::{OpenBatch, Packer, Source, Stop};
use crate::config::{Aggregation, Compression, Destination, FlowConfig, Format, Input};
use crate::disk::{OsDisk, links};
use crate::shown::{Escaped, counted};
use crate::tail::identity::FileKey;
use crate::tail::snapshot::Snapshot;
use crate::tail::splitter::Ending;

/// So many files are looked into, the newest first.
const FILES_MAX: usize = 8;

/// So many bytes of each are packed, from its start.
const SAMPLE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What Kinesis counts a record as, in bytes: as many of these as it takes.
const KINESIS_UNIT_BYTES: usize = 25 * 1024;

/// What Firehose rounds each record up to, in bytes.
const FIREHOSE_UNIT_BYTES: usize = 5 * 1024;

/// What a shard takes, and gives, in bytes and records a second.
const SHARD_WRITE_BYTES: f64 = 1_000_000.0;
const SHARD_WRITE_RECORDS: f64 = 1_000.0;
const SHARD_READ_BYTES: f64 = 2_000_000.0;

/// The default quota of a delivery stream where it is highest, in bytes, requests and records a
/// second.
const FIREHOSE_QUOTA: (f64, f64, f64) = (5_242_880.0, 2_000.0, 500_000.0);

/// Bytes of an aggregate, and records in it, unless the flow says otherwise.
const AGGREGATE: (usize, usize) = (51_200, 500);

/// The rate of a file that was created less than this before it was last written says little.
const RATE_TIME_MIN: Duration = Duration::from_mins(1);

/// Options of `plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Records per second of each flow [default: estimated from its files].
    #[arg(long, value_name = "NUMBER")]
    records_per_second: Option<u32>,
    /// Consumers of the Kinesis stream that share the read throughput of its shards (no enhanced
    /// fan-out).
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    consumers: u32,
    /// All consumers use enhanced fan-out, with dedicated throughput.
    #[arg(long)]
    fan_out: bool,
}

/// Says what each flow of a configuration needs.
pub(super) fn run(args: &PlanArgs) -> Result<ExitCode, CliError> {
    let config = configuration::load(&args.config)?.config;
    let mut out = output::stdout();
    for flow in &config.flows {
        writeln!(out, "flow {}", Escaped(&flow.id))?;
        let sample = Sample::of(flow);
        if sample.files.is_empty() {
            writeln!(out, "  no file has anything to sample; see kinetail check")?;
            continue;
        }
        tell(flow, &sample, args, &mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is in a flow's files.
#[derive(Debug, Default)]
struct Sample {
    files: Vec<(String, Vec<u8>)>,
    /// Bytes a second that were written to them, as their times say.
    bytes_per_second: f64,
}

impl Sample {
    fn of(flow: &FlowConfig) -> Self {
        if flow.input != Input::Files {
            return Self::default();
        }
        let snapshot = Snapshot::take(&OsDisk, &flow.pattern, 0);
        let mut paths: Vec<(SystemTime, &Path)> = Vec::new();
        for entry in &snapshot.listing.entries {
            let modified = fs::metadata(&entry.path).and_then(|meta| meta.modified());
            paths.extend(modified.ok().map(|modified| (modified, entry.path.as_ref())));
        }
        paths.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
        let mut sample = Self::default();
        for (modified, path) in paths.into_iter().take(FILES_MAX) {
            // Why a file cannot be read is told by `check`.
            let Ok(bytes) = beginning(path, flow) else { continue };
            if bytes.is_empty() {
                continue;
            }
            sample.files.push((path.to_string_lossy().into_owned(), bytes));
            let Ok(meta) = fs::metadata(path) else { continue };
            let written = meta.created().ok().and_then(|born| modified.duration_since(born).ok());
            if let Some(time) = written.filter(|time| *time >= RATE_TIME_MIN) {
                sample.bytes_per_second += float(meta.len()) / time.as_secs_f64();
            }
        }
        sample
    }
}

/// The complete lines at the start of a file.
fn beginning(path: &Path, flow: &FlowConfig) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file: fs::File = links::open(path, flow.pattern.follow_links())?;
    file.take(SAMPLE_BYTES_MAX).read_to_end(&mut bytes)?;
    let end = memchr::memrchr(b'\n', &bytes).map_or(0, |newline| newline + 1);
    bytes.truncate(end);
    Ok(bytes)
}

/// What a sample comes to when it is packed.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Packed {
    /// Bytes of the files.
    read: f64,
    /// Records of the files.
    lines: f64,
    requests: f64,
    /// Records of the service.
    records: f64,
    /// Bytes of data and keys.
    bytes: f64,
    /// What is billed: units of 25 KB, or of 5 KB.
    units: f64,
}

impl Packed {
    fn add(&mut self, batch: &OpenBatch, unit: usize) {
        let body = &batch.body;
        self.requests += 1.0;
        self.records += float(body.records() as u64);
        self.bytes += float(body.counted_bytes() as u64);
        let keys = body.counted_bytes() - body.data_bytes();
        let key = if unit == KINESIS_UNIT_BYTES { keys / body.records().max(1) } else { 0 };
        for index in 0..body.records() {
            let units = (body.record_data_bytes(index) + key).div_ceil(unit);
            self.units += float(units.max(1) as u64);
        }
    }
}

/// Packs a sample as a flow would, with batches of at most so many bytes of files.
fn pack(flow: &FlowConfig, sample: &Sample, batch_bytes: usize) -> Packed {
    let unit = match flow.destination {
        Destination::Firehose { .. } => FIREHOSE_UNIT_BYTES,
        Destination::Kinesis { .. } => KINESIS_UNIT_BYTES,
    };
    let mut packer = Packer::new(&flow.pack_options(), 1);
    let mut sum = Packed::default();
    let now = std::time::Instant::now();
    let (mut key, mut open) = (0, 0);
    for (path, bytes) in &sample.files {
        key += 1;
        let file = FileKey(key);
        packer.set_log(file, path);
        packer.set_path(file, path);
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let shown = until_line_end(rest, batch_bytes.saturating_sub(open).max(1));
            let shown = rest.get(..shown).unwrap_or(rest);
            let ends = used + shown.len() == bytes.len();
            let ending = if ends { Ending::Final } else { Ending::Idle };
            let source = Source { file, offset: used as u64, ending, at_end: ends };
            let taken = packer.take(source, shown, now);
            used += taken.used;
            open += taken.used;
            let is_stuck = taken.used == 0 && taken.stop != Stop::BatchFull;
            if (taken.stop == Stop::BatchFull || open >= batch_bytes || is_stuck)
                && let Some((_, batch)) = packer.close()
            {
                sum.add(&batch, unit);
                open = 0;
            }
            if is_stuck {
                break;
            }
        }
        sum.read += float(used as u64);
        sum.lines += float(packer.take_counts().read);
    }
    if let Some((_, batch)) = packer.close() {
        sum.add(&batch, unit);
    }
    sum
}

/// The least length from the start that ends a line and has so many bytes.
fn until_line_end(bytes: &[u8], least: usize) -> usize {
    let from = least.saturating_sub(1).min(bytes.len());
    let end = memchr::memchr(b'\n', bytes.get(from..).unwrap_or_default());
    end.map_or(bytes.len(), |end| from + end + 1)
}

/// The ways to pack the records of a flow, and what they are called.
fn ways(flow: &FlowConfig) -> Vec<(&'static str, FlowConfig)> {
    let (bytes_max, records_max) = flow
        .aggregation
        .map_or(AGGREGATE, |aggregation| (aggregation.bytes_max, aggregation.records_max));
    let with = |format: Option<Format>, compression: Compression| FlowConfig {
        aggregation: format.map(|format| Aggregation { format, bytes_max, records_max }),
        compression,
        ..flow.clone()
    };
    let mut ways = vec![
        ("plain", with(None, Compression::None)),
        ("newline", with(Some(Format::Newline), Compression::None)),
    ];
    if matches!(flow.destination, Destination::Kinesis { .. }) {
        ways.push(("kpl", with(Some(Format::Kpl), Compression::None)));
    }
    ways.push(("newline+gzip", with(Some(Format::Newline), Compression::Gzip)));
    ways
}

fn tell(
    flow: &FlowConfig,
    sample: &Sample,
    args: &PlanArgs,
    out: &mut dyn Write,
) -> io::Result<()> {
    let all = pack(flow, sample, usize::MAX);
    let line = all.read / all.lines.max(1.0);
    writeln!(
        out,
        "  sample: {}, {:.0} record{}, {:.0} bytes each",
        counted(sample.files.len(), "file"),
        all.lines,
        if all.lines > 1.0 { "s" } else { "" },
        line
    )?;
    let (rate, why) = match args.records_per_second {
        Some(rate) => (f64::from(rate), "as given"),
        None => (sample.bytes_per_second / line.max(1.0), "from the times of the files"),
    };
    let age = flow.max_buffer_age.as_secs_f64();
    let batch_bytes = if rate > 0.0 { whole(rate * line * age) } else { usize::MAX };
    let firehose = matches!(flow.destination, Destination::Firehose { .. });
    if rate > 0.0 {
        writeln!(out, "  rate: {rate:.0} records/s, {:.3} MB/s, {why}", rate * line / 1e6)?;
    } else {
        writeln!(out, "  rate: unknown; set --records-per-second; full batches are assumed")?;
    }
    let unit = if firehose { "5 KB units" } else { "25 KB units" };
    writeln!(
        out,
        "  {:<13}{:>12}{:>12}{:>12}{:>16}  needs",
        "per GB", "requests", "records", "MB", unit
    )?;
    for (name, way) in ways(flow) {
        let packed = pack(&way, sample, batch_bytes);
        let share = 1e9 / packed.read.max(1.0);
        write!(
            out,
            "  {name:<13}{:>12.0}{:>12.0}{:>12.0}{:>16.0}",
            packed.requests * share,
            packed.records * share,
            packed.bytes * share / 1e6,
            packed.units * share
        )?;
        if rate > 0.0 {
            write!(out, "  {}", needs(&packed, rate, firehose, args))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// What a stream needs for this many records of files a second.
fn needs(packed: &Packed, rate: f64, firehose: bool, args: &PlanArgs) -> String {
    let share = rate / packed.lines.max(1.0);
    let [bytes, records, requests] =
        [packed.bytes, packed.records, packed.requests].map(|count| count * share);
    if firehose {
        let (bytes_max, requests_max, records_max) = FIREHOSE_QUOTA;
        let part = (bytes / bytes_max).max(requests / requests_max).max(records / records_max);
        return format!("{:.1} % of the largest default quota", part * 100.0);
    }
    let read = if args.fan_out { 0.0 } else { bytes * f64::from(args.consumers) };
    let shards = shards(bytes, records, read);
    let word = if shards == 1 { "shard" } else { "shards" };
    format!("{shards} {word}, or on-demand with {:.3} MB/s", bytes / 1e6)
}

/// How many shards take and give so much in a second.
fn shards(bytes: f64, records: f64, read: f64) -> usize {
    let most =
        (bytes / SHARD_WRITE_BYTES).max(records / SHARD_WRITE_RECORDS).max(read / SHARD_READ_BYTES);
    whole(most.ceil()).max(1)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive number, of which the largest is meant where it is too large"
)]
fn whole(number: f64) -> usize {
    number.max(1.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, load};

    fn flow(destination: &str) -> FlowConfig {
        let text = format!("flows: [{{filePattern: /l/app.log, {destination}}}]");
        let loaded = load(&text, Path::new("a.yaml"), &Environment::default());
        loaded.expect("valid").0.flows.remove(0)
    }

    /// A thousand lines of a hundred bytes.
    fn sample() -> Sample {
        let line = format!("{}\n", "x".repeat(99));
        let files = vec![("/l/app.log".to_owned(), line.repeat(1_000).into_bytes())];
        Sample { files, bytes_per_second: 0.0 }
    }

    fn packed(destination: &str, way: usize, batch_bytes: usize) -> Packed {
        let (_, flow) = ways(&flow(destination)).remove(way);
        pack(&flow, &sample(), batch_bytes)
    }

    #[test]
    fn shards_follow_from_the_scarcest() {
        assert_eq!(shards(0.0, 0.0, 0.0), 1);
        assert_eq!(shards(3_500_000.0, 10.0, 0.0), 4, "bytes");
        assert_eq!(shards(10.0, 2_001.0, 0.0), 3, "records");
        assert_eq!(shards(1_000_000.0, 10.0, 5_000_000.0), 3, "three consumers and no fan-out");
    }

    #[test]
    fn each_way_counts_what_is_billed() {
        let plain = packed("deliveryStream: d", 0, usize::MAX);
        assert_eq!((plain.lines, plain.records, plain.units), (1_000.0, 1_000.0, 1_000.0));
        assert_eq!((plain.requests, plain.bytes), (2.0, 100_000.0));
        let newline = packed("deliveryStream: d", 1, usize::MAX);
        // 51,200 bytes are 10 units of 5,120, and 48,800 are as many.
        assert_eq!((newline.records, newline.requests, newline.units), (2.0, 1.0, 20.0));
        let kpl = packed("kinesisStream: s", 2, usize::MAX);
        assert_eq!((kpl.lines, kpl.records), (1_000.0, 3.0));
        let plain = packed("kinesisStream: s", 0, usize::MAX);
        assert_eq!((plain.records, plain.units), (1_000.0, 1_000.0));
    }

    #[test]
    fn a_low_rate_fills_no_batch() {
        let packed = packed("kinesisStream: s", 0, 1_000);
        assert_eq!((packed.requests, packed.records, packed.lines), (100.0, 1_000.0, 1_000.0));
    }
}
