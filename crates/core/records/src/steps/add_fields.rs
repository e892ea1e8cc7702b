//! `ADDFIELDS`: puts members into an object, from templates or as they are written.

use jiff::Timestamp;

use super::{Context, Origin, Step, Stop, Uses};
use crate::JsonFormat;
use crate::add_ec2_metadata::{ECS, Facts};
use crate::json::push_string;
use crate::record::{Name, Record};
use crate::value::JsonValue;

/// The step.
#[derive(Debug, Clone)]
pub struct AddFields {
    /// `fields`, in order.
    pub fields: Vec<Field>,
    /// `overwrite`: a member that the record has already gets the new value.
    pub overwrite: bool,
    /// The time that was written last, and its text.
    pub(super) time: (i64, String),
    /// The value under construction.
    pub(super) text: Vec<u8>,
}

/// A member and its value.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: FieldValue,
}

/// The value of a member.
#[derive(Debug, Clone)]
pub enum FieldValue {
    /// As it is written.
    Fixed(JsonValue),
    /// A text with parts that are filled in.
    Template(Vec<Part>),
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// `{ec2.NAME}`: something that is known about the machine.
    Ec2(String),
    /// `{ecs.NAME}`: something that is known about the task of ECS.
    Ecs(String),
    /// `{file}`: the last part of the path.
    File,
    /// `{k8s.NAME}`, from the path of a container's log, or what it is in other files.
    K8s(Pod, Option<String>),
    /// `{offset}`: where in its file the record begins.
    Offset,
    /// `{path}`.
    Path,
    /// `{path.N}`: the N-th part of the path, from 1.
    PathPart(usize),
    /// What stands there.
    Text(String),
    /// `{time}`: when the record was converted.
    Time,
    /// Something that is not there: the member is skipped.
    Unknown,
}

/// What the path of a container's log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pod {
    /// The container's name.
    Container,
    /// The namespace of the pod.
    Namespace,
    /// The pod's name.
    Pod,
    /// The pod's unique identifier.
    Uid,
}

impl AddFields {
    /// A step that puts these members.
    #[must_use]
    pub fn new(fields: Vec<Field>, overwrite: bool) -> Self {
        Self { fields, overwrite, time: (i64::MIN, String::new()), text: Vec::new() }
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.fields.iter().flat_map(|field| match &field.value {
            FieldValue::Fixed(_) => [].iter(),
            FieldValue::Template(parts) => parts.iter(),
        })
    }
}

impl Step for AddFields {
    fn name(&self) -> &'static str {
        "ADDFIELDS"
    }

    fn uses(&self) -> Uses {
        Uses {
            ec2: self.parts().any(|part| matches!(part, Part::Ec2(_))),
            ecs: self.parts().any(|part| matches!(part, Part::Ecs(_))),
        }
    }

    fn apply(&mut self, record: &mut Record, context: &Context) -> Result<(), Stop> {
        record.parse()?;
        let mut missing = false;
        for field in &self.fields {
            if !self.overwrite && record.span(field.name.text()).is_some() {
                continue;
            }
            match &field.value {
                FieldValue::Fixed(value) => {
                    record.put(&field.name, |out| value.write(out, JsonFormat::Compact, 0));
                }
                FieldValue::Template(parts) => {
                    self.text.clear();
                    if fill(parts, context, &mut self.time, &mut self.text).is_some() {
                        record.put(&field.name, |out| out.extend_from_slice(&self.text));
                    } else {
                        missing = true;
                    }
                }
            }
        }
        context.missing.set(context.missing.get() + u64::from(missing));
        Ok(())
    }
}

/// Appends the value as JSON; nothing if a part is not known.
fn fill(
    parts: &[Part],
    context: &Context,
    time: &mut (i64, String),
    out: &mut Vec<u8>,
) -> Option<()> {
    match parts {
        [Part::Offset] => push_number(out, context.origin.offset),
        [Part::File] => push_string(out, context.origin.parts().next_back()?.as_bytes()),
        [Part::Text(text)] => push_string(out, text.as_bytes()),
        [Part::Ec2(name)] => fact(context, name)?.write(out, JsonFormat::Compact, 0),
        _ => {
            let mut text = String::new();
            for part in parts {
                append(part, context, time, &mut text)?;
            }
            push_string(out, text.as_bytes());
        }
    }
    Some(())
}

/// Appends the digits of a number, without the machinery of formats: it is done for each record.
fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let (mut digits, mut count) = ([0; 20], 0);
    while let Some(digit) = digits.get_mut(count) {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        count += 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend(digits.get(..count).unwrap_or_default().iter().rev());
}

fn append(
    part: &Part,
    context: &Context,
    time: &mut (i64, String),
    out: &mut String,
) -> Option<()> {
    let origin = &context.origin;
    match part {
        Part::Ec2(name) => match fact(context, name)? {
            JsonValue::String(text) | JsonValue::Number(text) => out.push_str(text),
            JsonValue::Bool(true) => out.push_str("true"),
            JsonValue::Bool(false) => out.push_str("false"),
            JsonValue::Array(_) | JsonValue::Null | JsonValue::Object(_) => return None,
        },
        Part::Ecs(name) => match ecs_fact(context, name)? {
            JsonValue::String(text) => out.push_str(text),
            _ => return None,
        },
        Part::File => out.push_str(origin.parts().next_back()?),
        Part::K8s(what, otherwise) => {
            let is_container = pod(origin, Pod::Namespace).is_some();
            let otherwise = || otherwise.as_deref().filter(|_| !is_container);
            out.push_str(pod(origin, *what).or_else(otherwise)?);
        }
        Part::Offset => out.push_str(&origin.offset.to_string()),
        Part::Path if origin.path().is_empty() => return None,
        Part::Path => out.push_str(origin.path()),
        Part::PathPart(place) => out.push_str(origin.parts().nth(place.checked_sub(1)?)?),
        Part::Text(text) => out.push_str(text),
        Part::Unknown => return None,
        Part::Time => {
            if time.0 != context.unix_millis {
                let now = Timestamp::from_millisecond(context.unix_millis).unwrap_or_default();
                *time = (context.unix_millis, now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
            }
            out.push_str(&time.1);
        }
    }
    Some(())
}

impl Origin {
    fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.path().split('/').filter(|part| !part.is_empty())
    }
}

fn fact<'c>(context: &'c Context, name: &str) -> Option<&'c JsonValue> {
    let facts: &Facts = context.facts.as_ref()?;
    let of = |members: &'c [(String, JsonValue)], name: &str| {
        members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    };
    if let Some(value) = of(facts, name) {
        return Some(value);
    }
    let (outer, inner) = name.split_once('.')?;
    match of(facts, outer)? {
        JsonValue::Object(members) => of(members, inner),
        _ => None,
    }
}

fn ecs_fact<'c>(context: &'c Context, name: &str) -> Option<&'c JsonValue> {
    let facts = context.facts.as_ref()?;
    let (_, task) = facts.iter().find(|(key, _)| key == ECS)?;
    let JsonValue::Object(members) = task else { return None };
    members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Reads `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log` and
/// `/var/log/pods/NAMESPACE_POD_UID/CONTAINER/N.log`. No name has an underscore in it.
fn pod(origin: &Origin, what: Pod) -> Option<&str> {
    let mut parts = origin.parts().rev();
    let (file, above, pod) = (parts.next()?, parts.next()?, parts.next());
    if let Some(name) = file.split(".log").next().filter(|_| above == "containers") {
        let (mut names, container) = (name.split('_'), name.rsplit_once('-')?.0);
        let (pod, namespace) = (names.next()?, names.next()?);
        let container = container.rsplit('_').next().filter(|_| names.next().is_some())?;
        return match what {
            Pod::Container => Some(container),
            Pod::Namespace => Some(namespace),
            Pod::Pod => Some(pod),
            Pod::Uid => None,
        };
    }
    let mut names = pod?.split('_');
    let (namespace, pod, uid) = (names.next()?, names.next()?, names.next()?);
    Some(match what {
        Pod::Container => above,
        Pod::Namespace => namespace,
        Pod::Pod => pod,
        Pod::Uid => uid,
    })
}
