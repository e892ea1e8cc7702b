//! `deadLetterDirectory` and what belongs to it: where records are kept that cannot be delivered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostics::{Diagnostic, Findings, Kind, Severity};
use super::file::FlowFile;
use super::flow::CheckedFlow;
use super::slot::Slot;
use super::{DeadLetterConfig, FlowConfig, OversizeLine};
use crate::batch::dead_letter::{Bounds, DATA_BYTES_MAX, LetterFileName};
use crate::process::ConverterConfig;
use crate::process::steps::OnUnparsable;

/// `deadLetterMaxBytes`, unless it is given.
const BYTES_MAX: u64 = 100 * 1024 * 1024;

/// The least that can be asked for: some of the largest letters fit.
const BYTES_MAX_MIN: u64 = 4 * DATA_BYTES_MAX as u64;

/// The most that can be asked for: a tebibyte.
const BYTES_MAX_MAX: u64 = 1 << 40;

/// `deadLetterMaxAgeHours`, unless it is given: two weeks.
const AGE_MAX_HOURS: u64 = 14 * 24;

const AGE_MAX: Duration = Duration::from_hours(AGE_MAX_HOURS);

/// The most that can be asked for: ten years.
const AGE_MAX_HOURS_MAX: u64 = 10 * 366 * 24;

const HELP: &str = "use a separate directory, such as /var/lib/kinetail/dead-letters";

pub(super) fn of(file: &FlowFile<'_>, findings: &mut Findings<'_>) -> Option<DeadLetterConfig> {
    let bytes = file.dead_letter_max_bytes;
    let hours = file.dead_letter_max_age_hours;
    let bounds = Bounds {
        bytes_max: bytes.count(findings, BYTES_MAX_MIN..=BYTES_MAX_MAX, BYTES_MAX) as u64,
        age_max: Duration::from_hours(
            hours.count(findings, 1..=AGE_MAX_HOURS_MAX, AGE_MAX_HOURS) as u64
        ),
    };
    let slot = file.dead_letter_directory;
    let Some(text) = slot.text_not_empty(findings) else {
        let chosen = [(bytes, bounds.bytes_max != BYTES_MAX), (hours, bounds.age_max != AGE_MAX)];
        for (without, _) in chosen.into_iter().filter(|(_, is_chosen)| *is_chosen) {
            let message = format!("'{}' is ignored without 'deadLetterDirectory'", without.name());
            without.warn(findings, Kind::NoEffect, message).help(HELP);
        }
        return None;
    };
    if slot.refuse_odd_path(text, findings) {
        return None;
    }
    let directory: PathBuf = Path::new(text).components().collect();
    let climbs = directory.components().any(|part| part == std::path::Component::ParentDir);
    if !directory.is_absolute() || climbs {
        let message = format!(
            "'{}': expected an absolute path without '..', found {}",
            slot.name(),
            slot.quoted(findings)
        );
        slot.error(findings, Kind::Invalid, message).help(HELP);
        return None;
    }
    Some(DeadLetterConfig { directory, bounds })
}

/// Notes what needs dead letters and has none.
pub(super) fn check(config: &FlowConfig, file: &FlowFile<'_>, findings: &mut Findings<'_>) {
    if config.dead_letters.is_some() || file.dead_letter_directory.is_given() {
        return;
    }
    let mut missing = |slot: Slot<'_>, what: &str| {
        let message = format!("{what} requires 'deadLetterDirectory'");
        slot.error(findings, Kind::Missing, message).help(HELP);
    };
    if config.oversize_line == OversizeLine::DeadLetter {
        missing(file.oversize_line_policy, "'oversizeLinePolicy: deadLetter'");
    }
    if config.converters.iter().any(keeps) {
        missing(file.data_processing_options, "'onUnparsable: deadLetter'");
    }
}

fn keeps(converter: &ConverterConfig) -> bool {
    match converter {
        ConverterConfig::Step(step) => step.on_unparsable == OnUnparsable::DeadLetter,
        _ => false,
    }
}

/// What a file in a directory of dead letters is called.
#[must_use]
pub fn example(directory: &Path, flow: &str) -> PathBuf {
    let tag = LetterFileName::tag_of(flow);
    directory.join(LetterFileName { tag, unix_millis: 0, number: 0 }.to_string())
}

/// Refuses flows that would follow dead letters, and make more of them.
pub(super) fn feedback(flows: &[CheckedFlow]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let keeping = flows.iter().filter_map(|flow| Some((flow, flow.config.dead_letters.as_ref()?)));
    for (owner, letters) in keeping {
        let path = example(&letters.directory, &owner.config.id);
        for flow in flows.iter().filter(|flow| flow.config.pattern.matches_path(&path)) {
            let message = format!(
                "'filePattern' {} matches files in 'deadLetterDirectory' {}",
                flow.config.pattern.text(),
                letters.directory.display()
            );
            let place = flow.pattern_place.clone();
            found.push(Diagnostic::new(Severity::Error, Kind::Conflict, place, message).helped(
                "dead letters would be records again: use another directory, or add it to \
                     excludePatterns",
            ));
        }
    }
    found
}
