//! The chain: runs the converters of a flow, one after the other, over each record.
//!
//! It owns the buffers that the records pass through, so that a flow's thread converts without
//! allocating. It does not decide what a skipped or unreadable record means to the flow.

mod converter;
mod outcome;

use kinetail_java_regex::text;

use self::converter::{Converter, Done};
use self::outcome::CONVERTED_BYTES_MAX;
pub(crate) use self::outcome::Refused;
pub use self::outcome::{ConvertError, Converted, RawReason};
use super::ConverterConfig;
use super::add_ec2_metadata::Facts;
use super::frame::Framing;
use super::record::{Record, without_line_end};
use super::skip::Skip;
use super::steps::{Context, Header, OnUnparsable, StepCount, Stop, Unparsable, tag};

/// A buffer larger than this is given back once small records follow a large one.
const IDLE_BUFFER_BYTES_MAX: usize = 1024 * 1024;

/// The converters of one flow and the buffers between them.
#[derive(Debug, Default)]
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

    /// Which line of a file has to be found before its next record, which is not its first one,
    /// for what the columns of it are called.
    #[must_use]
    pub fn header(&self, file: u64) -> Option<Header> {
        self.converters.iter().find_map(|converter| match converter {
            Converter::Step(config) => config.step.header(file),
            _ => None,
        })
    }

    /// Takes a line that [`Self::header`] asked for.
    pub fn learn(&mut self, line: &[u8], file: u64) {
        let line = text::decode(without_line_end(line), &mut self.text);
        for converter in &mut self.converters {
            if let Converter::Step(config) = converter
                && config.step.header(file).is_some()
            {
                config.step.learn(line, file);
            }
        }
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

    /// How many records continued although a step could not read them, since the last call, and why
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
                Err(Refused::Raw(reason)) => {
                    let converter = self.name_of(index);
                    self.count(index, StepCount { skipped: 0, unparsable: 1 });
                    let (record, _) = self.before(index, record, before);
                    return Converted::Raw { record, converter, reason };
                }
                Err(Refused::DeadLetter(reason)) => {
                    let converter = self.name_of(index);
                    self.count(index, StepCount { skipped: 1, unparsable: 0 });
                    // A step that cannot read a record leaves it as it was.
                    let (record, whole) = self.before(index, record, At::Steps);
                    return Converted::DeadLetter { record, whole, converter, reason };
                }
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
        match config.on_unparsable {
            OnUnparsable::DeadLetter => return Err(Refused::DeadLetter(why)),
            OnUnparsable::Skip => return Err(Refused::Skip(Skip::Unparsable)),
            OnUnparsable::Pass | OnUnparsable::Tag => {}
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

    fn name_of(&self, index: usize) -> &'static str {
        self.converters.get(index).map_or("", Converter::name)
    }

    /// Whether a step removes secrets.
    #[must_use]
    pub fn redacts(&self) -> bool {
        self.converters.iter().any(Converter::redacts)
    }

    /// A record without the secrets that steps remove, of which nothing else is changed.
    pub fn redacted<'a>(&'a mut self, record: &'a [u8]) -> &'a [u8] {
        self.before(0, record, At::Start).0
    }

    /// The record as it came, and that it is. If something is to be redacted it is what came to the
    /// converter, for what the steps before took out stays out.
    fn before<'a>(&'a mut self, index: usize, record: &'a [u8], before: At) -> (&'a [u8], bool) {
        if !self.redacts() {
            return (record, true);
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
        (self.record.render(), false)
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

#[cfg(test)]
mod tests;
