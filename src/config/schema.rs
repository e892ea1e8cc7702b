//! A JSON Schema of the configuration, for editors: from the mirror of the keys, from what the
//! reader asks of each value, and from the words of the document. Nothing is listed here again.
//!
//! The reader is run over an example that has every kind of flow and converter, and what it asks
//! of each key is noted: a type, a range, a default, the legal words.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::file::{CONVERTERS, FlowFile, IGNORED_FLOW, IGNORED_TOP_LEVEL, Ignored, TopLevelFile};
use super::validate::Environment;

/// Where the words come from.
const DOCUMENT: &str = include_str!("../../docs/configuration.md");

/// Every kind of flow and converter once.
const PROBE: &str = r#"{"flows": [
  {"filePattern": "/l/a", "kinesisStream": "s", "dataProcessingOptions": [
    {"optionName": "SINGLELINE"}, {"optionName": "ADDMETADATA"}, {"optionName": "ADDBRACKETS"},
    {"optionName": "ADDEC2METADATA"}, {"optionName": "CSVTOJSON", "customFieldNames": ["a"]},
    {"optionName": "LOGTOJSON", "logFormat": "SYSLOG"}]},
  {"filePattern": "/l/c", "kinesisStream": "s", "partitionKey": "{record.a}",
   "partitionKeyMissing": "constant"},
  {"filePattern": "/l/b", "deliveryStream": "d"}, {"input": "journald", "deliveryStream": "d"},
  {"filePattern": "/l/d", "deliveryStream": "d", "aggregation": "newline"}]}"#;

/// What the reader asks of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Boolean,
    List,
    Number { least: u64, most: u64, default: u64 },
    Text,
    Word(Vec<&'static str>),
}

thread_local! {
    /// What is noted while a schema is made.
    static NOTED: RefCell<Option<BTreeMap<&'static str, Shape>>> = const { RefCell::new(None) };
}

/// Notes what the reader asks of a key. The first and most exact demand counts.
pub(super) fn note(key: &'static str, shape: impl FnOnce() -> Shape) {
    NOTED.with_borrow_mut(|noted| {
        let Some(noted) = noted else { return };
        let new = shape();
        let known = noted.entry(key).or_insert_with(|| new.clone());
        if *known == Shape::Text {
            *known = new;
        }
    });
}

/// The schema.
#[must_use]
pub fn schema() -> Value {
    NOTED.set(Some(BTreeMap::new()));
    let read = super::validate::load(PROBE, Path::new("probe"), &Environment::default());
    debug_assert!(read.is_ok(), "the probe is right");
    let shapes = NOTED.take().unwrap_or_default();
    let words = descriptions();
    let about = |key: &str| property(key, &shapes, &words);
    let mut converters = CONVERTERS.concat();
    converters.extend(super::steps::keys());
    let mut top = properties(TopLevelFile::KEYS, IGNORED_TOP_LEVEL, &about);
    let mut flow = properties(FlowFile::KEYS, IGNORED_FLOW, &about);
    let converter = object(&properties(&converters, &[], &about), &["optionName"]);
    flow.insert(
        "dataProcessingOptions".to_owned(),
        list_of(&about, "dataProcessingOptions", &converter),
    );
    let mut flow = object(&flow, &[]);
    flow["anyOf"] = json!([{"required": ["filePattern"]}, {"required": ["input"]}]);
    top.insert("flows".to_owned(), list_of(&about, "flows", &flow));
    let mut schema = object(&top, &[]);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("The configuration of kinetail");
    schema
}

fn object(properties: &Map<String, Value>, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn list_of(about: &impl Fn(&str) -> Value, key: &str, item: &Value) -> Value {
    let mut list = about(key);
    list["type"] = json!("array");
    list["items"] = item.clone();
    list
}

fn properties(
    keys: &[&str],
    ignored: &[Ignored],
    about: &impl Fn(&str) -> Value,
) -> Map<String, Value> {
    let mut all: Map<String, Value> =
        keys.iter().map(|key| ((*key).to_owned(), about(key))).collect();
    for (key, why) in ignored {
        all.insert((*key).to_owned(), json!({"deprecated": true, "description": why}));
    }
    all
}

/// A number and a truth value may stand in quotes, and any scalar is a text.
fn property(key: &str, shapes: &BTreeMap<&str, Shape>, words: &BTreeMap<String, String>) -> Value {
    let mut property = match shapes.get(key) {
        Some(Shape::Boolean) => json!({"type": ["boolean", "string"]}),
        Some(Shape::List) => json!({"type": "array"}),
        Some(Shape::Number { least, most, default }) => json!({
            "type": ["integer", "string"], "minimum": least, "maximum": most, "default": default,
        }),
        Some(Shape::Text) => json!({"type": ["string", "number", "boolean"]}),
        Some(Shape::Word(legal)) => json!({"enum": legal}),
        None => json!({}),
    };
    if let Some(words) = words.get(key) {
        property["description"] = json!(words);
    }
    property
}

/// What the tables of the document say of each key. A row may be about several.
fn descriptions() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for line in DOCUMENT.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let (Some(keys), Some(words)) = (cells.first(), cells.last()) else { continue };
        for key in keys.split('`').skip(1).step_by(2) {
            all.entry(key.to_owned()).or_insert_with(|| plain(words));
        }
    }
    all
}

/// Without the marks of Markdown: `[text](target)` is its text.
fn plain(words: &str) -> String {
    let mut out = String::new();
    let mut rest = words;
    while let Some((before, after)) = rest.split_once("](") {
        out.push_str(&before.replace('[', ""));
        rest = after.split_once(')').map_or("", |(_, remainder)| remainder);
    }
    out.push_str(rest);
    out.replace('`', "")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::config::parse::{Node, Value as Written};

    /// What of the schema a tree breaks. It knows what [`schema`] uses.
    fn broken(schema: &Value, node: &Node, at: &str, found: &mut Vec<String>) {
        match &node.value {
            Written::Map(entries) => {
                for entry in entries {
                    let path = format!("{at}/{}", entry.key);
                    match schema["properties"].get(&entry.key) {
                        Some(inner) => broken(inner, &entry.node, &path, found),
                        None if schema.get("properties").is_none() => {}
                        None => found.push(format!("{path} is unknown")),
                    }
                }
                let has = |key: &Value| entries.iter().any(|entry| *key == *entry.key);
                for required in schema["required"].as_array().into_iter().flatten() {
                    if !has(required) {
                        found.push(format!("{at} lacks {required}"));
                    }
                }
                let any = schema["anyOf"].as_array();
                if any.is_some_and(|any| !any.iter().any(|one| has(&one["required"][0]))) {
                    found.push(format!("{at} lacks one of {any:?}"));
                }
            }
            Written::List(items) => {
                if schema.get("type").is_some_and(|kind| kind != "array") {
                    found.push(format!("{at} is a list"));
                }
                for (number, item) in items.iter().enumerate() {
                    broken(&schema["items"], item, &format!("{at}/{number}"), found);
                }
            }
            Written::Null => {}
            Written::Scalar(text) => {
                if schema["type"] == "array" || schema["type"] == "object" {
                    found.push(format!("{at} is a scalar"));
                }
                let legal = schema["enum"].as_array();
                if legal.is_some_and(|legal| !legal.iter().any(|word| word == text.as_str())) {
                    found.push(format!("{at} cannot be {text}"));
                }
                let bounds = (schema["minimum"].as_u64(), schema["maximum"].as_u64());
                if let (Some(least), Some(most)) = bounds
                    && text.parse().is_ok_and(|number: u64| !(least..=most).contains(&number))
                {
                    found.push(format!("{at} is outside of {least} to {most}"));
                }
            }
        }
    }

    fn check(text: &str) -> Vec<String> {
        let document = crate::config::parse::parse(text).unwrap();
        let mut found = Vec::new();
        broken(&schema(), &document.root, "", &mut found);
        found
    }

    #[test]
    fn every_example_fits() {
        let mut examples = vec![
            include_str!("../../config/kinetail.reference.yaml").to_owned(),
            include_str!("../../config/quickstart.yaml").to_owned(),
        ];
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        for page in fs::read_dir(docs).unwrap() {
            let page = fs::read_to_string(page.unwrap().path()).unwrap();
            for block in page.split("```").skip(1).step_by(2) {
                let (kind, text) = block.split_once('\n').unwrap_or_default();
                let is_yaml = kind.split(' ').next() == Some("yaml");
                if is_yaml && text.lines().any(|line| line == "flows:") {
                    examples.push(text.to_owned());
                }
            }
        }
        assert!(examples.len() > 4, "the pages have examples");
        for example in examples {
            assert_eq!(check(&example), Vec::<String>::new(), "{example}");
        }
    }

    #[test]
    fn mistakes_are_seen() {
        for text in [
            "flows: [{filePattern: /l/a, kinesisStream: s, wire: xml}]",
            "flows: [{filePattern: /l/a, kinesisStream: s, maxBufferSizeRecords: 501}]",
            "flows: [{kinesisStream: s}]",
            "flows: x",
            "flow: []",
        ] {
            assert_ne!(check(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn every_key_is_described() {
        let schema = schema();
        for (key, value) in schema["properties"].as_object().unwrap() {
            assert!(value["description"].is_string(), "{key}: {value}");
        }
        let flow = &schema["properties"]["flows"]["items"]["properties"];
        for (key, value) in flow.as_object().unwrap() {
            assert!(value["description"].is_string(), "{key}: {value}");
        }
        assert_eq!(flow["maxBufferSizeRecords"]["maximum"], 500);
        assert_eq!(schema["properties"]["notify"]["enum"], json!(["auto", "off"]));
    }

    #[test]
    fn the_packaged_schema_is_this_one() {
        let packaged = include_str!("../../packaging/kinetail.schema.json");
        let packaged: Value = serde_json::from_str(packaged).unwrap();
        assert_eq!(packaged, schema(), "write it again: kinetail schema");
    }
}
