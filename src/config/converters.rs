//! `dataProcessingOptions`: which converters, in which order, with which options.
//!
//! The Java agent ignores a value that is not a list, skips every record if groups and names do not
//! agree in number, and sends every record as it is where a converter cannot work at all. In JSON
//! all of this is so here, with a warning; in YAML, which that agent cannot read, it is an error.

use std::time::Duration;

use super::diagnostics::{Findings, Kind};
use super::file::{
    AddEc2MetadataFile, AddMetadataFile, ConverterFile, CsvToJsonFile, Ignored, LogToJsonFile,
    SingleLineFile,
};
use super::parse::{Entry, Node, Value};
use super::slot::Slot;
use super::steps::{self, Item, Surroundings};
use super::suggest::nearest;
use super::unknown::{self, Level};
use super::validate::Environment;
use crate::process::{
    ConverterConfig, CsvDelimiter, JsonFormat, JsonValue, LogFormat, Pattern, PatternError,
    compile_match_pattern, matches_nothing,
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

const CSV_TO_JSON: &str = "CSVTOJSON";

/// What a converter that refuses no record, or that does with those what the Java agent does, is
/// sometimes given.
const WITHOUT_A_CHOICE: &[Ignored] = &[(
    "onUnparsable",
    "this converter does not have it: LOGTOJSON skips what does not match, as the Java agent does; \
     PARSELOG and PARSEREGEX have it",
)];

/// What becomes of records with a converter that cannot work.
const SENT_RAW: &str = "every record is sent unconverted, as in the Java agent; correct it";

/// `metadataTTL` if it is not given, in seconds, as in the Java agent.
const METADATA_TTL_SECONDS: i64 = 3600;

/// The chain, without the items that are wrong.
pub(super) fn chain(
    slot: Slot<'_>,
    environment: &Environment,
    findings: &mut Findings<'_>,
) -> Vec<ConverterConfig> {
    let items = slot.list_or_nothing(findings).unwrap_or_default();
    let chain = items.iter().enumerate().filter_map(|(place, item)| {
        converter(item, slot, Surroundings { environment, place }, findings)
    });
    chain.collect()
}

fn converter(
    item: &Node,
    list: Slot<'_>,
    around: Surroundings<'_>,
    findings: &mut Findings<'_>,
) -> Option<ConverterConfig> {
    let Value::Map(entries) = &item.value else {
        let value = findings.quote(item);
        let message = format!("'{}': expected a map for each item, found {value}", list.name());
        findings
            .error(Kind::WrongType, &item.span, message)
            .help("write {\"optionName\": \"SINGLELINE\"}");
        return None;
    };
    let name = ConverterFile::of(entries).option_name;
    let Some(text) = name.text(findings) else {
        // A name of the wrong type was reported already.
        if name.node().is_none() {
            missing(item, name.name(), findings).help("it selects the converter");
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
            let Some(kind) = steps::kind_of(other) else {
                refuse(name, other, findings);
                return None;
            };
            let item = Item { node: item, entries, around };
            steps::build(kind, item, findings).map(ConverterConfig::Step)
        }
    }
}

fn refuse(name: Slot<'_>, text: &str, findings: &mut Findings<'_>) {
    let value = name.quoted(findings);
    if CONVERTERS.iter().any(|(known, _)| *known == text) {
        let message = format!("the converter {value} is not supported");
        name.error(findings, Kind::Unsupported, message).help(
            "Java classes cannot be loaded; use the built-in converters, or keep the Java agent \
             for this flow",
        );
        return;
    }
    let java = || CONVERTERS.iter().filter(|(_, here)| *here).map(|(name, _)| *name);
    let supported = || java().chain(steps::names());
    let help = match nearest(text, supported()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("write one of {}", supported().collect::<Vec<_>>().join(", ")),
    };
    let message = format!("'{}': unknown converter {value}", name.name());
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
        let message = format!("'{}': invalid TTL {}", slot.name(), slot.quoted(findings));
        slot.warn(findings, Kind::Invalid, message)
            .help(format!("expected a number of seconds; using {METADATA_TTL_SECONDS}"));
    }
    let seconds = seconds.unwrap_or(METADATA_TTL_SECONDS.unsigned_abs());
    ConverterConfig::AddEc2Metadata {
        time_to_live: Duration::from_secs(seconds),
        format: file.json_format.choice(findings, JSON_FORMATS, JsonFormat::Compact),
        tags: tags(file.tags, findings),
    }
}

/// A list of tags, or a map from tags to what they are called in a record. The keys of tags are in
/// lower case, as the Java agent writes them.
fn tags(slot: Slot<'_>, findings: &mut Findings<'_>) -> Option<Vec<(String, String)>> {
    let node = slot.node()?;
    if let Value::Map(_) = node.value {
        let pairs = steps::map_of_texts(slot, findings)?.into_iter();
        return Some(pairs.map(|(tag, name, _)| (tag.to_lowercase(), name.to_owned())).collect());
    }
    let names = steps::list_of_names(slot, findings)?.into_iter().map(|tag| tag.to_lowercase());
    Some(names.map(|tag| (tag.clone(), tag)).collect())
}

fn add_metadata(entries: &[Entry], findings: &mut Findings<'_>) -> ConverterConfig {
    warn_unknown(entries, AddMetadataFile::KEYS, findings);
    let file = AddMetadataFile::of(entries);
    let slot = file.timestamp;
    // The Java agent does not start with what is no string.
    if slot.is_not_text() {
        slot.wrong_type(findings, "a string").help("write \"true\" or \"false\"");
    }
    let timestamp = slot.scalar_text();
    ConverterConfig::AddMetadata {
        metadata: file.metadata.node().map_or(JsonValue::Null, json_value),
        timestamp: timestamp.is_some_and(|text| text.eq_ignore_ascii_case("true")),
        format: file.json_format.choice(findings, JSON_FORMATS, JsonFormat::Compact),
    }
}

/// A value of any shape. What was written without quotes is a number or a truth value if it looks
/// like one in JSON. The depth is bounded by the parser of the file.
pub(super) fn json_value(node: &Node) -> JsonValue {
    match &node.value {
        Value::List(items) => JsonValue::Array(items.iter().map(json_value).collect()),
        Value::Map(entries) => JsonValue::Object(
            entries.iter().map(|entry| (entry.key.clone(), json_value(&entry.node))).collect(),
        ),
        Value::Null => JsonValue::Null,
        Value::Scalar(text) => {
            let plain = match text.as_str() {
                _ if node.is_quoted() => None,
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
    if slot.is_null() {
        slot.wrong_type(findings, "a list").help("leave the key out to have lines trimmed");
    }
    for item in slot.list_or_nothing(findings).unwrap_or_default() {
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
            bad_regex(slot, &error, findings);
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

fn log_to_json(item: &Node, entries: &[Entry], findings: &mut Findings<'_>) -> ConverterConfig {
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
        compile_match_pattern(text).map_err(|error| bad_regex(pattern_slot, &error, findings)).ok()
    });
    if let (Some(_), Some(text)) = (&pattern, given) {
        super::flow::warn_of_impossible(pattern_slot, text, findings);
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

/// The names of fields.
struct Names {
    names: Vec<String>,
    /// One of them is null, which no object can have as a key.
    has_null: bool,
}

/// A list of names; scalars of any type are taken as text, and in JSON, as in the Java agent, so is
/// anything else.
fn names(slot: Slot<'_>, findings: &mut Findings<'_>) -> Option<Names> {
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
    Some(names)
}

pub(super) fn warn_unknown(entries: &[Entry], own: &[&'static str], findings: &mut Findings<'_>) {
    let keys: Vec<&'static str> = ConverterFile::KEYS.iter().chain(own).copied().collect();
    let elsewhere = unknown::OUTSIDE_OF_A_CONVERTER;
    let level = Level { keys: &keys, ignored: WITHOUT_A_CHOICE, elsewhere };
    unknown::warn(entries, &level, findings);
}

pub(super) fn missing<'f, 't>(
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
