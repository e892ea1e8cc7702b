//! From text to a tree in which every key and value knows where it stands.
//!
//! The only module that uses the YAML crate. It knows nothing about kinetail's keys, and it keeps
//! scalars as the text that was written: `010`, `yes` and `5.0` mean what the Java agent takes
//! them to mean, not what YAML says, so they are not interpreted here.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{DuplicateKeyPolicy, NonFiniteFloatPolicy, Options, Spanned};

use super::source::Source;
use crate::process::JsonValue;

/// A place in the text, in bytes: always on character boundaries, possibly empty.
pub(super) type Span = Range<usize>;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// What stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    List(Vec<Node>),
    Map(Vec<Entry>),
    Null,
    /// Any scalar, as the text that was written, without quotes and escapes.
    Scalar(String),
}

/// A key with its value, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
    /// What [`Self::java_text`] said.
    java_text: OnceCell<String>,
}

impl Entry {
    pub(super) fn new(key: String, key_span: Span, node: Node) -> Self {
        Self { key, key_span, node, java_text: OnceCell::new() }
    }

    /// As [`Node::java_text`].
    pub(super) fn java_text(&self) -> &str {
        self.java_text.get_or_init(|| self.node.java_text())
    }
}

impl Node {
    /// The value as text, as `toString` writes what Jackson made of it: the Java agent takes
    /// anything for a string. The depth of the recursion is bounded by the parser.
    pub(super) fn java_text(&self) -> String {
        match &self.value {
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(Self::java_text).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Map(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|entry| format!("{}={}", entry.key, entry.node.java_text()))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
            Value::Null => "null".to_owned(),
            Value::Scalar(text) => {
                let number = if self.is_quoted() { None } else { java_number(text) };
                number.unwrap_or_else(|| text.clone())
            }
        }
    }

    /// Whether a scalar stands in quotes.
    pub(super) fn is_quoted(&self) -> bool {
        matches!(&self.value, Value::Scalar(text) if self.span.len() != text.len())
    }
}

/// A number as Java writes it.
fn java_number(written: &str) -> Option<String> {
    match JsonValue::number(written)? {
        // What is too large for a double is a string in JSON.
        JsonValue::Number(text) => Some(text.trim_matches('"').to_owned()),
        _ => None,
    }
}

/// The text as a tree.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: Node,
    /// Keys that stand more than once in one map; the tree has the last of them.
    pub(super) duplicates: Vec<Duplicate>,
}

/// A key that stands more than once in one map.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Duplicate {
    pub(super) key: String,
    /// The key before it, whose value is not in the tree, if it is known.
    pub(super) first: Option<Span>,
    /// The key whose value counts, unless there is a later one still.
    pub(super) again: Span,
    /// The value that is not in the tree.
    pub(super) discarded: Option<Node>,
}

/// The text is not a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// What is wrong, in the words of the parser.
    pub(super) message: String,
    /// Where, in bytes.
    pub(super) at: usize,
}

/// Parses YAML, of which JSON is a part.
///
/// # Errors
/// The text breaks YAML's rules, or is built to exhaust memory (depth and aliases are limited).
pub(super) fn parse(text: &str) -> Result<Document, SyntaxError> {
    match read(text, DuplicateKeyPolicy::Error) {
        Ok(root) => Ok(Document { root, duplicates: Vec::new() }),
        Err(Fault::Duplicate { key, again }) => {
            // The parser stops at the first duplicate. Under the other policy it hands over every
            // entry of a map, so all of them can be found.
            let mut root = read(text, DuplicateKeyPolicy::LastWins).map_err(Fault::into_syntax)?;
            let mut duplicates = Vec::new();
            keep_last(&mut root, &mut duplicates);
            if duplicates.is_empty() {
                // It collapsed them after all.
                duplicates.push(Duplicate { key, first: None, again, discarded: None });
            }
            Ok(Document { root, duplicates })
        }
        Err(Fault::Syntax(error)) => Err(error),
    }
}

/// Leaves the last entry of each key in a map, and notes the others.
pub(super) fn keep_last(node: &mut Node, duplicates: &mut Vec<Duplicate>) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| keep_last(item, duplicates)),
        Value::Map(entries) => {
            let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
            let mut places: HashMap<String, usize> = HashMap::with_capacity(entries.len());
            for mut entry in entries.drain(..) {
                keep_last(&mut entry.node, duplicates);
                let place = places.get(&entry.key).copied();
                if let Some(other) = place.and_then(|place| kept.get_mut(place)) {
                    let before = std::mem::replace(other, entry);
                    duplicates.push(Duplicate {
                        key: before.key,
                        first: Some(before.key_span),
                        again: other.key_span.clone(),
                        discarded: Some(before.node),
                    });
                } else {
                    places.insert(entry.key.clone(), kept.len());
                    kept.push(entry);
                }
            }
            *entries = kept;
        }
        Value::Null | Value::Scalar(_) => {}
    }
}

enum Fault {
    Duplicate { key: String, again: Span },
    Syntax(SyntaxError),
}

impl Fault {
    fn into_syntax(self) -> SyntaxError {
        match self {
            Self::Duplicate { again, .. } => {
                SyntaxError { message: "duplicate key".to_owned(), at: again.start }
            }
            Self::Syntax(error) => error,
        }
    }
}

fn read(text: &str, duplicates: DuplicateKeyPolicy) -> Result<Node, Fault> {
    let options: Options = serde_yaml::options! {
        duplicate_keys: duplicates,
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    match serde_yaml::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Ok(node(text, raw)),
        Err(error) => Err(fault(text, &error)),
    }
}

fn fault(text: &str, error: &serde_yaml::Error) -> Fault {
    let error = error.without_snippet();
    let message = match error {
        serde_yaml::Error::DuplicateMappingKey { key, location } => {
            let key = key.clone().unwrap_or_default();
            return Fault::Duplicate { key, again: span_of(text, *location) };
        }
        serde_yaml::Error::MultipleDocuments { .. } => "expected a single YAML document".to_owned(),
        serde_yaml::Error::NullIntoString { .. } => "keys must not be empty".to_owned(),
        serde_yaml::Error::Unexpected { expected: "string scalar", .. } => {
            "keys must be strings".to_owned()
        }
        error => first_line(&error.to_string()),
    };
    let at = error.location().map_or(0, |location| match location.span().byte_offset() {
        Some(_) => span_of(text, location).start,
        // The scanner's own errors come with a line and a column only.
        None => Source::offset(text, location.line(), location.column()),
    });
    Fault::Syntax(SyntaxError { message, at })
}

/// The parser's words without the place, which is ours to say.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or_default();
    line.trim().to_owned()
}

/// What serde hands over, before plain scalars are looked up in the text.
enum Raw {
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
    Null,
    /// A scalar that YAML would read as a number or a truth value: its text is in the source.
    Plain(String),
    Text(String),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar, a list or a map")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

/// The depth of the recursion is bounded by the parser's own limit on nesting.
fn node(text: &str, raw: Spanned<Raw>) -> Node {
    let span = span_of(text, raw.defined);
    let value = match raw.value {
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(text, item)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    Entry::new(key.value, span_of(text, key.defined), node(text, value))
                })
                .collect(),
        ),
        Raw::Null => Value::Null,
        Raw::Plain(interpreted) => match text.get(span.clone()) {
            Some(written) if !written.is_empty() => Value::Scalar(written.to_owned()),
            _ => Value::Scalar(interpreted),
        },
        Raw::Text(text) => Value::Scalar(text),
    };
    Node { span, value }
}

/// Byte offsets of a location, forced onto character boundaries of the text.
fn span_of(text: &str, location: serde_yaml::Location) -> Span {
    let span = location.span();
    let start = span.byte_offset().and_then(|at| usize::try_from(at).ok()).unwrap_or(0);
    let len = span.byte_len().and_then(|len| usize::try_from(len).ok()).unwrap_or(0);
    let start = text.floor_char_boundary(start);
    start..text.floor_char_boundary(start.saturating_add(len)).max(start)
}

#[cfg(test)]
mod tests;
