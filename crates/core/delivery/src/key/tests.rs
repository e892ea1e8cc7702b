//! What templates make of records, and what is said of those that cannot be used.

use kinetail_base::identity::FileKey;
use kinetail_records::{Pattern, compile_search_pattern};
use proptest::prelude::*;
use std::sync::Arc;

use super::template::{KeyTemplate, MissingKey, Surroundings, TemplateError};
use super::{KeyCounts, KeyMaker};
use crate::PartitionKey;

fn variable(name: &str) -> Option<String> {
    match name {
        "REGION" => Some("eu-west-1".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn parse(text: &str, pattern: Option<&str>) -> Result<KeyTemplate, TemplateError> {
    let pattern: Option<Pattern> = pattern.map(|text| compile_search_pattern(text).unwrap());
    let surroundings = Surroundings { host: Some("web-1"), variable: &variable };
    let missing = MissingKey::Constant("none".to_owned());
    KeyTemplate::parse(text, pattern.as_ref(), missing, surroundings)
}

fn maker(text: &str, pattern: Option<&str>) -> KeyMaker {
    let template = parse(text, pattern).unwrap();
    let mut maker = KeyMaker::new(&PartitionKey::Template(Arc::new(template)), 1);
    maker.set_log(FileKey(1), "/var/log/app.log");
    maker
}

fn make(maker: &mut KeyMaker, record: &str) -> String {
    let key = maker.make(record.as_bytes()).as_str().to_owned();
    maker.count();
    key
}

#[test]
fn places_are_filled() {
    let record = "{\"user\":{\"id\":42},\"level\":\"WARN\"}\n";
    for (text, want) in [
        ("fixed", "fixed"),
        ("{record.user.id}", "42"),
        ("{record.level}-{record.user.id}", "WARN-42"),
        ("{file}", "app.log"),
        ("{path}", "/var/log/app.log"),
        ("{host}/{env.REGION}", "web-1/eu-west-1"),
        ("{{{record.level}}}", "{WARN}"),
        ("a{{b}}c", "a{b}c"),
        ("é{host}", "éweb-1"),
    ] {
        assert_eq!(make(&mut maker(text, None), record), want, "{text}");
    }
}

#[test]
fn groups_are_those_of_the_first_match_anywhere_in_the_record() {
    let pattern = Some(r"user=(\w+)(?: id=(\d+))?");
    let record = "2026 user=ann id=7 user=bob\n";
    for (text, want) in [("{match.1}", "ann"), ("{match.2}-{match.1}", "7-ann")] {
        assert_eq!(make(&mut maker(text, pattern), record), want);
    }
    assert_eq!(make(&mut maker("{match.0}", pattern), record), "user=ann id=7");
    let mut two = maker("{match.2}", pattern);
    assert_eq!(make(&mut two, "user=ann\n"), "none", "a group that took no part");
    assert_eq!(make(&mut two, "plain\n"), "none");
    assert_eq!(two.take_counts(), KeyCounts { missing: 2, too_long: 0 });
    // Look-behind needs the other engine.
    assert_eq!(
        make(&mut maker("{match.0}", Some(r"(?<=ip )\S+")), "an ip 10.0.0.1 ok"),
        "10.0.0.1"
    );
}

#[test]
fn a_key_that_cannot_be_made_is_replaced_and_counted_once_for_each_record() {
    let mut keys = maker("x-{record.user}", None);
    for record in ["{\"user\":null}", "{\"user\":{}}", "{\"other\":1}", "no json"] {
        assert_eq!(make(&mut keys, record), "none", "{record}");
    }
    assert_eq!(make(&mut keys, "{\"user\":\"ann\"}"), "x-ann");
    keys.make(b"not taken, so not counted");
    assert_eq!(keys.take_counts(), KeyCounts { missing: 4, too_long: 0 });
    assert_eq!(make(&mut maker("{record.a}", None), "{\"a\":\"\"}"), "none", "nothing is no key");

    let surroundings = Surroundings { host: None, variable: &variable };
    let random = KeyTemplate::parse("{record.a}", None, MissingKey::Random, surroundings).unwrap();
    let mut random = KeyMaker::new(&PartitionKey::Template(Arc::new(random)), 1);
    let (first, second) = (make(&mut random, "{}"), make(&mut random, "{}"));
    assert!(first != second && first.len() == 8);
}

#[test]
fn a_key_ends_behind_256_characters_whatever_their_bytes() {
    let mut keys = maker("{record.a}", None);
    for char in ["x", "é", "😀"] {
        let record = |count: usize| format!("{{\"a\":\"{}\"}}", char.repeat(count));
        assert_eq!(make(&mut keys, &record(256)), char.repeat(256));
        assert_eq!(keys.take_counts(), KeyCounts::default());
        assert_eq!(make(&mut keys, &record(257)), char.repeat(256));
        assert_eq!(keys.take_counts(), KeyCounts { missing: 0, too_long: 1 });
        assert!(keys.bytes_max() >= 256 * char.len());
    }
}

#[test]
fn the_log_is_asked_for_once_a_file_and_only_if_it_matters() {
    let mut keys = maker("{file}", None);
    assert!(keys.knows_log(FileKey(1)) && !keys.knows_log(FileKey(2)));
    keys.set_log(FileKey(2), "other.log");
    assert!(keys.knows_log(FileKey(2)));
    assert_eq!(make(&mut keys, ""), "other.log");
    assert!(keys.knows_log(FileKey(1)));
    assert_eq!(make(&mut keys, ""), "app.log");
    assert!(maker("{host}", None).knows_log(FileKey(2)));
}

#[test]
fn every_mistake_is_told() {
    let none = |text: &str| parse(text, None).unwrap_err();
    assert_eq!(none(""), TemplateError::Empty);
    assert_eq!(none("a}b"), TemplateError::Brace { brace: '}' });
    assert_eq!(none("a{b"), TemplateError::Brace { brace: '{' });
    assert_eq!(none("{match.1}"), TemplateError::NoPattern { group: 1 });
    assert_eq!(none("{env.NOT_SET}"), TemplateError::Variable { name: "NOT_SET".to_owned() });
    assert_eq!(none("{env.EMPTY}"), TemplateError::Variable { name: "EMPTY".to_owned() });
    for name in ["user", "file.x", "record", "record.", "match", "match.x", "match.+1", "env.", ""]
    {
        let text = format!("{{{name}}}");
        assert_eq!(none(&text), TemplateError::Unknown { name: name.to_owned() });
    }
    let groups = parse("{match.2}", Some("(a)")).unwrap_err();
    assert_eq!(groups, TemplateError::Group { group: 2, groups: 1 });
    let nowhere = Surroundings { host: None, variable: &|_| None };
    let host = KeyTemplate::parse("{host}", None, MissingKey::Random, nowhere).unwrap_err();
    assert_eq!(host, TemplateError::Host);
    for error in [none(""), none("{x}"), none("{match.1}"), groups, host] {
        assert!(!error.to_string().ends_with('.'), "{error}");
    }
}

proptest! {
    /// For all texts: with its braces written twice it is a template that makes that text.
    #[test]
    fn any_text_can_be_written(text in "[a-c{}é ]{1,12}") {
        let escaped = text.replace('{', "{{").replace('}', "}}");
        prop_assert_eq!(make(&mut maker(&escaped, None), "{}"), text);
    }

    /// For all records and templates: the key has 1 to 256 characters, and is the same again.
    #[test]
    fn every_record_gets_a_legal_key(
        record in prop::collection::vec(any::<u8>(), 0..200),
        field in ".{0,300}",
        text in prop::sample::select(vec![
            "{record.a}", "{match.1}{record.a}", "{record.a}{record.a}", "{match.0}", "x{record.b}",
        ]),
    ) {
        let json = serde_json::json!({ "a": field }).to_string();
        for record in [record.as_slice(), json.as_bytes()] {
            let mut keys = maker(text, Some(r"(\w+)"));
            let first = keys.make(record).as_str().to_owned();
            prop_assert!((1..=256).contains(&first.chars().count()));
            prop_assert!(first.len() <= keys.bytes_max());
            let again = keys.make(record).as_str().to_owned();
            prop_assert_eq!(again, first);
        }
    }
}
