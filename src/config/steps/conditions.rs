//! The conditions of `FILTER` and `SAMPLE`.

use super::super::diagnostics::{Findings, Kind};
use super::super::expression::bad_pattern;
use super::super::file::mirror;
use super::super::parse::{Entry, Node, Value};
use super::super::slot::Slot;
use super::super::unknown::{self, Level};
use super::list_of_names;
use crate::process::compile_search_pattern;
use crate::process::steps::{Bound, Condition, Number, Severity, Test};

mirror! {
    /// The keys of a condition.
    ConditionFile {
        above: "above" own,
        at_least: "atLeast" own,
        at_most: "atMost" own,
        below: "below" own,
        equals: "equals" own,
        exists: "exists" own,
        field: "field" own,
        one_of: "in" own,
        pattern: "pattern" own,
        severity_at_least: "severityAtLeast" own,
    }
}

/// One condition, or a list of them; a text alone is a pattern for the whole record.
pub(super) fn conditions(slot: Slot<'_>, findings: &mut Findings<'_>) -> Vec<Condition> {
    let Some(node) = slot.node() else { return Vec::new() };
    match &node.value {
        Value::List(items) => {
            items.iter().filter_map(|item| condition(slot, item, findings)).collect()
        }
        Value::Map(_) | Value::Null | Value::Scalar(_) => {
            condition(slot, node, findings).into_iter().collect()
        }
    }
}

fn condition(slot: Slot<'_>, node: &Node, findings: &mut Findings<'_>) -> Option<Condition> {
    match &node.value {
        Value::Scalar(text) => {
            let pattern = compile_search_pattern(text)
                .map_err(|error| bad_pattern(slot, &error, findings))
                .ok()?;
            Some(Condition { field: None, tests: vec![Test::pattern(&pattern)] })
        }
        Value::Map(entries) => of_map(node, entries, findings),
        Value::List(_) | Value::Null => {
            let value = findings.quote(node);
            let message = format!("expected a pattern or a map as condition, found {value}");
            findings
                .error(Kind::WrongType, &node.span, message)
                .help("write {\"field\": \"status\", \"atLeast\": 500}");
            None
        }
    }
}

fn of_map(node: &Node, entries: &[Entry], findings: &mut Findings<'_>) -> Option<Condition> {
    let level = Level { keys: ConditionFile::KEYS, ignored: &[], elsewhere: &[] };
    unknown::warn(entries, &level, findings);
    let file = ConditionFile::of(entries);
    let had_errors = findings.has_errors();
    let field = file.field.text_not_empty(findings).map(str::to_owned);
    let mut tests = Vec::new();
    if let Some(text) = file.pattern.text(findings) {
        let pattern = compile_search_pattern(text)
            .map_err(|error| bad_pattern(file.pattern, &error, findings))
            .ok()?;
        tests.push(Test::pattern(&pattern));
    }
    for slot in [file.equals, file.one_of] {
        if let Some(values) = list_of_names(slot, findings) {
            tests.push(Test::In(values));
        }
    }
    if file.exists.is_given() {
        tests.push(Test::Exists(file.exists.boolean(findings, true)));
    }
    for (slot, bound) in [
        (file.above, Bound::Above),
        (file.at_least, Bound::AtLeast),
        (file.below, Bound::Below),
        (file.at_most, Bound::AtMost),
    ] {
        if let Some(text) = slot.text(findings) {
            match Number::parse(text) {
                Some(number) => tests.push(Test::Number(bound, number)),
                None => {
                    slot.wrong_type(findings, "a number").help("write it as JSON has numbers");
                }
            }
        }
    }
    if let Some(text) = file.severity_at_least.text(findings) {
        match Severity::parse(text) {
            Some(severity) => tests.push(Test::Severity(severity)),
            None => {
                file.severity_at_least
                    .wrong_type(findings, "a severity")
                    .help("write trace, debug, info, warn, error or fatal");
            }
        }
    }
    let only_patterns = tests.iter().all(|test| matches!(test, Test::Pattern(_)));
    if tests.is_empty() && findings.has_errors() && !had_errors {
        // What is wrong with it was said already.
        return None;
    }
    if tests.is_empty() {
        findings.error(Kind::Missing, &node.span, "empty condition".to_owned()).help(
            "add pattern, equals, in, exists, above, atLeast, below, atMost or severityAtLeast",
        );
        return None;
    }
    if field.is_none() && !only_patterns {
        findings
            .error(Kind::Missing, &node.span, "a condition has no 'field'".to_owned())
            .help("specify the member to compare; only a bare pattern works without");
        return None;
    }
    Some(Condition { field, tests })
}
