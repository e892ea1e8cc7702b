//! What all parsers of text have in common: where the text is from, what becomes of the parts that
//! are found in it, and of which type they are.

use std::fmt::Debug;

use super::{Context, Step, Stop, Unparsable};
use crate::json::push_string;
use crate::record::{Name, Record};
use crate::scan_json::{self, Member, Span};

/// The longest text that is looked at, in bytes: above it no parser ends within its time.
pub(super) const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// So many members come out of a text, at most.
const MEMBERS_MAX: usize = 2_000;

/// Finds the parts of a text.
pub trait TextParser: Debug + Clone + Send + Sync + 'static {
    /// The `optionName` of the step.
    fn name(&self) -> &'static str;

    /// Hands over what is found.
    ///
    /// # Errors
    /// The text is not of the format, or is not to be sent at all.
    fn parse(&mut self, text: &str, context: &Context, into: &mut Fields) -> Result<(), Stop>;
}

/// A parser as a step.
#[derive(Debug, Clone)]
pub struct Parse<P> {
    parser: P,
    field: Option<Name>,
    fields: Fields,
    text: Vec<u8>,
}

impl<P: TextParser> Parse<P> {
    /// A step that parses the whole record, or the text in one of its members, which then makes
    /// room for what is found in it.
    pub fn new(parser: P, field: Option<Name>, types: Types) -> Self {
        let fields = Fields { bytes: Vec::new(), members: Vec::new(), types };
        Self { parser, field, fields, text: Vec::new() }
    }
}

impl<P: TextParser> Step for Parse<P> {
    fn name(&self) -> &'static str {
        self.parser.name()
    }

    fn apply(&mut self, record: &mut Record, context: &Context) -> Result<(), Stop> {
        self.fields.bytes.clear();
        self.fields.members.clear();
        let Some(field) = &self.field else {
            let line = record.line();
            if line.len() > TEXT_BYTES_MAX {
                return Err(Unparsable::TooLong.into());
            }
            self.parser.parse(line, context, &mut self.fields)?;
            record.begin();
            for member in &self.fields.members {
                let value = member.value.of(&self.fields.bytes);
                record.push(member.key.of(&self.fields.bytes), |out| out.extend_from_slice(value));
            }
            return Ok(());
        };
        record.parse()?;
        let raw = record.get(field.text()).ok_or(Unparsable::NoField)?;
        if raw.first() != Some(&b'"') {
            return Err(Unparsable::NoField.into());
        }
        self.text.clear();
        scan_json::decode(scan_json::inner(raw), &mut self.text);
        let text = String::from_utf8_lossy(&self.text);
        if text.len() > TEXT_BYTES_MAX {
            return Err(Unparsable::TooLong.into());
        }
        self.parser.parse(&text, context, &mut self.fields)?;
        record.remove(field.text());
        for member in &self.fields.members {
            let name = Name::of_json(member.key.of(&self.fields.bytes));
            let value = member.value.of(&self.fields.bytes);
            record.put(&name, |out| out.extend_from_slice(value));
        }
        Ok(())
    }

    fn fresh(&self) -> Box<dyn Step> {
        Box::new(self.clone())
    }
}

/// What a parser finds.
#[derive(Debug, Clone)]
pub struct Fields {
    bytes: Vec<u8>,
    members: Vec<Member>,
    types: Types,
}

impl Fields {
    /// A part with its name; `None` if the text has room for it and it is not there.
    ///
    /// # Errors
    /// There are too many of them.
    pub(super) fn push(&mut self, name: &Name, value: Option<&str>) -> Result<(), Unparsable> {
        let key = self.keep(name.json());
        self.push_value(key, name.text(), value)
    }

    /// The same, with a name that is in the text: if it comes again, the last value counts.
    pub(super) fn push_named(&mut self, name: &str, value: Option<&str>) -> Result<(), Unparsable> {
        let start = self.bytes.len();
        push_string(&mut self.bytes, name.as_bytes());
        let key = Span { start, end: self.bytes.len() };
        let json = key.of(&self.bytes);
        let again = self.members.iter().position(|known| known.key.of(&self.bytes) == json);
        self.push_value(key, name, value)?;
        if let Some(first) = again {
            self.members.swap_remove(first);
        }
        Ok(())
    }

    /// A part that is JSON already.
    pub(super) fn push_json(&mut self, name: &Name, json: &[u8]) {
        let key = self.keep(name.json());
        let value = self.keep(json);
        self.members.push(Member { key, value });
    }

    fn push_value(&mut self, key: Span, name: &str, value: Option<&str>) -> Result<(), Unparsable> {
        if self.members.len() >= MEMBERS_MAX {
            return Err(Unparsable::TooMany);
        }
        let start = self.bytes.len();
        match value {
            None => self.bytes.extend_from_slice(b"null"),
            Some(text) => self.types.of(name).write(text, &mut self.bytes),
        }
        let value = Span { start, end: self.bytes.len() };
        self.members.push(Member { key, value });
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        Span { start, end: self.bytes.len() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

/// `types`: what texts become in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Types {
    /// Whatever they look like.
    Auto,
    /// What is said by name; others are strings.
    Named(Vec<(String, Type)>),
    /// Strings.
    #[default]
    Strings,
}

impl Types {
    fn of(&self, name: &str) -> Type {
        match self {
            Self::Auto => Type::Auto,
            Self::Named(types) => {
                let named = types.iter().find(|(known, _)| known == name);
                named.map_or(Type::String, |(_, kind)| *kind)
            }
            Self::Strings => Type::String,
        }
    }
}

/// What a text becomes in JSON. One that does not look like it stays a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A number, `true` or `false`, or a string.
    Auto,
    /// `true` or `false`.
    Boolean,
    /// A number, with the digits that it has.
    Number,
    /// A string.
    String,
}

impl Type {
    fn write(self, text: &str, out: &mut Vec<u8>) {
        let bytes = text.as_bytes();
        let number = || scan_json::number_length(bytes) == Some(bytes.len());
        let word = || text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
        match self {
            Self::Auto | Self::Number if number() => out.extend_from_slice(bytes),
            Self::Auto | Self::Boolean if word() => {
                out.extend_from_slice(text.to_ascii_lowercase().as_bytes());
            }
            Self::Auto | Self::Boolean | Self::Number | Self::String => push_string(out, bytes),
        }
    }
}
