//! `dataProcessingOptions`: which converters, in which order, with which options.
//!
//! The Java agent ignores a value that is not a list, and skips every record if groups and names
//! do not agree in number. Both are errors here.

use std::time::Duration;

use super::diagnostics::{Findings, Kind};
use super::file::{
    AddEc2MetadataFile, AddMetadataFile, ConverterFile, CsvToJsonFile, LogToJsonFile,
    SingleLineFile,
};
use super::parse::{Entry, Node, Value};
use super::slot::Slot;
use super::suggest::nearest;
use super::unknown::{self, Level};
use crate::process::{
    ConverterConfig, CsvDelimiter, JsonFormat, JsonValue, LogFormat, Pattern, PatternError,
    compile_match_pattern,
};

/// Every converter of the Java agent, and whether kinetail has it.
const CONVERTERS: &[(&str, bool)] = &[
    ("ADDBRACKETS", true),
    ("ADDEC2METADATA", true),
    ("ADDMETADATA", true),
    ("CSVTOJSON", true),
    ("LOGTOJSON", true),
    ("SINGLELINE", true),
    ("USINGPLUGGIN", false),
];

const JSON_FORMATS: &[(&str, JsonFormat)] =
    &[("COMPACT", JsonFormat::Compact), ("PRETTYPRINT", JsonFormat::Pretty)];

const LOG_FORMATS: &[(&str, LogFormat)] = &[
    ("COMMONAPACHELOG", LogFormat::CommonApacheLog),
    ("COMBINEDAPACHELOG", LogFormat::CombinedApacheLog),
    ("APACHEERRORLOG", LogFormat::ApacheErrorLog),
    ("SYSLOG", LogFormat::Syslog),
    ("RFC3339SYSLOG", LogFormat::Rfc3339Syslog),
];

/// `metadataTTL` if it is not given, in seconds, as in the Java agent.
const METADATA_TTL_SECONDS: i64 = 3600;

/// The chain, without the items that are wrong.
pub(super) fn chain(slot: Slot<'_>, findings: &mut Findings<'_>) -> Vec<ConverterConfig> {
    let items = slot.list(findings).unwrap_or_default();
    items.iter().filter_map(|item| converter(item, slot, findings)).collect()
}

fn converter(item: &Node, list: Slot<'_>, findings: &mut Findings<'_>) -> Option<ConverterConfig> {
    let Value::Map(entries) = &item.value else {
        let value = findings.quote(item);
        let message = format!("an item of '{}' has to be a map, not {value}", list.name());
        findings
            .error(Kind::WrongType, &item.span, message)
            .help("write {\"optionName\": \"SINGLELINE\"}");
        return None;
    };
    let name = ConverterFile::of(entries).option_name;
    let Some(text) = name.text(findings) else {
        // A name of the wrong type was reported already.
        if name.node().is_none() {
            missing(item, name.name(), findings).help("it names the converter");
        }
        return None;
    };
    match text {
        "ADDBRACKETS" => {
            warn_unknown(entries, &[], findings);
            Some(ConverterConfig::AddBrackets)
        }
        "ADDEC2METADATA" => Some(add_ec2_metadata(entries, findings)),
        "ADDMETADATA" => Some(add_metadata(entries, findings)),
        "CSVTOJSON" => csv_to_json(item, entries, findings),
        "LOGTOJSON" => Some(log_to_json(item, entries, findings)),
        "SINGLELINE" => Some(single_line(entries, findings)),
        other => {
            refuse(name, other, findings);
            None
        }
    }
}

fn refuse(name: Slot<'_>, text: &str, findings: &mut Findings<'_>) {
    let value = name.quoted(findings);
    if CONVERTERS.iter().any(|(known, _)| *known == text) {
        let message = format!("the converter {value} is not supported");
        name.error(findings, Kind::Unsupported, message).help(
            "it would load a Java class, which cannot be done here; if the other converters can \
             do the work, use them, else keep the Java agent for this flow",
        );
        return;
    }
    let supported = || CONVERTERS.iter().filter(|(_, here)| *here).map(|(name, _)| *name);
    let help = match nearest(text, supported()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("write one of {}", supported().collect::<Vec<_>>().join(", ")),
    };
    let message = format!("'{}' {value} is no converter", name.name());
    name.error(findings, Kind::Invalid, message).help(help);
}

/// `logFormat` is looked at for its spelling only: the Java agent asks for it and never uses it.
fn add_ec2_metadata(entries: &[Entry], findings: &mut Findings<'_>) -> ConverterConfig {
    warn_unknown(entries, AddEc2MetadataFile::KEYS, findings);
    let file = AddEc2MetadataFile::of(entries);
    file.log_format.choice(findings, LOG_FORMATS, LogFormat::CommonApacheLog);
    let slot = file.metadata_ttl;
    let seconds = match slot.node().map(|node| &node.value) {
        None => Some(METADATA_TTL_SECONDS),
        Some(Value::Scalar(text)) => super::scalar::integer(text),
        Some(Value::List(_) | Value::Map(_) | Value::Null) => None,
    };
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok()).filter(|n| *n > 0);
    if seconds.is_none() {
        let message = format!("'{}' {} is no time to live", slot.name(), slot.quoted(findings));
        slot.warn(findings, Kind::Invalid, message)
            .help(format!("it is a number of seconds; {METADATA_TTL_SECONDS} is used"));
    }
    let seconds = seconds.unwrap_or(METADATA_TTL_SECONDS.unsigned_abs());
    ConverterConfig::AddEc2Metadata {
        time_to_live: Duration::from_secs(seconds),
        format: file.json_format.choice(findings, JSON_FORMATS, JsonFormat::Compact),
    }
}

fn add_metadata(entries: &[Entry], findings: &mut Findings<'_>) -> ConverterConfig {
    warn_unknown(entries, AddMetadataFile::KEYS, findings);
    let file = AddMetadataFile::of(entries);
    let timestamp = file.timestamp.text(findings);
    ConverterConfig::AddMetadata {
        metadata: file.metadata.node().map_or(JsonValue::Null, json_value),
        timestamp: timestamp.is_some_and(|text| text.eq_ignore_ascii_case("true")),
        format: file.json_format.choice(findings, JSON_FORMATS, JsonFormat::Compact),
    }
}

/// A value of any shape. What was written without quotes is a number or a truth value if it looks
/// like one in JSON. The depth is bounded by the parser of the file.
fn json_value(node: &Node) -> JsonValue {
    match &node.value {
        Value::List(items) => JsonValue::Array(items.iter().map(json_value).collect()),
        Value::Map(entries) => JsonValue::Object(
            entries.iter().map(|entry| (entry.key.clone(), json_value(&entry.node))).collect(),
        ),
        Value::Null => JsonValue::Null,
        Value::Scalar(text) => {
            let quoted = node.span.len() != text.len();
            let plain = match text.as_str() {
                _ if quoted => None,
                "true" => Some(JsonValue::Bool(true)),
                "false" => Some(JsonValue::Bool(false)),
                text => JsonValue::number(text),
            };
            plain.unwrap_or_else(|| JsonValue::String(text.clone()))
        }
    }
}

fn single_line(entries: &[Entry], findings: &mut Findings<'_>) -> ConverterConfig {
    warn_unknown(entries, SingleLineFile::KEYS, findings);
    let slot = SingleLineFile::of(entries).parse_options;
    let (mut trim, mut escape_new_line) = (true, false);
    for item in slot.list(findings).unwrap_or_default() {
        match &item.value {
            Value::Scalar(text) if text == "NO_TRIM" => trim = false,
            Value::Scalar(text) if text == "ESCAPE_NEW_LINE" => escape_new_line = true,
            Value::List(_) | Value::Map(_) | Value::Null | Value::Scalar(_) => {
                let message = format!("unknown parse option {}", findings.quote(item));
                findings
                    .warn(Kind::Unknown, &item.span, message)
                    .help("write NO_TRIM or ESCAPE_NEW_LINE");
            }
        }
    }
    ConverterConfig::SingleLine { trim, escape_new_line }
}

fn csv_to_json(
    item: &Node,
    entries: &[Entry],
    findings: &mut Findings<'_>,
) -> Option<ConverterConfig> {
    warn_unknown(entries, CsvToJsonFile::KEYS, findings);
    let file = CsvToJsonFile::of(entries);
    let format = file.json_format.choice(findings, JSON_FORMATS, JsonFormat::Compact);
    let delimiter = match file.delimiter.text(findings) {
        None => Some(CsvDelimiter::Literal(b",".to_vec())),
        Some(text) => {
            let delimiter = CsvDelimiter::parse(text);
            delimiter.map_err(|error| bad_regex(file.delimiter, &error, findings)).ok()
        }
    };
    if file.custom_field_names.node().is_none() {
        let name = file.custom_field_names.name();
        missing(item, name, findings).help("list the names of the columns, in order");
    }
    let field_names = names(file.custom_field_names, findings);
    Some(ConverterConfig::CsvToJson { field_names: field_names?, delimiter: delimiter?, format })
}

fn log_to_json(item: &Node, entries: &[Entry], findings: &mut Findings<'_>) -> ConverterConfig {
    warn_unknown(entries, LogToJsonFile::KEYS, findings);
    let file = LogToJsonFile::of(entries);
    let format = file.json_format.choice(findings, JSON_FORMATS, JsonFormat::Compact);
    if !file.log_format.is_given() {
        missing(item, file.log_format.name(), findings)
            .help("it is needed with 'matchPattern' as well: it says what '-' means");
    }
    let log_format = file.log_format.choice(findings, LOG_FORMATS, LogFormat::CommonApacheLog);
    let field_names = names(file.custom_field_names, findings);
    let pattern_slot = file.match_pattern;
    let pattern = pattern_slot.text_not_empty(findings).and_then(|text| {
        compile_match_pattern(text).map_err(|error| bad_regex(pattern_slot, &error, findings)).ok()
    });
    match &field_names {
        None if pattern.is_some() && file.custom_field_names.node().is_none() => {
            let message = "customFieldNames must be specified when matchPattern is specified";
            pattern_slot
                .error(findings, Kind::Missing, message.to_owned())
                .help("give one name for each group of the pattern, in order");
        }
        Some(names) => check_count(&file, names.len(), pattern.as_ref(), log_format, findings),
        None => {}
    }
    ConverterConfig::LogToJson { log_format, pattern, field_names, format }
}

fn check_count(
    file: &LogToJsonFile<'_>,
    names: usize,
    pattern: Option<&Pattern>,
    log_format: LogFormat,
    findings: &mut Findings<'_>,
) {
    let slot = file.custom_field_names;
    let message = match pattern {
        Some(pattern) => {
            let groups = pattern.groups();
            (groups != names).then(|| {
                format!("matchPattern has {groups} groups, but customFieldNames has {names} names")
            })
        }
        // The pattern is given and broken: there is nothing to compare with.
        None if file.match_pattern.node().is_some() => None,
        None => {
            let fields = default_field_count(log_format);
            (fields != names).then(|| {
                format!(
                    "invalid custom field names for the selected log format: it has {fields} \
                     fields, but customFieldNames has {names} names"
                )
            })
        }
    };
    if let Some(message) = message {
        slot.error(findings, Kind::Conflict, message)
            .help("no record could be converted; make the numbers equal");
    }
}

/// How many fields a built-in format has.
fn default_field_count(format: LogFormat) -> usize {
    match format {
        LogFormat::ApacheErrorLog | LogFormat::CommonApacheLog => 7,
        LogFormat::CombinedApacheLog => 9,
        LogFormat::Rfc3339Syslog | LogFormat::Syslog => 5,
    }
}

/// A list of names; scalars of any type are taken as text.
fn names(slot: Slot<'_>, findings: &mut Findings<'_>) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut complete = true;
    for item in slot.list(findings)? {
        match &item.value {
            Value::Scalar(text) => names.push(text.clone()),
            Value::List(_) | Value::Map(_) | Value::Null => {
                let value = findings.quote(item);
                let message = format!("an item of '{}' has to be a name, not {value}", slot.name());
                findings.error(Kind::WrongType, &item.span, message).help("write a string");
                complete = false;
            }
        }
    }
    complete.then_some(names)
}

fn warn_unknown(entries: &[Entry], own: &[&'static str], findings: &mut Findings<'_>) {
    let keys: Vec<&'static str> = ConverterFile::KEYS.iter().chain(own).copied().collect();
    let level = Level { keys: &keys, ignored: &[], elsewhere: unknown::OUTSIDE_OF_A_CONVERTER };
    unknown::warn(entries, &level, findings);
}

fn missing<'f, 't>(
    item: &Node,
    name: &str,
    findings: &'f mut Findings<'t>,
) -> super::diagnostics::Finding<'f, 't> {
    let message = format!("required value missing: '{name}'");
    findings.error(Kind::Missing, &item.span, message)
}

fn bad_regex(slot: Slot<'_>, error: &PatternError, findings: &mut Findings<'_>) {
    super::flow::bad_pattern(slot, error, findings);
}
