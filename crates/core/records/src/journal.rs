//! Entries of the systemd journal from the bytes of `journalctl --output=export`, as they come.
//!
//! A field is a line `NAME=value`, or, where the value holds line ends or is not text, a line
//! `NAME`, eight bytes with its length, the value and a line end. An empty line ends the entry.
//! Fields that are not configured are skipped without being kept, however long they are.

use crate::json::push_string;

/// The field that says where an entry is in the journal.
const CURSOR: &str = "__CURSOR";

/// The field with what was logged.
pub const MESSAGE: &str = "MESSAGE";

/// Names of fields have up to 64 bytes; a longer one is no name.
const NAME_BYTES_MAX: usize = 256;

/// A cursor has about 130 bytes; a longer one is none.
const CURSOR_BYTES_MAX: usize = 1024;

/// What becomes of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Its message.
    Message,
    /// An object of these fields, in this order; those that it lacks are skipped.
    Fields(Vec<String>),
    /// An object of all its fields.
    AllFields,
}

impl Shape {
    fn keeps(&self, name: &str) -> bool {
        match self {
            Self::Message => name == MESSAGE,
            Self::Fields(names) => names.iter().any(|wanted| wanted == name),
            Self::AllFields => true,
        }
    }
}

/// An entry.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is in the journal.
    pub cursor: String,
    /// The fields that were asked for, as they came.
    fields: Vec<(String, Vec<u8>)>,
    /// Bytes that they hold.
    held: usize,
    /// Bytes of them that are skipped, because it is too long.
    pub cut: u64,
}

impl Entry {
    /// Appends what becomes of it. `false` if it has nothing of what was asked for.
    pub fn write(&self, shape: &Shape, out: &mut Vec<u8>) -> bool {
        match shape {
            Shape::Message => {
                let message = self.values(MESSAGE).next();
                out.extend_from_slice(message.unwrap_or_default());
                message.is_some()
            }
            Shape::Fields(names) => self.write_object(names.iter().map(String::as_str), out),
            Shape::AllFields => {
                let mut names: Vec<&str> = Vec::with_capacity(self.fields.len());
                for (name, _) in &self.fields {
                    if !names.contains(&name.as_str()) {
                        names.push(name);
                    }
                }
                self.write_object(names.into_iter(), out)
            }
        }
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let fields = self.fields.iter().filter(move |(known, _)| known == name);
        fields.map(|(_, value)| value.as_slice())
    }

    /// A field that comes several times becomes a list, as `journalctl --output=json` has it.
    fn write_object<'n>(&self, names: impl Iterator<Item = &'n str>, out: &mut Vec<u8>) -> bool {
        let mut lead = b'{';
        for name in names {
            let values: Vec<&[u8]> = self.values(name).collect();
            if values.is_empty() {
                continue;
            }
            out.push(lead);
            lead = b',';
            push_string(out, name.as_bytes());
            out.push(b':');
            match values.as_slice() {
                [value] => push_text(out, value),
                _ => push_list(out, &values),
            }
        }
        if lead == b',' {
            out.push(b'}');
        }
        lead == b','
    }
}

fn push_list(out: &mut Vec<u8>, values: &[&[u8]]) {
    let mut lead = b'[';
    for value in values {
        out.push(lead);
        lead = b',';
        push_text(out, value);
    }
    out.push(b']');
}

/// JSON has no bytes: what is not UTF-8 becomes U+FFFD.
fn push_text(out: &mut Vec<u8>, value: &[u8]) {
    push_string(out, String::from_utf8_lossy(value).as_bytes());
}

/// The bytes are no entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnEntry;

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Name,
    /// The value of a line.
    Text,
    /// The length of a value.
    Length {
        value: u64,
        bytes: u32,
    },
    /// A value of which so many bytes are to come.
    Binary {
        left: u64,
    },
    /// The line end behind that.
    BinaryEnd,
}

/// Reads entries.
#[derive(Debug)]
pub struct Export {
    shape: Shape,
    /// An entry keeps so many bytes of its fields.
    entry_bytes_max: usize,
    state: State,
    name: Vec<u8>,
    /// What is kept of the value.
    keeps: Keeps,
    entry: Entry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Nothing,
    Cursor,
    Field,
}

impl Export {
    /// Reads entries of which so much is asked.
    #[must_use]
    pub fn new(shape: Shape, entry_bytes_max: usize) -> Self {
        Self {
            shape,
            entry_bytes_max,
            state: State::Name,
            name: Vec::new(),
            keeps: Keeps::Nothing,
            entry: Entry::default(),
        }
    }

    /// Whether an entry began and did not end.
    #[must_use]
    pub fn is_within(&self) -> bool {
        self.state != State::Name || !self.name.is_empty() || self.entry != Entry::default()
    }

    /// Takes bytes from the front up to the end of an entry, which it gives back; or all of them.
    ///
    /// # Errors
    ///
    /// They are no entries.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Entry>, NotAnEntry> {
        while let Some(first) = bytes.first().copied() {
            match self.state {
                State::Name => {
                    if let Some(entry) = self.take_name(bytes)? {
                        return Ok(Some(entry));
                    }
                }
                State::Text => self.take_text(bytes),
                State::Length { value, bytes: known } => {
                    *bytes = bytes.get(1..).unwrap_or_default();
                    let value = value | u64::from(first) << (8 * known);
                    self.state = match known {
                        7 => State::Binary { left: value },
                        _ => State::Length { value, bytes: known + 1 },
                    };
                }
                State::Binary { left: 0 } => self.state = State::BinaryEnd,
                State::Binary { left } => {
                    let len = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (value, rest) = bytes.split_at(len);
                    self.keep(value);
                    *bytes = rest;
                    self.state = State::Binary { left: left - len as u64 };
                }
                State::BinaryEnd => {
                    *bytes = bytes.strip_prefix(b"\n").ok_or(NotAnEntry)?;
                    self.state = State::Name;
                }
            }
        }
        Ok(None)
    }

    /// A name ends with `=` or with its line; an empty line is the end of the entry.
    fn take_name(&mut self, bytes: &mut &[u8]) -> Result<Option<Entry>, NotAnEntry> {
        let end = memchr::memchr2(b'=', b'\n', bytes);
        let (name, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        if self.name.len() + name.len() > NAME_BYTES_MAX || !name.iter().copied().all(is_of_name) {
            return Err(NotAnEntry);
        }
        self.name.extend_from_slice(name);
        let Some((separator, rest)) = rest.split_first() else {
            *bytes = rest;
            return Ok(None);
        };
        *bytes = rest;
        if self.name.is_empty() {
            return if *separator == b'\n' { self.finish() } else { Err(NotAnEntry) };
        }
        self.begin_value()?;
        self.state =
            if *separator == b'=' { State::Text } else { State::Length { value: 0, bytes: 0 } };
        Ok(None)
    }

    fn take_text(&mut self, bytes: &mut &[u8]) {
        let end = memchr::memchr(b'\n', bytes);
        let (value, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        self.keep(value);
        *bytes = rest.get(1..).unwrap_or_default();
        if end.is_some() {
            self.state = State::Name;
        }
    }

    fn begin_value(&mut self) -> Result<(), NotAnEntry> {
        let name = std::mem::take(&mut self.name);
        let name = String::from_utf8(name).map_err(|_| NotAnEntry)?;
        let is_cursor = name == CURSOR;
        self.keeps = match (is_cursor, self.shape.keeps(&name)) {
            (true, _) => Keeps::Cursor,
            (false, true) => Keeps::Field,
            (false, false) => Keeps::Nothing,
        };
        if self.keeps == Keeps::Field {
            self.entry.held += name.len();
            self.entry.fields.push((name, Vec::new()));
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) {
        let entry = &mut self.entry;
        match self.keeps {
            Keeps::Nothing => {}
            Keeps::Cursor => {
                if entry.cursor.len() + bytes.len() <= CURSOR_BYTES_MAX {
                    entry.cursor.push_str(&String::from_utf8_lossy(bytes));
                }
            }
            Keeps::Field => {
                let room = self.entry_bytes_max.saturating_sub(entry.held);
                let kept = bytes.get(..room).unwrap_or(bytes);
                if let Some((_, value)) = entry.fields.last_mut() {
                    value.extend_from_slice(kept);
                }
                entry.held += kept.len();
                entry.cut += (bytes.len() - kept.len()) as u64;
            }
        }
    }

    /// Empty lines between entries are none.
    fn finish(&mut self) -> Result<Option<Entry>, NotAnEntry> {
        let mut entry = std::mem::take(&mut self.entry);
        if entry == Entry::default() {
            return Ok(None);
        }
        if entry.cursor.is_empty() {
            return Err(NotAnEntry);
        }
        let wants_cursor = self.shape.keeps(CURSOR);
        if wants_cursor {
            entry.fields.insert(0, (CURSOR.to_owned(), entry.cursor.clone().into_bytes()));
        }
        Ok(Some(entry))
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'
}

#[cfg(test)]
mod tests;
