//! Values that are regular expressions, in Java's syntax.

use super::diagnostics::{Findings, Kind};
use super::slot::Slot;
use crate::process::{Impossible, PatternError, impossible};

/// A pattern; the empty string is the same as no key.
pub(super) fn pattern_of<T>(
    slot: Slot<'_>,
    compile: impl Fn(&str) -> Result<T, PatternError>,
    findings: &mut Findings<'_>,
) -> Option<T> {
    let text = slot.text_not_empty(findings)?;
    let pattern = compile(text).map_err(|error| bad_pattern(slot, &error, findings)).ok()?;
    warn_of_impossible(slot, text, findings);
    Some(pattern)
}

/// Notes that no line can match, because something stands before its start or behind its end.
pub(super) fn warn_of_impossible(slot: Slot<'_>, text: &str, findings: &mut Findings<'_>) {
    let Ok(Some(impossible)) = impossible(text) else {
        return;
    };
    let help = match impossible {
        Impossible::BeforeTheStart => "remove the characters before '^', often a space",
        Impossible::BehindTheEnd => "remove the characters after '$', often a space",
    };
    let message = format!("'{}' {} can match no line", slot.name(), slot.quoted(findings));
    slot.broken(findings, Kind::Conflict, message).help(help);
}

/// Notes that a regular expression is broken, or has what no engine here can do.
pub(super) fn bad_pattern(slot: Slot<'_>, error: &PatternError, findings: &mut Findings<'_>) {
    let value = slot.quoted(findings);
    let (kind, what) = match error {
        PatternError::Syntax { .. } => (Kind::Invalid, "is not a valid regular expression"),
        PatternError::TooLarge { .. } | PatternError::Unsupported { .. } => {
            (Kind::Unsupported, "cannot be used")
        }
    };
    let message = format!("'{}' {value} {what}: {error}", slot.name());
    slot.error(findings, kind, message)
        .help("expects Java regular expression syntax; in JSON, write each backslash twice");
}
