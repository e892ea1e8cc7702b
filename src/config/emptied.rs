//! Values of YAML that are nothing, because of how they begin: what follows `#` is a comment, and
//! `&` and `!` mean something else. The key is as if it were not there.

use super::diagnostics::{Findings, Kind};
use super::parse::{Entry, Node, Value};
use super::secret::holds_secret;

/// Warns about each. The depth is bounded by the parser of the file.
pub(super) fn check(entries: &[Entry], findings: &mut Findings<'_>) {
    for entry in entries {
        if entry.node.value == Value::Null {
            check_null(entry, findings);
        }
        check_node(&entry.node, findings);
    }
}

/// Warns about each in a flow.
pub(super) fn check_node(node: &Node, findings: &mut Findings<'_>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| check_node(item, findings)),
        Value::Map(entries) => check(entries, findings),
        Value::Null | Value::Scalar(_) => {}
    }
}

fn check_null(entry: &Entry, findings: &mut Findings<'_>) {
    if findings.is_json() {
        return;
    }
    let Some(what) = findings.text().get(entry.key_span.end..).and_then(taken_for) else { return };
    // It has to be there, and the error says the same. Without its colon a secret is in a key.
    if entry.key == "filePattern" || holds_secret(&entry.key) {
        return;
    }
    let message = format!("'{}' is empty: its value is {what}", entry.key);
    findings
        .warn(Kind::Missing, &entry.key_span, message)
        .help("quote values that begin with '#', '&' or '!', or remove the key");
}

/// What YAML takes the text after a key for, if it is not nothing. A comment of people has a blank
/// after its sign.
fn taken_for(after_key: &str) -> Option<&'static str> {
    let line = after_key.lines().next()?.trim_start_matches(['"', '\'']).trim_start();
    let mut value = line.strip_prefix(':')?.trim_start().chars();
    let what = match value.next()? {
        '#' => "taken for a comment",
        '&' => "taken for an anchor",
        '!' => "taken for a type",
        _ => return None,
    };
    value.next().is_some_and(|next| !next.is_whitespace() && next != '#').then_some(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_value_is_told() {
        for (text, what) in [
            (": #x", Some("taken for a comment")),
            ("\": #^\\d{4}\nnext: x", Some("taken for a comment")),
            (": &x", Some("taken for an anchor")),
            (": !x", Some("taken for a type")),
            (": # none so far", None),
            (": ## none", None),
            (":", None),
            (":\n  #x", None),
            (": null", None),
            ("", None),
        ] {
            assert_eq!(taken_for(text), what, "{text:?}");
        }
    }
}
