//! `partitionKey`, and what belongs to it.

use super::super::PartitionKey;
use super::*;
use crate::batch::key::KeyMaker;

fn key_of(text: &str, record: &str) -> String {
    let mut maker = KeyMaker::new(&flow(text).partition_key, 1);
    maker.make(record.as_bytes()).as_str().to_owned()
}

#[test]
fn a_template_makes_keys() {
    let user = kinesis(r#""partitionKey": "u-{record.user}""#);
    assert_eq!(key_of(&user, r#"{"user": 7}"#), "u-7");
    let random = key_of(&user, "no json");
    assert_eq!((random.len(), random.starts_with("u-")), (8, false), "random where it is missing");
    let constant = kinesis(
        r#""partitionKey": "{record.user}", "partitionKeyMissing": "constant",
           "partitionKeyMissingValue": "fallback""#,
    );
    assert_eq!(key_of(&constant, "no json"), "fallback");
    let constant = kinesis(r#""partitionKey": "{record.u}", "partitionKeyMissing": "constant""#);
    assert_eq!(key_of(&constant, "no json"), "missing");
    let group = kinesis(r#""partitionKey": "{match.1}", "partitionKeyPattern": "user=(\\w+)""#);
    assert_eq!(key_of(&group, "x user=ann y"), "ann");
}

#[test]
fn the_host_and_variables_are_those_of_the_environment_that_is_passed_in() {
    let variables = [("STAGE", "prod"), ("API_TOKEN", "hunter2")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let environment = Environment {
        host: Some("web-1".to_owned()),
        variables: variables.into_iter().collect(),
        ..Environment::default()
    };
    let made = |entries: &str| load(&kinesis(entries), Path::new("a.json"), &environment);
    let (config, _) = made(r#""partitionKey": "{host}/{env.STAGE}""#).unwrap();
    let mut maker = KeyMaker::new(&config.flows[0].partition_key, 1);
    assert_eq!(maker.make(b"").as_str(), "web-1/prod");
    let report = made(r#""partitionKey": "{env.API_TOKEN}""#).unwrap_err().to_string();
    assert!(report.contains("{env.API_TOKEN} would put a secret into partition keys"), "{report}");
    assert!(!report.contains("hunter2"), "{report}");
    let report = made(r#""partitionKey": "{env.PATH}""#).unwrap_err().to_string();
    assert!(report.contains("PATH is not set"), "nothing else is looked at: {report}");
}

#[test]
fn a_template_and_an_option_are_one_too_many() {
    let (kind, message, help) =
        error(&kinesis(r#""partitionKey": "x", "partitionKeyOption": "RANDOM""#));
    assert_eq!(kind, Kind::Conflict);
    assert_eq!(message, "'partitionKey' and 'partitionKeyOption' are mutually exclusive");
    assert!(help.starts_with("remove one"));
    let null = kinesis(r#""partitionKey": "x", "partitionKeyOption": null"#);
    assert!(matches!(flow(&null).partition_key, PartitionKey::Template(_)));
}

#[test]
fn what_is_no_template_is_an_error() {
    for (entries, part) in [
        (r#""partitionKey": """#, "empty"),
        (r#""partitionKey": "{""#, "unpaired '{'"),
        (r#""partitionKey": "a}""#, "unpaired '}'"),
        (r#""partitionKey": "{user}""#, "unknown placeholder {user}"),
        (r#""partitionKey": "{match.1}""#, "{match.1} needs a partitionKeyPattern"),
        (
            r#""partitionKey": "{match.2}", "partitionKeyPattern": "(a)""#,
            "partitionKeyPattern has no group 2; its groups are 0 to 1",
        ),
        (
            r#""partitionKey": "{env.KINETAIL_NOT_SET}""#,
            "environment variable KINETAIL_NOT_SET is not set",
        ),
        (
            r#""partitionKey": "{match.1}", "partitionKeyPattern": "(""#,
            "is not a valid regular expression",
        ),
        (
            r#""partitionKey": "x", "partitionKeyMissing": "constant",
               "partitionKeyMissingValue": """#,
            "invalid partition key",
        ),
        (
            r#""partitionKey": "x", "partitionKeyMissing": "drop""#,
            "expected one of random, constant",
        ),
    ] {
        let (_, message, _) = error(&kinesis(entries));
        assert!(message.contains(part), "{entries}: {message}");
    }
}

#[test]
fn keys_that_do_nothing_are_told() {
    for (text, name, when) in [
        (firehose(r#""partitionKey": "x""#), "partitionKey", "in a Firehose flow"),
        (kinesis(r#""partitionKeyPattern": "x""#), "partitionKeyPattern", "without 'partitionKey'"),
        (
            kinesis(r#""partitionKeyMissing": "random""#),
            "partitionKeyMissing",
            "without 'partitionKey'",
        ),
        (
            kinesis(r#""partitionKey": "x", "partitionKeyPattern": "y""#),
            "partitionKeyPattern",
            "without {match.N} in 'partitionKey'",
        ),
        (
            kinesis(r#""partitionKey": "x", "partitionKeyMissingValue": "y""#),
            "partitionKeyMissingValue",
            "unless 'partitionKeyMissing' is constant",
        ),
    ] {
        let (kind, message, _) = warning(&text);
        assert_eq!((kind, message), (Kind::NoEffect, format!("'{name}' is ignored {when}")));
    }
}
