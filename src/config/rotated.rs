//! `rotatedNames`: which names rotated files get.

use super::diagnostics::{Findings, Kind};
use super::parse::Value;
use super::slot::Slot;
use crate::tail::rotated::RotatedNames;

/// The value for the usual schemes, which is also the default.
const COMMON: &str = "common";

/// Reads `common`, or a list of templates.
pub(super) fn rotated_names(slot: Slot<'_>, findings: &mut Findings<'_>) -> RotatedNames {
    if slot.scalar_text() == Some(COMMON) {
        return RotatedNames::Common;
    }
    let Some(items) = slot.list(findings) else { return RotatedNames::Common };
    let mut templates = Vec::new();
    for item in items {
        let Value::Scalar(text) = &item.value else {
            let quoted = findings.quote(item);
            let message =
                format!("an item of '{}': expected a string, found {quoted}", slot.name());
            findings.error(Kind::WrongType, &item.span, message).help("write one template each");
            continue;
        };
        match RotatedNames::from_templates(std::slice::from_ref(text)) {
            Ok(_) => templates.push(text.clone()),
            Err((_, error)) => {
                let quoted = findings.quote(item);
                let message = format!("'{}': invalid template {quoted}: {error}", slot.name());
                findings
                    .error(Kind::Invalid, &item.span, message)
                    .help("write templates such as \"{name}.*\", or common for the usual schemes");
            }
        }
    }
    RotatedNames::from_templates(&templates).unwrap_or_default()
}
