//! `PARSE…`: the steps that find parts in a text.

use super::super::diagnostics::{Findings, Kind};
use super::super::expression::{bad_pattern, warn_of_impossible};
use super::super::file::mirror;
use super::super::slot::Slot;
use super::{Item, list_of_names, map_of_texts, name_of, require};
use crate::config::parse::Value;
use crate::process::NamedPattern;
use crate::process::steps::{
    Parse, ParseCri, ParseCsv, ParseDocker, ParseJson, ParseLog, ParseLogfmt, ParseRegex,
    ReadyFormat, Shape, Step, TextParser, Type, Types,
};

mirror! {
    /// The keys of PARSEJSON.
    JsonFile {
        field: "field" own,
    }

    /// The keys of PARSEREGEX.
    RegexFile {
        field: "field" own,
        pattern: "pattern" own,
        types: "types" own,
    }

    /// The keys of PARSELOGFMT.
    LogfmtFile {
        field: "field" own,
        types: "types" own,
    }

    /// The keys of PARSECSV.
    CsvFile {
        field: "field" own,
        header: "header" own,
        names: "names" own,
        newlines: "newlines" own,
        separator: "separator" own,
        types: "types" own,
    }

    /// The keys of PARSELOG.
    LogFile {
        field: "field" own,
        format: "format" own,
        types: "types" own,
    }

    /// The keys of PARSECRI and PARSEDOCKER.
    ContainerFile {
        fields: "fields" own,
    }
}

const FORMATS: &[(&str, ReadyFormat)] = &[
    ("alb", ReadyFormat::Alb),
    ("apache", ReadyFormat::Apache),
    ("apacheError", ReadyFormat::ApacheError),
    ("cloudFront", ReadyFormat::CloudFront),
    ("haproxy", ReadyFormat::HaProxy),
    ("journalExport", ReadyFormat::JournalExport),
    ("nginx", ReadyFormat::Nginx),
    ("nginxError", ReadyFormat::NginxError),
    ("s3", ReadyFormat::S3),
    ("syslog", ReadyFormat::Syslog),
    ("syslog5424", ReadyFormat::Syslog5424),
    ("w3c", ReadyFormat::W3c),
];

const TYPES: &[(&str, Type)] = &[
    ("auto", Type::Auto),
    ("boolean", Type::Boolean),
    ("number", Type::Number),
    ("string", Type::String),
];

type Built = Option<Box<dyn Step>>;

#[expect(clippy::unnecessary_wraps, reason = "every kind is built alike")]
pub(super) fn json(item: Item<'_>, findings: &mut Findings<'_>) -> Built {
    let field = name_of(JsonFile::of(item.entries).field, findings);
    Some(Box::new(ParseJson { field }))
}

pub(super) fn regex(item: Item<'_>, findings: &mut Findings<'_>) -> Built {
    let file = RegexFile::of(item.entries);
    require(item, file.pattern, findings, "a regular expression with groups such as (?<name>\\S+)");
    let text = file.pattern.text(findings)?;
    let pattern = NamedPattern::compile(text)
        .map_err(|error| bad_pattern(file.pattern, &error, findings))
        .ok()?;
    warn_of_impossible(file.pattern, text, findings);
    if pattern.names().is_empty() {
        let message = format!("'{}' has no named group", file.pattern.name());
        file.pattern
            .error(findings, Kind::Missing, message)
            .help("use (?<name>…) around each part that becomes a member");
    }
    let types = types(file.types, Types::Strings, findings);
    Some(parse(ParseRegex::new(&pattern), file.field, types, findings))
}

#[expect(clippy::unnecessary_wraps, reason = "every kind is built alike")]
pub(super) fn logfmt(item: Item<'_>, findings: &mut Findings<'_>) -> Built {
    let file = LogfmtFile::of(item.entries);
    let types = types(file.types, Types::Strings, findings);
    Some(parse(ParseLogfmt::default(), file.field, types, findings))
}

pub(super) fn csv(item: Item<'_>, findings: &mut Findings<'_>) -> Built {
    let file = CsvFile::of(item.entries);
    let names = list_of_names(file.names, findings).unwrap_or_default();
    let header = file.header.boolean(findings, false);
    if names.is_empty() && !header {
        require(item, file.names, findings, "list the columns, or write header: true");
    }
    let separator = match file.separator.text(findings).map(str::as_bytes) {
        None => b',',
        Some(&[byte]) if byte.is_ascii() && byte != b'"' => byte,
        Some(_) => {
            let message = format!(
                "'{}': expected one ASCII character, found {}",
                file.separator.name(),
                file.separator.quoted(findings)
            );
            file.separator
                .error(findings, Kind::Invalid, message)
                .help("for example \",\", \";\", \"|\" or \"\\t\"");
            return None;
        }
    };
    for (place, name) in names.iter().enumerate() {
        if names.iter().take(place).any(|before| before == name) {
            let message = format!("'{}': duplicate item {}", file.names.name(), place + 1);
            file.names
                .error(findings, Kind::Duplicate, message)
                .help("names in an object must be unique");
        }
    }
    let newlines = file.newlines.boolean(findings, false);
    if newlines && (item.around.place > 0 || file.field.is_given()) {
        let message = "'newlines' is only for PARSECSV as the first step and without 'field'";
        file.newlines
            .error(findings, Kind::Conflict, message.to_owned())
            .help("it puts rows together that take several lines of the file; move it up");
    }
    let types = types(file.types, Types::Strings, findings);
    let parser = ParseCsv::new(separator, &names, header).with_newlines(newlines);
    Some(parse(parser, file.field, types, findings))
}

pub(super) fn log(item: Item<'_>, findings: &mut Findings<'_>) -> Built {
    let file = LogFile::of(item.entries);
    require(item, file.format, findings, "for example nginx, apache or syslog");
    file.format.node()?;
    let format = file.format.choice(findings, FORMATS, ReadyFormat::Apache);
    let types = types(file.types, format.types(), findings);
    Some(parse(ParseLog::new(format), file.field, types, findings))
}

#[expect(clippy::unnecessary_wraps, reason = "every kind is built alike")]
pub(super) fn cri(item: Item<'_>, findings: &mut Findings<'_>) -> Built {
    let shape = container(item, "PARSECRI", findings);
    Some(Box::new(ParseCri { shape }))
}

#[expect(clippy::unnecessary_wraps, reason = "every kind is built alike")]
pub(super) fn docker(item: Item<'_>, findings: &mut Findings<'_>) -> Built {
    let shape = container(item, "PARSEDOCKER", findings);
    Some(Box::new(ParseDocker { shape }))
}

/// What puts lines together has to see them as they are in the file.
fn container(item: Item<'_>, name: &str, findings: &mut Findings<'_>) -> Shape {
    if item.around.place > 0 {
        let message = format!("{name} must be the first step");
        findings
            .error(Kind::Conflict, &item.node.span, message)
            .help("it joins entries that span several lines; move it up");
    }
    Shape::new(ContainerFile::of(item.entries).fields.boolean(findings, false))
}

fn parse<P: TextParser>(
    parser: P,
    field: Slot<'_>,
    types: Types,
    findings: &mut Findings<'_>,
) -> Box<dyn Step> {
    Box::new(Parse::new(parser, name_of(field, findings), types))
}

/// `auto`, `strings`, or a type for each name.
fn types(slot: Slot<'_>, default: Types, findings: &mut Findings<'_>) -> Types {
    let Some(node) = slot.node() else { return default };
    if matches!(node.value, Value::Scalar(_)) {
        let choices = &[("auto", true), ("strings", false)];
        return if slot.choice(findings, choices, false) { Types::Auto } else { Types::Strings };
    }
    let mut types = Vec::new();
    for (name, text, node) in map_of_texts(slot, findings).unwrap_or_default() {
        if let Some((_, kind)) = TYPES.iter().find(|(known, _)| *known == text) {
            types.push((name.to_owned(), *kind));
        } else {
            let value = findings.quote(node);
            let message = format!("{value} is not a type");
            findings
                .error(Kind::Invalid, &node.span, message)
                .help("write auto, boolean, number or string");
        }
    }
    Types::Named(types)
}
