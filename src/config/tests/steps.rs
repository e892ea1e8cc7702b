//! The steps that the Java agent does not have: what is taken, and what is said about the rest.

use super::*;
use crate::process::{Chain, Converted, JsonValue};

fn options(items: &str) -> String {
    format!(
        "{{\"flows\": [{{\"filePattern\": \"/tmp/a.log\", \"kinesisStream\": \"s\", \
         \"dataProcessingOptions\": [{items}]}}]}}"
    )
}

/// What the steps make of a record.
fn made(items: &str, record: &str) -> String {
    let config = loaded(&options(items));
    let mut chain = Chain::new(&config.flows[0].converters);
    chain.set_path(1, "/var/log/app/web.log");
    match chain.convert(record.as_bytes()) {
        Converted::Record(record) => String::from_utf8(record.to_vec()).unwrap(),
        other => format!("{other:?}"),
    }
}

/// Steps, a record, and what becomes of it.
const TAKEN: &[(&str, &str, &str)] = &[
    (r#"{"optionName": "PARSEJSON"}"#, "{ \"a\" : 1 }\n", "{ \"a\" : 1 }\n"),
    (
        r#"{"optionName": "PARSEJSON"}, {"optionName": "ADDFIELDS",
                "fields": {"app": "shop", "n": 1.50, "q": "1", "l": [1], "f": "{file}:{{}}"}}"#,
        "{}\n",
        "{\"app\":\"shop\",\"n\":1.5,\"q\":\"1\",\"l\":[1],\"f\":\"web.log:{}\"}\n",
    ),
    (
        r#"{"optionName": "RENAMEFIELDS", "fields": {"a": "b"}},
               {"optionName": "DROPFIELDS", "fields": ["x", "y"]},
               {"optionName": "DROPFIELDS", "fields": "z"}"#,
        "{\"a\":1,\"x\":2,\"y\":3,\"z\":4}\n",
        "{\"b\":1}\n",
    ),
    (r#"{"optionName": "FLATTEN"}"#, "{\"a\":{\"b\":1}}\n", "{\"a_b\":1}\n"),
    (r#"{"optionName": "FLATTEN", "separator": "."}"#, "{\"a\":{\"b\":1}}\n", "{\"a.b\":1}\n"),
    (
        r#"{"optionName": "FILTER", "exclude": "GET /health"}"#,
        "GET /health\n",
        "Skipped { reason: Filtered }",
    ),
    (
        r#"{"optionName": "FILTER", "include": [{"field": "s", "atLeast": 500}, "x"]}"#,
        "{\"s\":499}\n",
        "Skipped { reason: Filtered }",
    ),
    (
        r#"{"optionName": "PARSEREGEX", "pattern": "(?<a>\\d+) (?<b>.*)", "types": "auto"}"#,
        "1 x\n",
        "{\"a\":1,\"b\":\"x\"}\n",
    ),
    (
        r#"{"optionName": "PARSELOGFMT", "types": {"n": "number"}}"#,
        "n=1 m=2\n",
        "{\"n\":1,\"m\":\"2\"}\n",
    ),
    (
        r#"{"optionName": "PARSECSV", "names": ["a", "b"], "separator": ";"}"#,
        "\"x;y\";2\n",
        "{\"a\":\"x;y\",\"b\":\"2\"}\n",
    ),
    (
        r#"{"optionName": "PARSELOG", "format": "syslog"}"#,
        "Nov 29 14:00:00 h p[7]: m\n",
        "{\"time\":\"Nov 29 14:00:00\",\"host\":\"h\",\"program\":\"p\",\"pid\":7,\
             \"message\":\"m\"}\n",
    ),
    (r#"{"optionName": "PARSECRI"}"#, "2026-11-29T14:00:00.1Z stdout F hello\n", "hello\n"),
    (
        r#"{"optionName": "PARSEDOCKER", "fields": true}"#,
        "{\"log\":\"hi\\n\",\"stream\":\"stdout\",\"time\":\"t\"}\n",
        "{\"time\":\"t\",\"stream\":\"stdout\",\"message\":\"hi\"}\n",
    ),
    (
        r#"{"optionName": "TIMESTAMP", "field": "t", "format": "unixSeconds", "to": "at",
                "zone": "+02:00", "precision": "seconds"}"#,
        "{\"t\":0}\n",
        "{\"at\":\"1970-01-01T00:00:00Z\"}\n",
    ),
    // An hour that a zone does not have is the one after it, and of two that it has the first.
    (
        r#"{"optionName": "TIMESTAMP", "field": "t", "zone": "Europe/Berlin"}"#,
        "{\"t\":\"2026-03-29 02:30:00\"}\n",
        "{\"t\":\"2026-03-29T01:30:00.000Z\"}\n",
    ),
    (
        r#"{"optionName": "TIMESTAMP", "field": "t", "zone": "Europe/Berlin"}"#,
        "{\"t\":\"2026-10-25 02:30:00\"}\n",
        "{\"t\":\"2026-10-25T00:30:00.000Z\"}\n",
    ),
    (
        r#"{"optionName": "TIMESTAMP", "field": "t", "zone": "America/New_York",
                "format": ["%b %e %T", "%d.%m.%y %H:%M"]}"#,
        "{\"t\":\"01.07.26 10:00\"}\n",
        "{\"t\":\"2026-07-01T14:00:00.000Z\"}\n",
    ),
    (
        r#"{"optionName": "TIMESTAMP", "field": "t", "zone": "UTC", "format": "%s"}"#,
        "{\"t\":\"1\"}\n",
        "{\"t\":\"1970-01-01T00:00:01.000Z\"}\n",
    ),
    (
        r#"{"optionName": "REDACT", "kinds": ["email"], "with": "mask", "keepLast": 4}"#,
        "mail a@example.com\n",
        "mail *********.com\n",
    ),
    (
        concat!(
            r#"{"optionName": "SAMPLE", "rate": 1, "key": "a", "keep": {"field": "#,
            r#""b", "exists": true}}"#,
        ),
        "{}\n",
        "{}\n",
    ),
    (
        r#"{"optionName": "PARSEJSON", "onUnparsable": "skip"}"#,
        "x\n",
        "Skipped { reason: Unparsable }",
    ),
    // Alongside the Java agent's converters.
    (
        r#"{"optionName": "CSVTOJSON", "customFieldNames": ["a", "b"]},
               {"optionName": "DROPFIELDS", "fields": ["b"]},
               {"optionName": "ADDBRACKETS"}"#,
        "1,2\n",
        "{{\"a\":\"1\"}\n}",
    ),
];

#[test]
fn steps_are_taken_and_do_their_work() {
    for (items, record, want) in TAKEN {
        assert_eq!(made(items, record), *want, "{items}");
    }
}

/// Steps that are wrong, and what has to be said about them.
const WRONG: &[(&str, Kind, &str)] = &[
    (r#"{"optionName": "PARSEJSN"}"#, Kind::Invalid, "PARSEJSN"),
    (
        r#"{"optionName": "PARSEJSON", "onUnparsable": "deadLetter"}"#,
        Kind::Missing,
        "'onUnparsable: deadLetter' requires 'deadLetterDirectory'",
    ),
    (r#"{"optionName": "PARSEJSON", "onUnparsable": "drop"}"#, Kind::Invalid, "onUnparsable"),
    (r#"{"optionName": "PARSEREGEX"}"#, Kind::Missing, "'pattern'"),
    (r#"{"optionName": "PARSEREGEX", "pattern": "("}"#, Kind::Invalid, "'pattern'"),
    (r#"{"optionName": "PARSEREGEX", "pattern": "(a)"}"#, Kind::Missing, "no named group"),
    (r#"{"optionName": "PARSECSV"}"#, Kind::Missing, "'names'"),
    (r#"{"optionName": "PARSECSV", "names": ["a", "a"]}"#, Kind::Duplicate, "duplicate item"),
    (
        r#"{"optionName": "PARSECSV", "names": ["a"], "separator": ",,"}"#,
        Kind::Invalid,
        "one ASCII",
    ),
    (
        r#"{"optionName": "REDACT", "kinds": "ip"},
            {"optionName": "PARSECSV", "header": true, "newlines": true}"#,
        Kind::Conflict,
        "'newlines'",
    ),
    (
        r#"{"optionName": "PARSECSV", "header": true, "newlines": true, "field": "a"}"#,
        Kind::Conflict,
        "'newlines'",
    ),
    (r#"{"optionName": "PARSELOG"}"#, Kind::Missing, "'format'"),
    (r#"{"optionName": "PARSELOG", "format": "nginxx"}"#, Kind::Invalid, "nginxx"),
    (r#"{"optionName": "PARSEJSON"}, {"optionName": "PARSECRI"}"#, Kind::Conflict, "first step"),
    (r#"{"optionName": "ADDFIELDS"}"#, Kind::Missing, "'fields'"),
    (r#"{"optionName": "ADDFIELDS", "fields": ["a"]}"#, Kind::WrongType, "a map"),
    (r#"{"optionName": "ADDFIELDS", "fields": {"a": "{hots}"}}"#, Kind::Invalid, "{hots}"),
    (r#"{"optionName": "ADDFIELDS", "fields": {"a": "{host"}}"#, Kind::Invalid, "not closed"),
    (r#"{"optionName": "ADDFIELDS", "fields": {"a": "{path.0}"}}"#, Kind::Invalid, "{path.0}"),
    (r#"{"optionName": "ADDFIELDS", "fields": {"a": "{ecs.task}"}}"#, Kind::Invalid, "{ecs.task}"),
    (
        r#"{"optionName": "ADDFIELDS", "fields": {"a": "{ec2.instnceId}"}}"#,
        Kind::Invalid,
        "{ec2.instnceId}",
    ),
    (r#"{"optionName": "ADDFIELDS", "fields": {"a": "{ec2.tags.}"}}"#, Kind::Invalid, "tags."),
    (
        r#"{"optionName": "ADDFIELDS", "fields": {"a": "{env.AWS_SECRET_ACCESS_KEY}"}}"#,
        Kind::Invalid,
        "secret",
    ),
    (r#"{"optionName": "DROPFIELDS"}"#, Kind::Missing, "'fields'"),
    (r#"{"optionName": "FLATTEN", "separator": []}"#, Kind::WrongType, "'separator'"),
    (r#"{"optionName": "FILTER"}"#, Kind::Missing, "'include'"),
    (r#"{"optionName": "FILTER", "include": "("}"#, Kind::Invalid, "'include'"),
    (r#"{"optionName": "FILTER", "include": []}"#, Kind::Invalid, "empty list"),
    (r#"{"optionName": "FILTER", "include": "a", "exclude": []}"#, Kind::Invalid, "empty list"),
    (r#"{"optionName": "FILTER", "include": {"field": "a"}}"#, Kind::Missing, "empty condition"),
    (r#"{"optionName": "FILTER", "include": {"equals": "a"}}"#, Kind::Missing, "no 'field'"),
    (
        r#"{"optionName": "FILTER", "include": {"field": "a", "above": "x"}}"#,
        Kind::WrongType,
        "'above'",
    ),
    (
        r#"{"optionName": "FILTER", "include": {"field": "a", "severityAtLeast": "loud"}}"#,
        Kind::WrongType,
        "severity",
    ),
    (r#"{"optionName": "SAMPLE"}"#, Kind::Missing, "'rate'"),
    (r#"{"optionName": "SAMPLE", "rate": 2}"#, Kind::WrongType, "'rate'"),
    (r#"{"optionName": "REDACT"}"#, Kind::Missing, "'kinds'"),
    (r#"{"optionName": "REDACT", "kinds": ["iban"]}"#, Kind::Invalid, "unknown kind"),
    (r#"{"optionName": "REDACT", "kinds": []}"#, Kind::Invalid, "lists are empty"),
    (r#"{"optionName": "REDACT", "kinds": "ip", "with": "hash"}"#, Kind::Missing, "hashKey"),
    (r#"{"optionName": "REDACT", "patterns": ["["]}"#, Kind::Invalid, "'patterns'"),
    (r#"{"optionName": "TIMESTAMP"}"#, Kind::Missing, "'field'"),
    (r#"{"optionName": "TIMESTAMP", "field": "t", "format": "iso"}"#, Kind::Invalid, "'format'"),
    (r#"{"optionName": "TIMESTAMP", "field": "t", "zone": "Mars/X"}"#, Kind::Invalid, "'zone'"),
    (r#"{"optionName": "TIMESTAMP", "field": "t", "format": "%T"}"#, Kind::Invalid, "no date"),
    (r#"{"optionName": "TIMESTAMP", "field": "t", "format": "%F %T %Z"}"#, Kind::Invalid, "%Z"),
    (
        r#"{"optionName": "TIMESTAMP", "field": "t", "format": ["rfc3339", "%F %?"]}"#,
        Kind::Invalid,
        "strptime does not know",
    ),
];

#[test]
fn what_is_wrong_is_said() {
    for (items, kind, part) in WRONG {
        let (found, message, help) = error(&options(items));
        assert_eq!(found, *kind, "{items}: {message}");
        assert!(message.contains(part), "{items}: {message}");
        assert!(!help.is_empty(), "{items}");
    }
}

#[test]
fn a_misspelt_key_of_a_step_is_a_warning_and_a_hash_key_is_not_shown() {
    let (kind, message, help) =
        warning(&options(r#"{"optionName": "PARSEJSON", "onUnparseable": "skip"}"#));
    assert_eq!((kind, message.as_str()), (Kind::Unknown, "unknown key \"onUnparseable\""));
    assert_eq!(help, "did you mean \"onUnparsable\"?");
    let key = "0123456789-the-key";
    let items = format!(
        "{{\"optionName\": \"REDACT\", \"kinds\": \"ip\", \"with\": \"hash\", \
         \"hashKey\": \"{key}\", \
         \"keepLast\": 1}}"
    );
    let shown = format!("{:?} {:?}", loaded_with_warnings(&items), warnings(&options(&items)));
    assert!(!shown.contains(key), "{shown}");
}

#[test]
fn a_converter_that_cannot_choose_says_which_can() {
    for item in [
        r#"{"optionName": "LOGTOJSON", "logFormat": "SYSLOG", "onUnparsable": "deadLetter"}"#,
        r#"{"optionName": "SAMPLE", "rate": 0.5, "onUnparsable": "skip"}"#,
    ] {
        let (kind, message, help) = warning(&options(item));
        assert_eq!((kind, message.as_str()), (Kind::NoEffect, "'onUnparsable' is ignored"));
        assert!(help.contains("PARSELOG and PARSEREGEX have it"), "{help}");
    }
}

fn loaded_with_warnings(items: &str) -> Config {
    try_load(&options(items)).unwrap().0
}

#[test]
fn a_pod_is_what_the_downward_api_says_where_the_path_does_not() {
    let variables = [("POD_NAMESPACE", "shop"), ("POD_NAME", "web-1"), ("NODE_NAME", "n1")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let variables = variables.into_iter().collect();
    let environment = Environment { variables, ..Environment::default() };
    let items = r#"{"optionName": "ADDFIELDS", "fields":
        {"p": "{k8s.namespace}/{k8s.pod}", "u": "{k8s.uid}", "n": "{k8s.node}"}}"#;
    let (config, warnings) = load(&options(items), Path::new("a.json"), &environment).unwrap();
    assert_eq!(warnings, []);
    let mut chain = Chain::new(&config.flows[0].converters);
    chain.set_path(1, "/var/log/app/web.log");
    let want = b"{\"p\":\"shop/web-1\",\"n\":\"n1\"}\n";
    assert_eq!(chain.convert(b"{}\n"), Converted::Record(want));
    let (kind, message, _) =
        warning(&options(r#"{"optionName": "ADDFIELDS", "fields": {"n": "{k8s.node}"}}"#));
    assert_eq!((kind, message.contains("NODE_NAME")), (Kind::Missing, true), "{message}");
}

#[test]
fn tags_of_an_instance_are_found_however_they_are_written() {
    let config = loaded(&options(
        r#"{"optionName": "ADDFIELDS", "fields": {"team": "{ec2.tags.Team}"}},
           {"optionName": "ADDEC2METADATA", "tags": {"Cost-Center": "cost", "Team": "team"}}"#,
    ));
    let mut chain = Chain::new(&config.flows[0].converters);
    let text = |text: &str| JsonValue::String(text.to_owned());
    let tags = [("team", "web"), ("cost-center", "7"), ("name", "x")];
    let tags = tags.map(|(name, value)| (name.to_owned(), text(value)));
    let facts = vec![("tags".to_owned(), JsonValue::Object(tags.into()))];
    chain.set_facts(Some(std::sync::Arc::new(facts)));
    let want = b"{\"team\":\"web\",\"tags\":{\"cost\":\"7\",\"team\":\"web\"}}\n";
    assert_eq!(chain.convert(b"{}\n"), Converted::Record(want));
}

#[test]
fn the_environment_and_the_host_are_filled_in_at_the_start() {
    let variables = [("STAGE".to_owned(), "prod".to_owned())].into_iter().collect();
    let environment =
        Environment { host: Some("web-1".to_owned()), variables, ..Environment::default() };
    let items = r#"{"optionName": "ADDFIELDS",
        "fields": {"at": "{host}/{env.STAGE}", "none": "{env.NOT_THERE}"}}"#;
    let (config, warnings) = load(&options(items), Path::new("a.json"), &environment).unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].message, "environment variable NOT_THERE is not set");
    let mut chain = Chain::new(&config.flows[0].converters);
    assert_eq!(chain.convert(b"{}\n"), Converted::Record(b"{\"at\":\"web-1/prod\"}\n"));
    assert_eq!(format!("{environment:?}").find("prod"), None);
}
