//! Keys that mean nothing where they stand: a warning for each, with the best guess at what was
//! meant. The Java agent says nothing, and people wonder for days.

use super::diagnostics::{Findings, Kind, quote};
use super::file::{FlowFile, IGNORED_FLOW, IGNORED_TOP_LEVEL, Ignored, TopLevelFile};
use super::parse::{Entry, Value};
use super::source::{HIDDEN, smells_of_secret};
use super::suggest::nearest;

/// One kind of map and the keys that belong there.
pub(super) struct Level<'k> {
    pub(super) keys: &'k [&'static str],
    pub(super) ignored: &'k [Ignored],
    /// Where else a key may belong: the keys, and the place in words.
    pub(super) elsewhere: &'k [Elsewhere<'k>],
}

/// Another kind of map.
pub(super) struct Elsewhere<'k> {
    pub(super) keys: &'k [&'static str],
    pub(super) ignored: &'k [Ignored],
    pub(super) place: &'static str,
}

/// The file's outermost map.
pub(super) const TOP_LEVEL: Level<'static> = Level {
    keys: TopLevelFile::KEYS,
    ignored: IGNORED_TOP_LEVEL,
    elsewhere: &[Elsewhere {
        keys: FlowFile::KEYS,
        ignored: IGNORED_FLOW,
        place: "in a flow, inside of \"flows\"",
    }],
};

/// One item of `flows`.
pub(super) const FLOW: Level<'static> = Level {
    keys: FlowFile::KEYS,
    ignored: IGNORED_FLOW,
    elsewhere: &[Elsewhere {
        keys: TopLevelFile::KEYS,
        ignored: IGNORED_TOP_LEVEL,
        place: "at the top level, outside of \"flows\"",
    }],
};

/// Warns about every entry that is not one of the level's keys.
pub(super) fn warn(entries: &[Entry], level: &Level<'_>, findings: &mut Findings<'_>) {
    for entry in entries.iter().filter(|entry| !level.keys.contains(&entry.key.as_str())) {
        let key = entry.key.as_str();
        if let Some((_, reason)) = level.ignored.iter().find(|(name, _)| *name == key) {
            findings
                .warn(Kind::NoEffect, &entry.key_span, format!("'{key}' has no effect here"))
                .help(*reason);
        } else if let Some(other) = level.elsewhere.iter().find(|other| other.has(key)) {
            findings
                .warn(Kind::Misplaced, &entry.key_span, format!("'{key}' has no effect here"))
                .help(format!("it belongs {}", other.place));
        } else if let Some(inner) = nested(entry, level) {
            for (inner, flat) in inner {
                let message = format!("'{}' inside of '{key}' has no effect", inner.key);
                findings
                    .warn(Kind::Misplaced, &inner.key_span, message)
                    .help(format!("keys are flat; write \"{flat}\" {}", level.flat_place(&flat)));
            }
        } else {
            unknown(entry, level, findings);
        }
    }
}

impl Level<'_> {
    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().copied().chain(self.ignored.iter().map(|(name, _)| *name))
    }

    fn flat_place(&self, flat: &str) -> &'static str {
        if self.names().any(|name| name == flat) {
            return "here";
        }
        self.elsewhere.iter().find(|other| other.has(flat)).map_or("here", |other| other.place)
    }
}

impl Elsewhere<'_> {
    fn has(&self, key: &str) -> bool {
        self.names().any(|name| name == key)
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().copied().chain(self.ignored.iter().map(|(name, _)| *name))
    }
}

/// The entries of a map whose key is the first part of flat keys, each with its flat name.
fn nested<'e>(entry: &'e Entry, level: &Level<'_>) -> Option<Vec<(&'e Entry, String)>> {
    let Value::Map(inner) = &entry.node.value else {
        return None;
    };
    let prefix = format!("{}.", entry.key);
    let known: Vec<&str> = level
        .names()
        .chain(level.elsewhere.iter().flat_map(Elsewhere::names))
        .filter(|name| name.starts_with(&prefix))
        .collect();
    if known.is_empty() || inner.is_empty() {
        return None;
    }
    let flat = |inner: &Entry| {
        let flat = format!("{prefix}{}", inner.key);
        nearest(&flat, known.iter().copied()).map_or(flat, str::to_owned)
    };
    Some(inner.iter().map(|inner| (inner, flat(inner))).collect())
}

fn unknown(entry: &Entry, level: &Level<'_>, findings: &mut Findings<'_>) {
    let key = entry.key.as_str();
    let guess = nearest(key, level.names()).map(|name| (name, None)).or_else(|| {
        level
            .elsewhere
            .iter()
            .find_map(|other| nearest(key, other.names()).map(|name| (name, Some(other.place))))
    });
    let shown = if guess.is_none() { shown(key) } else { quote(key) };
    let help = match guess {
        Some((name, None)) => format!("did you mean \"{name}\"?"),
        Some((name, Some(place))) => format!("did you mean \"{name}\"? it belongs {place}"),
        None => "it is ignored; docs/configuration.md has every key".to_owned(),
    };
    findings.warn(Kind::Unknown, &entry.key_span, format!("unknown key {shown}")).help(help);
}

/// A key for a message. With a colon forgotten, a secret is in the key.
pub(super) fn shown(key: &str) -> String {
    if smells_of_secret(key) { HIDDEN.to_owned() } else { quote(key) }
}
