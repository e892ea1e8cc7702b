//! `FILTER` and `SAMPLE`.

use super::super::diagnostics::{Findings, Kind};
use super::super::file::mirror;
use super::super::parse::Value;
use super::conditions::conditions;
use super::{Item, require};
use crate::process::steps::{Filter, Sample, Step};

mirror! {
    /// The keys of FILTER.
    FilterFile {
        exclude: "exclude" own,
        include: "include" own,
    }

    /// The keys of SAMPLE.
    SampleFile {
        keep: "keep" own,
        key: "key" own,
        rate: "rate" own,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "every kind is built alike")]
pub(super) fn filter(item: Item<'_>, findings: &mut Findings<'_>) -> Option<Box<dyn Step>> {
    let file = FilterFile::of(item.entries);
    if file.exclude.node().is_none() {
        require(
            item,
            file.include,
            findings,
            "set include (records to keep) or exclude (records to skip)",
        );
    }
    for (slot, effect) in [(file.include, "keeps every record"), (file.exclude, "skips no record")]
    {
        if let Some(Value::List(items)) = slot.node().map(|node| &node.value)
            && items.is_empty()
        {
            // A list that a template left empty would turn the filter off.
            let message = format!("'{}' is an empty list, which {effect}", slot.name());
            slot.error(findings, Kind::Invalid, message).help("add a condition, or remove the key");
        }
    }
    let include = conditions(file.include, findings);
    let exclude = conditions(file.exclude, findings);
    Some(Box::new(Filter { include, exclude }))
}

pub(super) fn sample(item: Item<'_>, findings: &mut Findings<'_>) -> Option<Box<dyn Step>> {
    let file = SampleFile::of(item.entries);
    require(item, file.rate, findings, "the part of the records that is sent, such as 0.1");
    let keep = conditions(file.keep, findings);
    let key = file.key.text_not_empty(findings).map(str::to_owned);
    let text = file.rate.text(findings)?;
    let rate = text.parse::<f64>().ok().filter(|rate| (0.0..=1.0).contains(rate));
    let Some(rate) = rate else {
        file.rate.wrong_type(findings, "a number from 0 to 1").help("0.1 sends every tenth record");
        return None;
    };
    Some(Box::new(Sample { threshold: threshold(rate), key, keep }))
}

/// A part of 2^64.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to 1; a cast ends at the largest number"
)]
fn threshold(rate: f64) -> u64 {
    (rate * u64::MAX as f64) as u64
}
