//! The steps of `dataProcessingOptions` that the Java agent does not have. `KINDS` is the list of
//! them: a name, its keys, and what makes a step of them.

mod add_fields;
mod conditions;
mod filters;
mod members;
mod parsers;
mod redact;
mod times;

use super::converters::{missing, warn_unknown};
use super::diagnostics::Findings;
use super::file::mirror;
use super::parse::{Entry, Node, Value};
use super::slot::Slot;
use super::validate::Environment;
use crate::process::steps::Step;
use crate::process::{Name, OnUnparsable, StepConfig};

/// Where a step stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'e> {
    pub(super) environment: &'e Environment,
    /// Its place in the chain, from 0.
    pub(super) place: usize,
}

/// A step as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'i> {
    pub(super) node: &'i Node,
    pub(super) entries: &'i [Entry],
    pub(super) around: Surroundings<'i>,
}

/// What makes a step; nothing if something is wrong with it.
type Build = fn(Item<'_>, &mut Findings<'_>) -> Option<Box<dyn Step>>;

/// A kind of step.
pub(super) struct StepKind {
    name: &'static str,
    keys: &'static [&'static str],
    /// There are records that it cannot read.
    can_refuse: bool,
    build: Build,
}

const fn kind(name: &'static str, keys: &'static [&'static str], build: Build) -> StepKind {
    StepKind { name, keys, can_refuse: true, build }
}

const fn sure(name: &'static str, keys: &'static [&'static str], build: Build) -> StepKind {
    StepKind { name, keys, can_refuse: false, build }
}

/// Every kind.
pub(super) const KINDS: &[StepKind] = &[
    kind("ADDFIELDS", members::AddFieldsFile::KEYS, add_fields::build),
    kind("DROPFIELDS", members::FieldsFile::KEYS, members::drop),
    sure("FILTER", filters::FilterFile::KEYS, filters::filter),
    kind("FLATTEN", members::FlattenFile::KEYS, members::flatten),
    kind("KEEPFIELDS", members::FieldsFile::KEYS, members::keep),
    kind("PARSECRI", parsers::ContainerFile::KEYS, parsers::cri),
    kind("PARSECSV", parsers::CsvFile::KEYS, parsers::csv),
    kind("PARSEDOCKER", parsers::ContainerFile::KEYS, parsers::docker),
    kind("PARSEJSON", parsers::JsonFile::KEYS, parsers::json),
    kind("PARSELOG", parsers::LogFile::KEYS, parsers::log),
    kind("PARSELOGFMT", parsers::LogfmtFile::KEYS, parsers::logfmt),
    kind("PARSEREGEX", parsers::RegexFile::KEYS, parsers::regex),
    sure("REDACT", redact::RedactFile::KEYS, redact::build),
    kind("RENAMEFIELDS", members::FieldsFile::KEYS, members::rename),
    sure("SAMPLE", filters::SampleFile::KEYS, filters::sample),
    kind("TIMESTAMP", times::TimestampFile::KEYS, times::build),
];

mirror! {
    /// What every step has that may meet records which it cannot read.
    RefusingFile {
        on_unparsable: "onUnparsable" own,
    }
}

/// What `onUnparsable` says.
const ON_UNPARSABLE: &[(&str, OnUnparsable)] = &[
    ("pass", OnUnparsable::Pass),
    ("skip", OnUnparsable::Skip),
    ("tag", OnUnparsable::Tag),
    ("deadLetter", OnUnparsable::DeadLetter),
];

/// The kind with this name.
pub(super) fn kind_of(name: &str) -> Option<&'static StepKind> {
    KINDS.iter().find(|kind| kind.name == name)
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

/// Every key of any step.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    KINDS.iter().flat_map(|kind| kind.keys).chain(RefusingFile::KEYS).copied()
}

/// Makes a step.
pub(super) fn build(
    kind: &StepKind,
    item: Item<'_>,
    findings: &mut Findings<'_>,
) -> Option<StepConfig> {
    let mut keys = kind.keys.to_vec();
    if kind.can_refuse {
        keys.extend(RefusingFile::KEYS);
    }
    warn_unknown(item.entries, &keys, findings);
    let slot = RefusingFile::of(item.entries).on_unparsable;
    let on_unparsable = if kind.can_refuse {
        slot.choice(findings, ON_UNPARSABLE, OnUnparsable::Pass)
    } else {
        OnUnparsable::Pass
    };
    let step = (kind.build)(item, findings)?;
    Some(StepConfig { step, on_unparsable })
}

/// Notes that a key is not there that has to be; nothing if its value was reported already.
fn require(item: Item<'_>, slot: Slot<'_>, findings: &mut Findings<'_>, help: &str) {
    if slot.node().is_none() {
        missing(item.node, slot.name(), findings).help(help);
    }
}

/// A list of names, or one name alone.
pub(super) fn list_of_names(slot: Slot<'_>, findings: &mut Findings<'_>) -> Option<Vec<String>> {
    let node = slot.node()?;
    if let Value::Scalar(text) = &node.value {
        return Some(vec![text.clone()]);
    }
    let mut names = Vec::new();
    for item in slot.list(findings)? {
        names.extend(slot.item_text(item, "write one string each", findings).cloned());
    }
    Some(names)
}

/// The name of a member.
fn name_of(slot: Slot<'_>, findings: &mut Findings<'_>) -> Option<Name> {
    slot.text_not_empty(findings).map(Name::new)
}

/// A map of scalars.
pub(super) fn map_of_texts<'i>(
    slot: Slot<'i>,
    findings: &mut Findings<'_>,
) -> Option<Vec<(&'i str, &'i str, &'i Node)>> {
    let entries = map(slot, findings)?;
    let mut texts = Vec::new();
    for entry in entries {
        let text = slot.item_text(&entry.node, "write a string", findings);
        texts.extend(text.map(|text| (entry.key.as_str(), text.as_str(), &entry.node)));
    }
    Some(texts)
}

fn map<'i>(slot: Slot<'i>, findings: &mut Findings<'_>) -> Option<&'i [Entry]> {
    match &slot.node()?.value {
        Value::Map(entries) => Some(entries),
        Value::List(_) | Value::Null | Value::Scalar(_) => {
            slot.wrong_type(findings, "a map").help("write {\"name\": \"value\"}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_the_page_has_every_name_and_key() {
        const PAGE: &str = include_str!("../../../docs/records.md");
        let sorted = names().zip(names().skip(1)).all(|(one, next)| one < next);
        assert!(sorted);
        for kind in KINDS {
            assert!(PAGE.contains(&format!("### {}", kind.name)), "no {}", kind.name);
            for key in kind.keys {
                assert!(PAGE.contains(&format!("`{key}`")), "{}: no {key}", kind.name);
            }
        }
    }
}
