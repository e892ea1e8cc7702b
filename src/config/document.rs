//! From the text of a file to the tree of its values, in JSON or YAML.

use super::diagnostics::{Findings, Kind};
use super::parse::{Document, Node, Value, parse};
use super::yaml_help::{self, Explained};
use super::{json, json_tree};

pub(super) fn document(text: &str, findings: &mut Findings<'_>) -> Option<Document> {
    let (parsed, remainder) = if json::looks_like_json(text) {
        match json_tree::parse(text) {
            Ok((document, remainder)) => (Ok(document), remainder),
            Err((error, span)) => {
                findings.error(Kind::Syntax, &span, error.to_string()).help(error.help());
                return None;
            }
        }
    } else {
        (parse(text), None)
    };
    match parsed {
        Ok(document) => {
            findings.source_mut().learn_secrets(&document);
            if let Some(remainder) = remainder {
                findings.source_mut().learn_unread(remainder.start);
                let message = "content after the end of the document is ignored".to_owned();
                findings
                    .warn(Kind::NoEffect, &remainder, message)
                    .help("remove it, or check the braces");
            }
            for duplicate in &document.duplicates {
                let message = format!("duplicate key '{}'", duplicate.key);
                let finding = findings
                    .warn(Kind::Duplicate, &duplicate.again, message)
                    .help("the last value is used; remove the others");
                if let Some(first) = &duplicate.first {
                    finding.related(first, "this value is ignored");
                }
            }
            Some(document)
        }
        Err(error) => {
            let Explained { message, at, help } = yaml_help::explain(text, error);
            // The help may quote a line that is not to be shown.
            let is_hidden = findings.place(&at).is_hidden();
            let finding = findings.error(Kind::Syntax, &at, message);
            if !is_hidden {
                finding.help(help);
            }
            None
        }
    }
}

/// What to do about a scalar that should be a map, if it shows.
pub(super) fn missing_blank(node: &Node, findings: &Findings<'_>) -> Option<String> {
    match &node.value {
        Value::Scalar(text) if !findings.is_secret(&node.span) => yaml_help::scalar_help(text),
        Value::List(_) | Value::Map(_) | Value::Null | Value::Scalar(_) => None,
    }
}
