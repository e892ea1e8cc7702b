//! Tests of `diagnostics`.

use super::*;

fn findings(text: &str) -> Findings<'_> {
    Findings::new(Source::new(text, Path::new("agent.json")))
}

#[test]
fn a_report_shows_place_line_mark_and_help_and_ends_with_the_count() {
    let mut findings = findings("{\n  \"a\": 900,\n  \"b\": 1\n}");
    findings.warn(Kind::Unknown, &(17..20), "unknown key \"b\"".to_owned());
    findings
        .error(Kind::OutOfRange, &(9..12), "a is 900".to_owned())
        .related(&(0..1), "the map")
        .help("make it less");
    let path = findings.path();
    let report = Report { path, diagnostics: findings.finish() };
    let expected = "\
agent.json:2:8: error: a is 900
    2 |   \"a\": 900,
      |        ^^^
agent.json:1:1: note: the map
    1 | {
      | ^
  help: make it less

agent.json:3:4: warning: unknown key \"b\"
    3 |   \"b\": 1
      |    ^^^

1 error and 1 warning in agent.json";
    assert_eq!(report.to_string(), expected);
    assert_eq!(
        report.diagnostics.first().unwrap().summary(),
        "agent.json:2:8: a is 900; make it less"
    );
}

#[test]
fn warnings_alone_are_no_report() {
    let mut findings = findings("x");
    findings.warn(Kind::NoEffect, &(0..1), "w".to_owned());
    assert!(!findings.has_errors());
    let warnings = findings.finish();
    assert_eq!(warnings.len(), 1);
    assert_eq!(tally(&warnings, Path::new("f")), "1 warning in f");
    assert_eq!(tally(&[], Path::new("f")), "no errors in f");
}

#[test]
fn the_tally_knows_plurals() {
    let mut findings = findings("xy");
    findings.error(Kind::Invalid, &(0..1), "e".to_owned());
    findings.error(Kind::Invalid, &(1..2), "e".to_owned());
    assert!(findings.has_errors());
    let (path, diagnostics) = (findings.path(), findings.finish());
    assert_eq!(tally(&diagnostics, &path), "2 errors in agent.json");
}

#[test]
fn quotes_are_short_and_escaped() {
    assert_eq!(quote("a\"b\u{1b}"), r#""a\"b\u{1b}""#);
    let long = quote(&"x".repeat(1000));
    assert_eq!(long.chars().count(), QUOTE_CHARS_MAX + 3);
}
