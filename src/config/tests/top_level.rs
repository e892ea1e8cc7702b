//! Keys of the whole file: defaults, coercions, ranges, error texts.

use std::path::PathBuf;
use std::time::Duration;

use super::super::{ADMIN_ADDRESS_DEFAULT, JavaCheckpoints, LogFormat, UserAgent};
use super::*;

#[test]
fn the_smallest_file_gets_the_defaults() {
    let config = loaded(&format!("{{\"flows\": [{FLOW}]}}"));
    assert_eq!(config.checkpoint_file, PathBuf::from("/var/lib/kinetail/checkpoints.db"));
    assert_eq!(config.checkpoint_ttl, Duration::from_hours(7 * 24));
    assert_eq!(config.shutdown_timeout, Duration::from_secs(10));
    assert_eq!(config.memory_budget_bytes, 33_554_432);
    assert_eq!(config.admin, Some(ADMIN_ADDRESS_DEFAULT));
    assert_eq!(config.admin.unwrap().to_string(), "127.0.0.1:9470");
    assert!(config.cloudwatch.emit_metrics);
    assert_eq!(config.cloudwatch.namespace, "AWSKinesisAgent");
    assert_eq!(config.cloudwatch.flush_interval, Duration::from_secs(30));
    assert_eq!(config.log.level, "info");
    assert_eq!(config.log.format, LogFormat::Text);
    assert_eq!(config.log.file, None);
    assert_eq!(config.log.status_period, Duration::from_secs(30));
    assert!(!config.log.emit_metrics && !config.log.emit_internal_metrics);
    assert_eq!(config.cloudwatch.queue_values_max, 10_000);
    assert!(config.cloudwatch.emit_extra_metrics && !config.cloudwatch.tag_instance);
    let aws = config.aws;
    let places = [
        aws.region,
        aws.kinesis_region,
        aws.firehose_region,
        aws.cloudwatch_region,
        aws.kinesis_endpoint,
        aws.firehose_endpoint,
        aws.cloudwatch_endpoint,
    ];
    assert!(places.iter().all(Option::is_none));
    assert!(aws.static_keys.is_none());
}

#[test]
fn yaml_and_json_say_the_same() {
    let json = loaded(
        r#"// The sample of a person with opinions.
        {
            "cloudwatch.emitMetrics": "no", /* strings are fine */
            "kinesis.endpoint": "",
            "kinesis.region": "eu-west-1",
            "awsAccessKeyId": "a", "awsSecretAccessKey": "b",
            "checkpointTimeToLiveDays": "0x1F",
            "admin.address": "off",
            "flows": [{"filePattern": "/tmp/*.log", "deliveryStream": "d"}]
        }"#,
    );
    let yaml = loaded(
        "# The sample of a person with opinions.\n\
         cloudwatch.emitMetrics: no\nkinesis.endpoint:\nkinesis.region: eu-west-1\n\
         awsAccessKeyId: a\nawsSecretAccessKey: b\ncheckpointTimeToLiveDays: 0x1F\n\
         admin.address: off\nflows:\n- filePattern: /tmp/*.log\n  deliveryStream: d\n",
    );
    assert_eq!(format!("{json:?}"), format!("{yaml:?}"));
    assert!(!json.cloudwatch.emit_metrics);
    assert_eq!(json.checkpoint_ttl, Duration::from_hours(31 * 24));
    assert_eq!(json.admin, None);
    assert_eq!(json.aws.kinesis_region.as_deref(), Some("eu-west-1"));
    assert_eq!(json.aws.static_keys.unwrap().secret_access_key, "b");
}

#[test]
fn numbers_and_truth_values_may_be_strings() {
    for (written, millis) in [("500", 500), ("\"500\"", 500), ("\"010\"", 8), ("\"#1F\"", 31)] {
        let config = loaded(&top(&format!("\"shutdownTimeoutMillis\": {written}")));
        assert_eq!(config.shutdown_timeout, Duration::from_millis(millis), "{written}");
    }
    for (written, value) in [("1", true), ("\"Y\"", true), ("false", false), ("\"0\"", false)] {
        let config = loaded(&top(&format!("\"cloudwatch.emitMetrics\": {written}")));
        assert_eq!(config.cloudwatch.emit_metrics, value, "{written}");
    }
}

#[test]
fn a_value_of_the_wrong_type_says_what_was_wanted() {
    for (entry, message) in [
        (
            "\"memoryBudgetBytes\": \"lots\"",
            "'memoryBudgetBytes': expected an integer, found \"lots\"",
        ),
        ("\"memoryBudgetBytes\": 5.0", "'memoryBudgetBytes': expected an integer, found \"5.0\""),
        ("\"memoryBudgetBytes\": \"\"", "'memoryBudgetBytes': expected an integer, found \"\""),
        ("\"memoryBudgetBytes\": null", "'memoryBudgetBytes': expected an integer, found null"),
        ("\"memoryBudgetBytes\": [1]", "'memoryBudgetBytes': expected an integer, found a list"),
        (
            "\"cloudwatch.emitExtraMetrics\": \"maybe\"",
            "'cloudwatch.emitExtraMetrics': expected true or false, found \"maybe\"",
        ),
        ("\"region\": {\"a\": 1}", "'region': expected a string, found a map"),
    ] {
        let (kind, text, _) = error(&top(entry));
        assert_eq!((kind, text.as_str()), (Kind::WrongType, message));
    }
}

#[test]
fn a_number_out_of_range_names_the_range() {
    for (key, value, range) in [
        ("memoryBudgetBytes", "4194303", "4194304 to 17179869184"),
        ("memoryBudgetBytes", "17179869185", "4194304 to 17179869184"),
    ] {
        let (kind, text, help) = error(&top(&format!("\"{key}\": {value}")));
        let expected = format!("'{key}': {value} is out of range ({range})");
        assert_eq!((kind, text), (Kind::OutOfRange, expected));
        assert!(help.starts_with("omit the key to use the default"), "{help}");
    }
}

#[test]
fn a_number_that_the_java_agent_takes_is_moved_into_the_range_with_a_warning() {
    for (key, value, range, used) in [
        ("checkpointTimeToLiveDays", "0", "1 to 36500", "1"),
        ("checkpointTimeToLiveDays", "36501", "1 to 36500", "36500"),
        ("shutdownTimeoutMillis", "-1", "0 to 86400000", "0"),
        ("cloudwatch.metricsBufferTimeMillis", "0", "1 to 86400000", "1"),
    ] {
        let (kind, text, help) = warning(&top(&format!("\"{key}\": {value}")));
        let expected = format!("'{key}': {value} is out of range ({range})");
        assert_eq!((kind, text, help), (Kind::OutOfRange, expected, format!("{used} is used")));
    }
}

#[test]
fn a_path_that_is_too_long_for_a_socket_is_refused() {
    let path = |bytes: usize| format!("/{}", "x".repeat(bytes - 1));
    let config = loaded(&top(&format!("\"admin.socket\": \"{}\"", path(107))));
    assert_eq!(config.admin_socket, crate::config::AdminSocket::At(path(107).into()));
    let (kind, text, help) = error(&top(&format!("\"admin.socket\": \"{}\"", path(108))));
    let expected = "'admin.socket' has 108 bytes, and the path of a socket at most 107";
    assert_eq!((kind, text.as_str()), (Kind::OutOfRange, expected));
    assert!(help.contains("shorter path"), "{help}");
}

#[test]
fn the_last_of_several_keys_counts() {
    let text = top("\"region\": \"us-east-1\", \"region\": \"us-east-2\"");
    let (kind, message, help) = warning(&text);
    assert_eq!((kind, message.as_str()), (Kind::Duplicate, "duplicate key 'region'"));
    assert_eq!(help, "the last value is used; remove the others");
    assert_eq!(try_load(&text).unwrap().0.aws.region.as_deref(), Some("us-east-2"));
}

#[test]
fn flows_have_to_be_a_list_with_something_in_it() {
    for (text, kind, message) in [
        ("{}", Kind::Missing, "required list missing: 'flows'"),
        ("region: us-east-1", Kind::Missing, "required list missing: 'flows'"),
        ("flows:", Kind::Missing, "required list missing: 'flows'"),
        ("flows: []", Kind::Missing, "no flows configured in 'flows'"),
        ("flows: {a: 1}", Kind::WrongType, "'flows': expected a list, found a map"),
        ("flows: [x]", Kind::WrongType, "'flows': expected a map for each item, found \"x\""),
        ("flows: [null]", Kind::WrongType, "'flows': expected a map for each item, found null"),
        ("", Kind::Missing, "the file is empty"),
        ("# nothing", Kind::Missing, "the file is empty"),
        ("[1]", Kind::WrongType, "expected a map at the top level"),
        ("hello", Kind::WrongType, "expected a map at the top level"),
    ] {
        let found = error(text);
        assert_eq!((found.0, found.1.as_str()), (kind, message), "{text}");
    }
}

#[test]
fn the_checkpoint_file_follows_systemd_unless_it_is_given() {
    let load_with = |text: &str, directories: &str| {
        let state_directory = Some(directories.into());
        let environment = Environment { state_directory, ..Environment::default() };
        load(text, Path::new("f"), &environment).unwrap().0.checkpoint_file
    };
    let plain = format!("{{\"flows\": [{FLOW}]}}");
    assert_eq!(load_with(&plain, "/s/a:/s/b"), PathBuf::from("/s/a/checkpoints.db"));
    let default = PathBuf::from("/var/lib/kinetail/checkpoints.db");
    assert_eq!(load_with(&plain, ""), default);
    let given = top("\"checkpointFile\": \"target/x.db\"");
    assert_eq!(load_with(&given, "/s/a"), PathBuf::from("target/x.db"));
    let (kind, message, _) = warning(&top("\"checkpointFile\": \"/var/lib/\""));
    assert_eq!(kind, Kind::Invalid);
    assert_eq!(message, "'checkpointFile' \"/var/lib/\" is a directory");
}

#[test]
fn the_java_agents_checkpoints_are_looked_for_where_they_usually_are_unless_it_is_said_otherwise() {
    for (keys, expected) in [
        ("\"region\": \"us-east-1\"", JavaCheckpoints::Usual),
        ("\"javaCheckpointFile\": \"\"", JavaCheckpoints::Usual),
        (
            "\"javaCheckpointFile\": \"/var/run/aws-kinesis-agent/checkpoints\"",
            JavaCheckpoints::Usual,
        ),
        ("\"javaCheckpointFile\": \"off\"", JavaCheckpoints::Off),
        ("\"javaCheckpointFile\": \"/x/db\"", JavaCheckpoints::At("/x/db".into())),
    ] {
        assert_eq!(loaded(&top(keys)).java_checkpoints, expected, "{keys}");
    }
    let environment = Environment { state_directory: Some("/s".into()), ..Environment::default() };
    let given = top("\"checkpointFile\": \"/x/db\"");
    let (config, _) = load(&given, Path::new("f"), &environment).unwrap();
    assert_eq!(config.checkpoint_file_default, PathBuf::from("/s/checkpoints.db"));
}

#[test]
fn one_static_key_without_the_other_does_nothing() {
    for (given, other) in
        [("awsAccessKeyId", "awsSecretAccessKey"), ("awsSecretAccessKey", "awsAccessKeyId")]
    {
        let text = top(&format!("\"{given}\": \"x\""));
        let (kind, message, _) = warning(&text);
        assert_eq!(kind, Kind::NoEffect);
        assert_eq!(message, format!("'{given}' is ignored without '{other}'"));
        assert!(try_load(&text).unwrap().0.aws.static_keys.is_none());
    }
    let both_empty = loaded(&top("\"awsAccessKeyId\": \"\", \"awsSecretAccessKey\": \"\""));
    assert!(both_empty.aws.static_keys.is_none());
    let (kind, _, _) = warning(&top("\"awsAccessKeyId\": \"x\", \"awsSecretAccessKey\": [1]"));
    assert_eq!(kind, Kind::WrongType, "the pair is not complained about on top");
}

#[test]
fn the_user_agent_is_a_prefix_or_all_of_the_header() {
    let agent = |entries: &str| loaded(&top(entries)).aws.user_agent;
    assert_eq!(agent("\"userAgent\": \"\""), UserAgent::Sdk);
    assert_eq!(agent("\"userAgent\": \" my app \""), UserAgent::Prefixed("my app".to_owned()));
    let both = "\"userAgent\": \"a\", \"userAgentOverride\": \"b\"";
    assert_eq!(agent(both), UserAgent::Replaced("b".to_owned()));
    let (kind, message, _) = warning(&top("\"userAgent\": \"é\""));
    assert_eq!(
        (kind, message.as_str()),
        (Kind::Invalid, "'userAgent': invalid header value \"é\"")
    );
}

#[test]
fn regions_and_endpoints_are_checked() {
    let config = loaded(&top("\"firehose.endpoint\": \"firehose.eu-west-1.amazonaws.com\""));
    let endpoint = config.aws.firehose_endpoint.unwrap();
    assert_eq!(endpoint, "https://firehose.eu-west-1.amazonaws.com");
    let (kind, message, _) = error(&top("\"region\": \"US East\""));
    assert_eq!((kind, message.as_str()), (Kind::Invalid, "'region': invalid region \"US East\""));
    let (kind, message, _) = error(&top("\"cloudwatch.endpoint\": \"ftp://x\""));
    assert_eq!(kind, Kind::Invalid);
    assert_eq!(
        message,
        "'cloudwatch.endpoint': invalid endpoint \"ftp://x\": scheme must be http or https"
    );
}

#[test]
fn the_admin_address_stays_on_this_host_unless_that_is_asked_for() {
    let admin = |entries: &str| loaded(&top(entries)).admin.map(|address| address.to_string());
    assert_eq!(admin("\"admin.address\": \"OFF\""), None);
    assert_eq!(admin("\"admin.address\": \"[::1]:80\"").as_deref(), Some("[::1]:80"));
    assert_eq!(admin("\"admin.address\": \"localhost:80\"").as_deref(), Some("127.0.0.1:80"));
    assert_eq!(admin("\"admin.address\": null").as_deref(), Some("127.0.0.1:9470"));
    let remote = "\"admin.address\": \"0.0.0.0:9470\"";
    let allowed = format!("{remote}, \"admin.allowRemote\": true");
    assert_eq!(admin(&allowed).as_deref(), Some("0.0.0.0:9470"));
    let (kind, message, help) = error(&top(remote));
    assert_eq!(kind, Kind::Conflict);
    assert_eq!(message, "'admin.address': 0.0.0.0:9470 is reachable from other hosts");
    assert!(help.contains("admin.allowRemote"), "{help}");
    let (kind, message, _) = error(&top("\"admin.address\": 9470"));
    assert_eq!(kind, Kind::Invalid);
    assert_eq!(message, "'admin.address': invalid socket address \"9470\"");
}

#[test]
fn log_levels_are_levels_or_filters_of_levels() {
    let level = |text: &str| loaded(&top(&format!("\"log.level\": \"{text}\""))).log.level;
    assert_eq!(level("WARN"), "warn");
    assert_eq!(level("info, kinetail::send=DEBUG"), "info,kinetail::send=debug");
    assert_eq!(level(""), "info");
    let in_yaml = |level: &str| error(&format!("log.level: '{level}'\nflows: [{FLOW}]"));
    let (kind, message, help) = in_yaml("inof");
    assert_eq!(
        (kind, message.as_str()),
        (Kind::Invalid, "'log.level': invalid log level \"inof\"")
    );
    assert_eq!(help, "did you mean info?");
    assert_eq!(in_yaml("ALL").2, "did you mean trace?");
    for bad in ["info,", "=info", "a b=info", "kinetail=loud"] {
        assert_eq!(in_yaml(bad).0, Kind::Invalid, "{bad}");
        assert_eq!(warning(&top(&format!("\"log.level\": \"{bad}\""))).0, Kind::Invalid, "{bad}");
    }
    let (_, message, help) = error(&top("\"log.format\": \"JSON\""));
    assert_eq!(message, "'log.format': invalid value \"JSON\"; expected one of text, json");
    assert_eq!(help, "did you mean json?");
}

#[test]
fn a_namespace_is_one_that_cloudwatch_takes() {
    for bad in ["AWS/Kinesis", "näme"] {
        let (kind, message, _) = warning(&top(&format!("\"cloudwatch.namespace\": \"{bad}\"")));
        assert_eq!(kind, Kind::Invalid);
        assert_eq!(message, format!("'cloudwatch.namespace': invalid namespace \"{bad}\""));
    }
}

#[test]
fn what_is_held_and_what_is_announced_can_be_chosen() {
    let default = loaded(&format!("{{\"flows\": [{FLOW}]}}"));
    assert_eq!((default.min_free_disk_percent, default.notify), (5, true));
    let chosen = loaded(&top("\"minFreeDiskPercent\": 0, \"notify\": \"off\""));
    assert_eq!((chosen.min_free_disk_percent, chosen.notify), (0, false));
    assert_eq!(error(&top("\"minFreeDiskPercent\": 51")).0, Kind::OutOfRange);
    assert_eq!(error(&top("\"notify\": \"no\"")).0, Kind::Invalid);
}

#[test]
fn a_log_file_has_limits_also_in_the_words_of_log4j() {
    let file = |entries: &str| {
        loaded(&top(&format!("\"log.file\": \"/var/log/k/k.log\"{entries}"))).log.file.unwrap()
    };
    let plain = file("");
    assert_eq!(plain.path, PathBuf::from("/var/log/k/k.log"));
    assert_eq!((plain.bytes_max, plain.backups_max, plain.compress), (10_485_760, 5, false));
    assert_eq!(plain.backup_age_max, Duration::from_hours(7 * 24));
    let tuned = file(
        ", \"log.maxFileSize\": \"2MB\", \"log.maxBackupIndex\": \"0\", \
         \"log.maxBackupAgeDays\": 1, \"log.compressBackups\": \"yes\"",
    );
    assert_eq!((tuned.bytes_max, tuned.backups_max, tuned.compress), (2_097_152, 0, true));
    assert_eq!(tuned.backup_age_max, Duration::from_hours(24));
    assert_eq!(file(", \"log.maxFileSize\": 65536").bytes_max, 65_536);
    for (value, kind) in [
        ("65535", Kind::OutOfRange),
        ("\"1KB\"", Kind::OutOfRange),
        ("\"9999GB\"", Kind::OutOfRange),
        ("\"10M\"", Kind::WrongType),
    ] {
        assert_eq!(warning(&top(&format!("\"log.maxFileSize\": {value}"))).0, kind, "{value}");
        let in_yaml = format!("log.maxFileSize: {value}\nflows: [{FLOW}]");
        assert_eq!(error(&in_yaml).0, kind, "{value}");
    }
    let (kind, message, _) = warning(&top("\"log.file\": \"/var/log/\""));
    assert_eq!(kind, Kind::Invalid);
    assert_eq!(message, "'log.file' \"/var/log/\" is a directory");
}
