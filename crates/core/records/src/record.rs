//! A record on its way through the steps: a text, or an object whose members are places in it.
//!
//! An object that no step touches is written as it came, byte for byte. Of one that is touched
//! only the commas between its members are rewritten: keys and values are copied as they stand,
//! so that numbers, escapes and members that come twice survive.

mod flatten;
mod name;
mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;

use kinetail_java_regex::text;

pub use self::name::Name;
use super::json::push_string;
use super::json_reader::NotAnObject;
use super::scan_json::{self, Member, Span, says};

/// A record larger than this is not kept in memory for the next one, in bytes.
const IDLE_BYTES_MAX: usize = 1024 * 1024;

/// A record between two steps.
#[derive(Debug, Default)]
pub struct Record {
    /// The text and, behind it, what steps wrote.
    bytes: Vec<u8>,
    /// Where the text ends.
    text_end: usize,
    form: Form,
    /// What stands between the braces of the object.
    members: Vec<Member>,
    /// What follows the object: its line end.
    tail: Span,
    /// It is an object only because a step could not read it.
    pub(super) is_tagged: bool,
    spare: Vec<u8>,
    decoded: String,
}

/// What a record is right now.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Some text; nothing is known about it.
    #[default]
    Text,
    /// An object, which is what the text says.
    Object,
    /// An object that is to be written.
    Touched,
}

impl Record {
    /// Begins with a text.
    pub(super) fn load(&mut self, text: &[u8]) {
        if self.bytes.capacity() > IDLE_BYTES_MAX && text.len() < IDLE_BYTES_MAX / 8 {
            *self = Self::default();
        }
        self.bytes.clear();
        self.bytes.extend_from_slice(text);
        self.text_end = text.len();
        self.form = Form::Text;
        self.is_tagged = false;
    }

    /// The record as text, written if it has to be.
    pub(super) fn render(&mut self) -> &[u8] {
        if self.form == Form::Touched {
            let mut out = std::mem::take(&mut self.spare);
            out.clear();
            self.write(&mut out);
            self.spare = std::mem::replace(&mut self.bytes, out);
            self.text_end = self.bytes.len();
            self.form = Form::Text;
        }
        self.bytes.get(..self.text_end).unwrap_or_default()
    }

    /// Whether it is known to be an object.
    pub(super) fn is_object(&self) -> bool {
        self.form != Form::Text
    }

    /// The text without its line end, decoded as the converters decode it. Of a record that is an
    /// object it is what is to be written.
    pub(super) fn line(&mut self) -> &str {
        self.render();
        let text = self.bytes.get(..self.text_end).unwrap_or_default();
        text::decode(without_line_end(text), &mut self.decoded)
    }

    /// Reads the text as an object, unless that is done.
    pub(super) fn parse(&mut self) -> Result<(), NotAnObject> {
        if self.is_object() {
            return Ok(());
        }
        let text = self.bytes.get(..self.text_end).unwrap_or_default();
        if let Err(error) = std::str::from_utf8(text) {
            return Err(NotAnObject::Encoding { at: error.valid_up_to() });
        }
        let start = scan_json::skip_space(text, 0);
        if text.get(start) != Some(&b'{') {
            let end = scan_json::value(text, start, 0)?;
            let end = scan_json::skip_space(text, end);
            let whole = end == text.len();
            return Err(if whole {
                NotAnObject::OtherValue
            } else {
                NotAnObject::Syntax { at: end }
            });
        }
        self.members.clear();
        let members = &mut self.members;
        let end = scan_json::members(text, start, 0, |member| members.push(member))?;
        let behind = scan_json::skip_space(text, end);
        if behind < text.len() {
            return Err(NotAnObject::Syntax { at: behind });
        }
        self.tail = Span { start: end, end: text.len() };
        self.form = Form::Object;
        Ok(())
    }

    /// Makes it an empty object. The text stays where it is, for parts of it to become values.
    pub(super) fn begin(&mut self) {
        self.members.clear();
        self.bytes.truncate(self.text_end);
        self.tail = self.keep(b"\n");
        self.form = Form::Touched;
    }

    /// Becomes a text.
    pub(super) fn set_text(&mut self, write: impl FnOnce(&[u8], &mut Vec<u8>)) {
        self.render();
        let mut out = std::mem::take(&mut self.spare);
        out.clear();
        write(self.bytes.get(..self.text_end).unwrap_or_default(), &mut out);
        self.spare = std::mem::replace(&mut self.bytes, out);
        self.text_end = self.bytes.len();
        self.form = Form::Text;
    }

    /// Copies bytes to where the members are.
    fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        Span { start, end: self.bytes.len() }
    }

    /// Appends a member. `key` is a JSON string, and `write` appends JSON.
    pub(super) fn push(&mut self, key: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.push(b',');
        let key = self.keep(key);
        self.bytes.push(b':');
        let start = self.bytes.len();
        write(&mut self.bytes);
        let value = Span { start, end: self.bytes.len() };
        self.members.push(Member { key, value });
        self.form = Form::Touched;
    }

    /// Appends a member whose value is text.
    pub(super) fn push_text(&mut self, key: &[u8], text: &[u8]) {
        self.push(key, |out| push_string(out, text));
    }

    /// Puts a member over the last one of its name, here or, where the name has dots, in an object
    /// in the object, or at the end.
    pub(super) fn put(&mut self, name: &Name, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(place) = self.place(name.text()) else {
            if !name.has_dots() || self.span(name.text()).is_none() {
                return self.push(name.json(), write);
            }
            let mut new = Vec::new();
            write(&mut new);
            return self.change(name.text(), &mut |_, out| {
                out.extend_from_slice(&new);
                true
            });
        };
        let start = self.bytes.len();
        write(&mut self.bytes);
        let value = Span { start, end: self.bytes.len() };
        if let Some(member) = self.members.get_mut(place) {
            member.value = value;
        }
        self.drop_all_but(name.text(), Some(place));
        self.form = Form::Touched;
    }

    /// Puts a copy of a part of what is there, given by [`Self::span`].
    pub(super) fn put_span(&mut self, name: &Name, value: Span) {
        if let Some(place) = self.place(name.text()) {
            if let Some(member) = self.members.get_mut(place) {
                member.value = value;
            }
            self.drop_all_but(name.text(), Some(place));
        } else {
            let key = self.keep(name.json());
            self.members.push(Member { key, value });
        }
        self.form = Form::Touched;
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.members.iter().rposition(|member| is_named(member, &self.bytes, name))
    }

    fn drop_all_but(&mut self, name: &str, kept: Option<usize>) -> bool {
        let (bytes, before) = (&self.bytes, self.members.len());
        let mut index = 0;
        self.members.retain(|member| {
            index += 1;
            Some(index - 1) == kept || !is_named(member, bytes, name)
        });
        self.members.len() < before
    }

    /// Where the value of a member is. A name with dots is first looked for as it is, then in the
    /// objects in the object.
    pub(super) fn span(&self, name: &str) -> Option<Span> {
        if let Some(place) = self.place(name) {
            return self.members.get(place).map(|member| member.value);
        }
        memchr::memchr(b'.', name.as_bytes())?;
        self.members.iter().rev().find_map(|member| {
            let rest = scan_json::below(member.key.of(&self.bytes), name)?;
            let inner = scan_json::find(member.value.of(&self.bytes), rest)?;
            let start = member.value.start;
            Some(Span { start: start + inner.start, end: start + inner.end })
        })
    }

    /// The value of a member, as JSON.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.span(name).map(|span| span.of(&self.bytes))
    }

    /// Writes other values in the place of those of all members of a name, here and, where the name
    /// has dots, in the objects in the object and in its lists. `change` appends the new value of
    /// an old one, if there is to be one.
    pub(super) fn change(&mut self, name: &str, change: scan_json::Change<'_>) {
        for index in 0..self.members.len() {
            let Some(member) = self.members.get(index).copied() else { return };
            let (key, value) = (member.key.of(&self.bytes), member.value.of(&self.bytes));
            let mut out = Vec::new();
            let changed = if says(key, name) {
                change(value, &mut out)
            } else {
                scan_json::below(key, name)
                    .is_some_and(|rest| scan_json::change(value, rest, change, &mut out))
            };
            if !changed {
                continue;
            }
            let value = self.keep(&out);
            self.form = Form::Touched;
            if let Some(member) = self.members.get_mut(index) {
                member.value = value;
            }
        }
    }

    /// Removes every member of a name.
    pub(super) fn remove(&mut self, name: &str) {
        if self.drop_all_but(name, None) {
            self.form = Form::Touched;
            return;
        }
        if memchr::memchr(b'.', name.as_bytes()).is_none() {
            return;
        }
        for index in 0..self.members.len() {
            let Some(member) = self.members.get(index).copied() else { return };
            let Some(rest) = scan_json::below(member.key.of(&self.bytes), name) else { continue };
            let mut out = Vec::new();
            if scan_json::without(member.value.of(&self.bytes), rest, &mut out) {
                let value = self.keep(&out);
                if let Some(member) = self.members.get_mut(index) {
                    member.value = value;
                }
                self.form = Form::Touched;
            }
        }
    }

    /// Gives the members of a name another one, over those that have that name already.
    pub(super) fn rename(&mut self, from: &str, to: &Name) {
        let Some(value) = self.span(from) else { return };
        if from == to.text() {
            return;
        }
        let Some(place) = self.place(from) else {
            self.remove(from);
            return self.put_span(to, value);
        };
        self.drop_all_but(to.text(), None);
        let place = self.place(from).unwrap_or(place);
        self.drop_all_but(from, Some(place));
        let key = self.keep(to.json());
        if let Some(place) = self.place(from)
            && let Some(member) = self.members.get_mut(place)
        {
            member.key = key;
        }
        self.form = Form::Touched;
    }

    /// Puts the members of the object that a member holds, or that its string says, in its place.
    pub(super) fn lift(&mut self, field: &Name) -> Result<(), NotAnObject> {
        let Some(value) = self.span(field.text()) else { return Err(NotAnObject::OtherValue) };
        let mut inner = Self::default();
        scan_json::append_text(value.of(&self.bytes), &mut inner.bytes);
        inner.text_end = inner.bytes.len();
        inner.parse()?;
        self.remove(field.text());
        self.merge(&inner.bytes, &inner.members);
        Ok(())
    }

    /// Puts members, which are places in these bytes, over the last ones of their names, or at the
    /// end. It takes no longer than sorting them would.
    pub(super) fn merge(&mut self, bytes: &[u8], added: &[Member]) {
        let base = self.keep(bytes).start;
        let moved = |span: Span| Span { start: base + span.start, end: base + span.end };
        let mut places: BTreeMap<Cow<'_, [u8]>, usize> = BTreeMap::new();
        for (place, member) in self.members.iter().enumerate() {
            places.insert(scan_json::text_of(member.key.of(&self.bytes)), place);
        }
        // What was there before and has another value now.
        let mut replaced = vec![false; self.members.len()];
        for member in added {
            let new = Member { key: moved(member.key), value: moved(member.value) };
            let name = scan_json::text_of(new.key.of(&self.bytes));
            let Some(&place) = places.get(&name) else {
                places.insert(name, self.members.len());
                self.members.push(new);
                continue;
            };
            if let Some(known) = self.members.get_mut(place) {
                known.value = new.value;
            }
            if let Some(replaced) = replaced.get_mut(place) {
                *replaced = true;
            }
        }
        let mut index = 0;
        self.members.retain(|member| {
            let name = scan_json::text_of(member.key.of(&self.bytes));
            let last = places.get(&name).copied().unwrap_or(index);
            index += 1;
            last == index - 1 || replaced.get(last) != Some(&true)
        });
        self.form = Form::Touched;
    }

    /// Removes what is not in the list.
    pub(super) fn retain(&mut self, names: &[String]) {
        let (bytes, before) = (&self.bytes, self.members.len());
        self.members.retain(|member| names.iter().any(|name| says(member.key.of(bytes), name)));
        if self.members.len() < before {
            self.form = Form::Touched;
        }
    }
}

/// Whether a member has this name. Most have another one, which its length or its first letter
/// tells: an escape is longer than what it says.
fn is_named(member: &Member, bytes: &[u8], name: &str) -> bool {
    let Span { start, end } = member.key;
    if end - start < name.len() + b"\"\"".len() {
        return false;
    }
    let first = bytes.get(start + 1).copied().unwrap_or_default();
    let may_be = name.as_bytes().first().is_none_or(|letter| first == *letter || first == b'\\');
    may_be && says(member.key.of(bytes), name)
}

/// A line without `\n` or `\r\n` at its end.
pub(super) fn without_line_end(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}
