//! Regular expressions of Java, and texts that they are compared with.

use kinetail::process::{Footer, LineStart, Pattern, compile_match_pattern};
use kinetail_java_regex::Matcher;

use super::fuzz;

const SEEDS: &[&[u8]] = &[
    b"^([\\d.]+) (\\S+) (\\S+) \\[([\\w:/]+\\s[+\\-]\\d{4})\\] \"(.+?)\" (\\d{3})\0\
      1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200",
    b"(?<a>x+)*+(?=y)\\k<a>|(?i:\\p{Alpha}{2,})\0xxxy",
    b"(a|b*)*c{0,3}?[^\\Q]\\E&&[a-z]]\\h\\R\0aabb]\n",
    b"(?<!a)(?>b|bb)++\\1\\x{1F600}\\u0041\\cA\0bbb\xF0\x9F\x98\x80",
    b"\\d{4}-\\d\\d\0 2026-11-29 a line",
];

const WORDS: &[&[u8]] = &[
    b"(",
    b")",
    b"(?:",
    b"(?=",
    b"(?<!",
    b"(?>",
    b"(?i)",
    b"(?x)",
    b"[",
    b"]",
    b"[^",
    b"&&",
    b"|",
    b"*",
    b"+",
    b"?",
    b"{2,3}",
    b"{0}",
    b"{,9}",
    b"\\",
    b"\\Q",
    b"\\E",
    b"\\b",
    b"\\G",
    b"\\R",
    b"\\X",
    b"\\p{IsGreek}",
    b"\\N{DIGIT ONE}",
    b"\\1",
    b"\\k<a>",
    b"\\0777",
    b"$",
    b"^",
    b"\0",
    b"\r\n",
    b"\xC2\x85",
    b"\xE2\x80\xA8",
    b"\xF0\x9F\x98\x80",
];

/// Groups lie in the text, between characters, and inside of the match.
fn check_groups(pattern: &Pattern, text: &str) {
    let mut matcher = Matcher::new(pattern);
    let Ok(true) = matcher.matches(text) else { return };
    assert_eq!(matcher.group(0), Some((0, text.len())), "a match is of the whole text");
    for group in 1..=pattern.groups() {
        if let Some((from, to)) = matcher.group(group) {
            assert!(text.get(from..to).is_some(), "group {group} at {from}..{to} of {text:?}");
        }
    }
}

#[test]
fn patterns_and_texts_of_any_kind_are_compared() {
    fuzz(SEEDS, WORDS, |input| {
        let mut parts = input.splitn(2, |byte| *byte == 0);
        let java = String::from_utf8_lossy(parts.next().unwrap_or_default());
        let bytes = parts.next().unwrap_or_default();
        let text = String::from_utf8_lossy(bytes);
        if let Ok(pattern) = compile_match_pattern(&java) {
            check_groups(&pattern, &text);
        }
        if let Ok(start) = LineStart::compile(&java) {
            assert_eq!(start.matches(bytes).ok(), start.matches(bytes).ok());
        }
        if let Ok(footer) = Footer::compile(&java) {
            assert_eq!(footer.matches(bytes).ok(), footer.matches(bytes).ok());
        }
    });
}
