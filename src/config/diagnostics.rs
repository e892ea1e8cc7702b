//! Every mistake in a configuration, rendered for the person who made it.
//!
//! A [`Diagnostic`] says what is wrong, where, and what to do; a [`Report`] holds all of them. No
//! secret is ever in one: values of secret keys are replaced, and their lines are not shown.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::parse::{Node, Span, Value};
use super::secret::HIDDEN;
use super::source::{Place, Source};
use crate::shown::{Escaped, shown};

/// A quoted value shows at most this many characters.
const QUOTE_CHARS_MAX: usize = 60;

/// Of each kind and severity so many are told of one file. The rest is counted.
const ALIKE_MAX: usize = 50;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing starts.
    Error,
    /// It starts, as the Java agent would, and what this is about cannot work. A check fails.
    Broken,
    /// It starts, but perhaps not as meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error | Self::Broken => "error",
            Self::Warning => "warning",
        })
    }
}

/// What kind of mistake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Two values that cannot both hold.
    Conflict,
    /// A key, or a flow id, that appears twice.
    Duplicate,
    /// A value that breaks its key's rules.
    Invalid,
    /// A key that belongs somewhere else.
    Misplaced,
    /// A key or an entry that has to be there.
    Missing,
    /// A key that is known and does nothing.
    NoEffect,
    /// A number outside of its range.
    OutOfRange,
    /// The text is not a document.
    Syntax,
    /// An unknown key.
    Unknown,
    /// A file that cannot be read.
    Unreadable,
    /// Something of the Java agent that kinetail cannot do.
    Unsupported,
    /// A value that is not of the key's type.
    WrongType,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops the start.
    pub severity: Severity,
    /// What kind of mistake.
    pub kind: Kind,
    /// What is wrong: one line, no secret.
    pub message: String,
    /// Where.
    pub place: Place,
    /// A second place that has to do with it, and why.
    pub related: Option<(String, Place)>,
    /// What to do about it.
    pub help: Option<String>,
    /// How many others it stands for, which are not told.
    pub others: usize,
}

impl Diagnostic {
    /// What is found out about a value at a place.
    #[must_use]
    pub fn new(severity: Severity, kind: Kind, place: Place, message: String) -> Self {
        Self { severity, kind, message, place, related: None, help: None, others: 0 }
    }

    /// The same, with what to do.
    #[must_use]
    pub(crate) fn helped(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// The same, with a second place.
    #[must_use]
    pub(crate) fn with_note_at(self, label: &str, place: Place) -> Self {
        Self { related: Some((label.to_owned(), place)), ..self }
    }

    /// Whether what it is about cannot work.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity != Severity::Warning
    }

    /// All of it in one line, for a log.
    #[must_use]
    pub fn summary(&self) -> String {
        let Self { message, place, .. } = self;
        let help = self.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        format!("{}:{}:{}: {message}{help}", shown(&*place.path), place.line, place.column)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_place(f, &self.place, &format!("{}: {}", self.severity, Escaped(&self.message)))?;
        if let Some((label, place)) = &self.related {
            writeln!(f)?;
            show_place(f, place, &format!("note: {label}"))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {}", Escaped(help))?;
        }
        Ok(())
    }
}

fn show_place(f: &mut fmt::Formatter<'_>, place: &Place, text: &str) -> fmt::Result {
    write!(f, "{}:{}:{}: {text}", shown(&*place.path), place.line, place.column)?;
    if let Some(excerpt) = &place.excerpt {
        write!(f, "\n{:5} | {}", place.line, excerpt.text)?;
        let (before, marked) = (excerpt.before, excerpt.marked);
        write!(f, "\n      | {}{}", " ".repeat(before), "^".repeat(marked))?;
    }
    Ok(())
}

/// Everything that is wrong with a configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The main file.
    pub path: Arc<Path>,
    /// Errors and warnings, file by file in the order of each. At least one is an error.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.diagnostics {
            writeln!(f, "{diagnostic}\n")?;
        }
        write!(f, "{}", tally(&self.diagnostics, &self.path))
    }
}

impl std::error::Error for Report {}

/// How many errors and warnings there are, in words.
#[must_use]
fn tally(diagnostics: &[Diagnostic], path: &Path) -> String {
    let count = |is_error| -> usize {
        let found = diagnostics.iter().filter(|found| found.is_error() == is_error);
        found.map(|found| 1 + found.others).sum()
    };
    let words = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        count => Some(format!("{count} {word}s")),
    };
    let parts: Vec<String> = [words(count(true), "error"), words(count(false), "warning")]
        .into_iter()
        .flatten()
        .collect();
    let parts = if parts.is_empty() { "no errors".to_owned() } else { parts.join(" and ") };
    format!("{parts} in {}", shown(path))
}

/// Collects diagnostics while a document is checked.
#[derive(Debug)]
pub(super) struct Findings<'t> {
    source: Source<'t>,
    is_json: bool,
    found: Vec<(Span, Diagnostic)>,
    /// How many there were of each sort, and where the first was that is not told.
    sorts: BTreeMap<(Severity, Kind), (usize, Option<Span>)>,
}

impl<'t> Findings<'t> {
    pub(super) fn new(source: Source<'t>) -> Self {
        let is_json = super::json::looks_like_json(source.text());
        Self { source, is_json, found: Vec::new(), sorts: BTreeMap::new() }
    }

    /// Whether there are so many warnings of this kind that the next one is counted only: whoever
    /// has to think about what it says need not.
    pub(super) fn is_full(&self, kind: Kind) -> bool {
        let sort = self.sorts.get(&(Severity::Warning, kind));
        sort.is_some_and(|(count, _)| *count >= ALIKE_MAX)
    }

    pub(super) fn source_mut(&mut self) -> &mut Source<'t> {
        &mut self.source
    }

    /// Notes an error. The returned handle can add to it.
    pub(super) fn error(&mut self, kind: Kind, at: &Span, message: String) -> Finding<'_, 't> {
        self.add(Severity::Error, kind, at, message)
    }

    /// Notes what cannot work and does not stop the start. The returned handle can add to it.
    pub(super) fn broken(&mut self, kind: Kind, at: &Span, message: String) -> Finding<'_, 't> {
        self.add(Severity::Broken, kind, at, message)
    }

    /// Notes a warning. The returned handle can add to it.
    pub(super) fn warn(&mut self, kind: Kind, at: &Span, message: String) -> Finding<'_, 't> {
        self.add(Severity::Warning, kind, at, message)
    }

    /// Notes what the Java agent starts with: a warning in JSON, an error in YAML, which that agent
    /// cannot read.
    pub(super) fn tolerated(&mut self, kind: Kind, at: &Span, message: String) -> Finding<'_, 't> {
        let severity = if self.is_json { Severity::Warning } else { Severity::Error };
        self.add(severity, kind, at, message)
    }

    /// Whether the Java agent could have read the file.
    pub(super) fn is_json(&self) -> bool {
        self.is_json
    }

    /// What a person wrote, in quotes and short, or a stand-in if it is a secret.
    pub(super) fn quote(&self, node: &Node) -> String {
        if self.source.is_secret(&node.span) {
            return HIDDEN.to_owned();
        }
        match &node.value {
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
            Value::Null => "null".to_owned(),
            Value::Scalar(text) => match self.source.written(&node.span) {
                // What stood in a variable may be a secret.
                Some(written) if written.contains("${") => quote(written),
                Some(_) | None => quote(text),
            },
        }
    }

    /// Gives an error that was found at just this place another help. Says whether there is one.
    pub(super) fn helped_at(&mut self, at: &Span, help: &str) -> bool {
        let mut at_it = self.found.iter_mut().filter(|(span, _)| span == at);
        let is_cause = |found: &Diagnostic| {
            found.kind == Kind::WrongType || found.is_error() && found.kind != Kind::Duplicate
        };
        let found = at_it.find(|(_, found)| is_cause(found));
        if let Some((_, found)) = found {
            found.help = Some(help.to_owned());
            return true;
        }
        false
    }

    /// Whether any of this may not be shown.
    pub(super) fn is_secret(&self, at: &Span) -> bool {
        self.source.is_secret(at)
    }

    pub(super) fn path(&self) -> Arc<Path> {
        self.source.path()
    }

    /// Where this is, for a message about something else.
    pub(super) fn place(&self, at: &Span) -> Place {
        self.source.place(at)
    }

    /// Whether anything was found that stops the start.
    pub(super) fn has_errors(&self) -> bool {
        self.found.iter().any(|(_, diagnostic)| diagnostic.severity == Severity::Error)
    }

    /// Ends the collection: everything, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        for ((severity, kind), (count, first)) in std::mem::take(&mut self.sorts) {
            if let Some(at) = first {
                let more = count - ALIKE_MAX;
                self.push(severity, kind, &at, format!("and {more} more of this kind"));
                if let Some((_, last)) = self.found.last_mut() {
                    last.others = more - 1;
                }
            }
        }
        self.found.sort_by_key(|(span, diagnostic)| (span.start, diagnostic.severity));
        self.found.into_iter().map(|(_, diagnostic)| diagnostic).collect()
    }

    fn add(
        &mut self,
        severity: Severity,
        kind: Kind,
        at: &Span,
        message: String,
    ) -> Finding<'_, 't> {
        let (count, first) = self.sorts.entry((severity, kind)).or_default();
        *count += 1;
        let is_told = *count <= ALIKE_MAX;
        if is_told {
            self.push(severity, kind, at, message);
        } else if first.is_none() {
            *first = Some(at.clone());
        }
        Finding { findings: self, is_told }
    }

    fn push(&mut self, severity: Severity, kind: Kind, at: &Span, message: String) {
        let place = self.source.place(at);
        let (related, help, others) = (None, None, 0);
        let found = Diagnostic { severity, kind, message, place, related, help, others };
        self.found.push((at.clone(), found));
    }
}

/// The diagnostic that was added last, if it is told.
pub(super) struct Finding<'f, 't> {
    findings: &'f mut Findings<'t>,
    is_told: bool,
}

impl Finding<'_, '_> {
    /// Says what to do.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        if let Some(diagnostic) = self.told() {
            diagnostic.help = Some(help.into());
        }
        self
    }

    /// Points at a second place.
    pub(super) fn related(self, at: &Span, label: &str) -> Self {
        if !self.is_told {
            return self;
        }
        let place = self.findings.source.place(at);
        self.related_place(place, label)
    }

    /// Points at a second place, perhaps in another file.
    pub(super) fn related_place(mut self, place: Place, label: &str) -> Self {
        if let Some(diagnostic) = self.told() {
            diagnostic.related = Some((label.to_owned(), place));
        }
        self
    }

    fn told(&mut self) -> Option<&mut Diagnostic> {
        let last = self.findings.found.last_mut().filter(|_| self.is_told);
        last.map(|(_, diagnostic)| diagnostic)
    }
}

/// In quotes, cut if it is long, control characters escaped.
pub(crate) fn quote(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTE_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

#[cfg(test)]
mod tests;
