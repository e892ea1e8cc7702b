//! `ADDEC2METADATA`: puts what is known about the EC2 instance into a JSON object.
//!
//! The converter only uses what others found out and told the chain. It never waits. As long as
//! nothing is known a record passes as it is and is counted.

use std::sync::Arc;

use super::JsonFormat;
use super::json_reader::{self, NotAnObject};
use super::value::JsonValue;

/// The members that are put into a record, and [`ECS`].
pub type Facts = Arc<Vec<(String, JsonValue)>>;

/// The member of [`Facts`] that is no part of the instance: what is known about the task of ECS.
pub const ECS: &str = "ecs";

/// The member with the tags.
const TAGS: &str = "tags";

/// The converter.
#[derive(Debug)]
pub(super) struct AddEc2Metadata {
    pub(super) format: JsonFormat,
    /// The tags that are put, and what they are called there; all of them if there is no list.
    pub(super) tags: Option<Vec<(String, String)>>,
}

impl AddEc2Metadata {
    /// Appends the converted record. False if nothing is known: then nothing is appended.
    ///
    /// # Errors
    /// The record is not a JSON object.
    pub(super) fn convert(
        &self,
        text: &str,
        facts: Option<&Facts>,
        out: &mut Vec<u8>,
    ) -> Result<bool, NotAnObject> {
        let known = |facts: &&Facts| facts.is_empty() || facts.iter().any(|(key, _)| key != ECS);
        let Some(facts) = facts.filter(known) else { return Ok(false) };
        let mut members = json_reader::object(text)?;
        for (key, value) in facts.iter().filter(|(key, _)| key != ECS) {
            let value = match (&self.tags, value) {
                (Some(chosen), JsonValue::Object(tags)) if key == TAGS => choose(chosen, tags),
                _ => value.clone(),
            };
            JsonValue::put(&mut members, key, value);
        }
        JsonValue::Object(members).write(out, self.format, 0);
        out.push(b'\n');
        Ok(true)
    }
}

/// The tags that are asked for, in that order; a missing one is skipped.
fn choose(chosen: &[(String, String)], tags: &[(String, JsonValue)]) -> JsonValue {
    let mut members = Vec::new();
    for (tag, name) in chosen {
        if let Some((_, value)) = tags.iter().find(|(known, _)| known == tag) {
            JsonValue::put(&mut members, name, value.clone());
        }
    }
    JsonValue::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let text = |text: &str| JsonValue::String(text.to_owned());
        let tags = JsonValue::Object(vec![("name".to_owned(), text("web"))]);
        Arc::new(vec![("region".to_owned(), text("eu-west-1")), ("tags".to_owned(), tags)])
    }

    fn convert(known: Option<&Facts>, format: JsonFormat, input: &str) -> Option<String> {
        let mut out = Vec::new();
        let has_facts =
            AddEc2Metadata { format, tags: None }.convert(input, known, &mut out).unwrap();
        has_facts.then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn section_2_6_facts_go_over_members_and_behind_them() {
        for (input, want) in [
            ("{}\n", r#"{"region":"eu-west-1","tags":{"name":"web"}}"#),
            (
                "{\"region\":1,\"a\": 2.50}\n",
                r#"{"region":"eu-west-1","a":2.5,"tags":{"name":"web"}}"#,
            ),
        ] {
            let got = convert(Some(&facts()), JsonFormat::Compact, input);
            assert_eq!(got, Some(format!("{want}\n")), "{input}");
        }
        assert_eq!(
            convert(Some(&facts()), JsonFormat::Pretty, "{}").unwrap(),
            "{\n  \"region\" : \"eu-west-1\",\n  \"tags\" : {\n    \"name\" : \"web\"\n  }\n}\n"
        );
    }

    #[test]
    fn chosen_tags_are_put_under_their_names_and_a_task_is_no_part_of_it() {
        let text = |text: &str| JsonValue::String(text.to_owned());
        let tags = ["name", "team", "cost"].map(|name| (name.to_owned(), text(name)));
        let task = (ECS.to_owned(), JsonValue::Object(Vec::new()));
        let known = Arc::new(vec![task.clone(), (TAGS.to_owned(), JsonValue::Object(tags.into()))]);
        let chosen = [("team", "owner"), ("name", "name"), ("none", "x")];
        let chosen = chosen.map(|(tag, name)| (tag.to_owned(), name.to_owned()));
        let converter = AddEc2Metadata { format: JsonFormat::Compact, tags: Some(chosen.into()) };
        let mut out = Vec::new();
        assert_eq!(converter.convert("{}\n", Some(&known), &mut out), Ok(true));
        assert_eq!(out, b"{\"tags\":{\"owner\":\"team\",\"name\":\"name\"}}\n");
        let only_task = Arc::new(vec![task]);
        assert_eq!(converter.convert("{}\n", Some(&only_task), &mut out), Ok(false));
    }

    #[test]
    fn section_2_6_without_facts_nothing_is_changed() {
        assert_eq!(convert(None, JsonFormat::Compact, "not even JSON"), None);
    }

    #[test]
    fn section_2_6_a_record_that_is_no_object_is_an_error() {
        let converter = AddEc2Metadata { format: JsonFormat::Compact, tags: None };
        let error = converter.convert("[1]\n", Some(&facts()), &mut Vec::new()).unwrap_err();
        assert_eq!(error, NotAnObject::OtherValue);
    }
}
