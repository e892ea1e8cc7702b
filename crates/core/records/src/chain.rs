//! The chain: runs the converters of a flow, one after the other, over each record.
//!
//! It owns the buffers that the records pass through, so that a flow's thread converts without
//! allocating. It does not decide what a skipped or unreadable record means to the flow.

use kinetail_java_regex::{OverLimit, text};

use super::add_ec2_metadata::{AddEc2Metadata, Facts};
use super::add_metadata::AddMetadata;
use super::csv_to_json::CsvToJson;
use super::frame::Framing;
use super::json_reader::NotAnObject;
use super::log_to_json::LogToJson;
use super::record::Record;
use super::single_line::SingleLine;
use super::steps::{
    Context, OnUnparsable, StepConfig, StepCount, Stop, UNPARSABLE, Unparsable, tag,
};
use super::{ConverterConfig, add_brackets};

/// A record is skipped because the line does not have the shape of the format or pattern.
pub const NO_MATCH: &str = "no_match";

/// A record is skipped because the converter has not as many names as the line has fields.
pub const FIELD_COUNT: &str = "field_count";

/// A record may grow to this many bytes in a converter. It is above what the largest record (10
/// MiB) becomes when each byte needs a six-byte escape; only a chain that escapes the same text
/// again and again gets there.
pub const CONVERTED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A buffer larger than this is given back once small records follow a large one.
const IDLE_BUFFER_BYTES_MAX: usize = 1024 * 1024;

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Converted<'a> {
    /// The bytes to send.
    Record(&'a [u8]),
    /// A converter could not read the record: the record as it was is to be sent.
    Raw {
        /// The bytes that came in.
        record: &'a [u8],
        /// The `optionName` of the converter, for the counter and the log.
        converter: &'static str,
        /// Why.
        reason: ConvertError,
    },
    /// The record is not to be sent.
    Skipped {
        /// [`NO_MATCH`] or [`FIELD_COUNT`]: a stable label for the metric.
        reason: &'static str,
    },
}

/// Why a converter could not read a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// The converter cannot work as it is configured.
    #[error("{0}; the warnings of the start say where")]
    Configuration(&'static str),
    /// The converter adds to JSON objects, and the record is none.
    #[error("the record is no JSON object: {0}; put a converter that makes JSON before")]
    NotAnObject(#[from] NotAnObject),
    /// A pattern would take too long.
    #[error("{0}; make the pattern simpler, with [^x]* in place of .* where it can be")]
    Pattern(#[from] OverLimit),
    /// The result is larger than a record may become.
    #[error(
        "converted record has {bytes} bytes, more than {max_bytes}; \
         use fewer converters or smaller records",
        max_bytes = CONVERTED_BYTES_MAX
    )]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
}

impl ConvertError {
    /// Every label.
    pub const LABELS: [&str; 5] =
        ["configuration", "not_json", "pattern_steps", "too_large", UNPARSABLE];

    /// A stable label for the metric.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Configuration(_) => "configuration",
            Self::NotAnObject(_) => "not_json",
            Self::Pattern(_) => "pattern_steps",
            Self::TooLarge { .. } => "too_large",
        }
    }
}

/// Why a converter has no result.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The raw record is to be sent.
    Raw(ConvertError),
    /// The record is to be skipped, for this reason.
    Skip(&'static str),
}

impl From<NotAnObject> for Refused {
    fn from(error: NotAnObject) -> Self {
        Self::Raw(error.into())
    }
}

impl From<OverLimit> for Refused {
    fn from(error: OverLimit) -> Self {
        Self::Raw(error.into())
    }
}

/// What a converter did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// It appended the converted record.
    Converted,
    /// It has nothing to add: the record stays as it is.
    Unchanged,
}

/// The converters of one flow and the buffers between them.
#[derive(Debug)]
pub struct Chain {
    converters: Vec<Converter>,
    /// What the last converter wrote.
    output: Vec<u8>,
    /// What the one before it wrote.
    input: Vec<u8>,
    /// The record as text, where bytes had to be replaced.
    text: String,
    context: Context,
    /// The record while steps of our own have it.
    record: Record,
    /// What each of the converters did with records, since last asked.
    counts: Vec<StepCount>,
    /// Records that a step could not read and left as they were, since last asked.
    unparsable: u64,
    /// The newest reason for that.
    unparsable_reason: Option<String>,
    /// Records that went without the metadata they should have got, since last asked.
    without_metadata: u64,
}

/// One converter, ready to work.
#[derive(Debug)]
enum Converter {
    AddBrackets,
    AddEc2Metadata(AddEc2Metadata),
    AddMetadata(AddMetadata),
    CsvToJson(CsvToJson),
    LogToJson(LogToJson),
    SendRaw { converter: &'static str, reason: &'static str },
    SingleLine(SingleLine),
    Step(StepConfig),
}

/// Is shown what a record is behind a converter, which is given by its place.
type Watch<'w> = &'w mut dyn FnMut(usize, &[u8]);

/// Where the record is between two converters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// It is what came in.
    Start,
    /// A converter wrote it.
    Output,
    /// A step has it.
    Steps,
}

impl Chain {
    /// A chain of these converters, in order.
    #[must_use]
    pub fn new(configs: &[ConverterConfig]) -> Self {
        Self {
            counts: vec![StepCount::default(); configs.len()],
            record: Record::default(),
            unparsable: 0,
            unparsable_reason: None,
            converters: configs.iter().map(Converter::new).collect(),
            output: Vec::new(),
            input: Vec::new(),
            text: String::new(),
            context: Context::default(),
            without_metadata: 0,
        }
    }

    /// Says what time it is, in milliseconds since 1970.
    pub fn set_time(&mut self, unix_millis: i64) {
        self.context.unix_millis = unix_millis;
    }

    /// Says what is known about the machine.
    pub fn set_facts(&mut self, facts: Option<Facts>) {
        self.context.facts = facts;
    }

    /// How many records went without the metadata they should have got, since the last call.
    pub fn take_without_metadata(&mut self) -> u64 {
        self.without_metadata += self.context.missing.take();
        std::mem::take(&mut self.without_metadata)
    }

    /// Whether records pass untouched: the caller can then send the bytes as they are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.converters.is_empty()
    }

    /// Says which file the next records are of: its number, which no other file has, and the path
    /// of its log.
    pub fn set_path(&mut self, file: u64, path: &str) {
        self.context.origin.set_path(file, path);
    }

    /// Says where in its file the next record begins.
    pub fn set_offset(&mut self, offset: u64) {
        self.context.origin.offset = offset;
    }

    /// How entries of several lines are found in a file, if the first step puts them together.
    #[must_use]
    pub fn framing(&self) -> Option<Framing> {
        match self.converters.first()? {
            Converter::Step(config) => config.step.framing(),
            _ => None,
        }
    }

    /// The names of the converters, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.converters.iter().map(Converter::name)
    }

    /// What each converter did with records since the last call, in their order.
    pub fn take_step_counts(&mut self, into: &mut Vec<StepCount>) {
        if self.counts.iter().all(|count| *count == StepCount::default()) {
            return;
        }
        into.resize(self.counts.len(), StepCount::default());
        for (count, total) in self.counts.iter_mut().zip(into) {
            total.add(std::mem::take(count));
        }
    }

    /// How many records went on although a step could not read them, since the last call, and why
    /// the newest of them.
    pub fn take_unparsable(&mut self) -> (u64, Option<String>) {
        (std::mem::take(&mut self.unparsable), self.unparsable_reason.take())
    }

    /// Converts one record, given with its line end.
    pub fn convert<'a>(&'a mut self, record: &'a [u8]) -> Converted<'a> {
        self.run(record, None)
    }

    /// Converts one record and shows what it is behind each converter: the place of that, from 0,
    /// and the bytes.
    pub fn explain<'a>(&'a mut self, record: &'a [u8], watch: Watch<'_>) -> Converted<'a> {
        self.run(record, Some(watch))
    }

    fn run<'a>(&'a mut self, record: &'a [u8], mut watch: Option<Watch<'_>>) -> Converted<'a> {
        self.give_back_large_buffers(record.len());
        let (mut at, mut was_read) = (At::Start, true);
        for index in 0..self.converters.len() {
            let before = at;
            match self.one(index, record, &mut at, &mut was_read) {
                Ok(()) => {}
                Err(Refused::Skip(reason)) => {
                    self.count(index, StepCount { skipped: 1, unparsable: 0 });
                    return Converted::Skipped { reason };
                }
                Err(Refused::Raw(reason)) => return self.raw(index, record, before, reason),
            }
            if let Some(watch) = &mut watch {
                watch(index, self.current(at, record));
            }
        }
        self.unparsable += u64::from(!was_read);
        match at {
            At::Start => Converted::Record(record),
            At::Output => Converted::Record(&self.output),
            At::Steps => Converted::Record(self.record.render()),
        }
    }

    /// Runs one converter.
    fn one(
        &mut self,
        index: usize,
        record: &[u8],
        at: &mut At,
        was_read: &mut bool,
    ) -> Result<(), Refused> {
        if let Some(Converter::Step(config)) = self.converters.get_mut(index) {
            match at {
                At::Start => self.record.load(record),
                At::Output => self.record.load(&self.output),
                At::Steps => {}
            }
            *at = At::Steps;
            match config.step.apply(&mut self.record, &self.context) {
                Ok(()) => return Ok(()),
                Err(Stop::Skip(reason)) => return Err(Refused::Skip(reason)),
                Err(Stop::Unparsable(why)) => return self.unparsable(index, why, was_read),
            }
        }
        let bytes = match at {
            At::Start => record,
            At::Output => {
                std::mem::swap(&mut self.input, &mut self.output);
                &self.input
            }
            At::Steps => self.record.render(),
        };
        *at = At::Output;
        self.output.clear();
        let Some(converter) = self.converters.get_mut(index) else { return Ok(()) };
        let text = text::decode(bytes, &mut self.text);
        match converter.convert(text, &self.context, &mut self.output)? {
            Done::Converted => {}
            Done::Unchanged => {
                self.without_metadata += 1;
                self.output.extend_from_slice(bytes);
            }
        }
        let bytes = self.output.len();
        if bytes > CONVERTED_BYTES_MAX {
            return Err(Refused::Raw(ConvertError::TooLarge { bytes }));
        }
        Ok(())
    }

    /// Does with a record that a step could not read what its `onUnparsable` says.
    fn unparsable(
        &mut self,
        index: usize,
        why: Unparsable,
        was_read: &mut bool,
    ) -> Result<(), Refused> {
        let Some(Converter::Step(config)) = self.converters.get(index) else { return Ok(()) };
        if config.on_unparsable == OnUnparsable::Skip {
            return Err(Refused::Skip(UNPARSABLE));
        }
        let name = config.step.name();
        let tagged = config.on_unparsable == OnUnparsable::Tag;
        if *was_read {
            self.unparsable_reason = Some(format!("{name}: {why}"));
        }
        *was_read = false;
        if tagged {
            tag(&mut self.record, name, why);
        }
        self.count(index, StepCount { skipped: 0, unparsable: 1 });
        Ok(())
    }

    /// Counts what a converter did.
    fn count(&mut self, index: usize, more: StepCount) {
        if let Some(count) = self.counts.get_mut(index) {
            count.add(more);
        }
    }

    /// The record is sent as it came. If something is to be redacted it is sent as it came to the
    /// converter, for what the steps before took out stays out.
    fn raw<'a>(
        &'a mut self,
        index: usize,
        record: &'a [u8],
        before: At,
        reason: ConvertError,
    ) -> Converted<'a> {
        let converter = self.converters.get(index).map_or("", Converter::name);
        self.count(index, StepCount { skipped: 0, unparsable: 1 });
        let redacts = |converter: &Converter| match converter {
            Converter::Step(config) => config.step.redacts(),
            _ => false,
        };
        if !self.converters.iter().any(redacts) {
            return Converted::Raw { record, converter, reason };
        }
        match before {
            At::Start => self.record.load(record),
            At::Output => self.record.load(&self.input),
            At::Steps => {}
        }
        for converter in self.converters.iter_mut().skip(index) {
            if let Converter::Step(config) = converter
                && config.step.redacts()
                && config.step.apply(&mut self.record, &self.context).is_err()
            {
                debug_assert!(false, "redaction refuses nothing");
            }
        }
        Converted::Raw { record: self.record.render(), converter, reason }
    }

    /// What the record is right now.
    fn current<'a>(&'a mut self, at: At, record: &'a [u8]) -> &'a [u8] {
        match at {
            At::Start => record,
            At::Output => &self.output,
            At::Steps => self.record.render(),
        }
    }

    /// One large record must not hold memory for as long as the flow lives.
    fn give_back_large_buffers(&mut self, record_bytes: usize) {
        let capacity = self.output.capacity().max(self.input.capacity()).max(self.text.capacity());
        if capacity > IDLE_BUFFER_BYTES_MAX && record_bytes < IDLE_BUFFER_BYTES_MAX / 8 {
            self.output = Vec::new();
            self.input = Vec::new();
            self.text = String::new();
        }
    }
}

impl Converter {
    fn new(config: &ConverterConfig) -> Self {
        match config {
            ConverterConfig::AddBrackets => Self::AddBrackets,
            &ConverterConfig::AddEc2Metadata { format, .. } => {
                Self::AddEc2Metadata(AddEc2Metadata { format })
            }
            ConverterConfig::AddMetadata { metadata, timestamp, format } => {
                Self::AddMetadata(AddMetadata::new(metadata, *timestamp, *format))
            }
            ConverterConfig::CsvToJson { field_names, delimiter, format } => {
                Self::CsvToJson(CsvToJson::new(field_names, delimiter, *format))
            }
            ConverterConfig::LogToJson { log_format, pattern, field_names, null_name, format } => {
                let names = field_names.as_deref();
                let converter = LogToJson::new(*log_format, pattern.as_ref(), names, *format);
                Self::LogToJson(converter.with_null_name(*null_name))
            }
            &ConverterConfig::SendRaw { converter, reason } => Self::SendRaw { converter, reason },
            ConverterConfig::Step(config) => Self::Step(config.clone()),
            &ConverterConfig::SingleLine { trim, escape_new_line } => {
                Self::SingleLine(SingleLine { trim, escape_new_line })
            }
        }
    }

    /// The `optionName` in the configuration.
    fn name(&self) -> &'static str {
        match self {
            Self::AddBrackets => "ADDBRACKETS",
            Self::AddEc2Metadata(_) => "ADDEC2METADATA",
            Self::AddMetadata(_) => "ADDMETADATA",
            Self::CsvToJson(_) => "CSVTOJSON",
            Self::LogToJson(_) => "LOGTOJSON",
            Self::SendRaw { converter, .. } => converter,
            Self::SingleLine(_) => "SINGLELINE",
            Self::Step(config) => config.step.name(),
        }
    }

    /// Appends the converted record.
    fn convert(
        &mut self,
        text: &str,
        context: &Context,
        out: &mut Vec<u8>,
    ) -> Result<Done, Refused> {
        match self {
            Self::AddBrackets => add_brackets::convert(text, out),
            Self::AddEc2Metadata(converter) => {
                if !converter.convert(text, context.facts.as_ref(), out)? {
                    return Ok(Done::Unchanged);
                }
            }
            Self::AddMetadata(converter) => converter.convert(text, context.unix_millis, out),
            Self::CsvToJson(converter) => converter.convert(text, out)?,
            Self::LogToJson(converter) => converter.convert(text, out)?,
            Self::SendRaw { reason, .. } => {
                return Err(Refused::Raw(ConvertError::Configuration(reason)));
            }
            Self::SingleLine(converter) => converter.convert(text, out),
            // The chain runs them itself.
            Self::Step(_) => return Ok(Done::Unchanged),
        }
        Ok(Done::Converted)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::{CsvDelimiter, JsonFormat, LogFormat, compile_match_pattern};
    use super::{
        CONVERTED_BYTES_MAX, Chain, ConvertError, Converted, ConverterConfig,
        IDLE_BUFFER_BYTES_MAX, NO_MATCH,
    };

    fn csv(names: &[&str]) -> ConverterConfig {
        ConverterConfig::CsvToJson {
            field_names: names.iter().map(ToString::to_string).collect(),
            delimiter: CsvDelimiter::parse(",").unwrap(),
            format: JsonFormat::Compact,
        }
    }

    fn syslog() -> ConverterConfig {
        ConverterConfig::LogToJson {
            log_format: LogFormat::Syslog,
            pattern: None,
            field_names: None,
            null_name: false,
            format: JsonFormat::Compact,
        }
    }

    const SINGLE_LINE: ConverterConfig =
        ConverterConfig::SingleLine { trim: true, escape_new_line: false };

    #[test]
    fn section_2_1_without_converters_bytes_pass_untouched() {
        let record = b"\xFF\r\0\n";
        let mut chain = Chain::new(&[]);
        assert!(chain.is_empty());
        assert_eq!(chain.convert(record), Converted::Record(record));
    }

    #[test]
    fn section_2_1_the_output_of_one_converter_feeds_the_next() {
        let mut chain = Chain::new(&[csv(&["a", "b"]), ConverterConfig::AddBrackets]);
        assert!(!chain.is_empty());
        for (record, want) in
            [("1,2\n", "{{\"a\":\"1\",\"b\":\"2\"}\n}"), ("3\n", "{{\"a\":\"3\",\"b\":null}\n}")]
        {
            let converted = chain.convert(record.as_bytes());
            assert_eq!(converted, Converted::Record(want.as_bytes()));
        }
        let mut chain = Chain::new(&[SINGLE_LINE, csv(&["a"]), SINGLE_LINE]);
        let converted = chain.convert(b" x\n y,z\n");
        assert_eq!(converted, Converted::Record(b"{\"a\":\"xy\"}\n"));
    }

    #[test]
    fn section_2_1_malformed_bytes_are_replaced_by_every_converter() {
        let mut chain = Chain::new(&[ConverterConfig::AddBrackets]);
        let want = "{\u{FFFD}a\u{FFFD}\n}".as_bytes();
        assert_eq!(chain.convert(b"\xFFa\xED\xA0\x80\n"), Converted::Record(want));
        let mut chain = Chain::new(&[csv(&["a"])]);
        let want = "{\"a\":\"\u{FFFD}\"}\n".as_bytes();
        assert_eq!(chain.convert(b"\xFF\n"), Converted::Record(want));
    }

    #[test]
    fn section_2_1_a_record_that_one_converter_skips_is_skipped() {
        let mut chain = Chain::new(&[SINGLE_LINE, syslog(), ConverterConfig::AddBrackets]);
        assert_eq!(chain.convert(b"no\n"), Converted::Skipped { reason: NO_MATCH });
        let converted = chain.convert(b"Oct 9 22:33:20 h p: m\n");
        assert!(matches!(converted, Converted::Record(_)), "{converted:?}");
    }

    #[test]
    fn a_record_that_becomes_too_large_is_sent_raw() {
        let name = "n".repeat(CONVERTED_BYTES_MAX);
        let mut chain = Chain::new(&[SINGLE_LINE, csv(&[&name]), ConverterConfig::AddBrackets]);
        let Converted::Raw { record, converter, reason } = chain.convert(b" x\n") else {
            panic!("not sent raw");
        };
        assert_eq!((record, converter), (&b" x\n"[..], "CSVTOJSON"));
        let bytes = CONVERTED_BYTES_MAX + "{\"\":\"x\"}\n".len();
        assert_eq!(reason, ConvertError::TooLarge { bytes });
        assert_eq!(reason.label(), "too_large");
        assert_eq!(
            reason.to_string(),
            "converted record has 67108873 bytes, more than 67108864; \
             use fewer converters or smaller records"
        );
    }

    #[test]
    fn a_pattern_that_takes_too_long_sends_the_record_raw() {
        let pattern = compile_match_pattern("(x+)+(?=y)z").unwrap();
        let slow = ConverterConfig::LogToJson {
            null_name: false,
            log_format: LogFormat::Syslog,
            pattern: Some(pattern),
            field_names: Some(vec!["a".to_owned()]),
            format: JsonFormat::Compact,
        };
        let mut chain = Chain::new(&[SINGLE_LINE, slow]);
        let record = [b"  ".as_slice(), &[b'x'; 60], b"\n"].concat();
        let Converted::Raw { record: sent, converter, reason } = chain.convert(&record) else {
            panic!("not sent raw");
        };
        assert_eq!((sent, converter, reason.label()), (&*record, "LOGTOJSON", "pattern_steps"));
    }

    #[test]
    fn without_facts_about_the_machine_records_pass_and_are_counted() {
        let config = ConverterConfig::AddEc2Metadata {
            time_to_live: Duration::from_hours(1),
            format: JsonFormat::Compact,
        };
        let mut chain = Chain::new(&[config, ConverterConfig::AddBrackets]);
        assert_eq!(chain.convert(b"x\n"), Converted::Record(b"{x\n}"));
        assert_eq!((chain.take_without_metadata(), chain.take_without_metadata()), (1, 0));
        chain.set_facts(Some(Arc::new(Vec::new())));
        let Converted::Raw { converter, reason, .. } = chain.convert(b"x\n") else {
            panic!("not sent raw");
        };
        assert_eq!((converter, reason.label()), ("ADDEC2METADATA", "not_json"));
        assert_eq!(chain.convert(b"{}\n"), Converted::Record(b"{{}\n}"));
        assert_eq!(chain.take_without_metadata(), 0);
    }

    #[test]
    fn a_large_record_does_not_hold_memory_for_ever() {
        let mut chain = Chain::new(&[SINGLE_LINE, ConverterConfig::AddBrackets]);
        let large = vec![0xFF; 2 * IDLE_BUFFER_BYTES_MAX];
        assert!(matches!(chain.convert(&large), Converted::Record(_)));
        assert!(chain.output.capacity() > IDLE_BUFFER_BYTES_MAX);
        assert!(matches!(chain.convert(b"small\n"), Converted::Record(_)));
        let kept = chain.output.capacity() + chain.input.capacity() + chain.text.capacity();
        assert!(kept < IDLE_BUFFER_BYTES_MAX, "{kept} bytes kept");
    }

    #[test]
    fn buffers_are_reused_from_record_to_record() {
        let mut chain = Chain::new(&[csv(&["a", "b"]), SINGLE_LINE]);
        chain.convert(b"a longer record, to begin with\n");
        chain.convert(b"and another one, for the other\n");
        let buffers = |chain: &Chain| {
            let mut both = [chain.input.as_ptr(), chain.output.as_ptr()];
            both.sort_unstable();
            both
        };
        let before = buffers(&chain);
        for _ in 0..10 {
            chain.convert(b"short,1\n");
        }
        assert_eq!(buffers(&chain), before);
    }

    /// Every converter, in every form that takes its own way through the code.
    fn any_converter() -> impl Strategy<Value = ConverterConfig> {
        let format = || prop_oneof![Just(JsonFormat::Compact), Just(JsonFormat::Pretty)];
        let delimiter = prop::sample::select(vec![",", "::", "", "|", "\\s*", "[;,]", "a?", "\\b"]);
        let names = prop::collection::vec("[a-c\u{E9}\"]", 0..5);
        let csv = (names, delimiter, format()).prop_map(|(field_names, delimiter, format)| {
            let delimiter = CsvDelimiter::parse(delimiter).unwrap();
            ConverterConfig::CsvToJson { field_names, delimiter, format }
        });
        let log_format = prop::sample::select(vec![
            LogFormat::CommonApacheLog,
            LogFormat::CombinedApacheLog,
            LogFormat::ApacheErrorLog,
            LogFormat::Syslog,
            LogFormat::Rfc3339Syslog,
        ]);
        let pattern = prop::option::of(Just("(?s)(.?).*?(\\W)?"));
        let log = (log_format, pattern, format()).prop_map(|(log_format, pattern, format)| {
            let field_names = pattern.map(|_| vec!["a".to_owned(), "b".to_owned()]);
            let pattern = pattern.map(|pattern| compile_match_pattern(pattern).unwrap());
            ConverterConfig::LogToJson {
                log_format,
                pattern,
                field_names,
                null_name: false,
                format,
            }
        });
        let single = (any::<bool>(), any::<bool>()).prop_map(|(trim, escape_new_line)| {
            ConverterConfig::SingleLine { trim, escape_new_line }
        });
        prop_oneof![Just(ConverterConfig::AddBrackets), csv, log, single]
    }

    proptest! {
        /// Forall chains and bytes: what comes out is text, and a second pass gives the same.
        #[test]
        fn any_bytes_through_any_chain_give_text_and_never_a_panic(
            converters in prop::collection::vec(any_converter(), 1..4),
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..80),
                "[a-c,;:| \t\r\n\"\\\\\u{0}\u{E9}\u{2028}\u{1F600}]{0,60}"
                    .prop_map(String::into_bytes),
            ],
        ) {
            let mut chain = Chain::new(&converters);
            let first = match chain.convert(&bytes) {
                Converted::Record(record) => {
                    prop_assert!(std::str::from_utf8(record).is_ok(), "{record:02X?}");
                    Some(record.to_vec())
                }
                Converted::Raw { .. } | Converted::Skipped { .. } => None,
            };
            chain.convert(b"something, in: between\n");
            match chain.convert(&bytes) {
                Converted::Record(record) => prop_assert_eq!(Some(record), first.as_deref()),
                Converted::Raw { .. } | Converted::Skipped { .. } => prop_assert_eq!(first, None),
            }
        }
    }
}
