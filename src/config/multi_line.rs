//! `multiLineStartPattern` and `multiline`: which lines begin a record.

use super::diagnostics::{Findings, Kind};
use super::expression::{bad_pattern, pattern_of};
use super::file::{FlowFile, mirror};
use super::parse::{Entry, Value};
use super::slot::Slot;
use super::unknown::{self, Level};
use crate::process::{Chain, ConverterConfig, Framing, LineStart, RulePart};

mirror! {
    /// A rule of one's own.
    RuleFile {
        continues: "continue",
        end: "end",
        start: "start",
    }
}

/// Lines that continue the record before them, by what writes them. A blank line does, too, but
/// in `indented`.
const PRESETS: &[(&str, &str)] = &[
    ("dotnet", r"\s|--- |---> "),
    (
        "go",
        concat!(
            r"\s|goroutine \d+ \[|created by |exit status |\[signal |[\w./*()-]+\(",
            r"[^ ]*(?:, [^ ]*)*\)[\r\n]",
        ),
    ),
    ("indented", r"[ \t]"),
    (
        "java",
        concat!(
            r"\s|Caused by: |Suppressed: |\.\.\. \d+ |(?:[\w$]+\.)+[\w$]*(?:Exception|Error|",
            r"Throwable)[:\r\n]|[A-Z][\w$]+Exception[:\r\n]|[\w.]+\$[\w$]+[:\r\n]",
        ),
    ),
    ("php", r"\s|Stack trace:|#\d+ |thrown in |PHP Stack trace:|PHP +\d+\. |Next "),
    (
        "python",
        concat!(
            r"\s|Traceback \(most recent call last\):|During handling of |The abov",
            r"e exception was |(?:[A-Za-z_][\w.]*)?(?:Error|Exception|Warning|Exit",
            r"|Interrupt|Iteration|Group)[:\r\n]",
        ),
    ),
    ("ruby", r"\s|from |[^\s:]+:\d+:in "),
];

/// What CRI writes before the message.
const CRI_PREFIX: &str = r"\S+ std(?:out|err) [FP]\S* ";

/// Which lines begin a record; nothing where each does.
pub(super) fn start(
    file: &FlowFile<'_>,
    converters: &[ConverterConfig],
    findings: &mut Findings<'_>,
) -> Option<LineStart> {
    let pattern = pattern_of(file.multi_line_start_pattern, LineStart::compile, findings);
    let slot = file.multiline;
    let Some(node) = slot.node() else { return pattern };
    let framing = Chain::new(converters).framing();
    if pattern.is_some() {
        let message = "'multiline' and 'multiLineStartPattern' are mutually exclusive".to_owned();
        slot.error(findings, Kind::Conflict, message).help("remove one");
        return None;
    }
    if framing == Some(Framing::Docker) {
        let message = "'multiline' cannot be used with PARSEDOCKER".to_owned();
        slot.error(findings, Kind::Unsupported, message)
            .help("the lines are JSON, in which patterns for messages do not match");
        return None;
    }
    if let Some(Framing::Csv(_)) = framing {
        let message = "'multiline' cannot be used with 'newlines' of PARSECSV".to_owned();
        slot.error(findings, Kind::Conflict, message).help("take one out");
        return None;
    }
    let prefix = if framing == Some(Framing::Cri) { CRI_PREFIX } else { "" };
    match &node.value {
        Value::Map(entries) => rule(slot, entries, prefix, findings),
        Value::List(_) | Value::Null | Value::Scalar(_) => {
            let continues = slot.choice(findings, PRESETS, "");
            let continues = format!("{prefix}(?:{continues})");
            LineStart::rule(None, Some(&continues), None).ok()
        }
    }
}

fn rule(
    slot: Slot<'_>,
    entries: &[Entry],
    prefix: &str,
    findings: &mut Findings<'_>,
) -> Option<LineStart> {
    let level = Level { keys: RuleFile::KEYS, ignored: &[], elsewhere: &[] };
    unknown::warn(entries, &level, findings);
    let file = RuleFile::of(entries);
    let parts = [file.start, file.continues, file.end];
    if parts.iter().all(|part| part.node().is_none()) {
        let message = "'multiline' requires 'start', 'continue' or 'end'".to_owned();
        slot.error(findings, Kind::Missing, message)
            .help("write a preset such as java, or {\"start\": \"\\\\d{4}-\"}");
        return None;
    }
    let [starts, continues, ends] = parts.map(|part| {
        let text = part.text_not_empty(findings)?;
        let inner = if prefix.is_empty() { text } else { text.strip_prefix('^').unwrap_or(text) };
        Some(format!("{prefix}(?:{inner})"))
    });
    match LineStart::rule(starts.as_deref(), continues.as_deref(), ends.as_deref()) {
        Ok(start) => Some(start),
        Err((part, error)) => {
            let slot = match part {
                RulePart::Continues => file.continues,
                RulePart::Ends => file.end,
                RulePart::Starts => file.start,
            };
            bad_pattern(slot, &error, findings);
            None
        }
    }
}

#[cfg(test)]
mod tests;
