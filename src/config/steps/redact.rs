//! `REDACT`.

use super::super::diagnostics::{Findings, Kind};
use super::super::expression::bad_pattern;
use super::super::file::mirror;
use super::{Item, list_of_names, require};
use crate::process::steps::{Kind as Secret, Redact, Replacement, Step};
use crate::process::{Name, compile_search_pattern};

mirror! {
    /// The keys of REDACT.
    RedactFile {
        fields: "fields" own,
        hash_key: "hashKey" own,
        keep_last: "keepLast" own,
        kinds: "kinds" own,
        patterns: "patterns" own,
        replacement: "replacement" own,
        with: "with" own,
    }
}

const SECRETS: &[(&str, Secret)] = &[
    ("awsKey", Secret::AwsKey),
    ("bearer", Secret::Bearer),
    ("card", Secret::Card),
    ("email", Secret::Email),
    ("ip", Secret::Ip),
    ("privateKey", Secret::PrivateKey),
];

/// What takes the place of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    Hash,
    Mask,
    Text,
}

const WITH: &[(&str, With)] = &[("hash", With::Hash), ("mask", With::Mask), ("text", With::Text)];

/// What is missing where nothing says it.
const SAY_WHAT: &str = "define the secrets with kinds, patterns or fields";

/// The text, unless another is given.
const REPLACEMENT: &str = "[redacted]";

/// A key of a hash is at least so long, in bytes: a short one is found by trying.
const HASH_KEY_BYTES_MIN: usize = 16;

pub(super) fn build(item: Item<'_>, findings: &mut Findings<'_>) -> Option<Box<dyn Step>> {
    let file = RedactFile::of(item.entries);
    let fields = list_of_names(file.fields, findings).unwrap_or_default();
    let kind_names = list_of_names(file.kinds, findings);
    let pattern_texts = list_of_names(file.patterns, findings);
    // A list that cannot be read, or has an item that is wrong, has its own error.
    let has_empty_lists = [&kind_names, &pattern_texts]
        .into_iter()
        .all(|list| list.as_ref().is_none_or(Vec::is_empty))
        && fields.is_empty();
    let mut kinds = Vec::new();
    for text in kind_names.unwrap_or_default() {
        if let Some((_, kind)) = SECRETS.iter().find(|(name, _)| *name == text) {
            kinds.push(*kind);
        } else {
            let names: Vec<&str> = SECRETS.iter().map(|(name, _)| *name).collect();
            // The item is not quoted: it may be a secret in the wrong place.
            let message = format!("'{}': unknown kind", file.kinds.name());
            file.kinds
                .error(findings, Kind::Invalid, message)
                .help(format!("kinds are {}", names.join(", ")));
        }
    }
    let mut patterns = Vec::new();
    for text in pattern_texts.unwrap_or_default() {
        match compile_search_pattern(&text) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => bad_pattern(file.patterns, &error, findings),
        }
    }
    let slots = [file.fields, file.kinds, file.patterns];
    if slots.iter().all(|slot| slot.node().is_none()) {
        require(item, file.kinds, findings, SAY_WHAT);
    } else if has_empty_lists {
        // A list that a template left empty would send every secret.
        let given = slots.into_iter().find(|slot| slot.node().is_some()).unwrap_or(file.kinds);
        let message = "REDACT redacts nothing: its lists are empty".to_owned();
        given.error(findings, Kind::Invalid, message).help(SAY_WHAT);
    }
    let with = replacement(&file, findings)?;
    let fields = fields.iter().map(|name| Name::new(name)).collect();
    Some(Box::new(Redact::new(fields, kinds, &patterns, with)))
}

fn replacement(file: &RedactFile<'_>, findings: &mut Findings<'_>) -> Option<Replacement> {
    let with = file.with.choice(findings, WITH, With::Text);
    for (slot, wanted) in
        [(file.hash_key, With::Hash), (file.keep_last, With::Mask), (file.replacement, With::Text)]
    {
        if slot.is_given() && with != wanted {
            let message = format!("'{}' is ignored here", slot.name());
            let (word, _) = WITH.iter().find(|(_, kind)| *kind == wanted).copied()?;
            slot.warn(findings, Kind::NoEffect, message).help(format!("it is for with: {word}"));
        }
    }
    match with {
        With::Text => {
            let text = file.replacement.text(findings).unwrap_or(REPLACEMENT);
            Some(Replacement::Text(text.to_owned()))
        }
        With::Mask => Some(Replacement::Mask(file.keep_last.count(findings, 0..=8, 0))),
        With::Hash => {
            let key = file.hash_key.text(findings).unwrap_or_default();
            if key.len() < HASH_KEY_BYTES_MIN {
                let message = format!(
                    "'{}' has to have {HASH_KEY_BYTES_MIN} characters or more",
                    file.hash_key.name()
                );
                file.with.error(findings, Kind::Missing, message).help(
                    "without a long key, whoever reads the records finds the secrets by trying",
                );
                return None;
            }
            Some(Replacement::Hash(key.as_bytes().to_vec()))
        }
    }
}
