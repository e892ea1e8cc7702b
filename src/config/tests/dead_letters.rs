//! `deadLetterDirectory` and what needs it.

use super::*;

fn flow(keys: &str) -> String {
    format!(r#"{{"flows": [{{"filePattern": "/var/log/*.log", "kinesisStream": "s", {keys}}}]}}"#)
}

#[test]
fn the_directory_and_its_bounds_are_taken() {
    let config = loaded(&flow(
        r#""deadLetterDirectory": "/var/lib/kinetail/dead/", "deadLetterMaxAgeHours": 1,
           "deadLetterMaxBytes": 41943040, "oversizeLinePolicy": "deadLetter""#,
    ));
    let letters = config.flows[0].dead_letters.clone().unwrap();
    assert_eq!(letters.directory, Path::new("/var/lib/kinetail/dead"));
    assert_eq!(letters.bounds.bytes_max, 40 * 1024 * 1024);
    assert_eq!(letters.bounds.age_max, std::time::Duration::from_hours(1));
    let config = loaded(&flow(r#""deadLetterDirectory": "/d""#));
    let bounds = config.flows[0].dead_letters.clone().unwrap().bounds;
    assert_eq!(bounds.bytes_max, 100 * 1024 * 1024);
    assert_eq!(bounds.age_max, std::time::Duration::from_hours(336));
    assert!(config.flows[0].pack_options().dead_letters);
    assert_eq!(loaded(&flow(r#""wire": "auto""#)).flows[0].dead_letters, None);
}

#[test]
fn what_cannot_be_is_an_error() {
    for (keys, wanted) in [
        (r#""deadLetterDirectory": "dead""#, "expected an absolute path"),
        (r#""deadLetterDirectory": "/a/../b""#, "expected an absolute path"),
        (r#""deadLetterDirectory": "/d", "deadLetterMaxBytes": 1024"#, "deadLetterMaxBytes"),
        (r#""deadLetterDirectory": "/d", "deadLetterMaxAgeHours": 0"#, "deadLetterMaxAgeHours"),
        (r#""oversizeLinePolicy": "deadLetter""#, "requires 'deadLetterDirectory'"),
        (
            r#""dataProcessingOptions":
                [{"optionName": "PARSEJSON", "onUnparsable": "deadLetter"}]"#,
            "requires 'deadLetterDirectory'",
        ),
        (r#""excludePatterns": [], "deadLetterDirectory": "/var/log""#, ""),
    ] {
        let result = load(&flow(keys), Path::new("a.json"), &Environment::default());
        if wanted.is_empty() {
            // Its names do not match the pattern.
            assert!(result.is_ok(), "{keys}");
            continue;
        }
        let report = result.unwrap_err().to_string();
        assert!(report.contains(wanted), "{keys}: {report}");
    }
}

#[test]
fn no_flow_may_follow_dead_letters() {
    for pattern in ["/var/log/*", "/var/log/**", "/var/log/*.ndjson"] {
        let text = format!(
            r#"{{"flows": [{{"filePattern": "{pattern}", "kinesisStream": "s"}},
               {{"filePattern": "/other", "kinesisStream": "s",
                 "deadLetterDirectory": "/var/log"}}]}}"#
        );
        let report = load(&text, Path::new("a.json"), &Environment::default()).unwrap_err();
        let report = report.to_string();
        assert!(report.contains("matches files in 'deadLetterDirectory'"), "{report}");
    }
}
