//! From the bytes of a file to the bytes that are sent: `splitter` finds the records, and the
//! processing chain converts them.
//!
//! One file a converter: `add_brackets`, `add_metadata`, `add_ec2_metadata`, `single_line`,
//! `csv_to_json` and `log_to_json`; `chain` runs them in order. Alongside them stand the pieces
//! they share: `json` writes flat objects and `value` any, `json_reader` reads, `split` cuts
//! columns and `formats` reads the predefined log formats. `journal` reads what `journalctl`
//! exports, and `entry_line` makes lines of it. Java's regular expressions are a package of their
//! own, `kinetail-java-regex`.
//!
//! The behaviour is the Java agent's, bit for bit: a converter gets the record with its line end,
//! its output feeds the next one, a record may be skipped, and when a converter cannot read a
//! record the raw record is sent. Nothing here does I/O, asks for the time or writes a log line.
//! Once the buffers have grown to the size of the records nothing allocates but the converter
//! that has to understand JSON, and patterns that need to go back.

mod add_brackets;
mod add_ec2_metadata;
mod add_metadata;
mod chain;
mod csv_to_json;
pub mod entry_line;
mod formats;
mod frame;
pub mod journal;
mod json;
mod json_reader;
mod log_to_json;
mod record;
mod scan_json;
mod single_line;
mod skip;
mod split;
pub mod splitter;
pub mod steps;
mod value;

use std::time::Duration;

pub use add_ec2_metadata::{ECS, Facts};
pub use chain::{Chain, ConvertError, Converted, RawReason};
pub use formats::LogFormat;
pub use frame::Framing;
pub use json_reader::{DEPTH_MAX, NotAnObject};
pub use kinetail_java_regex::{
    Finder, Footer, Impossible, LineStart, Matcher, NamedPattern, OverLimit, Pattern, PatternError,
    RulePart, compile_match_pattern, compile_search_pattern, impossible, matches_nothing,
    text::decode,
};
pub use record::{Name, Record};
pub use skip::Skip;
pub use split::CsvDelimiter;
pub use steps::{OnUnparsable, Origin, StepConfig, StepCount};
pub use value::JsonValue;

/// The configuration of one converter of the chain, validated.
#[derive(Debug, Clone)]
pub enum ConverterConfig {
    /// `ADDBRACKETS`: the record, with its line end, between `{` and `}`.
    AddBrackets,
    /// `ADDEC2METADATA`: what is known about the instance, put into a JSON object.
    AddEc2Metadata {
        /// `metadataTTL`: what is known is fetched again when it is this old.
        time_to_live: Duration,
        /// `jsonFormat`.
        format: JsonFormat,
        /// `tags`: which tags are put, in lower case, and what they are called in the record.
        tags: Option<Vec<(String, String)>>,
    },
    /// `ADDMETADATA`: the line as a string alongside fixed metadata.
    AddMetadata {
        /// `metadata`; null if there is none.
        metadata: JsonValue,
        /// `timestamp`: the time of the conversion comes first.
        timestamp: bool,
        /// `jsonFormat`.
        format: JsonFormat,
    },
    /// `CSVTOJSON`: the columns of a line as an object of strings.
    CsvToJson {
        /// `customFieldNames`, one a column; a name that comes twice keeps its first place and
        /// its last value.
        field_names: Vec<String>,
        /// `delimiter`.
        delimiter: CsvDelimiter,
        /// `jsonFormat`.
        format: JsonFormat,
    },
    /// `LOGTOJSON`: the parts of a log line as an object of strings.
    LogToJson {
        /// `logFormat`. Alongside a pattern it only decides whether a captured `-` means null.
        log_format: LogFormat,
        /// `matchPattern`, from [`compile_match_pattern`].
        pattern: Option<Pattern>,
        /// `customFieldNames`. The validation makes sure that they are there when there is a
        /// pattern, and that there are as many as the format has fields when there is none; a
        /// chain that gets another number skips every record.
        field_names: Option<Vec<String>>,
        /// One of the names is null: what is written has no key for it, so the raw record is sent.
        null_name: bool,
        /// `jsonFormat`.
        format: JsonFormat,
    },
    /// A converter whose configuration lets it read no record: all are sent as they are.
    SendRaw {
        /// Its `optionName`.
        converter: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A step of our own, which the Java agent does not have.
    Step(StepConfig),
    /// `SINGLELINE`: the lines of a record joined into one.
    SingleLine {
        /// Spaces and control characters go from both ends of each line; `NO_TRIM` says false.
        trim: bool,
        /// `ESCAPE_NEW_LINE`: two backslashes and an `n` stand where a line ended.
        escape_new_line: bool,
    },
}

/// How an object is laid out; a line feed follows it either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonFormat {
    /// On one line, without spaces.
    Compact,
    /// Over several lines, as Jackson's default pretty printer does it.
    Pretty,
}
