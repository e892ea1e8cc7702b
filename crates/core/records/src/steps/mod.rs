//! The steps that the Java agent does not have: parsers, fields, filters, redaction.
//!
//! A step works on a [`Record`], which is a text or an object, and does one thing to it. What it
//! cannot read it refuses, and the chain does what `onUnparsable` says. No step fails a record:
//! whatever happens it continues, or is skipped for a reason that is counted.

mod add_fields;
mod condition;
mod container;
mod csv;
mod fields;
mod filter;
mod flatten;
mod formats;
mod logfmt;
mod parse;
mod parse_json;
mod parse_regex;
mod redact;
mod sample;
mod timestamp;

use std::cell::Cell;
use std::fmt::Debug;

use super::add_ec2_metadata::Facts;
use super::frame::Framing;
use super::json_reader::NotAnObject;
use super::record::{Name, Record};
use super::skip::Skip;

pub use self::add_fields::{AddFields, Field, FieldValue, Part, Pod};
pub use self::condition::{Bound, Condition, Number, Severity, Test};
pub use self::container::{ParseCri, ParseDocker, Shape};
pub use self::csv::ParseCsv;
pub use self::fields::{DropFields, KeepFields, RenameFields};
pub use self::filter::Filter;
pub use self::flatten::Flatten;
pub use self::formats::{ParseLog, ReadyFormat};
pub use self::logfmt::ParseLogfmt;
pub use self::parse::{Fields, Parse, TextParser, Type, Types};
pub use self::parse_json::ParseJson;
pub use self::parse_regex::ParseRegex;
pub use self::redact::{Kind, Redact, Replacement};
pub use self::sample::Sample;
pub use self::timestamp::{Otherwise, ParseTime, TimeFormat};

pub(crate) use self::parse::TEXT_BYTES_MAX;

/// The member with the text of a record that a step could not read.
pub(super) const TAG_MESSAGE: &str = "message";

/// The member that says which step could not read it, and why.
pub(super) const TAG_REASON: &str = "unparsable";

/// What becomes of a record that a step cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUnparsable {
    /// It is kept as a dead letter and not sent.
    DeadLetter,
    /// It continues unchanged, and is counted.
    #[default]
    Pass,
    /// It is skipped.
    Skip,
    /// It becomes an object of its text and the reason, and continues.
    Tag,
}

/// One step: what it does, and what becomes of records that it cannot read.
#[derive(Debug)]
pub struct StepConfig {
    /// What it does.
    pub step: Box<dyn Step>,
    /// `onUnparsable`.
    pub on_unparsable: OnUnparsable,
}

impl Clone for StepConfig {
    fn clone(&self) -> Self {
        Self { step: self.step.fresh(), on_unparsable: self.on_unparsable }
    }
}

impl StepConfig {
    /// A step that leaves alone what it cannot read.
    pub fn new(step: impl Step + 'static) -> Self {
        Self { step: Box::new(step), on_unparsable: OnUnparsable::Pass }
    }
}

/// What a step does to a record.
pub trait Step: Fresh + Debug + Send + Sync {
    /// The `optionName` in the configuration.
    fn name(&self) -> &'static str;

    /// Does it.
    ///
    /// # Errors
    /// The record is to be skipped, or the step cannot read it and left it as it was.
    fn apply(&mut self, record: &mut Record, context: &Context) -> Result<(), Stop>;

    /// Whether it removes secrets: then it is applied to records that are sent as they came, too.
    fn redacts(&self) -> bool {
        false
    }

    /// How its entries are told apart in the lines of a file, if it is the first step.
    fn framing(&self) -> Option<Framing> {
        None
    }

    /// What it uses of what is known about the machine.
    fn uses(&self) -> Uses {
        Uses::default()
    }

    /// Which line before the first record says what this file holds, if that is not known.
    fn header(&self, _file: u64) -> Option<Header> {
        None
    }

    /// Takes such a line, without its line end.
    fn learn(&mut self, _line: &str, _file: u64) {}
}

/// What every step can that can be cloned.
pub trait Fresh {
    /// The same step as it is before its first record.
    fn fresh(&self) -> Box<dyn Step>;
}

impl<S: Step + Clone + 'static> Fresh for S {
    fn fresh(&self) -> Box<dyn Step> {
        Box::new(self.clone())
    }
}

/// Which line of a file says what the others hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// The first one.
    First,
    /// The last one before a record that begins with this.
    Last(&'static str),
}

/// Why a step did not do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The record is skipped, for this reason.
    Skip(Skip),
    /// The step cannot read it.
    Unparsable(Unparsable),
}

/// Why a step cannot read a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unparsable {
    /// It has another number of columns.
    #[error("column count does not match #Fields")]
    Columns,
    /// The first line of the file was not seen, and there are no other names.
    #[error("the header line of its file is unknown, and 'names' is not set")]
    NoHeader,
    /// No line says what the columns are.
    #[error("the #Fields line of its file is unknown")]
    NoFieldsLine,
    /// The member is not there, or is no string.
    #[error("it has no such member, or the member is not a string")]
    NoField,
    /// It is of another format.
    #[error("it does not match")]
    NoMatch,
    /// The member holds no time.
    #[error("it contains no time in the configured formats")]
    NoTime,
    /// Something stands where a pair should.
    #[error("no key=value at byte {at}")]
    Pair {
        /// The place, from 0.
        at: usize,
    },
    /// A part is missing, or another stands in its place.
    #[error("it is of another format from byte {at} on")]
    Part {
        /// The place, from 0.
        at: usize,
    },
    /// A quote is not closed, or more follows it.
    #[error("the quotes are wrong at byte {at}")]
    Quote {
        /// The place, from 0.
        at: usize,
    },
    /// The pattern would take too long.
    #[error("the pattern exceeded its step limit; simplify it, e.g. [^x]* instead of .*")]
    Steps,
    /// It is longer than a parser looks at.
    #[error("it is longer than 1 MiB")]
    TooLong,
    /// It would have too many members.
    #[error("it has more than 2,000 parts")]
    TooMany,
    /// It wants an object.
    #[error(transparent)]
    NotAnObject(#[from] NotAnObject),
}

impl From<NotAnObject> for Stop {
    fn from(error: NotAnObject) -> Self {
        Self::Unparsable(error.into())
    }
}

impl From<Unparsable> for Stop {
    fn from(error: Unparsable) -> Self {
        Self::Unparsable(error)
    }
}

/// What a step uses of what is known about the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Uses {
    /// The EC2 instance and its tags.
    pub ec2: bool,
    /// The task of ECS.
    pub ecs: bool,
}

/// What a step may use alongside the record.
#[derive(Debug, Default)]
pub struct Context {
    /// The time, in milliseconds since 1970.
    pub unix_millis: i64,
    /// What is known about the machine.
    pub facts: Option<Facts>,
    /// Where the record is from.
    pub origin: Origin,
    /// Records that went without something that is not known.
    pub(super) missing: Cell<u64>,
}

/// Where a record is from.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The number of the file, which no other one has.
    pub file: u64,
    path: String,
    /// Where in the file it begins.
    pub offset: u64,
}

impl Origin {
    /// Says which file it is.
    pub fn set_path(&mut self, file: u64, path: &str) {
        self.file = file;
        if self.path != path {
            path.clone_into(&mut self.path);
        }
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// What a converter did with records.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct StepCount {
    /// It skipped them.
    pub skipped: u64,
    /// It could not read them, and they continued.
    pub unparsable: u64,
}

impl StepCount {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, more: Self) {
        self.skipped += more.skipped;
        self.unparsable += more.unparsable;
    }
}

/// What a column is called that has no name, or that of another one.
fn column_name(column: usize) -> String {
    format!("column{}", column + 1)
}

/// Makes an object of a record that a step could not read.
pub(super) fn tag(record: &mut Record, step: &str, why: Unparsable) {
    let text = record.line().to_owned();
    record.begin();
    record.is_tagged = true;
    record.push_text(Name::new(TAG_MESSAGE).json(), text.as_bytes());
    record.push_text(Name::new(TAG_REASON).json(), format!("{step}: {why}").as_bytes());
}
