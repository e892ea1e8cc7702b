//! `ADDEC2METADATA`: puts what is known about the EC2 instance into a JSON object.
//!
//! The converter only uses what others found out and told the chain. It never waits. As long as
//! nothing is known a record passes as it is and is counted.

use std::sync::Arc;

use super::JsonFormat;
use super::json_reader::{self, NotAnObject};
use super::value::JsonValue;

/// The members that are put into a record.
pub type Facts = Arc<Vec<(String, JsonValue)>>;

/// The converter.
#[derive(Debug)]
pub(super) struct AddEc2Metadata {
    pub(super) format: JsonFormat,
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
        let Some(facts) = facts else { return Ok(false) };
        let mut members = json_reader::object(text)?;
        for (key, value) in facts.iter() {
            JsonValue::put(&mut members, key, value.clone());
        }
        JsonValue::Object(members).write(out, self.format, 0);
        out.push(b'\n');
        Ok(true)
    }
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
        let has_facts = AddEc2Metadata { format }.convert(input, known, &mut out).unwrap();
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
    fn section_2_6_without_facts_nothing_is_changed() {
        assert_eq!(convert(None, JsonFormat::Compact, "not even JSON"), None);
    }

    #[test]
    fn section_2_6_a_record_that_is_no_object_is_an_error() {
        let converter = AddEc2Metadata { format: JsonFormat::Compact };
        let error = converter.convert("[1]\n", Some(&facts()), &mut Vec::new()).unwrap_err();
        assert_eq!(error, NotAnObject::OtherValue);
    }
}
