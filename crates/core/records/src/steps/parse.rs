//! What all parsers of text have in common: where the text is from, what becomes of the parts that
//! are found in it, and of which type they are.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::{Context, Header, Step, Stop, Unparsable};
use crate::frame::Framing;
use crate::json::push_string;
use crate::record::{Name, Record};
use crate::scan_json::{self, Member, Span};

/// The longest text that is looked at, in bytes: above it no parser ends within its time.
pub(crate) const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// So many members come out of a text, at most.
const MEMBERS_MAX: usize = 2_000;

/// So many members are searched one by one.
const SEARCHED_MEMBERS_MAX: usize = 64;

/// Finds the parts of a text.
pub trait TextParser: Debug + Clone + Send + Sync + 'static {
    /// The `optionName` of the step.
    fn name(&self) -> &'static str;

    /// Hands over what is found.
    ///
    /// # Errors
    /// The text is not of the format, or is not to be sent at all.
    fn parse(&mut self, text: &str, context: &Context, into: &mut Fields) -> Result<(), Stop>;

    /// The same from bytes, for a format that is not text; nothing for all others.
    fn parse_bytes(&mut self, _bytes: &[u8], _into: &mut Fields) -> Option<Result<(), Stop>> {
        None
    }

    /// See [`Step::framing`].
    fn framing(&self) -> Option<Framing> {
        None
    }

    /// See [`Step::header`].
    fn header(&self, _file: u64) -> Option<Header> {
        None
    }

    /// See [`Step::learn`].
    fn learn(&mut self, _line: &str, _file: u64) {}
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
        let fields = Fields { types, ..Fields::default() };
        Self { parser, field, fields, text: Vec::new() }
    }
}

impl<P: TextParser> Step for Parse<P> {
    fn name(&self) -> &'static str {
        self.parser.name()
    }

    fn apply(&mut self, record: &mut Record, context: &Context) -> Result<(), Stop> {
        self.fields.clear();
        let Some(field) = &self.field else {
            let bytes = record.render();
            if bytes.len() > TEXT_BYTES_MAX + b"\r\n".len() {
                return Err(Unparsable::TooLong.into());
            }
            if let Some(parsed) = self.parser.parse_bytes(bytes, &mut self.fields) {
                parsed?;
            } else {
                let line = record.line();
                if line.len() > TEXT_BYTES_MAX {
                    return Err(Unparsable::TooLong.into());
                }
                self.parser.parse(line, context, &mut self.fields)?;
            }
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
        record.merge(&self.fields.bytes, &self.fields.members);
        Ok(())
    }

    fn framing(&self) -> Option<Framing> {
        if self.field.is_some() { None } else { self.parser.framing() }
    }

    fn header(&self, file: u64) -> Option<Header> {
        // What is in a member has no header in the file.
        if self.field.is_some() { None } else { self.parser.header(file) }
    }

    fn learn(&mut self, line: &str, file: u64) {
        self.parser.learn(line, file);
    }
}

/// What a parser finds.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    bytes: Vec<u8>,
    members: Vec<Member>,
    /// Where the members are by their keys, once there are so many that searching them one by one
    /// would take long.
    places: BTreeMap<Vec<u8>, usize>,
    types: Types,
}

impl Fields {
    fn clear(&mut self) {
        self.bytes.clear();
        self.members.clear();
        self.places.clear();
    }

    /// A part with its name; `None` if the text has room for it and it is not there. No name may
    /// come twice: see [`Self::push_named`].
    ///
    /// # Errors
    /// There are too many of them.
    pub(super) fn push(&mut self, name: &Name, value: Option<&str>) -> Result<(), Unparsable> {
        let key = self.keep(name.json());
        self.push_value(key, name.text(), value)
    }

    /// The same, with a name that is known to be a plain text.
    pub(super) fn push_as(&mut self, name: &str, value: Option<&str>) -> Result<(), Unparsable> {
        let key = self.key(name);
        self.push_value(key, name, value)
    }

    /// The same, with a name that is in the text: if it comes again, the last value counts.
    pub(super) fn push_named(&mut self, name: &str, value: Option<&str>) -> Result<(), Unparsable> {
        let key = self.key(name);
        let value = self.write(name, value);
        self.put(Member { key, value })
    }

    /// The same, with a value that is JSON already.
    pub(super) fn push_json(&mut self, name: &str, json: &[u8]) -> Result<(), Unparsable> {
        let key = self.key(name);
        let value = self.keep(json);
        self.put(Member { key, value })
    }

    fn push_value(&mut self, key: Span, name: &str, value: Option<&str>) -> Result<(), Unparsable> {
        let value = self.write(name, value);
        self.append(Member { key, value })
    }

    fn append(&mut self, member: Member) -> Result<(), Unparsable> {
        if self.members.len() >= MEMBERS_MAX {
            return Err(Unparsable::TooMany);
        }
        self.members.push(member);
        Ok(())
    }

    /// Puts a member in the place of that of its name, or at the end.
    fn put(&mut self, member: Member) -> Result<(), Unparsable> {
        let json = member.key.of(&self.bytes);
        let known = if self.members.len() < SEARCHED_MEMBERS_MAX {
            self.members.iter().position(|known| known.key.of(&self.bytes) == json)
        } else {
            // Members that came since then are added one by one.
            for (place, known) in self.members.iter().enumerate().skip(self.places.len()) {
                self.places.insert(known.key.of(&self.bytes).to_vec(), place);
            }
            self.places.get(json).copied()
        };
        match known.and_then(|place| self.members.get_mut(place)) {
            Some(known) => {
                known.value = member.value;
                Ok(())
            }
            None => self.append(member),
        }
    }

    fn key(&mut self, name: &str) -> Span {
        let start = self.bytes.len();
        push_string(&mut self.bytes, name.as_bytes());
        Span { start, end: self.bytes.len() }
    }

    fn write(&mut self, name: &str, value: Option<&str>) -> Span {
        let start = self.bytes.len();
        match value {
            None => self.bytes.extend_from_slice(b"null"),
            Some(text) => self.types.of(name).write(text, &mut self.bytes),
        }
        Span { start, end: self.bytes.len() }
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
