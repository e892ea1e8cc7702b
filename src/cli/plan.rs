//! `kinetail plan`: what a flow needs of its stream, and what each way of packing costs, found out
//! by packing what its files hold now.

mod sample;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use self::sample::Sample;
use super::configuration::{self, ConfigArgs};
use super::{CliError, output};
use crate::batch::pack::{OpenBatch, Packer, Source, Stop};
use crate::config::{Aggregation, Compression, Destination, FlowConfig, Format};
use crate::metrics::float;
use crate::shown::{Escaped, counted};
use crate::tail::identity::FileKey;
use crate::tail::splitter::Ending;

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

/// Options of `plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Records per second of each flow [default: estimated from its files].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
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
    let lines = all.lines / float(sample.copies as u64);
    writeln!(
        out,
        "  sample: {}, {lines:.0} record{}, {line:.0} bytes each",
        counted(sample.files.len(), "file"),
        if lines > 1.0 { "s" } else { "" },
    )?;
    if sample.copies > 1 {
        writeln!(
            out,
            "  note: the sample is small and was repeated; real lines compress less with gzip"
        )?;
    }
    let rate = match (args.records_per_second, sample.rate) {
        (Some(rate), _) => f64::from(rate),
        (None, rate) => rate.map_or(0.0, |rate| rate.bytes_per_second) / line.max(1.0),
    };
    let age = flow.max_buffer_age.as_secs_f64();
    let batch_bytes = if rate > 0.0 { whole(rate * line * age) } else { usize::MAX };
    let firehose = matches!(flow.destination, Destination::Firehose { .. });
    let shown = format!("  rate: {} records/s, {} MB/s", digits(rate), digits(rate * line / 1e6));
    match (args.records_per_second, sample.rate) {
        (Some(_), _) => writeln!(out, "{shown}, as given")?,
        (None, Some(found)) if rate > 0.0 => {
            writeln!(out, "{shown}, from the times of the files over {}", span(found.over))?;
        }
        (None, _) => writeln!(
            out,
            "  rate: unknown, the files' times do not tell it; set --records-per-second to see \
             shards and quotas; full batches are assumed"
        )?,
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
    format!("{shards} {word}, or on-demand with {} MB/s", digits(bytes / 1e6))
}

/// How many shards take and give so much in a second.
fn shards(bytes: f64, records: f64, read: f64) -> usize {
    let most =
        (bytes / SHARD_WRITE_BYTES).max(records / SHARD_WRITE_RECORDS).max(read / SHARD_READ_BYTES);
    whole(most.ceil()).max(1)
}

/// A number with as many digits as say something.
fn digits(number: f64) -> String {
    match number {
        large if large >= 100.0 => format!("{large:.0}"),
        some if some >= 1.0 => format!("{some:.1}"),
        none if none <= 0.0 => "0".to_owned(),
        few if few >= 0.001 => format!("{few:.3}"),
        _ => "less than 0.001".to_owned(),
    }
}

/// A time in the largest unit of which it has two.
fn span(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match minutes {
        0..120 => format!("{} min", minutes.max(1)),
        120..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
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
mod tests;
