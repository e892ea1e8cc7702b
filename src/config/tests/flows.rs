//! Keys of a flow: defaults, ranges, ids, error texts.

use std::time::Duration;

use super::super::{Destination, InitialPosition, PartitionKey, Wire};
use super::*;
use crate::config::{Encoding, OversizeLine};

#[test]
fn the_smallest_flow_gets_the_defaults() {
    let kinesis = flow(&format!("{{\"flows\": [{FLOW}]}}"));
    assert_eq!(kinesis.id, "kinesis:s:/tmp/a.log");
    assert_eq!(kinesis.destination, Destination::Kinesis { stream: "s".to_owned() });
    assert_eq!(kinesis.initial_position, InitialPosition::EndOfFile);
    assert_eq!(kinesis.max_buffer_age, Duration::from_secs(1));
    assert_eq!(kinesis.max_buffer_records, 500);
    assert_eq!(kinesis.max_buffer_bytes, 5_242_880);
    assert_eq!(kinesis.partition_key, PartitionKey::Random);
    assert!(kinesis.multi_line_start.is_none());
    assert_eq!(kinesis.multi_line_hold, Duration::from_secs(1));
    assert_eq!(kinesis.skip_header_lines, 0);
    assert_eq!(kinesis.truncated_record_terminator, b"\n");
    assert!(kinesis.converters.is_empty());
    assert_eq!(kinesis.retry.initial, Duration::from_millis(100));
    assert_eq!(kinesis.retry.max, Duration::from_secs(10));
    assert_eq!(kinesis.max_in_flight_requests, 8);
    assert_eq!(kinesis.wire, Wire::Auto);
    assert_eq!(kinesis.scan_interval, Duration::from_secs(1));
    let firehose = flow(r#"{"flows": [{"filePattern": "/tmp/a.log*", "deliveryStream": "d"}]}"#);
    assert_eq!(firehose.id, "fh:d:/tmp/a.log*");
    assert_eq!(firehose.max_buffer_bytes, 4_194_304);
    assert_eq!((firehose.max_line_bytes, firehose.partial_line_hold), (4_194_304, None));
    assert_eq!(firehose.oversize_line, OversizeLine::Truncate);
    assert_eq!(firehose.encoding, Encoding::Auto);
}

#[test]
fn every_key_of_a_flow_arrives() {
    let flow = flow(&kinesis(
        r#""initialPosition": "START_OF_FILE", "maxBufferAgeMillis": 10,
        "maxBufferSizeRecords": "1", "maxBufferSizeBytes": 1, "partitionKeyOption": "DETERMINISTIC",
        "multiLineStartPattern": "\\d{4}|x", "multiLineHoldMillis": 0, "skipHeaderLines": 2,
        "truncatedRecordTerminator": "…", "retryInitialBackoffMillis": 7,
        "retryMaxBackoffMillis": 7, "maxInFlightRequests": 64, "wire": "json",
        "scanIntervalMillis": 50, "maxLineBytes": 1024, "oversizeLinePolicy": "split",
        "encoding": "raw", "partialLineMillis": 3600000"#,
    ));
    assert_eq!(flow.initial_position, InitialPosition::StartOfFile);
    assert_eq!(flow.max_buffer_age, Duration::from_millis(10));
    assert_eq!((flow.max_buffer_records, flow.max_buffer_bytes), (1, 1));
    assert_eq!(flow.partition_key, PartitionKey::Deterministic);
    assert_eq!(flow.multi_line_hold, Duration::ZERO);
    assert_eq!(flow.skip_header_lines, 2);
    assert_eq!(flow.truncated_record_terminator, "…".as_bytes());
    assert_eq!(flow.retry.max, Duration::from_millis(7));
    assert_eq!((flow.max_in_flight_requests, flow.wire), (64, Wire::Json));
    assert_eq!(flow.scan_interval, Duration::from_millis(50));
    assert_eq!((flow.max_line_bytes, flow.oversize_line), (1024, OversizeLine::Split));
    assert_eq!(flow.encoding, Encoding::Raw);
    assert_eq!(flow.partial_line_hold, Some(Duration::from_hours(1)));
    let start = flow.multi_line_start.unwrap();
    for (line, is_start) in
        [("2024 a", true), ("x\u{e9}", true), (" x", false), ("a 2024", false), ("a\nx", false)]
    {
        assert_eq!(start.matches(line.as_bytes()), Ok(is_start), "{line:?}");
    }
}

#[test]
fn flow_ids_are_those_of_the_java_agent() {
    for (pattern, id) in [
        ("/var//log/./x/../app.log*", "kinesis:s:/var/log/./x/../app.log*"),
        ("/app.log", "kinesis:s://app.log"),
        ("logs/app.log", "kinesis:s:logs/app.log"),
        ("./app.log", "kinesis:s:./app.log"),
        ("/a/*/[x].log", "kinesis:s:/a/*/[x].log"),
    ] {
        let text = format!("flows: [{{filePattern: '{pattern}', kinesisStream: s}}]");
        assert_eq!(flow(&text).id, id);
    }
}

#[test]
fn a_number_out_of_range_names_the_range() {
    for (key, value, range) in [
        ("maxBufferAgeMillis", "9", "10 to 900000"),
        ("maxBufferAgeMillis", "900001", "10 to 900000"),
        ("maxBufferAgeMillis", "-1", "10 to 900000"),
        ("maxBufferSizeRecords", "0", "1 to 500"),
        ("maxBufferSizeRecords", "501", "1 to 500"),
        ("maxBufferSizeBytes", "0", "1 to 5242880"),
        ("maxBufferSizeBytes", "5242881", "1 to 5242880"),
        ("multiLineHoldMillis", "60001", "0 to 60000"),
        ("retryInitialBackoffMillis", "-1", "1 to 86400000"),
        ("maxInFlightRequests", "257", "1 to 256"),
        ("scanIntervalMillis", "49", "50 to 60000"),
        ("maxLineBytes", "1023", "1024 to 5242880"),
        ("partialLineMillis", "3600001", "0 to 3600000"),
    ] {
        let (kind, message, _) = error(&kinesis(&format!("\"{key}\": {value}")));
        let expected = format!("'{key}': {value} is out of range ({range})");
        assert_eq!((kind, message), (Kind::OutOfRange, expected));
    }
    let (_, message, _) = error(&firehose("\"maxBufferSizeBytes\": 4194305"));
    assert!(message.ends_with("range (1 to 4194304)"), "{message}");
}

#[test]
fn a_number_that_the_java_agent_takes_is_moved_into_the_range_with_a_warning() {
    for (key, value, range, used) in [
        ("skipHeaderLines", "-1", "0 to 2147483647", "0"),
        ("skipHeaderLines", "2147483648", "0 to 2147483647", "2147483647"),
        ("retryInitialBackoffMillis", "0", "1 to 86400000", "1"),
        ("retryMaxBackoffMillis", "86400001", "1 to 86400000", "86400000"),
    ] {
        let (kind, message, help) = warning(&kinesis(&format!("\"{key}\": {value}")));
        let expected = format!("'{key}': {value} is out of range ({range})");
        assert_eq!((kind, message), (Kind::OutOfRange, expected));
        assert_eq!(help, format!("{used} is used"));
    }
}

#[test]
fn words_count_in_upper_and_lower_case() {
    let (kind, message, help) = error(&kinesis("\"initialPosition\": \"start_of_file\""));
    assert_eq!(kind, Kind::Invalid);
    assert_eq!(
        message,
        "'initialPosition': invalid value \"start_of_file\"; expected one of END_OF_FILE, \
         START_OF_FILE"
    );
    assert_eq!(help, "did you mean START_OF_FILE?");
    let (_, message, help) = error(&kinesis("\"partitionKeyOption\": \"MD5\""));
    assert_eq!(
        message,
        "'partitionKeyOption': invalid value \"MD5\"; expected one of RANDOM, DETERMINISTIC"
    );
    assert_eq!(help, "values are case-sensitive");
    assert_eq!(error(&kinesis("\"wire\": null")).0, Kind::WrongType);
}

#[test]
fn a_pattern_and_a_destination_are_needed() {
    for (flow, kind, message) in [
        ("kinesisStream: s", Kind::Missing, "required value missing: 'filePattern'"),
        (
            "kinesisStream: s, filePattern: ''",
            Kind::Missing,
            "required value missing: 'filePattern'",
        ),
        ("kinesisStream: s, filePattern: ", Kind::Missing, "required value missing: 'filePattern'"),
        (
            "kinesisStream: s, filePattern: [a]",
            Kind::WrongType,
            "'filePattern': expected a string, found a list",
        ),
        (
            "kinesisStream: s, filePattern: app.log",
            Kind::Invalid,
            "'filePattern': invalid pattern \"app.log\": no directory part",
        ),
        (
            "kinesisStream: s, filePattern: /a/",
            Kind::Invalid,
            "'filePattern': invalid pattern \"/a/\": no file name after the last '/'",
        ),
        (
            "kinesisStream: s, filePattern: '/a/[x'",
            Kind::Invalid,
            "'filePattern': invalid pattern \"/a/[x\": in \"[x\": unclosed '['; write '\\[' to \
             match a literal bracket",
        ),
        ("filePattern: /a/b", Kind::Missing, "the flow has no destination"),
        ("filePattern: /a/b, kinesisStream: ", Kind::Missing, "the flow has no destination"),
        (
            "filePattern: /a/b, kinesisStream: [s]",
            Kind::WrongType,
            "'kinesisStream': expected a string, found a list",
        ),
        (
            "filePattern: /a/b, kinesisStream: 'a b'",
            Kind::Invalid,
            "'kinesisStream': invalid stream name \"a b\"",
        ),
        (
            "filePattern: /a/b, deliveryStream: ''",
            Kind::Invalid,
            "'deliveryStream': invalid stream name \"\"",
        ),
    ] {
        let found = error(&format!("flows: [{{{flow}}}]"));
        assert_eq!((found.0, found.1.as_str()), (kind, message), "{flow}");
    }
}

#[test]
fn stream_names_have_a_maximum_length() {
    for (key, length) in [("kinesisStream", 128), ("deliveryStream", 64)] {
        let text = |length: usize| {
            format!("flows: [{{filePattern: /a/b, {key}: '{}'}}]", "x".repeat(length))
        };
        loaded(&text(length));
        let (_, _, help) = error(&text(length + 1));
        assert_eq!(help, format!("a name has 1 to {length} letters, digits, '_', '.' and '-'"));
    }
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
    let (_, _, help) = error(&format!("flows: [{{filePattern: /a/b, kinesisStream: '{arn}'}}]"));
    assert!(help.starts_with("use the stream name"), "{help}");
}

#[test]
fn with_two_destinations_firehose_wins_and_says_so() {
    let text = "flows: [{filePattern: /a/b, kinesisStream: k, deliveryStream: d}]";
    let (config, found) = try_load(text).unwrap();
    assert_eq!(config.flows.first().unwrap().id, "fh:d:/a/b");
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(found.kind, Kind::Conflict);
    assert_eq!(found.message, "'kinesisStream' is ignored: 'deliveryStream' takes precedence");
}

#[test]
fn what_only_kinesis_has_is_pointed_out_on_a_firehose_flow() {
    let (kind, message, _) = warning(&firehose("\"partitionKeyOption\": \"RANDOM\""));
    assert_eq!(kind, Kind::NoEffect);
    assert_eq!(message, "'partitionKeyOption' is ignored in a Firehose flow");
    let (kind, message, _) = error(&firehose("\"wire\": \"cbor\""));
    assert_eq!((kind, message.as_str()), (Kind::Unsupported, "Firehose does not support CBOR"));
}

#[test]
fn the_same_flow_twice_names_both_places() {
    let text = "flows:\n\
        - {filePattern: /a//b, kinesisStream: s}\n\
        - {filePattern: /a/b, kinesisStream: s}\n\
        - {filePattern: /a/b, kinesisStream: t}\n";
    let report = report(text);
    let [found] = report.diagnostics.as_slice() else { panic!("{report}") };
    assert_eq!(found.kind, Kind::Duplicate);
    assert_eq!(found.message, "duplicate flow: kinesis:s:/a/b");
    assert_eq!((found.place.line, found.place.column), (3, 17));
    let (_, first) = found.related.clone().unwrap();
    assert_eq!((first.line, first.column), (2, 17));
}

#[test]
fn delays_grow() {
    let text = kinesis("\"retryInitialBackoffMillis\": 20000");
    let (kind, message, help) = warning(&text);
    assert_eq!(kind, Kind::Conflict);
    assert_eq!(
        message,
        "'retryMaxBackoffMillis' (10000 ms) is less than 'retryInitialBackoffMillis' (20000 ms)"
    );
    assert_eq!(help, "no delay is longer than 10000 ms");
    let retry = try_load(&text).unwrap().0.flows.into_iter().next().unwrap().retry;
    assert_eq!((retry.initial, retry.max), (Duration::from_secs(10), Duration::from_secs(10)));
}

#[test]
fn the_terminator_has_to_fit_into_a_record() {
    let too_long = "x".repeat(1024 * 1000);
    let entry = format!("\"truncatedRecordTerminator\": \"{too_long}\"");
    loaded(&kinesis(&entry));
    let (kind, message, _) = error(&firehose(&entry));
    assert_eq!(kind, Kind::OutOfRange);
    assert_eq!(
        message,
        "'truncatedRecordTerminator' exceeds the maximum record size of 1024000 bytes"
    );
    let (kind, message, _) = error(&kinesis("\"truncatedRecordTerminator\": null"));
    assert_eq!(kind, Kind::WrongType);
    assert_eq!(message, "'truncatedRecordTerminator': expected a string, found null");
    let empty = flow(&kinesis("\"truncatedRecordTerminator\": \"\""));
    assert!(empty.truncated_record_terminator.is_empty());
}

#[test]
fn a_start_pattern_that_is_no_regular_expression_says_why() {
    for none in ["null", "\"\""] {
        assert!(
            flow(&kinesis(&format!("\"multiLineStartPattern\": {none}")))
                .multi_line_start
                .is_none()
        );
    }
    for (pattern, reason) in [
        ("(", "is not a valid regular expression: unclosed group at position 1"),
        ("a)|(b", "is not a valid regular expression: unmatched closing parenthesis at position 2"),
        ("a\\\\Xb", "cannot be used: a grapheme cluster `\\X` at position 3 is not supported"),
    ] {
        let (kind, message, help) =
            error(&kinesis(&format!("\"multiLineStartPattern\": \"{pattern}\"")));
        let unsupported = reason.starts_with("cannot");
        assert_eq!(kind, if unsupported { Kind::Unsupported } else { Kind::Invalid });
        assert!(message.ends_with(reason), "{message}");
        assert!(help.contains("Java"), "{help}");
    }
}

#[test]
fn a_pattern_for_compressed_copies_is_pointed_out() {
    let (kind, message, _) = warning("flows: [{filePattern: /a/*.GZ, kinesisStream: s}]");
    assert_eq!(kind, Kind::NoEffect);
    assert_eq!(message, "'filePattern' \"/a/*.GZ\" can never match");
}

#[test]
fn what_is_excluded_is_excluded_from_the_pattern() {
    let flow = flow(
        r#"{"flows": [{"filePattern": "/tmp/**/*.log", "kinesisStream": "s",
        "excludePatterns": ["old", "/tmp/*/debug.log"]}]}"#,
    );
    for (path, expected) in
        [("/tmp/a.log", true), ("/tmp/old/a.log", false), ("/tmp/x/debug.log", false)]
    {
        assert_eq!(flow.pattern.matches_path(Path::new(path)), expected, "{path}");
    }
}

#[test]
fn excludes_that_are_no_patterns_or_do_nothing_are_told() {
    for (item, kind, expected) in [
        ("[1, 2]", Kind::WrongType, "'excludePatterns': expected a string"),
        ("\"[a\"", Kind::Invalid, "'excludePatterns': invalid pattern \"[a\": in \"[a\""),
        ("\"\"", Kind::Invalid, "'excludePatterns': invalid pattern \"\": no file name"),
    ] {
        let (found, message, help) = error(&kinesis(&format!("\"excludePatterns\": [{item}]")));
        assert_eq!(found, kind, "{message}");
        let expected =
            expected.replace("'excludePatterns' has", "an item of 'excludePatterns' has");
        assert!(message.starts_with(&expected), "{message}");
        assert!(!help.is_empty());
    }
    let (kind, message, _) = error(&kinesis("\"excludePatterns\": \"*.tmp\""));
    assert_eq!(kind, Kind::WrongType, "{message}");
    for item in ["*", "/srv/*.log"] {
        let (kind, message, help) =
            warning(&kinesis(&format!("\"excludePatterns\": [\"{item}\"]")));
        assert_eq!(kind, Kind::NoEffect, "{message}");
        assert!(message.contains(item) && !help.is_empty());
    }
}

#[test]
fn a_flow_may_have_a_region_an_endpoint_and_a_role_of_its_own() {
    let own = "arn:aws:iam::111122223333:role/path/own";
    let all = "arn:aws:iam::111122223333:role/all";
    let aws = |flow: &str, top: &str| {
        let text = format!(
            "{{\"flows\": [{{\"filePattern\": \"/a/b\", \"kinesisStream\": \"s\"{flow}}}]{top}}}"
        );
        loaded(&text)
    };
    let role = |config: &Config| {
        let role = config.flows.first().and_then(|flow| flow.aws.role.clone());
        role.map(|role| (role.arn, role.external_id))
    };
    let config = aws(", \"region\": \"eu-west-1\", \"endpoint\": \"x.example\"", "");
    let flow = config.flows.first().unwrap();
    assert_eq!(flow.aws.region.as_deref(), Some("eu-west-1"));
    assert_eq!(flow.aws.endpoint.as_deref(), Some("https://x.example"));
    assert_eq!(config.aws.flow_region.as_deref(), Some("eu-west-1"));
    assert_eq!(role(&config), None);

    let own_keys = format!(", \"assumeRoleARN\": \"{own}\"");
    let all_keys = format!(", \"assumeRoleARN\": \"{all}\", \"assumeRoleExternalId\": \"all-id\"");
    let all_role = Some((all.to_owned(), Some("all-id".to_owned())));
    assert_eq!(role(&aws("", &all_keys)), all_role);
    assert_eq!(role(&aws(", \"assumeRoleARN\": \"\"", &all_keys)), all_role);
    // An external id belongs to its role.
    assert_eq!(role(&aws(&own_keys, &all_keys)), Some((own.to_owned(), None)));
    let config = aws(", \"assumeRoleExternalId\": \"other\"", &all_keys);
    assert_eq!(role(&config), Some((all.to_owned(), Some("other".to_owned()))));
    assert!(!format!("{config:?}").contains("other"), "it is not shown");
    assert_eq!(config.aws.role.unwrap().external_id.as_deref(), Some("all-id"));
}

#[test]
fn a_role_is_an_arn_and_an_external_id_needs_one() {
    for bad in ["ship-logs", "arn:aws:iam::1:user/x", "arn:aws:iam::1:role/", "arn:aws:s3:::role/x"]
    {
        let (kind, message, _) = warning(&kinesis(&format!("\"assumeRoleARN\": \"{bad}\"")));
        assert_eq!(
            (kind, message),
            (Kind::Invalid, format!("'assumeRoleARN': invalid role ARN {bad:?}"))
        );
    }
    let (kind, message, _) = warning(&kinesis("\"assumeRoleExternalId\": \"x-1\""));
    assert_eq!(kind, Kind::NoEffect);
    assert_eq!(message, "'assumeRoleExternalId' is ignored without 'assumeRoleARN'");
    let (_, message, _) = warning(&kinesis(
        "\"assumeRoleARN\": \"arn:aws:iam::1:role/x\", \"assumeRoleExternalId\": \"a b\"",
    ));
    assert_eq!(message, "'assumeRoleExternalId': invalid external ID");
}
