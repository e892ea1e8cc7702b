//! `ADDFIELDS` and its templates.

use super::super::converters::json_value;
use super::super::diagnostics::{Findings, Kind};
use super::super::parse::{Node, Value};
use super::super::secret::smells_of_secret;
use super::super::suggest::nearest;
use super::super::validate::Environment;
use super::members::AddFieldsFile;
use super::{Item, map, require};
use crate::process::steps::{AddFields, Field, FieldValue, Part, Pod, Step};
use crate::process::{JsonValue, Name};

/// What may stand in braces, as it is shown to people.
const PARTS: &[&str] = &[
    "host",
    "file",
    "path",
    "path.1",
    "offset",
    "time",
    "env.NAME",
    "ec2.instanceId",
    "ec2.tags.NAME",
    "ecs.cluster",
    "ecs.taskArn",
    "ecs.taskId",
    "ecs.family",
    "ecs.revision",
    "ecs.availabilityZone",
    "ecs.launchType",
    "k8s.namespace",
    "k8s.pod",
    "k8s.container",
    "k8s.uid",
    "k8s.node",
];

/// What is known about an instance, without `tags.NAME`.
const EC2_NAMES: &[&str] = &[
    "accountId",
    "amiId",
    "availabilityZone",
    "instanceId",
    "instanceType",
    "metadataTimestamp",
    "privateIp",
    "region",
    "tags",
];

/// Which variables hold what the downward API of Kubernetes says, by custom.
const POD_VARIABLES: &[(Pod, &str)] = &[
    (Pod::Container, "CONTAINER_NAME"),
    (Pod::Namespace, "POD_NAMESPACE"),
    (Pod::Pod, "POD_NAME"),
    (Pod::Uid, "POD_UID"),
];

/// The variable with the name of the node, which no path has.
const NODE_VARIABLE: &str = "NODE_NAME";

pub(super) fn build(item: Item<'_>, findings: &mut Findings<'_>) -> Option<Box<dyn Step>> {
    let file = AddFieldsFile::of(item.entries);
    require(item, file.fields, findings, "write {\"name\": \"value\"}");
    let overwrite = file.overwrite.boolean(findings, true);
    let mut fields = Vec::new();
    for entry in map(file.fields, findings)? {
        let node = &entry.node;
        let value = match json_value(node) {
            JsonValue::String(text) => {
                FieldValue::Template(template(&text, node, item.around.environment, findings))
            }
            other => FieldValue::Fixed(other),
        };
        fields.push(Field { name: Name::new(&entry.key), value });
        if matches!(&node.value, Value::Map(_) | Value::List(_)) {
            warn_of_templates(node, findings);
        }
    }
    Some(Box::new(AddFields::new(fields, overwrite)))
}

/// Templates in lists and maps stay what they are.
fn warn_of_templates(node: &Node, findings: &mut Findings<'_>) {
    let children: Vec<&Node> = match &node.value {
        Value::List(items) => items.iter().collect(),
        Value::Map(entries) => entries.iter().map(|entry| &entry.node).collect(),
        Value::Scalar(text) if text.starts_with('{') && text.ends_with('}') => {
            let value = findings.quote(node);
            findings
                .warn(Kind::NoEffect, &node.span, format!("{value} is not expanded here"))
                .help("write the template as a value of 'fields' itself");
            return;
        }
        Value::Null | Value::Scalar(_) => return,
    };
    for child in children {
        warn_of_templates(child, findings);
    }
}

/// The parts of a template; `{{` and `}}` stand for braces.
fn template(
    text: &str,
    node: &Node,
    environment: &Environment,
    findings: &mut Findings<'_>,
) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        plain.push_str(before);
        if let Some(remainder) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
            plain.push_str(brace.get(..1).unwrap_or_default());
            rest = remainder;
            continue;
        }
        let inner = brace.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((name, remainder)) = inner else {
            let message = format!("a brace is not closed in {}", findings.quote(node));
            findings
                .error(Kind::Invalid, &node.span, message)
                .help("write {{ and }} for literal braces");
            return parts;
        };
        rest = remainder;
        match part(name, node, environment, findings) {
            Some(Part::Text(text)) => plain.push_str(&text),
            Some(part) => {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(part);
            }
            None => {}
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() || parts.is_empty() {
        parts.push(Part::Text(plain));
    }
    parts
}

fn part(
    name: &str,
    node: &Node,
    environment: &Environment,
    findings: &mut Findings<'_>,
) -> Option<Part> {
    Some(match name {
        "host" => {
            let host = environment.host.clone().filter(|host| !host.is_empty());
            host.map_or(Part::Unknown, Part::Text)
        }
        "file" => Part::File,
        "offset" => Part::Offset,
        "path" => Part::Path,
        "time" => Part::Time,
        "k8s.container" => of_pod(Pod::Container, environment),
        "k8s.namespace" => of_pod(Pod::Namespace, environment),
        "k8s.pod" => of_pod(Pod::Pod, environment),
        "k8s.uid" => of_pod(Pod::Uid, environment),
        "k8s.node" => return Some(variable(NODE_VARIABLE, node, environment, findings)),
        _ => return named(name, node, environment, findings),
    })
}

/// From the path of a container's log, and in other files what the downward API says.
fn of_pod(what: Pod, environment: &Environment) -> Part {
    let variable = POD_VARIABLES.iter().find(|(known, _)| *known == what);
    let value = variable.and_then(|(_, name)| environment.variables.get(name));
    Part::K8s(what, value.filter(|value| !value.is_empty()).map(str::to_owned))
}

fn variable(
    name: &str,
    node: &Node,
    environment: &Environment,
    findings: &mut Findings<'_>,
) -> Part {
    let value = environment.variables.get(name);
    if value.is_none() {
        let message = format!("environment variable {name} is not set");
        findings
            .warn(Kind::Missing, &node.span, message)
            .help("records are sent without this member; set the variable");
    }
    value.map_or(Part::Unknown, |value| Part::Text(value.to_owned()))
}

fn named(
    name: &str,
    node: &Node,
    environment: &Environment,
    findings: &mut Findings<'_>,
) -> Option<Part> {
    let (kind, inner) = name.split_once('.').unwrap_or((name, ""));
    match (kind, inner) {
        ("ec2", inner) if EC2_NAMES.contains(&inner) => Some(Part::Ec2(inner.to_owned())),
        // The keys of tags are in lower case, as the Java agent writes them.
        ("ec2", inner) if inner.len() > "tags.".len() && inner.starts_with("tags.") => {
            Some(Part::Ec2(inner.to_lowercase()))
        }
        ("ecs", inner) if PARTS.contains(&name) => Some(Part::Ecs(inner.to_owned())),
        ("env", inner) if smells_of_secret(inner) => {
            let message = format!("{{{name}}} would put a secret into records");
            findings
                .error(Kind::Invalid, &node.span, message)
                .help("use a variable without a secret");
            None
        }
        ("env", inner) if !inner.is_empty() => Some(variable(inner, node, environment, findings)),
        ("path", place) if place.parse::<usize>().is_ok_and(|place| place > 0) => {
            place.parse().ok().map(Part::PathPart)
        }
        _ => {
            let help = match nearest(name, PARTS.iter().copied()) {
                Some(near) => format!("did you mean {{{near}}}?"),
                None => format!("write one of {{{}}}, or {{{{ for a brace", PARTS.join("}, {")),
            };
            let message = format!("unknown placeholder {{{name}}} in {}", findings.quote(node));
            findings.error(Kind::Invalid, &node.span, message).help(help);
            None
        }
    }
}
