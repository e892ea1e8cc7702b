//! The workloads: batches of several kinds, responses, and the ledger.

use std::fmt::Write as _;
use std::time::Instant;

use kinetail_base::identity::{Anchor, FileKey};
use kinetail_delivery::body::Encoding;
use kinetail_delivery::ledger::Ledger;
use kinetail_delivery::pack::{Packer, Source, Stop};
use kinetail_delivery::response;
use kinetail_delivery::{
    Aggregation, Compression, Destination, Format, OversizeLine, PackOptions, PartitionKey, Span,
};
use kinetail_records::splitter::Ending;
use kinetail_records::{
    ConverterConfig, CsvDelimiter, JsonFormat, LogFormat, compile_match_pattern,
};

/// The workloads by name.
pub(crate) const NAMES: [&str; 11] = [
    "pack-json",
    "pack-cbor",
    "pack-short",
    "pack-newline",
    "pack-kpl",
    "convert-combined",
    "convert-csv",
    "convert-pattern",
    "response-json",
    "response-cbor",
    "ledger",
];

/// Lines of a window, and records of a request.
const LINES: usize = 500;

/// Batches of the ledger that are under way.
const BATCHES: u64 = 8;

const FILE: FileKey = FileKey(1);

/// A pattern of a user's own for lines of an access log, and a name for each of its groups.
const PATTERN: &str =
    r#"^(\S+) \S+ (\S+) \[([^\]]+)\] "(\S+) ([^" ]*) ([^"]*)" (\d{3}) (\S+) "([^"]*)" "([^"]*)"$"#;
const PATTERN_NAMES: [&str; 10] =
    ["client", "user", "time", "verb", "path", "version", "status", "bytes", "from", "agent"];

/// Something to do again and again.
pub(crate) enum Workload {
    Pack { packer: Box<Packer>, text: Vec<u8>, records: usize },
    Response { encoding: Encoding, body: Vec<u8> },
    Ledger { ledger: Ledger, next: u64 },
}

impl Workload {
    /// The one of this name, ready to run.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let pack = |encoding, line, kind| Some(pack(encoding, line, kind));
        match name {
            "pack-json" => pack(Encoding::Json, plain, Kind::Raw),
            "pack-cbor" => pack(Encoding::Cbor, plain, Kind::Raw),
            "pack-short" => pack(Encoding::Cbor, short, Kind::Raw),
            "pack-newline" => pack(Encoding::Cbor, plain, Kind::Newline),
            "pack-kpl" => pack(Encoding::Cbor, plain, Kind::Kpl),
            "convert-pattern" => pack(Encoding::Cbor, combined, Kind::Pattern),
            "convert-combined" => pack(Encoding::Cbor, combined, Kind::Combined),
            "convert-csv" => pack(Encoding::Cbor, csv, Kind::Csv),
            "response-json" => {
                Some(Self::Response { encoding: Encoding::Json, body: response_json() })
            }
            "response-cbor" => {
                Some(Self::Response { encoding: Encoding::Cbor, body: response_cbor() })
            }
            "ledger" => Some(Self::Ledger { ledger: Ledger::default(), next: 0 }),
            _ => None,
        }
    }

    /// Does it once; whether all came out that should.
    pub(crate) fn run(&mut self) -> bool {
        match self {
            Self::Pack { packer, text, records } => pack_once(packer, text) == *records,
            Self::Response { encoding, body } => {
                response::read_as(*encoding, body, LINES).is_ok_and(|read| read.failed.is_empty())
            }
            Self::Ledger { ledger, next } => ledger_once(ledger, next),
        }
    }
}

/// What is made of lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Combined,
    Csv,
    Kpl,
    Newline,
    Pattern,
    Raw,
}

fn pack(encoding: Encoding, line: fn(usize, &mut String), kind: Kind) -> Workload {
    let converters = converters(kind);
    let is_together = matches!(kind, Kind::Kpl | Kind::Newline);
    let format = if kind == Kind::Kpl { Format::Kpl } else { Format::Newline };
    // As small as it may be, so that there are several digests to make at once.
    let bytes_max = if kind == Kind::Kpl { 8 * 1024 } else { 51_200 };
    let aggregation = Aggregation { format, bytes_max, records_max: usize::MAX };
    let options = PackOptions {
        destination: &Destination::Kinesis { stream: "logs".to_owned() },
        max_buffer_records: LINES,
        max_buffer_bytes: 5 * 1024 * 1024,
        partition_key: &PartitionKey::Random,
        multi_line_start: None,
        max_line_bytes: 1024 * 1024,
        oversize_line: OversizeLine::Truncate,
        file_footer: None,
        aggregated_record_bytes: 0,
        aggregation: is_together.then_some(aggregation),
        compression: Compression::None,
        compression_level: 6,
        max_record_bytes: 1024 * 1024,
        one_of_a_key: false,
        truncated_record_terminator: b"\n",
        dead_letters: false,
        converters: &converters,
    };
    let mut packer = Packer::new(&options, 1);
    packer.speak(encoding);
    let mut text = String::new();
    (0..LINES).for_each(|number| line(number, &mut text));
    let text = text.into_bytes();
    let records = match kind {
        Kind::Newline => text.len().div_ceil(bytes_max),
        // Lines of one length have eight bytes around them, and all of them thirty.
        Kind::Kpl => LINES.div_ceil((bytes_max - 30) / (text.len() / LINES + 8)),
        Kind::Combined | Kind::Csv | Kind::Pattern | Kind::Raw => LINES,
    };
    Workload::Pack { packer: Box::new(packer), text, records }
}

fn converters(kind: Kind) -> Vec<ConverterConfig> {
    match kind {
        Kind::Combined => vec![ConverterConfig::LogToJson {
            log_format: LogFormat::CombinedApacheLog,
            pattern: None,
            field_names: None,
            null_name: false,
            format: JsonFormat::Compact,
        }],
        Kind::Csv => vec![ConverterConfig::CsvToJson {
            field_names: ["id", "time", "customer", "total"].map(str::to_owned).to_vec(),
            delimiter: CsvDelimiter::Literal(b",".to_vec()),
            format: JsonFormat::Compact,
        }],
        Kind::Pattern => vec![ConverterConfig::LogToJson {
            log_format: LogFormat::CombinedApacheLog,
            pattern: compile_match_pattern(PATTERN).ok(),
            field_names: Some(PATTERN_NAMES.map(str::to_owned).to_vec()),
            null_name: false,
            format: JsonFormat::Compact,
        }],
        Kind::Kpl | Kind::Newline | Kind::Raw => Vec::new(),
    }
}

/// Packs the text into one batch, and gives how many records it has.
fn pack_once(packer: &mut Packer, text: &[u8]) -> usize {
    let source = Source { file: FILE, offset: 0, ending: Ending::Open, at_end: false };
    let now = start();
    let mut used = 0;
    while let Some(rest) = text.get(used..).filter(|rest| !rest.is_empty()) {
        let source = Source { offset: used as u64, ..source };
        let taken = packer.take(source, rest, now);
        used += taken.used;
        if taken.stop != Stop::NeedMore || taken.used == 0 {
            break;
        }
    }
    let Some((_, batch)) = packer.close() else { return 0 };
    let records = batch.body.records();
    if let Some(spare) = batch.body.recycle() {
        packer.reuse(spare);
    }
    records
}

/// A time that nothing is compared with.
fn start() -> Instant {
    Instant::now()
}

/// Batches of two files are opened, and acknowledged in another order.
fn ledger_once(ledger: &mut Ledger, next: &mut u64) -> bool {
    let anchor = Anchor::of(b"x");
    let first = *next;
    for batch in first..first + BATCHES {
        let span = |file| Span { file, start: batch * 100, end: (batch + 1) * 100, anchor };
        ledger.open(batch, &[span(FILE), span(FileKey(2))]);
    }
    *next += BATCHES;
    let mut moved = 0;
    for batch in (first..*next).rev() {
        for (file, position) in ledger.acknowledge(batch) {
            moved += 1;
            ledger.written(file, position.offset);
        }
    }
    ledger.take_settled().len() as u64 == BATCHES && moved == 2
}

fn plain(number: usize, out: &mut String) {
    let filler = "the stock was checked by the warehouse, and the customer got a message with \
                  the expected day of delivery and the number of the parcel, as always";
    put(out, format_args!("2026-11-29T15:00:00.{number:03}Z INFO order {number:08} {filler}\n"));
}

fn short(number: usize, out: &mut String) {
    put(out, format_args!("INFO order {number:08} was placed after the stock was seen\n"));
}

fn combined(number: usize, out: &mut String) {
    put(
        out,
        format_args!(
            "10.1.2.3 - frank [29/Nov/2026:15:00:00 +0000] \"GET /api/v1/orders/{number:08} \
             HTTP/1.1\" 200 {number:05} \"https://shop.example.com/cart\" \"Mozilla/5.0 (X11; \
             Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\"\n"
        ),
    );
}

fn csv(number: usize, out: &mut String) {
    put(out, format_args!("{number:08},2026-11-29T15:00:00Z,Smith and Sons of Hamburg,99.25\n"));
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string never fails.
    out.write_fmt(text).unwrap_or_default();
}

/// As Kinesis writes it.
fn response_json() -> Vec<u8> {
    let mut text = "{\"FailedRecordCount\":0,\"Records\":[".to_owned();
    for number in 0..LINES {
        let comma = if number == 0 { "" } else { "," };
        put(
            &mut text,
            format_args!(
                "{comma}{{\"SequenceNumber\":\"4966435462914652871234567890123456789012345678\
                 {number:010}\",\"ShardId\":\"shardId-000000000000\"}}"
            ),
        );
    }
    text.push_str("]}");
    text.into_bytes()
}

/// The same in CBOR.
fn response_cbor() -> Vec<u8> {
    let mut bytes = b"\xbf\x71FailedRecordCount\x00\x67Records\x9f".to_vec();
    for number in 0..LINES {
        let sequence = format!("4966435462914652871234567890123456789012345678{number:010}");
        bytes.extend_from_slice(b"\xbf\x6eSequenceNumber\x78\x38");
        bytes.extend_from_slice(sequence.as_bytes());
        bytes.extend_from_slice(b"\x67ShardId\x74shardId-000000000000\xff");
    }
    bytes.extend_from_slice(b"\xff\xff");
    bytes
}
