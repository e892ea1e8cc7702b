//! `FILTER` and `SAMPLE`.

use kinetail_records::steps::{
    Bound, Condition, Filter, Number, ParseJson, Sample, Severity, Test,
};
use kinetail_records::{Chain, Converted, ConverterConfig, compile_search_pattern};

use super::{chain, one, table};

fn pattern(java: &str) -> Test {
    Test::pattern(&compile_search_pattern(java).unwrap())
}

fn ask(field: Option<&str>, tests: Vec<Test>) -> Condition {
    Condition { field: field.map(str::to_owned), tests }
}

fn number(bound: Bound, text: &str) -> Test {
    Test::Number(bound, Number::parse(text).unwrap())
}

fn include(conditions: Vec<Condition>) -> ConverterConfig {
    one(Filter { include: conditions, exclude: Vec::new() })
}

fn exclude(conditions: Vec<Condition>) -> ConverterConfig {
    one(Filter { include: Vec::new(), exclude: conditions })
}

/// Which of the records are sent as they are.
fn kept(config: ConverterConfig, want: &[(&str, bool)]) {
    let cases: Vec<(&str, &str)> = want
        .iter()
        .map(|(record, kept)| (*record, if *kept { *record } else { "skipped: filtered" }))
        .collect();
    table(&[config], &cases);
}

#[test]
fn a_pattern_is_searched_for_in_the_text() {
    kept(
        exclude(vec![ask(None, vec![pattern("GET /health")])]),
        &[
            ("GET /health", false),
            ("x GET /healthz y", false),
            ("GET /", true),
            ("", true),
            ("{\"a\":\"GET /health\"}", false),
        ],
    );
    kept(
        include(vec![ask(None, vec![pattern("ERROR|WARN")]), ask(None, vec![pattern("^#")])]),
        &[("an ERROR", true), ("info", false), ("# WARN", true), ("#", true), ("", false)],
    );
    // Both tests of one condition.
    kept(
        include(vec![ask(None, vec![pattern("a"), pattern("b")])]),
        &[("ab", true), ("a", false), ("b", false)],
    );
    // What cannot be judged in time is sent.
    let slow = "x".repeat(60);
    kept(include(vec![ask(None, vec![pattern("(x+)+(?=y)z")])]), &[(&slow, true)]);
    kept(exclude(vec![ask(None, vec![pattern("(x+)+(?=y)z")])]), &[(&slow, true)]);
}

#[test]
fn members_are_compared() {
    kept(
        include(vec![ask(Some("s"), vec![number(Bound::AtLeast, "500")])]),
        &[
            (r#"{"s":500}"#, true),
            (r#"{"s":499}"#, false),
            (r#"{"s":499.9999}"#, false),
            (r#"{"s":5e2}"#, true),
            (r#"{"s":"503"}"#, true),
            (r#"{"s":" 503 "}"#, true),
            (r#"{"s":"x"}"#, false),
            (r#"{"s":null}"#, false),
            (r#"{"s":[500]}"#, false),
            (r#"{"s":123456789012345678901234567890123456789012345}"#, true),
            (r#"{"s":-1e999}"#, false),
            (r#"{"s":1e999}"#, true),
            (r#"{"s":1,"s":500}"#, true),
            (r#"{"s":500,"s":1}"#, false),
            (r#"{"\u0073":500}"#, true),
            ("{}", false),
            // What is no object cannot be judged, and is sent.
            ("text", true),
            ("", true),
            ("[500]", true),
        ],
    );
    kept(
        exclude(vec![ask(Some("a.b"), vec![Test::In(vec!["x".to_owned(), "7".to_owned()])])]),
        &[
            (r#"{"a":{"b":"x"}}"#, false),
            (r#"{"a.b":"x"}"#, false),
            (r#"{"a":{"b":"\u0078"}}"#, false),
            (r#"{"a":{"b":7}}"#, false),
            (r#"{"a":{"b":7.0}}"#, false),
            (r#"{"a":{"b":"y"}}"#, true),
            (r#"{"a":{"b":{}}}"#, true),
            (r#"{"a":"x"}"#, true),
            ("x", true),
        ],
    );
    for (bound, kept_numbers) in [
        (Bound::Above, [false, false, true]),
        (Bound::AtLeast, [false, true, true]),
        (Bound::Below, [true, false, false]),
        (Bound::AtMost, [true, true, false]),
    ] {
        let cases =
            [r#"{"n":9007199254740992}"#, r#"{"n":9007199254740993}"#, r#"{"n":9007199254740994}"#];
        let cases: Vec<(&str, bool)> = cases.into_iter().zip(kept_numbers).collect();
        kept(include(vec![ask(Some("n"), vec![number(bound, "9007199254740993")])]), &cases);
    }
    kept(
        include(vec![
            ask(Some("a"), vec![Test::Exists(true)]),
            ask(Some("b"), vec![Test::Exists(false)]),
        ]),
        &[(r#"{"a":null,"b":1}"#, true), (r#"{"b":1}"#, false), ("{}", true)],
    );
    kept(
        include(vec![ask(Some("m"), vec![pattern("^a+$")])]),
        &[(r#"{"m":"aaa"}"#, true), (r#"{"m":"\u0061"}"#, true), (r#"{"m":"ab"}"#, false)],
    );
}

#[test]
fn severities_have_an_order() {
    let config = || include(vec![ask(Some("level"), vec![Test::Severity(Severity::Warn)])]);
    let cases = [
        ("\"trace\"", false),
        ("\"DEBUG\"", false),
        ("\"info\"", false),
        ("\"Notice\"", false),
        ("\"warn\"", true),
        ("\"WARNING\"", true),
        ("\"err\"", true),
        ("\"ERROR\"", true),
        ("\"SEVERE\"", true),
        ("\"critical\"", true),
        ("\"panic\"", true),
        ("\"emerg\"", true),
        ("0", true),
        ("3", true),
        ("4", true),
        ("5", false),
        ("6", false),
        ("7", false),
        ("10", false),
        ("20", false),
        ("30", false),
        ("40", true),
        ("50", true),
        ("60", true),
        ("\"unknown word\"", true),
    ];
    let records: Vec<(String, bool)> =
        cases.iter().map(|(level, kept)| (format!("{{\"level\":{level}}}"), *kept)).collect();
    let records: Vec<(&str, bool)> =
        records.iter().map(|(text, kept)| (text.as_str(), *kept)).collect();
    kept(config(), &records);
    kept(config(), &[("{}", false), ("stack trace", true)]);
}

fn sent(chain: &mut Chain, records: impl Iterator<Item = String>) -> Vec<String> {
    let mut sent = Vec::new();
    for (index, record) in records.enumerate() {
        chain.set_offset(index as u64 * 10);
        if let Converted::Record(record) = chain.convert(record.as_bytes()) {
            sent.push(String::from_utf8(record.to_vec()).unwrap());
        }
    }
    sent
}

#[test]
fn a_sample_has_about_its_rate_and_is_the_same_each_time() {
    for (rate, least, most) in
        [(0.0, 0, 0), (0.1, 900, 1100), (0.5, 4_800, 5_200), (1.0, 10_000, 10_000)]
    {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test")]
        let threshold = (rate * 18_446_744_073_709_551_615.0) as u64;
        let sample = Sample { threshold, key: None, keep: Vec::new() };
        let records = || (0..10_000).map(|_| "the same line\n".to_owned());
        let first = sent(&mut chain(&[one(sample.clone())]), records());
        assert!((least..=most).contains(&first.len()), "{rate}: {}", first.len());
        let again = sent(&mut chain(&[one(sample)]), records());
        assert_eq!(first.len(), again.len());
    }
}

#[test]
fn records_of_one_key_stay_together_and_errors_are_all_kept() {
    let keep = vec![ask(Some("level"), vec![Test::In(vec!["error".to_owned()])])];
    let sample = Sample { threshold: u64::MAX / 4, key: Some("user".to_owned()), keep };
    let records = (0..4_000).map(|n| {
        let level = if n % 100 == 0 { "error" } else { "info" };
        format!("{{\"user\":{},\"level\":\"{level}\"}}\n", n % 40)
    });
    let sent = sent(&mut chain(&[one(ParseJson { field: None }), one(sample)]), records);
    let errors = sent.iter().filter(|record| record.contains("error")).count();
    assert_eq!(errors, 40);
    for user in 0..40 {
        let infos = sent
            .iter()
            .filter(|record| record.contains(&format!("\"user\":{user},\"level\":\"info\"")))
            .count();
        assert!(infos == 0 || infos >= 80, "user {user}: {infos}");
    }
    // However a value is written, it is one key.
    let half = Sample { threshold: u64::MAX / 2, key: Some("k.id".to_owned()), keep: Vec::new() };
    let mut chain = chain(&[one(half)]);
    let (mut kept, mut skipped) = (0, 0);
    for n in 0..30 {
        let digits: Vec<String> =
            n.to_string().bytes().map(|digit| format!("\\u{digit:04x}")).collect();
        let digits = digits.concat();
        let written = [
            format!("{{\"k\":{{\"id\":\"{n}\"}}}}\n"),
            format!("{{ \"k\" : {{\"id\" : \"{digits}\", \"x\":1}} }}\n"),
            format!("{{\"k\":{{\"id\":{n}}}}}\r\n"),
            format!("{{\"k.id\":\"{n}\",\"y\":[]}}"),
            format!("{{\"k\":{{\"id\":0,\"id\":\"{n}\"}}}}\n"),
        ];
        let sent = |text: &String| matches!(chain.convert(text.as_bytes()), Converted::Record(_));
        let sent: Vec<bool> = written.iter().map(sent).collect();
        assert!(sent.iter().all(|one| *one == sent[0]), "{n}: {sent:?}");
        if sent[0] { kept += 1 } else { skipped += 1 }
    }
    assert!(kept > 5 && skipped > 5, "{kept} and {skipped}");
    // What has no key, or no members, is sent.
    let none = Sample { threshold: 0, key: Some("user".to_owned()), keep: Vec::new() };
    let skipped = "skipped: sampled";
    let deep = format!("{{\"user\":{}1{}}}", "[".repeat(63), "]".repeat(63));
    let too_deep = format!("{{\"user\":{}1{}}}", "[".repeat(99), "]".repeat(99));
    table(
        &[one(none)],
        &[
            ("text", "text"),
            ("", ""),
            ("{}", "{}"),
            ("[1]", "[1]"),
            ("{\"user\":1", "{\"user\":1"),
            (r#"{"USER":1}"#, r#"{"USER":1}"#),
            (r#"{"a":{"user":1}}"#, r#"{"a":{"user":1}}"#),
            (r#"{"user":1}"#, skipped),
            (r#"{"user":null}"#, skipped),
            (r#"{"user":""}"#, skipped),
            (r#"{"user":1E400}"#, skipped),
            (r#"{"user":{}}"#, skipped),
            (r#"{"us\u0065r":"\ud800"}"#, skipped),
            ("{\"user\":\"\u{1F600}\"}", skipped),
            (&deep, skipped),
            (&too_deep, &too_deep),
        ],
    );
    let invalid = Sample { threshold: 0, key: Some("user".to_owned()), keep: Vec::new() };
    let record = b"{\"user\":\"\xFF\"}\n";
    assert_eq!(super::chain(&[one(invalid)]).convert(record), Converted::Record(record));
}
