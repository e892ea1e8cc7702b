//! `dataProcessingOptions`: what is taken, and every way to get it wrong.

use super::*;
use crate::process::{ConverterConfig, CsvDelimiter, JsonFormat, JsonValue, LogFormat};

fn options(items: &str) -> String {
    kinesis(&format!("\"dataProcessingOptions\": {items}"))
}

fn chain(items: &str) -> Vec<ConverterConfig> {
    flow(&options(items)).converters
}

#[test]
fn a_chain_keeps_its_order_and_its_options() {
    let chain = chain(
        r#"[
            {"optionName": "SINGLELINE", "parseOptions": ["NO_TRIM", "ESCAPE_NEW_LINE"]},
            {"optionName": "CSVTOJSON", "customFieldNames": ["a", 2], "delimiter": "\\t"},
            {"optionName": "LOGTOJSON", "logFormat": "SYSLOG", "jsonFormat": "PRETTYPRINT"}
        ]"#,
    );
    let [
        ConverterConfig::SingleLine { trim: false, escape_new_line: true },
        ConverterConfig::CsvToJson { field_names, delimiter, format: JsonFormat::Compact },
        ConverterConfig::LogToJson {
            null_name: false,
            log_format: LogFormat::Syslog,
            pattern: None,
            field_names: None,
            format: JsonFormat::Pretty,
        },
    ] = chain.as_slice()
    else {
        panic!("{chain:?}");
    };
    assert_eq!(field_names, &["a", "2"]);
    assert!(!matches!(delimiter, CsvDelimiter::Literal(bytes) if bytes == b","));
}

#[test]
fn defaults_are_those_of_the_java_agent() {
    let chain = chain(
        r#"[{"optionName": "SINGLELINE"}, {"optionName": "CSVTOJSON", "customFieldNames": ["a"]}]"#,
    );
    let [
        ConverterConfig::SingleLine { trim: true, escape_new_line: false },
        ConverterConfig::CsvToJson { delimiter: CsvDelimiter::Literal(comma), .. },
    ] = chain.as_slice()
    else {
        panic!("{chain:?}");
    };
    assert_eq!(comma, b",");
    assert!(flow(&options("[]")).converters.is_empty());
    assert!(flow(&options("null")).converters.is_empty());
}

#[test]
fn a_match_pattern_has_one_group_for_each_name() {
    let item = |pattern: &str, names: &str| {
        format!(
            "[{{\"optionName\": \"LOGTOJSON\", \"logFormat\": \"COMMONAPACHELOG\", {pattern} \
             \"customFieldNames\": {names}}}]"
        )
    };
    let pattern = "\"matchPattern\": \"(\\\\S+) (\\\\S+)\",";
    let chain = chain(&item(pattern, "[\"a\", \"b\"]"));
    let [ConverterConfig::LogToJson { pattern: Some(regex), field_names: Some(names), .. }] =
        chain.as_slice()
    else {
        panic!("{chain:?}");
    };
    assert_eq!((regex.matches("x y"), regex.matches("x y z")), (Ok(true), Ok(false)));
    assert_eq!(names, &["a", "b"]);
    let (kind, message, _) = warning(&options(&item(pattern, "[\"a\"]")));
    assert_eq!(kind, Kind::Conflict);
    assert_eq!(message, "matchPattern has 2 groups, but customFieldNames has 1 names");
    let (kind, message, help) = error(&options(&item("", "[\"a\"]")));
    assert_eq!(kind, Kind::Conflict);
    assert_eq!(
        message,
        "Invalid custom field names for the selected log format. Please modify the field names or \
         specify the matchPattern"
    );
    assert_eq!(help, "the format has 7 fields, customFieldNames has 1 names");
}

#[test]
fn renamed_fields_have_to_be_as_many_as_the_format_has() {
    for (format, fields) in [
        ("COMMONAPACHELOG", 7),
        ("COMBINEDAPACHELOG", 9),
        ("APACHEERRORLOG", 7),
        ("SYSLOG", 5),
        ("RFC3339SYSLOG", 5),
    ] {
        let item = |count: usize| {
            let names: Vec<String> = (0..count).map(|number| format!("\"n{number}\"")).collect();
            let names = names.join(",");
            options(&format!(
                "[{{\"optionName\": \"LOGTOJSON\", \"logFormat\": \"{format}\", \
                 \"customFieldNames\": [{names}]}}]"
            ))
        };
        loaded(&item(fields));
        assert_eq!(error(&item(fields + 1)).0, Kind::Conflict, "{format}");
    }
}

/// As [`options`], in YAML, where less has to be quoted.
fn yaml_error(items: &str) -> (Kind, String) {
    let flow = format!("filePattern: /a/b, kinesisStream: s, dataProcessingOptions: {items}");
    let (kind, message, _) = error(&format!("flows: [{{{flow}}}]"));
    (kind, message)
}

#[test]
fn a_chain_of_the_wrong_shape_says_so() {
    for (items, kind, message) in [
        (
            "{optionName: SINGLELINE}",
            Kind::WrongType,
            "'dataProcessingOptions': expected a list, found a map",
        ),
        (
            "[SINGLELINE]",
            Kind::WrongType,
            "'dataProcessingOptions': expected a map for each item, found \"SINGLELINE\"",
        ),
        ("[{}]", Kind::Missing, "required value missing: 'optionName'"),
        ("[{optionName: [1]}]", Kind::WrongType, "'optionName': expected a string, found a list"),
        (
            "[{optionName: SINGLE_LINE}]",
            Kind::Invalid,
            "'optionName': unknown converter \"SINGLE_LINE\"",
        ),
        (
            "[{optionName: USINGPLUGGIN}]",
            Kind::Unsupported,
            "the converter \"USINGPLUGGIN\" is not supported",
        ),
        (
            "[{optionName: ADDMETADATA, timestamp: [1]}]",
            Kind::WrongType,
            "'timestamp': expected a string, found a list",
        ),
        (
            "[{optionName: SINGLELINE, parseOptions: NO_TRIM}]",
            Kind::WrongType,
            "'parseOptions': expected a list, found \"NO_TRIM\"",
        ),
    ] {
        assert_eq!(yaml_error(items), (kind, message.to_owned()), "{items}");
    }
}

#[test]
fn wrong_options_of_csv_to_json_say_so() {
    for (entries, kind, message) in [
        ("", Kind::Missing, "required value missing: 'customFieldNames'"),
        (
            ", customFieldNames: 'a,b'",
            Kind::WrongType,
            "'customFieldNames': expected a list, found \"a,b\"",
        ),
        (
            ", customFieldNames: [a, null]",
            Kind::WrongType,
            "'customFieldNames': expected a string for each item, found null",
        ),
        (
            ", customFieldNames: [a], delimiter: '('",
            Kind::Invalid,
            "'delimiter' \"(\" is not a valid regular expression: unclosed group at position 1",
        ),
        (
            ", customFieldNames: [a], jsonFormat: PRETTY",
            Kind::Invalid,
            "'jsonFormat': invalid value \"PRETTY\"; expected one of COMPACT, PRETTYPRINT",
        ),
    ] {
        let items = format!("[{{optionName: CSVTOJSON{entries}}}]");
        assert_eq!(yaml_error(&items), (kind, message.to_owned()), "{items}");
    }
}

#[test]
fn wrong_options_of_log_to_json_say_so() {
    for (entries, kind, message) in [
        ("", Kind::Missing, "required value missing: 'logFormat'"),
        (
            ", logFormat: NGINX",
            Kind::Invalid,
            "'logFormat': invalid value \"NGINX\"; expected one of COMMONAPACHELOG, \
             COMBINEDAPACHELOG, APACHEERRORLOG, SYSLOG, RFC3339SYSLOG",
        ),
        (
            ", logFormat: SYSLOG, matchPattern: (.*)",
            Kind::Missing,
            "customFieldNames must be specified when matchPattern is specified",
        ),
        (
            ", logFormat: SYSLOG, matchPattern: '(', customFieldNames: [a]",
            Kind::Invalid,
            "'matchPattern' \"(\" is not a valid regular expression: unclosed group at position 1",
        ),
        (
            ", logFormat: SYSLOG, matchPattern: '(a)(b)', customFieldNames: [a]",
            Kind::Conflict,
            "matchPattern has 2 groups, but customFieldNames has 1 names",
        ),
    ] {
        let items = format!("[{{optionName: LOGTOJSON{entries}}}]");
        assert_eq!(yaml_error(&items), (kind, message.to_owned()), "{items}");
    }
}

#[test]
fn unknown_options_warn_with_a_suggestion() {
    let (kind, message, help) =
        warning(&options("[{\"optionName\": \"SINGLELINE\", \"parseOption\": [\"NO_TRIM\"]}]"));
    assert_eq!((kind, message.as_str()), (Kind::Unknown, "unknown key \"parseOption\""));
    assert_eq!(help, "did you mean \"parseOptions\"?");
    let (kind, message, help) =
        warning(&options("[{\"optionName\": \"SINGLELINE\", \"parseOptions\": [\"TRIM\"]}]"));
    assert_eq!((kind, message.as_str()), (Kind::Unknown, "unknown parse option \"TRIM\""));
    assert_eq!(help, "write NO_TRIM or ESCAPE_NEW_LINE");
    let (_, _, help) = error(&options("[{\"optionName\": \"CSVTOJASON\"}]"));
    assert_eq!(help, "did you mean CSVTOJSON?");
}

#[test]
fn metadata_keeps_its_order_and_its_types() {
    let chain = chain(
        r#"[{"optionName": "ADDMETADATA", "timestamp": "TRUE", "jsonFormat": "PRETTYPRINT",
             "metadata": {"b": "5", "a": [5, 1.50, true, null, {"x": {}}], "c": ""}}]"#,
    );
    let [ConverterConfig::AddMetadata { metadata, timestamp: true, format: JsonFormat::Pretty }] =
        chain.as_slice()
    else {
        panic!("{chain:?}");
    };
    let number = |text: &str| JsonValue::Number(text.to_owned());
    let text = |text: &str| JsonValue::String(text.to_owned());
    let inner = JsonValue::Object(vec![("x".to_owned(), JsonValue::Object(Vec::new()))]);
    let list = vec![number("5"), number("1.5"), JsonValue::Bool(true), JsonValue::Null, inner];
    let want = [("b", text("5")), ("a", JsonValue::Array(list)), ("c", text(""))];
    let want = want.map(|(key, value)| (key.to_owned(), value)).to_vec();
    assert_eq!(metadata, &JsonValue::Object(want));
}

#[test]
fn a_time_to_live_that_is_no_number_warns_and_is_ignored() {
    let item = |ttl: &str| {
        options(&format!(
            "[{{\"optionName\": \"ADDEC2METADATA\", \"logFormat\": \"SYSLOG\"{ttl}}}]"
        ))
    };
    let seconds = |ttl: &str| match flow(&item(ttl)).converters.as_slice() {
        [ConverterConfig::AddEc2Metadata { time_to_live, .. }] => time_to_live.as_secs(),
        other => panic!("{other:?}"),
    };
    assert_eq!((seconds(""), seconds(", \"metadataTTL\": \"60\"")), (3600, 60));
    let (kind, message, _) = warning(&item(", \"metadataTTL\": \"soon\""));
    assert_eq!(kind, Kind::Invalid);
    assert_eq!(message, "'metadataTTL': invalid TTL \"soon\"");
}
