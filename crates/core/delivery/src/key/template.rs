//! `partitionKey`: text with places that are filled in for each record. Pure.

use kinetail_records::Pattern;
use thiserror::Error;

/// A template, read and checked.
#[derive(Debug, Clone)]
pub struct KeyTemplate {
    pub(super) parts: Vec<Part>,
    /// `partitionKeyPattern`, if a part asks for its groups.
    pub(super) pattern: Option<Pattern>,
    /// What stands for a key that cannot be made.
    pub(super) missing: MissingKey,
}

impl PartialEq for KeyTemplate {
    /// The pattern is not compared.
    fn eq(&self, other: &Self) -> bool {
        (&self.parts, &self.missing) == (&other.parts, &other.missing)
    }
}

/// `partitionKeyMissing`: what is the key of a record that has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MissingKey {
    /// Always this one.
    Constant(String),
    /// A random one.
    Random,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// `{record.FIELD}`.
    Field(String),
    /// `{file}`: the name of the log, without its directory.
    File,
    /// `{match.N}`.
    Group(usize),
    /// `{path}`: the path of the log.
    Path,
    /// Text.
    Text(String),
}

/// What does not change while a flow runs.
#[derive(Clone, Copy)]
pub struct Surroundings<'e> {
    /// The name of this host, if it is known.
    pub host: Option<&'e str>,
    /// The value of an environment variable.
    pub variable: &'e dyn Fn(&str) -> Option<String>,
}

kinetail_base::debug_only!(Surroundings<'_> { host });

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// A brace has no other.
    #[error("unpaired '{brace}'; write it twice for a literal brace")]
    Brace {
        /// Which brace.
        brace: char,
    },
    /// There is nothing in it.
    #[error("empty")]
    Empty,
    /// A group that the pattern does not have.
    #[error("partitionKeyPattern has no group {group}; its groups are 0 to {groups}")]
    Group {
        /// The group.
        group: usize,
        /// How many there are.
        groups: usize,
    },
    /// The name of this host is not known.
    #[error("the host name is unknown")]
    Host,
    /// There is no `partitionKeyPattern`.
    #[error("{{match.{group}}} needs a partitionKeyPattern")]
    NoPattern {
        /// The group.
        group: usize,
    },
    /// Braces hold something else.
    #[error("unknown placeholder {{{name}}}")]
    Unknown {
        /// What stands between them.
        name: String,
    },
    /// An environment variable is not set.
    #[error("environment variable {name} is not set")]
    Variable {
        /// Its name.
        name: String,
    },
}

impl KeyTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(
        text: &str,
        pattern: Option<&Pattern>,
        missing: MissingKey,
        surroundings: Surroundings<'_>,
    ) -> Result<Self, TemplateError> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, remainder) = rest.split_at(at);
            add_text(&mut parts, before);
            if let Some(remainder) = remainder.strip_prefix("{{") {
                add_text(&mut parts, "{");
                rest = remainder;
            } else if let Some(remainder) = remainder.strip_prefix("}}") {
                add_text(&mut parts, "}");
                rest = remainder;
            } else {
                let place = remainder.strip_prefix('{');
                let place = place.ok_or(TemplateError::Brace { brace: '}' })?;
                let (name, remainder) =
                    place.split_once('}').ok_or(TemplateError::Brace { brace: '{' })?;
                match part(name, surroundings)? {
                    Part::Text(text) => add_text(&mut parts, &text),
                    part => parts.push(part),
                }
                rest = remainder;
            }
        }
        add_text(&mut parts, rest);
        if parts.is_empty() {
            return Err(TemplateError::Empty);
        }
        let group = |part: &Part| if let Part::Group(group) = part { Some(*group) } else { None };
        let Some(group) = parts.iter().filter_map(group).max() else {
            return Ok(Self { parts, pattern: None, missing });
        };
        match pattern {
            None => Err(TemplateError::NoPattern { group }),
            Some(pattern) if group > pattern.groups() => {
                Err(TemplateError::Group { group, groups: pattern.groups() })
            }
            Some(pattern) => Ok(Self { parts, pattern: Some(pattern.clone()), missing }),
        }
    }

    /// Whether keys depend on which log a record is from.
    #[must_use]
    pub(crate) fn needs_log(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::File | Part::Path))
    }

    /// Whether it asks for groups of `partitionKeyPattern`.
    #[must_use]
    pub fn needs_pattern(&self) -> bool {
        self.pattern.is_some()
    }
}

fn add_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(last)) => last.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

fn part(name: &str, surroundings: Surroundings<'_>) -> Result<Part, TemplateError> {
    let unknown = || TemplateError::Unknown { name: name.to_owned() };
    let (kind, of) = name.split_once('.').unwrap_or((name, ""));
    match (kind, of) {
        ("file", "") if kind == name => Ok(Part::File),
        ("path", "") if kind == name => Ok(Part::Path),
        ("host", "") if kind == name => {
            let host = surroundings.host.ok_or(TemplateError::Host)?;
            Ok(Part::Text(host.to_owned()))
        }
        ("match", group) => {
            let is_number = !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
            let group = group.parse().ok().filter(|_| is_number).ok_or_else(unknown)?;
            Ok(Part::Group(group))
        }
        ("record", field) if !field.is_empty() => Ok(Part::Field(field.to_owned())),
        ("env", variable) if !variable.is_empty() => {
            let value = (surroundings.variable)(variable);
            let value = value.filter(|value| !value.is_empty());
            value.map(Part::Text).ok_or_else(|| TemplateError::Variable { name: of.to_owned() })
        }
        _ => Err(unknown()),
    }
}
