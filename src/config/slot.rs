//! One key of a map and typed looks at its value.
//!
//! Each look notes what is wrong and continues with the default, so that one run finds every
//! mistake. A default that stands in for a mistake never gets out: with an error among the
//! findings there is no configuration.

mod number;

use super::diagnostics::{Finding, Findings, Kind};
use super::parse::{Entry, Node, Span, Value};
use super::path::odd_path;
use super::scalar;
use super::schema::{self, Shape};
use super::suggest::nearest;

/// A key that a map may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot<'a> {
    name: &'static str,
    /// The Java agent does not have the key: a wrong value is an error in JSON, too.
    is_own: bool,
    /// The Java agent reads the value only when it runs, or never: what is wrong with it does not
    /// keep that agent from starting.
    is_late: bool,
    entry: Option<&'a Entry>,
}

impl<'a> Slot<'a> {
    pub(super) fn find(name: &'static str, entries: &'a [Entry]) -> Self {
        let entry = entries.iter().find(|entry| entry.key == name);
        Self { name, is_own: false, is_late: false, entry }
    }

    /// The same, of a key that the Java agent does not have.
    pub(super) fn own(self) -> Self {
        Self { is_own: true, ..self }
    }

    /// The same, of a value that the Java agent reads only when it runs, or never.
    pub(super) fn late(self) -> Self {
        Self { is_late: true, ..self }
    }

    pub(super) fn name(self) -> &'static str {
        self.name
    }

    /// Whether the key is there, with whatever value.
    pub(super) fn is_given(self) -> bool {
        self.entry.is_some()
    }

    /// Whether the key is there with the value `null`.
    pub(super) fn is_null(self) -> bool {
        self.entry.is_some_and(|entry| entry.node.value == Value::Null)
    }

    /// The value, if there is one that is not `null`.
    pub(super) fn node(self) -> Option<&'a Node> {
        self.entry.map(|entry| &entry.node).filter(|node| node.value != Value::Null)
    }

    /// Whether the value is of the wrong type for a string, which is reported where it is read.
    pub(super) fn is_not_text(self) -> bool {
        self.node().is_some_and(|node| !matches!(node.value, Value::Scalar(_)))
    }

    /// The text of a scalar, whatever it means.
    pub(super) fn scalar_text(self) -> Option<&'a str> {
        match &self.node()?.value {
            Value::Scalar(text) => Some(text),
            Value::List(_) | Value::Map(_) | Value::Null => None,
        }
    }

    /// Where to point: at the value, or at the key if nothing is to be seen of the value.
    pub(super) fn span(self) -> Option<&'a Span> {
        let entry = self.entry?;
        let node = &entry.node;
        let visible = !node.span.is_empty() && node.value != Value::Null;
        Some(if visible { &node.span } else { &entry.key_span })
    }

    /// Any scalar as text. `null` is the same as no key. In JSON the Java agent's keys take what is
    /// no scalar as well, as that agent does.
    pub(super) fn text(self, findings: &mut Findings<'_>) -> Option<&'a str> {
        schema::note(self.name, || Shape::Text);
        let entry = self.entry?;
        let is_java = self.is_java(findings);
        match &entry.node.value {
            Value::Null => None,
            Value::Scalar(_) if is_java => Some(entry.java_text()),
            Value::Scalar(text) => Some(text),
            Value::List(_) | Value::Map(_) => {
                let help = if is_java {
                    "it is used as Java would print it, as in the Java agent; write one string"
                } else {
                    "write one string"
                };
                let value = self.quoted(findings);
                let message = format!("'{}': expected a string, found {value}", self.name);
                self.tolerated(findings, Kind::WrongType, message).help(help);
                is_java.then(|| entry.java_text())
            }
        }
    }

    /// Whether the Java agent has the key, and could have read the file.
    pub(super) fn is_java(self, findings: &Findings<'_>) -> bool {
        findings.is_json() && !self.is_own
    }

    /// As [`Self::text`], with the empty string the same as no key.
    pub(super) fn text_not_empty(self, findings: &mut Findings<'_>) -> Option<&'a str> {
        self.text(findings).filter(|text| !text.is_empty())
    }

    /// A truth value.
    pub(super) fn boolean(self, findings: &mut Findings<'_>, default: bool) -> bool {
        schema::note(self.name, || Shape::Boolean);
        self.scalar(findings, "true or false", scalar::boolean).unwrap_or(default)
    }

    /// One of some words, in exactly this spelling. `null` is the same as no key where the Java
    /// agent has the key.
    pub(super) fn choice<T: Copy>(
        self,
        findings: &mut Findings<'_>,
        choices: &[(&'static str, T)],
        default: T,
    ) -> T {
        schema::note(self.name, || Shape::Word(choices.iter().map(|(name, _)| *name).collect()));
        if self.is_null() && self.is_java(findings) {
            return default;
        }
        let text = |text: &str| Some(text.to_owned());
        let Some(text) = self.scalar(findings, "one word", text) else {
            return default;
        };
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return *value;
        }
        let names = choices.iter().map(|(name, _)| *name);
        let help = match nearest(&text, names.clone()) {
            Some(name) => format!("did you mean {name}?"),
            None => "values are case-sensitive".to_owned(),
        };
        let names: Vec<&str> = names.collect();
        let value = self.quoted(findings);
        let message =
            format!("'{}': invalid value {value}; expected one of {}", self.name, names.join(", "));
        self.error(findings, Kind::Invalid, message).help(help);
        default
    }

    /// The items of a list. `null` is the same as no key.
    pub(super) fn list(self, findings: &mut Findings<'_>) -> Option<&'a [Node]> {
        schema::note(self.name, || Shape::List);
        match &self.node()?.value {
            Value::List(items) => Some(items),
            Value::Map(_) | Value::Null | Value::Scalar(_) => {
                self.wrong_type(findings, "a list")
                    .help("use [ ]; in YAML, a \"- \" list also works");
                None
            }
        }
    }

    /// The items of a list. The Java agent passes over anything else, silently.
    pub(super) fn list_or_nothing(self, findings: &mut Findings<'_>) -> Option<&'a [Node]> {
        schema::note(self.name, || Shape::List);
        if !matches!(self.node()?.value, Value::List(_)) && self.is_java(findings) {
            let value = self.quoted(findings);
            let message = format!("'{}': expected a list, found {value}", self.name);
            self.tolerated(findings, Kind::WrongType, message)
                .help("ignored, as in the Java agent; use [ ]");
            return None;
        }
        self.list(findings)
    }

    /// Notes that the value has the wrong type.
    pub(super) fn wrong_type<'f, 't>(
        self,
        findings: &'f mut Findings<'t>,
        wanted: &str,
    ) -> Finding<'f, 't> {
        let value = self.quoted(findings);
        let message = format!("'{}': expected {wanted}, found {value}", self.name);
        self.error(findings, Kind::WrongType, message)
    }

    /// Warns of a key that does nothing.
    pub(super) fn without_effect(self, when: &str, findings: &mut Findings<'_>) {
        if self.is_given() {
            let message = format!("'{}' is ignored {when}", self.name);
            self.warn(findings, Kind::NoEffect, message).help("remove it");
        }
    }

    /// Notes a path that cannot be meant. Says whether it is one.
    pub(super) fn refuse_odd_path(self, text: &str, findings: &mut Findings<'_>) -> bool {
        let Some(odd) = odd_path(text) else { return false };
        let message = format!("'{}' {} {}", self.name, self.quoted(findings), odd.what);
        self.error(findings, Kind::Invalid, message).help(odd.help);
        true
    }

    /// The text of an item of the list; what is none is an error.
    pub(super) fn item_text<'i>(
        self,
        item: &'i Node,
        help: &str,
        findings: &mut Findings<'_>,
    ) -> Option<&'i String> {
        if let Value::Scalar(text) = &item.value {
            return Some(text);
        }
        let value = findings.quote(item);
        let message = format!("'{}': expected a string for each item, found {value}", self.name);
        findings.error(Kind::WrongType, &item.span, message).help(help);
        None
    }

    /// Notes an error at the value.
    pub(super) fn error<'f, 't>(
        self,
        findings: &'f mut Findings<'t>,
        kind: Kind,
        message: String,
    ) -> Finding<'f, 't> {
        findings.error(kind, self.span().unwrap_or(&(0..0)), message)
    }

    /// Notes at the value what cannot work and does not stop the start.
    pub(super) fn broken<'f, 't>(
        self,
        findings: &'f mut Findings<'t>,
        kind: Kind,
        message: String,
    ) -> Finding<'f, 't> {
        findings.broken(kind, self.span().unwrap_or(&(0..0)), message)
    }

    /// Notes at the value what the Java agent starts with: a warning if that agent has the key and
    /// could have read the file, else an error.
    pub(super) fn tolerated<'f, 't>(
        self,
        findings: &'f mut Findings<'t>,
        kind: Kind,
        message: String,
    ) -> Finding<'f, 't> {
        if self.is_java(findings) {
            self.warn(findings, kind, message)
        } else {
            self.error(findings, kind, message)
        }
    }

    /// As [`Self::tolerated`], of what cannot work: the start continues, and a check fails.
    pub(super) fn hopeless<'f, 't>(
        self,
        findings: &'f mut Findings<'t>,
        kind: Kind,
        message: String,
    ) -> Finding<'f, 't> {
        if self.is_java(findings) {
            self.broken(findings, kind, message)
        } else {
            self.error(findings, kind, message)
        }
    }

    /// Notes a warning at the value.
    pub(super) fn warn<'f, 't>(
        self,
        findings: &'f mut Findings<'t>,
        kind: Kind,
        message: String,
    ) -> Finding<'f, 't> {
        findings.warn(kind, self.span().unwrap_or(&(0..0)), message)
    }

    /// The value as a person wrote it, fit for a message.
    pub(super) fn quoted(self, findings: &Findings<'_>) -> String {
        self.entry.map_or_else(|| "nothing".to_owned(), |entry| findings.quote(&entry.node))
    }

    /// A scalar that a function can read. Unlike a string, it may not be `null`.
    fn scalar<T>(
        self,
        findings: &mut Findings<'_>,
        wanted: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = match &self.entry?.node.value {
            Value::Scalar(text) => read(text),
            Value::List(_) | Value::Map(_) | Value::Null => None,
        };
        if value.is_none() && self.is_late && self.is_java(findings) {
            let value = self.quoted(findings);
            let message = format!("'{}': expected {wanted}, found {value}", self.name);
            self.tolerated(findings, Kind::WrongType, message).help("the default is used");
        } else if value.is_none() {
            let help = if self.is_null() {
                "omit the key to use the default".to_owned()
            } else {
                format!("write {wanted}")
            };
            self.wrong_type(findings, wanted).help(help);
        }
        value
    }
}
