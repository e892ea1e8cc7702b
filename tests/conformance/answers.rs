//! Sections 2.3, 2.4, 3.8 and 10: what Java's regular expressions do, recorded from a JDK 17.
//!
//! `answers_of_java.txt` has the questions and, written by `java/Answers.java`, the answers. No
//! expectation comes from this code or from its authors, so the table is written anew with
//!
//! ```text
//! java java/Answers.java < answers_of_java.txt
//! ```
//!
//! and never by hand.

use kinetail::process::{
    Chain, Converted, ConverterConfig, CsvDelimiter, Footer, JsonFormat, LineStart, LogFormat,
    PatternError, compile_match_pattern,
};
use serde_json::Value;

/// What stands in the table for a group that took no part.
const NO_PART: &str = "~";

fn unescape(escaped: &str) -> String {
    let mut text = String::new();
    let mut rest = escaped;
    while let Some((plain, behind)) = rest.split_once("\\u{") {
        text.push_str(plain);
        let (digits, behind) = behind.split_once('}').expect("a closing brace");
        text.push(char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap());
        rest = behind;
    }
    text.push_str(rest);
    text
}

fn escape(text: &str) -> String {
    let escaped = |char: char| match char {
        '\\' | '[' | ']' => format!("\\u{{{:X}}}", u32::from(char)),
        ' '..='~' => char.to_string(),
        _ => format!("\\u{{{:X}}}", u32::from(char)),
    };
    text.chars().map(escaped).collect()
}

fn in_brackets(text: &str) -> String {
    format!("[{}]", escape(text))
}

/// The answer in the form of the table.
fn answer(usage: &str, pattern: &str, text: &str) -> Result<String, PatternError> {
    let yes_or_no = |found| if found { "yes" } else { "no" };
    Ok(match usage {
        "matches" => groups(pattern, text)?,
        "start" => match LineStart::compile(pattern)?.matches(text.as_bytes()) {
            Ok(found) => yes_or_no(found).to_owned(),
            Err(error) => error.to_string(),
        },
        "footer" => match Footer::compile(pattern)?.matches(text.as_bytes()) {
            Ok(found) => yes_or_no(found).to_owned(),
            Err(error) => error.to_string(),
        },
        "split" => columns(pattern, text)?,
        usage => panic!("unknown usage {usage}"),
    })
}

fn groups(pattern: &str, text: &str) -> Result<String, PatternError> {
    let pattern = compile_match_pattern(pattern)?;
    let names: Vec<String> = (0..pattern.groups()).map(|group| format!("g{group}")).collect();
    let converter = ConverterConfig::LogToJson {
        null_name: false,
        log_format: LogFormat::Syslog,
        pattern: Some(pattern),
        field_names: Some(names.clone()),
        format: JsonFormat::Compact,
    };
    let record = format!("{text}\n");
    Ok(match Chain::new(&[converter]).convert(record.as_bytes()) {
        Converted::Record(json) => {
            let object: Value = serde_json::from_slice(json).unwrap();
            let groups = names.iter().map(|name| match &object[name] {
                Value::String(held) => in_brackets(held),
                _ => NO_PART.to_owned(),
            });
            format!("yes {}", groups.collect::<String>())
        }
        Converted::DeadLetter { .. } | Converted::Skipped { .. } => "no".to_owned(),
        Converted::Raw { reason, .. } => reason.to_string(),
    })
}

fn columns(delimiter: &str, text: &str) -> Result<String, PatternError> {
    let names: Vec<String> = (0..20).map(|column| format!("c{column}")).collect();
    let converter = ConverterConfig::CsvToJson {
        field_names: names.clone(),
        delimiter: CsvDelimiter::parse(delimiter)?,
        format: JsonFormat::Compact,
    };
    let record = format!("{text}\n");
    Ok(match Chain::new(&[converter]).convert(record.as_bytes()) {
        Converted::Record(json) => {
            let object: Value = serde_json::from_slice(json).unwrap();
            names.iter().filter_map(|name| object[name].as_str()).map(in_brackets).collect()
        }
        other => format!("{other:?}"),
    })
}

/// The answers that are not Java's.
fn differences(table: &str) -> Vec<String> {
    let rows = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.filter_map(|row| {
        let columns: Vec<&str> = row.split('\t').collect();
        let [usage, pattern, text, want] = columns.as_slice() else { panic!("{row:?}") };
        let got = match answer(usage, &unescape(pattern), &unescape(text)) {
            Ok(got) => got,
            Err(PatternError::Syntax { .. }) => "rejected".to_owned(),
            Err(error) => error.to_string(),
        };
        (got != *want).then(|| format!("{usage} {pattern} on {text:?}: {want} in Java, got {got}"))
    })
    .collect()
}

#[test]
fn patterns_answer_as_java_does() {
    let table = include_str!("answers_of_java.txt");
    let differences = differences(table);
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    assert!(table.lines().count() > 500);
}
