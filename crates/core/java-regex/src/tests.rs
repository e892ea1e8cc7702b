//! The expectations are what JDK 17 answered or what its documentation says, except where the test
//! says otherwise.

mod engines;
mod syntax;

use std::ops::Range;

use super::{
    Finder, Footer, LineStart, Matcher, OverLimit, Pattern, Separator, compile_match_pattern,
};

/// The groups of a match from 1 on, with `~` for a group that took no part.
fn groups(pattern: &str, text: &str) -> Option<Vec<String>> {
    let compiled = compile_match_pattern(pattern);
    let compiled = compiled.unwrap_or_else(|error| panic!("{pattern}: {error}"));
    groups_of(&compiled, text).unwrap_or_else(|error| panic!("{pattern} on {text:?}: {error}"))
}

fn groups_of(pattern: &Pattern, text: &str) -> Result<Option<Vec<String>>, OverLimit> {
    let mut matcher = Matcher::new(pattern);
    if !matcher.matches(text)? {
        return Ok(None);
    }
    let text_of = |group| match matcher.group(group) {
        Some((start, end)) => text.get(start..end).unwrap().to_owned(),
        None => "~".to_owned(),
    };
    Ok(Some((1..=pattern.groups()).map(text_of).collect()))
}

fn matches(pattern: &str, text: &str) -> bool {
    groups(pattern, text).is_some()
}

#[test]
fn only_whole_texts_match() {
    assert!(matches("a", "a"));
    for text in ["ab", "ba", "", "a\n"] {
        assert!(!matches("a", text), "{text:?}");
    }
    assert!(matches("a|ab", "ab"), "an alternative that ends early is no match");
    assert!(matches("^a$", "a"));
    assert!(matches("\\Aa\\z", "a") && matches("a\\Z", "a"));
}

#[test]
fn groups_are_numbered_as_in_java() {
    for (pattern, text, want) in [
        (r"^(\S+) ?(\S+)?", "x", ["x", "~"].as_slice()),
        (r"(?<first>a)(?:b)(c)", "abc", &["a", "c"]),
        (r"(a)|(b)", "b", &["~", "b"]),
        (r"(a|ab)(c|bcd)(d*)", "abcd", &["a", "bcd", ""]),
        (r"((a)|b)*", "ab", &["b", "a"]),
        (r"(.+?)-(.*)", "a-b-c", &["a", "b-c"]),
        (r"(a{2,3}?)(a*)", "aaaa", &["aa", "aa"]),
        (r"(?s)(.*)\n(.*)", "a\nb\nc", &["a\nb", "c"]),
    ] {
        assert_eq!(groups(pattern, text).as_deref().unwrap(), want, "{pattern} {text:?}");
    }
}

#[test]
fn look_around_looks_and_takes_nothing() {
    for (pattern, text, want) in [
        (r"(?=.*\d)(?=.*[a-z]).{4,}", "ab1c", true),
        (r"(?=.*\d)(?=.*[a-z]).{4,}", "abcd", false),
        (r"(?!DEBUG)\w+ .*", "INFO x", true),
        (r"(?!DEBUG)\w+ .*", "DEBUG x", false),
        (r"\d+(?<=12)x", "312x", true),
        (r"\d+(?<=12)x", "321x", false),
        (r"\w+(?<!ERROR): .*", "WARN: x", true),
        (r"\w+(?<!ERROR): .*", "ERROR: x", false),
        (r".*(?<=a{1,3}b?)c", "xaabc", true),
        (r".*(?<=^a|\u00e9)c", "\u{E9}c", true),
        (r"(?<=\u00e9)", "", false),
        (r"(?<!x)", "", true),
        (r"(?=a(?=b))ab", "ab", true),
        (r"(?=a(?!b))ab", "ab", false),
    ] {
        assert_eq!(matches(pattern, text), want, "{pattern} {text:?}");
    }
    assert_eq!(groups(r"(?=(a+))a*b\1", "baaabac"), None);
    assert_eq!(groups(r"(?=(a+))a*b\1", "aba").unwrap(), ["a"], "a look-ahead captures");
    assert_eq!(groups(r"(?!(a)b)a(c)", "ac").unwrap(), ["~", "c"], "a negative one does not");
    assert_eq!(groups(r"(\w+)(?<=(\d))-", "a1-").unwrap(), ["a1", "1"]);
}

#[test]
fn possessive_quantifiers_and_atomic_groups_give_nothing_back() {
    for (pattern, text, want) in [
        (r"a*+a", "aaa", false),
        (r"a*a", "aaa", true),
        (r"a++b", "aab", true),
        (r"a?+a", "a", false),
        (r"a{1,2}+a", "aa", false),
        (r"a{1,2}+a", "aaa", true),
        (r"(?>a|ab)c", "abc", false),
        (r"(?:a|ab)c", "abc", true),
        (r"(?>a*)b", "aab", true),
        (r#""(?:[^"\\]++|\\.)*+""#, r#""a\"b""#, true),
        (r#""(?:[^"\\]++|\\.)*+""#, r#""a\"b"#, false),
    ] {
        assert_eq!(matches(pattern, text), want, "{pattern} {text:?}");
    }
    assert_eq!(groups(r"(?>(a)|b)*+(c)", "abc").unwrap(), ["a", "c"]);
}

#[test]
fn back_references_match_what_their_group_matched() {
    for (pattern, text, want) in [
        (r"(\w)\1", "aa", true),
        (r"(\w)\1", "ab", false),
        (r"(?<q>['\x22]).*?\k<q>", "'a\"'", true),
        (r"(?<q>['\x22]).*?\k<q>", "'a\"", false),
        (r"(a)\10", "aa0", true),
        (r"(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)\10", "abcdefghijj", true),
        (r"(a)?\1b", "b", false),
        (r"\1(a)", "aa", false),
        (r"(a)\2", "aa", false),
        (r"(?i)(a)\1", "aA", true),
        (r"(?i)(\u00e9)\1", "\u{E9}\u{C9}", false),
        (r"(?iu)(\u00e9)\1", "\u{E9}\u{C9}", true),
        (r"(a*)\1", "aaaa", true),
        (r"(\u00e9+)-\1", "\u{E9}\u{E9}-\u{E9}\u{E9}", true),
    ] {
        assert_eq!(matches(pattern, text), want, "{pattern} {text:?}");
    }
}

#[test]
fn the_end_of_a_text_is_before_a_last_line_terminator_too() {
    for (pattern, text, want) in [
        ("a$", "a", true),
        ("a$", "a\n", false),
        ("a$\n", "a\n", true),
        ("a$\r\n", "a\r\n", true),
        ("a\r$\n", "a\r\n", false),
        ("a$\r", "a\r", true),
        ("a$\u{85}", "a\u{85}", true),
        ("a$\n\n", "a\n\n", false),
        (r"a\Z\n", "a\n", true),
        (r"a\z\n", "a\n", false),
        ("(?d)a$\r", "a\r", false),
        ("(?d)a$\n", "a\n", true),
        ("a$|b$", "b", true),
        ("(a$)|(b$)", "b", true),
        ("(?m)^a$\n^b$", "a\nb", true),
        ("(?m)^a$\n^", "a\n", false),
        ("(?m)a$\r^\n", "a\r\n", false),
        ("(?m)a\r\n^b", "a\r\nb", true),
        ("(?m)a\r^b", "a\rb", true),
        ("(?md)a\r^b", "a\rb", false),
        ("(?m)^$", "", false),
        ("^$", "", true),
        ("a\n^b", "a\nb", false),
    ] {
        assert_eq!(matches(pattern, text), want, "{pattern:?} {text:?}");
    }
}

#[test]
fn a_line_starts_a_record_if_its_beginning_matches() {
    for (pattern, line, want) in [
        (r"\d{4}-", b"2026-11-20 x\n".as_slice(), true),
        (r"\d{4}-", b" 2026-11-20 x\n", false),
        (r"    \{", b"    {\n", true),
        ("^foo$", b"foo\n", true),
        ("^foo$", b"foo\r\n", true),
        ("^foo$", b"foo", true),
        ("^foo$", b"food\n", false),
        ("(?!\\s)", b"\tat x\n", false),
        ("(?!\\s)", b"Exception\n", true),
        (r"\[.*\] ", b"[\xFF] x\n", true),
        (r"a|ab", b"abc\n", true),
        ("^", b"\n", true),
    ] {
        let start = LineStart::compile(pattern).unwrap();
        assert_eq!(start.matches(line), Ok(want), "{pattern} {}", line.escape_ascii());
    }
    let slow = LineStart::compile("(?:a*)*(?=b)c").unwrap();
    assert_eq!(slow.matches(&[b'a'; 50]), Err(OverLimit));
}

#[test]
fn a_footer_is_a_whole_record_without_the_space_around_it() {
    for (pattern, record, want) in [
        ("END", "END\n", true),
        ("END", "  END \r\n", true),
        ("END", "END.\n", false),
        ("^END$", "END\n", true),
        (r"# \d+ rows", "# 12 rows\n", true),
        ("^a$\n^b$", "a\nb\n", true),
        ("a", "a\nb\n", false),
        ("^$", "\n", false),
        ("", "\n", true),
        ("\u{FFFD}", "\u{FFFD}", true),
    ] {
        let footer = Footer::compile(pattern).unwrap();
        assert_eq!(footer.matches(record.as_bytes()), Ok(want), "{pattern:?} {record:?}");
    }
    let slow = Footer::compile("(a*)*\\1b").unwrap();
    assert_eq!(slow.matches(&[b'a'; 500]), Err(OverLimit));
}

/// Every match that is found in a text.
fn found(pattern: &Pattern, text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let each = |range| {
        found.push(range);
        false
    };
    Matcher::new(pattern).find_each(text, each).unwrap();
    found
}

#[test]
fn searching_finds_what_java_finds() {
    for (pattern, text, want) in [
        (r",(?=(?:[^']*'[^']*')*[^']*$)", "a,'b,c',d", [1..2, 7..8].as_slice()),
        (r"(?<=;);", "a;;b;;;", &[2..3, 5..6, 6..7]),
        ("\\Ga", "aab", &[0..1, 1..2]),
        ("b*+", "abb\u{E9}", &[0..0, 1..3, 3..3, 5..5]),
    ] {
        let Separator::Finder(Finder(pattern)) = Finder::compile(pattern).unwrap() else {
            panic!("{pattern} is plain text");
        };
        assert_eq!(found(&pattern, text), want, "{pattern:?} {text:?}");
    }
}

#[test]
fn plain_text_is_known_as_such() {
    for (pattern, want) in [
        ("", Some("")),
        ("ab", Some("ab")),
        (r"\.\t\x41", Some(".\tA")),
        ("a.", None),
        ("a?", None),
        ("(a)", None),
        ("[a]", None),
        ("^a", None),
        (r"\d", None),
    ] {
        let literal = match Finder::compile(pattern).unwrap() {
            Separator::Finder(_) => None,
            Separator::Literal(literal) => Some(literal),
        };
        assert_eq!(literal.as_deref(), want, "{pattern}");
    }
}
