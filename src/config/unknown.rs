//! Keys that mean nothing where they stand: a warning for each, with the best guess at what was
//! meant. The Java agent says nothing, and people wonder for days.

use super::diagnostics::{Findings, Kind, quote};
use super::file::{CONVERTERS, FlowFile, IGNORED_FLOW, IGNORED_TOP_LEVEL, Ignored, TopLevelFile};
use super::foreign;
use super::parse::{Entry, Value};
use super::secret::{HIDDEN, holds_secret, smells_of_secret};
use super::suggest::{nearest, nearest_of};

/// One kind of map and the keys that belong there.
pub(super) struct Level<'k> {
    pub(super) keys: &'k [&'static str],
    pub(super) ignored: &'k [Ignored],
    /// Where else a key may belong, the likeliest first.
    pub(super) elsewhere: &'k [Elsewhere],
}

/// Another kind of map, and where it is in words.
#[derive(Clone, Copy)]
pub(super) struct Elsewhere {
    keys: &'static [&'static [&'static str]],
    ignored: &'static [Ignored],
    place: &'static str,
}

const IN_A_FLOW: Elsewhere = Elsewhere {
    keys: &[FlowFile::KEYS],
    ignored: IGNORED_FLOW,
    place: "in a flow, inside of \"flows\"",
};

const IN_THE_FILE: Elsewhere = Elsewhere {
    keys: &[TopLevelFile::KEYS],
    ignored: IGNORED_TOP_LEVEL,
    place: "at the top level, outside of \"flows\"",
};

const IN_A_CONVERTER: Elsewhere = Elsewhere {
    keys: CONVERTERS,
    ignored: &[],
    place: "in an item of \"dataProcessingOptions\", in a flow",
};

/// The file's outermost map.
pub(super) const TOP_LEVEL: Level<'static> = Level {
    keys: TopLevelFile::KEYS,
    ignored: IGNORED_TOP_LEVEL,
    elsewhere: &[IN_A_FLOW, IN_A_CONVERTER],
};

/// One item of `flows`.
pub(super) const FLOW: Level<'static> = Level {
    keys: FlowFile::KEYS,
    ignored: IGNORED_FLOW,
    elsewhere: &[IN_THE_FILE, IN_A_CONVERTER],
};

/// Where else a key may belong that stands in an item of `dataProcessingOptions`.
pub(super) const OUTSIDE_OF_A_CONVERTER: &[Elsewhere] = &[
    Elsewhere {
        place: "one level up, in the flow, next to \"dataProcessingOptions\"",
        ..IN_A_FLOW
    },
    IN_THE_FILE,
    Elsewhere { place: "in another converter", ..IN_A_CONVERTER },
];

/// Warns about every entry that is not one of the level's keys.
pub(super) fn warn(entries: &[Entry], level: &Level<'_>, findings: &mut Findings<'_>) {
    for entry in entries.iter().filter(|entry| !level.keys.contains(&entry.key.as_str())) {
        let key = entry.key.as_str();
        if let Some((_, reason)) = level.ignored.iter().find(|(name, _)| *name == key) {
            findings
                .warn(Kind::NoEffect, &entry.key_span, format!("'{key}' is ignored"))
                .help(*reason);
        } else if let Some(other) = level.elsewhere.iter().find(|other| other.has(key)) {
            findings
                .warn(
                    Kind::Misplaced,
                    &entry.key_span,
                    format!("'{key}' is in the wrong place and is ignored"),
                )
                .help(format!("it belongs {}", other.place));
        } else if !nested(entry, level, findings) {
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

impl Elsewhere {
    fn has(&self, key: &str) -> bool {
        self.names().any(|name| name == key)
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        let keys = self.keys.iter().copied().flatten().copied();
        keys.chain(self.ignored.iter().map(|(name, _)| *name))
    }
}

/// Warns about the entries of a map whose key is the first part of flat keys, if it is one.
fn nested(entry: &Entry, level: &Level<'_>, findings: &mut Findings<'_>) -> bool {
    let (key, Value::Map(inner)) = (&entry.key, &entry.node.value) else {
        return false;
    };
    let prefix = format!("{key}.");
    let known: Vec<&str> = level
        .names()
        .chain(level.elsewhere.iter().flat_map(Elsewhere::names))
        .filter(|name| name.starts_with(&prefix))
        .collect();
    if known.is_empty() || inner.is_empty() {
        return false;
    }
    for inner in inner {
        if findings.is_full(Kind::Misplaced) {
            findings.warn(Kind::Misplaced, &inner.key_span, String::new());
            continue;
        }
        let flat = format!("{prefix}{}", inner.key);
        let flat = nearest(&flat, known.iter().copied()).map_or(flat, str::to_owned);
        let message = format!("{} inside '{key}' is ignored", single_quoted(&inner.key));
        findings.warn(Kind::Misplaced, &inner.key_span, message).help(format!(
            "keys are flat: use {} {}",
            quote(&flat),
            level.flat_place(&flat)
        ));
    }
    true
}

fn single_quoted(key: &str) -> String {
    let plain = !smells_of_secret(key) && !holds_secret(key) && quote(key).trim_matches('"') == key;
    if plain { format!("'{key}'") } else { shown(key) }
}

fn unknown(entry: &Entry, level: &Level<'_>, findings: &mut Findings<'_>) {
    if findings.is_full(Kind::Unknown) {
        findings.warn(Kind::Unknown, &entry.key_span, String::new());
        return;
    }
    let key = entry.key.as_str();
    if let Some(advice) = foreign::advice(key) {
        let message = format!("unknown key {}", quote(key));
        findings.warn(Kind::Unknown, &entry.key_span, message).help(advice);
        return;
    }
    let here = level.names().map(|name| (name, None));
    let there = level.elsewhere.iter();
    let there = there.flat_map(|other| other.names().map(|name| (name, Some(other.place))));
    let guess = nearest_of(key, here.chain(there));
    let shown = if guess.is_none() { shown(key) } else { quote(key) };
    let help = match guess {
        Some((name, None)) => format!("did you mean \"{name}\"?"),
        Some((name, Some(place))) => format!("did you mean \"{name}\"? it belongs {place}"),
        None => "ignored; see docs/configuration.md for all keys".to_owned(),
    };
    findings.warn(Kind::Unknown, &entry.key_span, format!("unknown key {shown}")).help(help);
}

/// A key for a message. With a colon forgotten, a secret is in the key.
pub(super) fn shown(key: &str) -> String {
    if smells_of_secret(key) || holds_secret(key) { HIDDEN.to_owned() } else { quote(key) }
}
