//! The options of `CSVTOJSON`.

use super::names::names;
use super::{JSON_FORMATS, SENT_RAW, missing, warn_unknown};
use crate::config::diagnostics::{Findings, Kind};
use crate::config::expression::bad_pattern;
use crate::config::file::CsvToJsonFile;
use crate::config::parse::{Entry, Node};
use crate::config::slot::Slot;
use crate::process::{ConverterConfig, CsvDelimiter, JsonFormat, PatternError, matches_nothing};

const CSV_TO_JSON: &str = "CSVTOJSON";

pub(super) fn csv_to_json(
    item: &Node,
    entries: &[Entry],
    findings: &mut Findings<'_>,
) -> Option<ConverterConfig> {
    warn_unknown(entries, CsvToJsonFile::KEYS, findings);
    let file = CsvToJsonFile::of(entries);
    let format = file.json_format.choice(findings, JSON_FORMATS, JsonFormat::Compact);
    let delimiter = delimiter(file.delimiter, findings);
    let slot = file.custom_field_names;
    let unnamed = slot.is_null() && slot.is_java(findings);
    if unnamed {
        let message = format!("'{}' is null", slot.name());
        slot.warn(findings, Kind::Missing, message).help(SENT_RAW);
    } else if slot.node().is_none() {
        missing(item, slot.name(), findings).help("list the column names, in order");
    }
    let names = names(slot, findings);
    if names.as_ref().is_some_and(|names| names.names.is_empty()) {
        let message = format!("'{}' is empty: every record becomes {{}}", slot.name());
        slot.warn(findings, Kind::Missing, message).help("list the column names, in order");
    }
    let delimiter = match delimiter? {
        Ok(delimiter) => delimiter,
        Err(reason) => return Some(ConverterConfig::SendRaw { converter: CSV_TO_JSON, reason }),
    };
    if unnamed || names.as_ref().is_some_and(|names| names.has_null) {
        let reason = "customFieldNames has no name for a column";
        return Some(ConverterConfig::SendRaw { converter: CSV_TO_JSON, reason });
    }
    Some(ConverterConfig::CsvToJson { field_names: names?.names, delimiter, format })
}

/// Where lines are split, or why none can be; nothing if the start is stopped.
fn delimiter(
    slot: Slot<'_>,
    findings: &mut Findings<'_>,
) -> Option<Result<CsvDelimiter, &'static str>> {
    if slot.is_null() && slot.is_java(findings) {
        let message = format!("'{}' is null", slot.name());
        slot.warn(findings, Kind::Invalid, message).help(SENT_RAW);
        return Some(Err("delimiter is null"));
    }
    let Some(text) = slot.text(findings) else {
        return Some(Ok(CsvDelimiter::Literal(b",".to_vec())));
    };
    match CsvDelimiter::parse(text) {
        Ok(delimiter) => {
            warn_of_everything(slot, text, findings);
            Some(Ok(delimiter))
        }
        Err(error @ PatternError::Syntax { .. }) if slot.is_java(findings) => {
            let value = slot.quoted(findings);
            let message =
                format!("'{}' {value} is not a valid regular expression: {error}", slot.name());
            slot.warn(findings, Kind::Invalid, message).help(SENT_RAW);
            Some(Err("delimiter is not a valid regular expression"))
        }
        Err(error) => {
            bad_pattern(slot, &error, findings);
            None
        }
    }
}

/// A delimiter is a regular expression, and people write the character that they mean.
fn warn_of_everything(slot: Slot<'_>, text: &str, findings: &mut Findings<'_>) {
    let meaning = match text {
        "." => "any character",
        "^" => "the start of the text",
        "$" => "the end of the text",
        _ if text.contains('|') && matches_nothing(text).unwrap_or(false) => "or",
        _ if matches_nothing(text).unwrap_or(false) && !text.is_empty() => "",
        _ => return,
    };
    let value = slot.quoted(findings);
    let message = format!("'{}' {value} cuts a line between any two characters", slot.name());
    let sign = if meaning == "or" { "|" } else { text };
    let help = if meaning.is_empty() {
        "the regular expression also matches the empty string".to_owned()
    } else {
        format!(
            "it is a regular expression, in which '{sign}' means {meaning}: write \\\\{sign} in \
             JSON, '\\{sign}' in YAML"
        )
    };
    slot.broken(findings, Kind::Invalid, message).help(help);
}
