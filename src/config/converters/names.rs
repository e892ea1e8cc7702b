//! `customFieldNames`, of the converters that have it.

use std::collections::BTreeSet;

use super::SENT_RAW;
use crate::config::diagnostics::{Findings, Kind, quote};
use crate::config::parse::Value;
use crate::config::slot::Slot;

/// The names of fields.
pub(super) struct Names {
    pub(super) names: Vec<String>,
    /// One of them is null, which no object can have as a key.
    pub(super) has_null: bool,
}

/// A list of names; scalars of any type are taken as text, and in JSON, as in the Java agent, so is
/// anything else.
pub(super) fn names(slot: Slot<'_>, findings: &mut Findings<'_>) -> Option<Names> {
    let mut names = Names { names: Vec::new(), has_null: false };
    for item in slot.list(findings)? {
        let value = findings.quote(item);
        let message = format!("'{}': expected a string for each item, found {value}", slot.name());
        match &item.value {
            Value::Scalar(_) => {}
            Value::Null => {
                names.has_null = true;
                findings.tolerated(Kind::WrongType, &item.span, message).help(SENT_RAW);
            }
            Value::List(_) | Value::Map(_) => {
                findings
                    .tolerated(Kind::WrongType, &item.span, message)
                    .help("write a string; in JSON it is used as Java would print it");
            }
        }
        names.names.push(match &item.value {
            Value::Scalar(text) if !findings.is_json() => text.clone(),
            _ => item.java_text(),
        });
    }
    warn_of_lost(slot, &names.names, findings);
    Some(names)
}

/// Of two fields with one name the object has the last one.
fn warn_of_lost(slot: Slot<'_>, names: &[String], findings: &mut Findings<'_>) {
    let mut seen = BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
        let message = format!("'{}' has {} twice", slot.name(), quote(twice));
        slot.warn(findings, Kind::Duplicate, message)
            .help("only the last of them is in the record; give each field its own name");
    }
}
