//! `ADDEC2METADATA`: puts what is known about the EC2 instance into a JSON object.
//!
//! The converter only uses what others found out: it shares a [`MachineFacts`] with the task that
//! asks the instance metadata service and EC2 now and then. It never waits. As long as nothing is
//! known a record passes as it is and is counted.
#![expect(clippy::disallowed_types, reason = "facts are shared with the task that finds them out")]

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::JsonFormat;
use super::json_reader::{self, NotAnObject};
use super::value::JsonValue;

/// The members that are put into a record.
pub type Facts = Arc<Vec<(String, JsonValue)>>;

/// What is known about the machine, shared by who finds out and who uses it.
#[derive(Debug, Clone, Default)]
pub struct MachineFacts(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    facts: Option<Facts>,
    /// Somebody tried to find out, with whatever result.
    tried: bool,
}

impl MachineFacts {
    /// What is known.
    #[must_use]
    pub fn known(&self) -> Option<Facts> {
        self.lock().facts.clone()
    }

    /// Takes what was found out; `None` leaves what was known before.
    pub fn tell(&self, facts: Option<Facts>) {
        let mut state = self.lock();
        state.tried = true;
        if facts.is_some() {
            state.facts = facts;
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// Waits for the first attempt to end, so that the first record has its metadata; at most
    /// this long. Not for the data path.
    pub fn wait_for_first_attempt(&self, longest: Duration) {
        let state = self.lock();
        let waited = self.0.changed.wait_timeout_while(state, longest, |state| !state.tried);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A state is written whole or not at all.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The converter.
#[derive(Debug)]
pub(super) struct AddEc2Metadata {
    facts: MachineFacts,
    format: JsonFormat,
}

impl AddEc2Metadata {
    pub(super) fn new(facts: &MachineFacts, format: JsonFormat) -> Self {
        Self { facts: facts.clone(), format }
    }

    /// Appends the converted record. False if nothing is known: then nothing is appended.
    ///
    /// # Errors
    /// The record is not a JSON object.
    pub(super) fn convert(&self, text: &str, out: &mut Vec<u8>) -> Result<bool, NotAnObject> {
        let Some(facts) = self.facts.known() else { return Ok(false) };
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

    fn convert(known: Option<Facts>, format: JsonFormat, input: &str) -> Option<String> {
        let shared = MachineFacts::default();
        shared.tell(known);
        let mut out = Vec::new();
        let converter = AddEc2Metadata::new(&shared, format);
        let has_facts = converter.convert(input, &mut out).unwrap();
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
            let got = convert(Some(facts()), JsonFormat::Compact, input);
            assert_eq!(got, Some(format!("{want}\n")), "{input}");
        }
        assert_eq!(
            convert(Some(facts()), JsonFormat::Pretty, "{}").unwrap(),
            "{\n  \"region\" : \"eu-west-1\",\n  \"tags\" : {\n    \"name\" : \"web\"\n  }\n}\n"
        );
    }

    #[test]
    fn section_2_6_without_facts_nothing_is_changed() {
        assert_eq!(convert(None, JsonFormat::Compact, "not even JSON"), None);
    }

    #[test]
    fn section_2_6_a_record_that_is_no_object_is_an_error() {
        let shared = MachineFacts::default();
        shared.tell(Some(facts()));
        let converter = AddEc2Metadata::new(&shared, JsonFormat::Compact);
        let error = converter.convert("[1]\n", &mut Vec::new()).unwrap_err();
        assert_eq!(error, NotAnObject::OtherValue);
    }

    #[test]
    fn an_attempt_that_failed_leaves_what_was_known() {
        let shared = MachineFacts::default();
        shared.wait_for_first_attempt(Duration::ZERO);
        shared.tell(Some(facts()));
        shared.tell(None);
        shared.wait_for_first_attempt(Duration::from_hours(1));
        assert_eq!(shared.known(), Some(facts()));
    }
}
