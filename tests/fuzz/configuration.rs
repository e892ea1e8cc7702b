//! Configurations, in JSON and in YAML.

use std::path::Path;

use kinetail::config::{Environment, load};

use super::fuzz;

const SEEDS: &[&[u8]] = &[
    include_bytes!("../../config/kinetail.reference.yaml"),
    include_bytes!("../../config/quickstart.yaml"),
    br#"{"flows":[{"filePattern":"/tmp/a.log*","kinesisStream":"s","maxBufferSizeRecords":"0x3e"}]
        }"#,
    br#"{"cloudwatch.emitMetrics": "yes", // a comment
        "flows": [{"filePattern": "/tmp/a.log", "deliveryStream": "d", "dataProcessingOptions":
        [{"optionName": "CSVTOJSON", "customFieldNames": ["a", "b"], "delimiter": "\\t"},
        {"optionName": "LOGTOJSON", "logFormat": "SYSLOG", "matchPattern": "^(\\S+) (.*)$",
        "customFieldNames": ["x", "y"]}]}]}"#,
    b"region: eu-west-1\nflows:\n  - filePattern: /var/log/*.log\n    kinesisStream: s\n",
];

const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b": ",
    b",",
    b"- ",
    b"\n",
    b"\n  ",
    b"\t",
    b"null",
    b"&a ",
    b"*a",
    b"<<: ",
    b"|\n",
    b"#",
    b"//",
    b"/*",
    b"\\u0000",
    b"\xEF\xBB\xBF",
    b"1e309",
    b"-9223372036854775809",
    b"18446744073709551616",
    b"!!binary ",
    b"---\n",
    b"\xF0\x9F\x98\x80",
];

#[test]
fn configurations_of_any_kind_are_read_or_refused_with_a_reason() {
    fuzz(SEEDS, WORDS, |input| {
        let text = String::from_utf8_lossy(input);
        for name in ["agent.json", "kinetail.yaml"] {
            match load(&text, Path::new(name), &Environment::default()) {
                Ok((config, warnings)) => {
                    assert!(!config.flows.is_empty(), "a configuration without flows is an error");
                    for warning in warnings {
                        assert!(!warning.to_string().is_empty());
                    }
                }
                Err(report) => assert!(!report.to_string().is_empty()),
            }
        }
    });
}
