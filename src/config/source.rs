//! The text that diagnostics point into: offsets become lines, columns and excerpts.
//!
//! It also knows which parts are secret. A line that holds one of them is never shown.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::parse::{Document, Duplicate, Entry, Node, Span, Value};
use super::secret::{holds_secret, is_near_secret, smells_of_secret};
use crate::shown::is_control;

/// An excerpt shows at most this many characters of a line.
const EXCERPT_CHARS_MAX: usize = 100;

/// How many characters an excerpt of a long line shows before the place.
const EXCERPT_CHARS_BEFORE: usize = 40;

/// So many bytes of a line to either side of a place are searched for secrets. More than an excerpt
/// shows, so that no part of one is shown either.
const SEARCHED_BYTES: usize = 1024;

/// How many lines after a word that smells of a secret are not shown while the text has no
/// structure yet: a value may stand on a line of its own.
const SECRET_LINES_AFTER: usize = 5;

/// A text with its path.
#[derive(Debug)]
pub(super) struct Source<'t> {
    path: Arc<Path>,
    text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
    /// In order, and none of them touches another.
    secrets: Vec<Span>,
    structured: bool,
}

/// A place in the text, as a person counts: lines and characters from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The line itself, unless it holds a secret.
    pub(super) excerpt: Option<Excerpt>,
}

impl Place {
    /// Whether the line holds a secret.
    pub(super) fn is_hidden(&self) -> bool {
        self.excerpt.is_none()
    }
}

/// A line to show, cut if it is long, free of control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) text: String,
    /// Characters before the marked part.
    pub(super) before: usize,
    /// Characters in the marked part, at least one.
    pub(super) marked: usize,
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str, path: &Path) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes());
        let lines = std::iter::once(0).chain(ends.map(|at| at + 1)).collect();
        let path = PathBuf::from(path).into();
        Self { path, text, lines, secrets: Vec::new(), structured: false }
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// What is written there.
    pub(super) fn written(&self, span: &Span) -> Option<&'t str> {
        self.text.get(span.clone())
    }

    pub(super) fn path(&self) -> Arc<Path> {
        Arc::clone(&self.path)
    }

    /// Learns where the secrets are. Until then every line near a suspicious word is hidden.
    pub(super) fn learn_secrets(&mut self, document: &Document) {
        self.structured = true;
        collect_secrets(&document.root, false, &mut self.secrets);
        for Duplicate { key, again, discarded, .. } in &document.duplicates {
            let secret = smells_of_secret(key);
            if secret {
                self.secrets.push(again.clone());
            }
            if let Some(node) = discarded {
                collect_secrets(node, secret, &mut self.secrets);
            }
        }
        self.merge_secrets();
    }

    /// Learns that the text was not examined from here on: it is hidden if it may hold secrets.
    pub(super) fn learn_unread(&mut self, from: usize) {
        if self.text.get(from..).is_some_and(smells_of_secret) {
            self.secrets.push(from..self.text.len());
            self.merge_secrets();
        }
    }

    fn merge_secrets(&mut self) {
        self.secrets.sort_by_key(|secret| secret.start);
        let mut merged: Vec<Span> = Vec::with_capacity(self.secrets.len());
        for secret in self.secrets.drain(..) {
            // Nothing can hide in a place without width.
            let end = secret.end.max(secret.start + 1);
            match merged.last_mut() {
                Some(last) if secret.start <= last.end => last.end = last.end.max(end),
                Some(_) | None => merged.push(secret.start..end),
            }
        }
        self.secrets = merged;
    }

    /// Whether any of this may not be shown.
    pub(super) fn is_secret(&self, span: &Span) -> bool {
        let first = self.secrets.partition_point(|secret| secret.end <= span.start);
        self.secrets.get(first).is_some_and(|secret| secret.start < span.end.max(span.start + 1))
    }

    pub(super) fn place(&self, span: &Span) -> Place {
        let start = self.text.floor_char_boundary(span.start);
        let number = self.lines.partition_point(|line| *line <= start);
        let line_start = self.lines.get(number.saturating_sub(1)).copied().unwrap_or_default();
        let rest = self.text.get(line_start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        let line_end = line_start + line.len();
        let line = line.strip_suffix('\r').unwrap_or(line);
        let before_chars = self.text.get(line_start..start).unwrap_or_default().chars().count();
        let marked = self.text.get(start..span.end.min(line_end)).unwrap_or_default();
        let marked_chars = marked.trim_end().chars().count().max(1);
        let hidden = self.hides(number, &(line_start..line_end), start);
        Place {
            path: self.path(),
            line: number,
            column: before_chars + 1,
            excerpt: (!hidden).then(|| excerpt(line, before_chars, marked_chars)),
        }
    }

    /// The offset of a line and column, both from 1 and the column in characters.
    pub(super) fn offset(text: &str, line: u64, column: u64) -> usize {
        let skip = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        let start: usize = text.split_inclusive('\n').take(skip).map(str::len).sum();
        let rest = text.get(start..).unwrap_or_default();
        let chars = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
        let line = rest.split('\n').next().unwrap_or_default();
        start + line.char_indices().nth(chars).map_or(line.len(), |(at, _)| at)
    }

    fn hides(&self, number: usize, line: &Span, at: usize) -> bool {
        let from = line.start.max(at.saturating_sub(SEARCHED_BYTES));
        let to = line.end.min(at.saturating_add(SEARCHED_BYTES));
        let near = self.text.floor_char_boundary(from)..self.text.floor_char_boundary(to);
        // In a comment, or under a key that is broken, nothing is known for a secret.
        let near = self.text.get(near).unwrap_or_default();
        if holds_secret(near) || is_near_secret(near) {
            return true;
        }
        if self.structured {
            return self.is_secret(line);
        }
        let skip = number.saturating_sub(SECRET_LINES_AFTER + 1);
        self.text.split('\n').take(number).skip(skip).any(smells_of_secret)
    }
}

fn collect_secrets(node: &Node, secret: bool, found: &mut Vec<Span>) {
    if secret && !node.span.is_empty() {
        found.push(node.span.clone());
    }
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| collect_secrets(item, secret, found)),
        Value::Map(entries) => {
            for Entry { key, key_span, node, .. } in entries {
                let secret = secret || smells_of_secret(key);
                if secret {
                    found.push(key_span.clone());
                }
                collect_secrets(node, secret, found);
            }
        }
        Value::Scalar(text) if holds_secret(text) => found.push(node.span.clone()),
        Value::Null | Value::Scalar(_) => {}
    }
}

fn excerpt(line: &str, before: usize, marked: usize) -> Excerpt {
    let total = line.chars().count();
    let from = if total <= EXCERPT_CHARS_MAX {
        0
    } else {
        before.saturating_sub(EXCERPT_CHARS_BEFORE).min(total.saturating_sub(EXCERPT_CHARS_MAX))
    };
    let shown = line.chars().skip(from).take(EXCERPT_CHARS_MAX).map(printable);
    let before = before - from.min(before);
    let mut text: String = shown.collect();
    let marked = marked.min(EXCERPT_CHARS_MAX.saturating_sub(before)).max(1);
    let lead = if from > 0 { "… " } else { "" };
    text.insert_str(0, lead);
    if from + EXCERPT_CHARS_MAX < total {
        text.push_str(" …");
    }
    Excerpt { text: text.trim_end().to_owned(), before: before + lead.chars().count(), marked }
}

/// A tab becomes one space, so that the mark stands right; a control character cannot reach the
/// terminal.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if is_control(c) => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source<'_> {
        Source::new(text, Path::new("f"))
    }

    #[test]
    fn lines_and_columns_are_counted_as_a_person_does() {
        for (text, needle, line, column) in [
            ("abc", "a", 1, 1),
            ("a\nbc", "c", 2, 2),
            ("a\r\nbc\r\n", "c", 2, 2),
            ("\t\tx", "x", 1, 3),
            ("\"日本\": x", "x", 1, 7),
            ("😀x", "x", 1, 2),
        ] {
            let at = text.rfind(needle).unwrap();
            let place = source(text).place(&(at..at + 1));
            assert_eq!((place.line, place.column), (line, column), "{text:?}");
            assert_eq!(Source::offset(text, line as u64, column as u64), at, "{text:?}");
        }
    }

    #[test]
    fn a_place_outside_the_text_is_its_end() {
        let place = source("ab").place(&(70..90));
        assert_eq!((place.line, place.column), (1, 3));
        assert_eq!(Source::offset("ab", 9, 9), 2);
        assert_eq!(Source::offset("ab\ncd", 1, 99), 2);
    }

    #[test]
    fn a_mark_over_several_lines_stays_on_the_first() {
        let place = source("x: [a,\n b]").place(&(3..10));
        assert_eq!(
            place.excerpt,
            Some(Excerpt { text: "x: [a,".to_owned(), before: 3, marked: 3 })
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let line = format!("{}HERE{}", "a".repeat(500), "b".repeat(500));
        let excerpt = source(&line).place(&(500..504)).excerpt.unwrap();
        let marked: String =
            excerpt.text.chars().skip(excerpt.before).take(excerpt.marked).collect();
        assert_eq!(marked, "HERE");
        assert!(excerpt.text.chars().count() <= EXCERPT_CHARS_MAX + 4);
        let end = source(&line).place(&(1003..1004)).excerpt.unwrap();
        assert_eq!(end.text.chars().nth(end.before), Some('b'));
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let excerpt = source("a\u{1b}[31m\tb").place(&(0..1)).excerpt.unwrap();
        assert_eq!(excerpt.text, "a\u{fffd}[31m b");
    }
}
