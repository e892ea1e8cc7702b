//! `dataProcessingOptions`: which converters, in which order, with which options.
//!
//! The Java agent ignores a value that is not a list, skips every record if groups and names do not
//! agree in number, and sends every record as it is where a converter cannot work at all. In JSON
//! all of this is so here, with a warning; in YAML, which that agent cannot read, it is an error.

mod csv_to_json;
mod log_to_json;
mod names;

use std::time::Duration;

use self::csv_to_json::csv_to_json;
use self::log_to_json::log_to_json;
use super::diagnostics::{Findings, Kind};
use super::file::{AddEc2MetadataFile, AddMetadataFile, ConverterFile, Ignored, SingleLineFile};
use super::parse::{Entry, Node, Value};
use super::slot::Slot;
use super::steps::{self, Item, Surroundings};
use super::suggest::nearest;
use super::unknown::{self, Level};
use super::validate::Environment;
use crate::process::{ConverterConfig, JsonFormat, JsonValue, LogFormat};

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
            let near = entries
                .iter()
                .find(|entry| nearest(&entry.key, [name.name()].into_iter()).is_some());
            let help = match near {
                Some(entry) => {
                    format!("did you mean \"{}\" by {}?", name.name(), unknown::shown(&entry.key))
                }
                None => "it selects the converter".to_owned(),
            };
            missing(item, name.name(), findings).help(help);
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
