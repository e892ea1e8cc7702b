//! The predefined formats as regular expressions, and the proof that the parsers agree with them.
//!
//! The expressions are slow and plainly right; they are compiled in tests only. The lines are
//! put together from parts that are valid or nearly so, and then damaged.

mod parts;

use kinetail_java_regex::Matcher;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::compile_match_pattern;
use super::LogFormat;
use parts::parts_of;

const WHOLE_NUMBER: &str = r"[+-]?\d+";
const COUNTING_NUMBER: &str = r"[1-9]\d*";
const NAME: &str = r"[\w.-]+";
const HOST: &str = r"(?:[\w-]+(?:\.[\w-]+)*\.?|[\d.]+)";
const DAY_NUMBER: &str = r"(?:[12]\d|3[01]|0?[1-9])";
const CLOCK: &str = r"(?:[01]?\d|2[0-3]):[0-5]\d:(?:60|[0-5]?\d)(?:[.,:]\d+)?";
const MONTH_NAME: &str = "(?:Jan|January|Feb|February|Mar|March|Apr|April|May|Jun|June|Jul|July|\
                          Aug|August|Sep|September|Oct|October|Nov|November|Dec|December)";
const DAY_NAME: &str = "(?:Mon|Monday|Tue|Tuesday|Wed|Wednesday|Thu|Thursday|Fri|Friday|\
                        Sat|Saturday|Sun|Sunday)";

fn regex_of(format: LogFormat) -> Matcher {
    let date = format!(r"{DAY_NUMBER}/{MONTH_NAME}/{COUNTING_NUMBER}:{CLOCK}\s{WHOLE_NUMBER}");
    let amount = format!("({WHOLE_NUMBER}|-)");
    let access = format!(r#"({HOST}) ({NAME}) ({NAME}) \[({date})\] "([^"]+)" {amount} {amount}"#);
    let syslog = format!(r"(?:<\d+.\d+> )?({NAME}) ([\w./%-]+)(?:\[({COUNTING_NUMBER})\])?: (.*)");
    let pattern = match format {
        LogFormat::CommonApacheLog => format!("{access}.*"),
        LogFormat::CombinedApacheLog => format!(r#"{access} "([^"]+)" "([^"]+)".*"#),
        LogFormat::ApacheErrorLog => {
            let date =
                format!(r"{DAY_NAME}\s+{MONTH_NAME}\s+{DAY_NUMBER}\s+{CLOCK}\s+{COUNTING_NUMBER}");
            let client = format!("{HOST}(?::{COUNTING_NUMBER})?");
            let process = r"\[pid (\d+)(?::tid (\d+))?\]";
            format!(r"\[({date})\] \[(?:(\w+):)?(\w+)\] {process} \[client ({client})\] (.*)")
        }
        LogFormat::Syslog => {
            format!(r"({MONTH_NAME}\s+{DAY_NUMBER}\s+{CLOCK}) {syslog}")
        }
        LogFormat::Rfc3339Syslog => {
            let clock = r"\d\d:\d\d:\d\d(?:\.\d+)?";
            format!(r"(\d{{4}}-\d\d-\d\dT{clock}(?:Z|[+-]\d\d:\d\d)) {syslog}")
        }
    };
    Matcher::new(&compile_match_pattern(&pattern).unwrap())
}

/// A line with the first choice for each part.
fn plain_line_of(parts: &[&[&'static str]]) -> Vec<&'static str> {
    parts.iter().map(|choices| choices[0]).collect()
}

/// A line of the format or close to it: up to three parts have another choice than the first, and
/// then up to two characters are replaced, taken out or put in.
fn line_of(format: LogFormat) -> impl Strategy<Value = String> {
    let index = any::<prop::sample::Index>;
    let changes = prop::collection::vec((index(), index()), 0..4);
    let characters = select("  []\"\":.-/<>+09aZ_\n\r\t\u{E9}\u{2028}".chars().collect::<Vec<_>>());
    let damages = prop::collection::vec((index(), 0..3_u8, characters), 0..3);
    (changes, damages).prop_map(move |(changes, damages)| {
        let parts = parts_of(format);
        let mut line = plain_line_of(&parts);
        for (place, choice) in changes {
            let place = place.index(line.len());
            let choices = parts[place];
            line[place] = choices[choice.index(choices.len())];
        }
        let mut line: Vec<char> = line.concat().chars().collect();
        for (place, kind, character) in damages {
            let place = place.index(line.len() + 1);
            let end = (place + usize::from(kind != 1)).min(line.len());
            let put_in = (kind > 0).then_some(character);
            line.splice(place..end, put_in);
        }
        line.into_iter().collect()
    })
}

fn by_regex<'t>(format: LogFormat, regex: &Matcher, line: &'t str) -> Option<Vec<Option<&'t str>>> {
    let mut regex = regex.clone();
    let fields = format.field_names().len();
    let text_of = |(start, end)| line.get(start..end).unwrap();
    let groups = |regex: &Matcher| (1..=fields).map(|n| regex.group(n).map(text_of)).collect();
    regex.matches(line).unwrap().then(|| groups(&regex))
}

fn by_parser(format: LogFormat, line: &str) -> Option<Vec<Option<&str>>> {
    let values = format.parse(line)?;
    let text_of = |bytes| std::str::from_utf8(bytes).expect("cut between characters");
    let fields = format.field_names().len();
    Some(values.into_iter().take(fields).map(|value| value.map(text_of)).collect())
}

/// Forall lines near the format: the parser and the regular expression accept the same lines and
/// find the same values; and of the lines tried, both kinds are many.
fn parser_agrees_with_regex(format: LogFormat) {
    const CASES: u32 = 4096;
    let regex = regex_of(format);
    let accepted = std::cell::Cell::new(0_u32);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(CASES)
    });
    let result = runner.run(&line_of(format), |line| {
        let want = by_regex(format, &regex, &line);
        accepted.set(accepted.get() + u32::from(want.is_some()));
        prop_assert_eq!(by_parser(format, &line), want);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{format:?}: {error}"));
    let accepted = accepted.get();
    assert!((CASES / 20..CASES / 2 + CASES / 4).contains(&accepted), "{accepted} lines accepted");
}

#[test]
fn common_apache_parser_agrees_with_the_regex() {
    parser_agrees_with_regex(LogFormat::CommonApacheLog);
}

#[test]
fn combined_apache_parser_agrees_with_the_regex() {
    parser_agrees_with_regex(LogFormat::CombinedApacheLog);
}

#[test]
fn apache_error_parser_agrees_with_the_regex() {
    parser_agrees_with_regex(LogFormat::ApacheErrorLog);
}

#[test]
fn syslog_parser_agrees_with_the_regex() {
    parser_agrees_with_regex(LogFormat::Syslog);
}

#[test]
fn rfc3339_syslog_parser_agrees_with_the_regex() {
    parser_agrees_with_regex(LogFormat::Rfc3339Syslog);
}

/// The parts on their own: every choice in its place, the others valid.
#[test]
fn parser_agrees_with_the_regex_on_every_single_choice() {
    use LogFormat::{ApacheErrorLog, CombinedApacheLog, CommonApacheLog, Rfc3339Syslog, Syslog};
    for format in [CommonApacheLog, CombinedApacheLog, ApacheErrorLog, Syslog, Rfc3339Syslog] {
        let regex = regex_of(format);
        let parts = parts_of(format);
        let plain = plain_line_of(&parts);
        assert!(by_regex(format, &regex, &plain.concat()).is_some(), "{plain:?} is not {format:?}");
        for (place, choices) in parts.iter().enumerate() {
            for choice in *choices {
                let mut line = plain.clone();
                line[place] = choice;
                let line = line.concat();
                assert_eq!(by_parser(format, &line), by_regex(format, &regex, &line), "{line:?}");
            }
        }
    }
}
