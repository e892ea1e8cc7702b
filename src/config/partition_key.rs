//! `partitionKeyOption`, and `partitionKey` with what belongs to it.

use std::cell::RefCell;
use std::sync::Arc;

use super::PartitionKey;
use super::diagnostics::{Findings, Kind};
use super::expression::pattern_of;
use super::file::FlowFile;
use super::secret::smells_of_secret;
use super::slot::Slot;
use super::validate::Environment;
use crate::batch::key::template::{KeyTemplate, MissingKey, Surroundings, TemplateError};
use crate::process::compile_search_pattern;
use kinetail_base::limits::PARTITION_KEY_CHARS_MAX;

/// What `partitionKeyMissing: constant` puts in place of a key, unless it is said.
const MISSING_DEFAULT: &str = "missing";

/// `partitionKeyOption`, which has no values with a template in them.
#[derive(Debug, Clone, Copy)]
enum Choice {
    Deterministic,
    Random,
}

const OPTIONS: &[(&str, Choice)] =
    &[("RANDOM", Choice::Random), ("DETERMINISTIC", Choice::Deterministic)];

/// Whether a constant stands for a key that is missing.
const MISSING: &[(&str, bool)] = &[("random", false), ("constant", true)];

/// How the partition keys of a flow are made.
pub(super) fn of(
    file: &FlowFile<'_>,
    firehose: bool,
    environment: &Environment,
    findings: &mut Findings<'_>,
) -> PartitionKey {
    let (option, template) = (file.partition_key_option, file.partition_key);
    if firehose {
        for slot in [option, template] {
            slot.without_effect("in a Firehose flow", findings);
        }
        warn_of_helpers(file, findings);
        return PartitionKey::Random;
    }
    let choice = option.choice(findings, OPTIONS, Choice::Random);
    let Some(text) = template.text(findings) else {
        warn_of_helpers(file, findings);
        return match choice {
            Choice::Deterministic => PartitionKey::Deterministic,
            Choice::Random => PartitionKey::Random,
        };
    };
    if option.is_given() && !option.is_null() {
        let message = "'partitionKey' and 'partitionKeyOption' are mutually exclusive".to_owned();
        template.error(findings, Kind::Conflict, message).help(
            "remove one: partitionKey derives a key from each record, partitionKeyOption selects \
             RANDOM or DETERMINISTIC",
        );
    }
    let pattern = pattern_of(file.partition_key_pattern, compile_search_pattern, findings);
    let missing = missing(file, findings);
    let host = environment.host.as_deref().filter(|host| !host.is_empty());
    let secret = RefCell::new(None);
    let variable = |name: &str| {
        if smells_of_secret(name) {
            // Keys are part of records, and are sent to where others read them.
            secret.borrow_mut().get_or_insert_with(|| name.to_owned());
            return Some(String::new());
        }
        environment.variables.get(name).map(str::to_owned)
    };
    let surroundings = Surroundings { host, variable: &variable };
    let parsed = KeyTemplate::parse(text, pattern.as_ref(), missing, surroundings);
    if let Some(name) = secret.take() {
        let message = format!("{{env.{name}}} would put a secret into partition keys");
        template.error(findings, Kind::Invalid, message).help("use a variable without a secret");
        return PartitionKey::Random;
    }
    match parsed {
        Ok(template) => {
            if !template.needs_pattern() {
                let when = "without {match.N} in 'partitionKey'";
                file.partition_key_pattern.without_effect(when, findings);
            }
            PartitionKey::Template(Arc::new(template))
        }
        Err(error) => {
            // A pattern that is broken was reported already.
            let reported = matches!(error, TemplateError::NoPattern { .. })
                && file.partition_key_pattern.is_given();
            if !reported {
                bad_template(template, &error, findings);
            }
            PartitionKey::Random
        }
    }
}

fn bad_template(slot: Slot<'_>, error: &TemplateError, findings: &mut Findings<'_>) {
    let message = format!("'{}': invalid template {}: {error}", slot.name(), slot.quoted(findings));
    let help = match error {
        TemplateError::NoPattern { .. } | TemplateError::Group { .. } => {
            "partitionKeyPattern is searched for in each record, and {match.1} is its first group"
        }
        TemplateError::Variable { .. } => {
            "set it for the service, for example with Environment= in a unit, or write its value"
        }
        TemplateError::Brace { .. }
        | TemplateError::Empty
        | TemplateError::Host
        | TemplateError::Unknown { .. } => {
            "write text, {record.FIELD}, {match.N}, {file}, {path}, {host} or {env.NAME}"
        }
    };
    slot.error(findings, Kind::Invalid, message).help(help);
}

fn missing(file: &FlowFile<'_>, findings: &mut Findings<'_>) -> MissingKey {
    let slot = file.partition_key_missing_value;
    if !file.partition_key_missing.choice(findings, MISSING, false) {
        slot.without_effect("unless 'partitionKeyMissing' is constant", findings);
        return MissingKey::Random;
    }
    let constant = slot.text(findings).unwrap_or(MISSING_DEFAULT);
    if !(1..=PARTITION_KEY_CHARS_MAX).contains(&constant.chars().count()) {
        let message = format!("'{}': invalid partition key {}", slot.name(), slot.quoted(findings));
        slot.error(findings, Kind::OutOfRange, message)
            .help(format!("a key has 1 to {PARTITION_KEY_CHARS_MAX} characters"));
    }
    MissingKey::Constant(constant.to_owned())
}

/// Keys that say more about `partitionKey`, which is not there.
fn warn_of_helpers(file: &FlowFile<'_>, findings: &mut Findings<'_>) {
    let helpers =
        [file.partition_key_missing, file.partition_key_missing_value, file.partition_key_pattern];
    for slot in helpers {
        slot.without_effect("without 'partitionKey'", findings);
    }
}
