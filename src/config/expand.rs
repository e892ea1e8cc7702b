//! `${NAME}` and `${NAME:-default}` from the environment, where `expandEnvironment: true` asks for
//! it: in values, not in keys, once, with `$${` for a plain `${`. A value is never expanded into
//! more than text: what stands in a variable can add no key and no flow.

use std::collections::BTreeMap;

use super::diagnostics::{Findings, Kind};
use super::parse::{Node, Span, Value};
use super::scalar;

/// The key that asks for it.
const KEY: &str = "expandEnvironment";

/// The variables of an environment. `Debug` shows none: there may be secrets in them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

kinetail_base::debug_only!(Variables {});

impl FromIterator<(String, String)> for Variables {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(variables: T) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl Variables {
    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Those of this process that are text.
    #[must_use]
    pub(super) fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        std::env::vars_os().filter_map(text).collect()
    }
}

/// Whether the file asks for it.
pub(super) fn is_wanted(root: &Node) -> bool {
    let Value::Map(entries) = &root.value else { return false };
    let key = entries.iter().find(|entry| entry.key == KEY);
    key.is_some_and(|entry| {
        matches!(&entry.node.value, Value::Scalar(text) if scalar::boolean(text) == Some(true))
    })
}

/// Expands every value of the tree.
pub(super) fn expand(node: &mut Node, variables: &Variables, findings: &mut Findings<'_>) {
    let span = node.span.clone();
    match &mut node.value {
        Value::List(items) => {
            for item in items {
                expand(item, variables, findings);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                expand(&mut entry.node, variables, findings);
            }
        }
        Value::Null => {}
        Value::Scalar(text) => {
            if text.contains("${") {
                match expanded(text, variables) {
                    Ok(new) => *text = new,
                    Err(error) => error.report(&span, findings),
                }
            }
        }
    }
}

/// Why a value cannot be expanded.
#[derive(Debug, PartialEq, Eq)]
enum ExpandError {
    NoEnd,
    NoName(String),
    NotSet(String),
}

impl ExpandError {
    fn report(self, span: &Span, findings: &mut Findings<'_>) {
        let (message, help) = match self {
            Self::NoEnd => ("'${' has no '}'".to_owned(), "write \"$${\" for a plain \"${\""),
            Self::NoName(_) => (
                "invalid variable name after '${'".to_owned(),
                "a name has letters, digits and '_'; write \"$${\" for a plain \"${\"",
            ),
            Self::NotSet(name) => (
                format!("environment variable {name} is not set"),
                "set it for the service, or add a default: ${NAME:-default}",
            ),
        };
        findings.error(Kind::Invalid, span, message).help(help);
    }
}

fn expanded(text: &str, variables: &Variables) -> Result<String, ExpandError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(plain) = before.strip_suffix('$') {
            out.push_str(plain);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let (inside, behind) = after.split_once('}').ok_or(ExpandError::NoEnd)?;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            return Err(ExpandError::NoName(name.to_owned()));
        }
        // As in a shell: with a default, an empty variable is the same as none.
        let value = variables.0.get(name).map(String::as_str);
        let value = match default {
            Some(default) => value.filter(|value| !value.is_empty()).or(Some(default)),
            None => value,
        };
        out.push_str(value.ok_or_else(|| ExpandError::NotSet(name.to_owned()))?);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Environment, load};

    fn variables() -> Variables {
        let pairs = [("A", "a"), ("EMPTY", ""), ("ODD", "${A} }: x, y"), ("N", "500")];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn names_defaults_and_plain_dollars() {
        for (text, expected) in [
            ("x${A}y", "xay"),
            ("${A}${A}", "aa"),
            ("${B:-b}", "b"),
            ("${B:-}", ""),
            ("${A:-b}", "a"),
            ("${EMPTY}", ""),
            ("${EMPTY:-e}", "e"),
            ("${B:-x:-y}", "x:-y"),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("$A $", "$A $"),
            ("${ODD}", "${A} }: x, y"),
        ] {
            assert_eq!(expanded(text, &variables()).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(expanded("${A", &variables()), Err(ExpandError::NoEnd));
        assert_eq!(expanded("${B}", &variables()), Err(ExpandError::NotSet("B".to_owned())));
        for name in ["", "1", "a b", "A-B"] {
            let text = format!("${{{name}}}");
            assert_eq!(
                expanded(&text, &variables()),
                Err(ExpandError::NoName(name.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn a_configuration_is_expanded_only_if_it_asks_for_it() {
        let environment = Environment { variables: variables(), ..Environment::default() };
        let flows = "flows: [{filePattern: '/l/${A}.log', kinesisStream: '${S:-s}', \
                     maxBufferSizeRecords: '${N}'}]";
        let read = |text: &str| load(text, Path::new("a.yaml"), &environment);
        let (config, warnings) = read(&format!("expandEnvironment: true\n{flows}")).unwrap();
        assert_eq!(config.flows[0].pattern.text(), "/l/a.log");
        assert_eq!(config.flows[0].max_buffer_records, 500);
        assert!(config.flows[0].id.contains(":s:"), "{warnings:?}");
        assert!(read(flows).is_err(), "'${{S:-s}}' is no stream name");
        let unset = "expandEnvironment: true\nflows: [{filePattern: '${NO}', kinesisStream: s}]";
        let report = read(unset).unwrap_err().to_string();
        assert!(report.contains("NO is not set") && report.contains("a.yaml:2:"), "{report}");
    }

    #[test]
    fn what_a_variable_holds_is_not_shown() {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let variables = [("S".to_owned(), secret.to_owned())].into_iter().collect();
        let environment = Environment { variables, ..Environment::default() };
        let text = "expandEnvironment: true\nlog.format: '${S}'\n\
                    flows: [{filePattern: /l/a.log, kinesisStream: '${S}'}]";
        let report = load(text, Path::new("a.yaml"), &environment).unwrap_err().to_string();
        assert!(!report.contains(secret), "{report}");
        assert!(!format!("{environment:?}").contains(secret));
    }
}
