//! The options of `LOGTOJSON`.

use super::names::names;
use super::{JSON_FORMATS, LOG_FORMATS, missing, warn_unknown};
use crate::config::diagnostics::{Findings, Kind};
use crate::config::expression::{bad_pattern, warn_of_impossible};
use crate::config::file::LogToJsonFile;
use crate::config::parse::{Entry, Node};
use crate::process::{ConverterConfig, JsonFormat, LogFormat, Pattern, compile_match_pattern};

pub(super) fn log_to_json(
    item: &Node,
    entries: &[Entry],
    findings: &mut Findings<'_>,
) -> ConverterConfig {
    warn_unknown(entries, LogToJsonFile::KEYS, findings);
    let file = LogToJsonFile::of(entries);
    let format = file.json_format.choice(findings, JSON_FORMATS, JsonFormat::Compact);
    if file.log_format.node().is_none() {
        missing(item, file.log_format.name(), findings)
            .help("also required with 'matchPattern': it defines how '-' is converted");
    }
    let log_format = match file.log_format.node() {
        Some(_) => file.log_format.choice(findings, LOG_FORMATS, LogFormat::CommonApacheLog),
        None => LogFormat::CommonApacheLog,
    };
    let names = names(file.custom_field_names, findings);
    let null_name = names.as_ref().is_some_and(|names| names.has_null);
    let field_names = names.map(|names| names.names);
    let pattern_slot = file.match_pattern;
    // Alongside names an empty pattern is one, for empty lines.
    let given = pattern_slot.text(findings);
    let pattern = given.filter(|text| !text.is_empty() || field_names.is_some()).and_then(|text| {
        compile_match_pattern(text)
            .map_err(|error| bad_pattern(pattern_slot, &error, findings))
            .ok()
    });
    if let (Some(_), Some(text)) = (&pattern, given) {
        warn_of_impossible(pattern_slot, text, findings);
    }
    match &field_names {
        None if pattern.is_some() && file.custom_field_names.node().is_none() => {
            let message = "customFieldNames must be specified when matchPattern is specified";
            pattern_slot
                .error(findings, Kind::Missing, message.to_owned())
                .help("specify one name per capture group, in order");
        }
        Some(names) => check_count(&file, names.len(), pattern.as_ref(), log_format, findings),
        None => {}
    }
    ConverterConfig::LogToJson { log_format, pattern, field_names, null_name, format }
}

fn check_count(
    file: &LogToJsonFile<'_>,
    names: usize,
    pattern: Option<&Pattern>,
    log_format: LogFormat,
    findings: &mut Findings<'_>,
) {
    let slot = file.custom_field_names;
    let Some(pattern) = pattern else {
        // The pattern may be given and broken: then there is nothing to compare with.
        let fields = default_field_count(log_format);
        if file.match_pattern.node().is_none() && fields != names {
            // In the Java agent's words.
            let message = "Invalid custom field names for the selected log format. Please modify \
                           the field names or specify the matchPattern";
            slot.error(findings, Kind::Conflict, message.to_owned()).help(format!(
                "the format has {fields} fields, customFieldNames has {names} names"
            ));
        }
        return;
    };
    let groups = pattern.groups();
    if groups == names {
        return;
    }
    let message =
        format!("matchPattern has {groups} groups, but customFieldNames has {names} names");
    slot.tolerated(findings, Kind::Conflict, message)
        .help("every record would be skipped, as in the Java agent; the numbers must be equal");
}

/// How many fields a built-in format has.
fn default_field_count(format: LogFormat) -> usize {
    match format {
        LogFormat::ApacheErrorLog | LogFormat::CommonApacheLog => 7,
        LogFormat::CombinedApacheLog => 9,
        LogFormat::Rfc3339Syslog | LogFormat::Syslog => 5,
    }
}
