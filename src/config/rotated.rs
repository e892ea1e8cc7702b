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
    if let (Some(text), Some(span)) = (slot.scalar_text(), slot.span()) {
        let quoted = slot.quoted(findings);
        let message = format!("'{}': expected common or a list, found {quoted}", slot.name());
        findings.error(Kind::WrongType, span, message).help(help_for_word(text));
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
                let help = help_for_template(text, slot.name());
                findings.error(Kind::Invalid, &item.span, message).help(help);
            }
        }
    }
    RotatedNames::from_templates(&templates).unwrap_or_default()
}

/// What to write instead of a single word.
fn help_for_word(text: &str) -> String {
    if text.eq_ignore_ascii_case(COMMON) {
        return format!("write {COMMON}");
    }
    let none = ["", "none", "off", "no", "false", "never"];
    if none.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return "write [] to read no rotated files outside of filePattern".to_owned();
    }
    if text.contains('{') {
        return "write a list, with [ ] around the template".to_owned();
    }
    format!("write {COMMON} for the usual schemes, or a list of templates such as [\"{{name}}.*\"]")
}

/// What to write instead of an item that is no template.
fn help_for_template(text: &str, name: &str) -> String {
    if text.eq_ignore_ascii_case(COMMON) {
        return format!(
            "write \"{name}\": \"{COMMON}\", without [ ]; it cannot be combined with templates"
        );
    }
    format!("write templates such as \"{{name}}.*\", or {COMMON} for the usual schemes")
}
