//! Tests of [`super`].

use super::*;

fn matches(glob: &str, name: impl AsRef<[u8]>) -> bool {
    match parse(glob).unwrap() {
        Parsed::Literal(text) => text.as_bytes() == name.as_ref(),
        Parsed::Matcher(matcher) => matcher.matches(OsStr::from_bytes(name.as_ref())),
    }
}

fn error(glob: &str) -> GlobError {
    match parse(glob) {
        Err(error) => error,
        Ok(_) => panic!("{glob} is taken"),
    }
}

#[test]
fn a_star_takes_any_run_of_characters_and_leading_dots() {
    for (glob, name, expected) in [
        ("*", "", true),
        ("*", ".hidden", true),
        ("*.log", "a.log", true),
        ("*.log", ".log", true),
        ("*.log", "a.log.1", false),
        ("app*.log", "app.log", true),
        ("app*.log", "app-2024.log", true),
        ("app*.log", "ap.log", false),
        ("app*pp", "app", false),
        ("a*b*c", "aXbXbXc", true),
        ("a*b*c", "aXcXb", false),
        ("a**c", "abbc", true),
        ("*.LOG", "a.log", false),
        ("app.log*", "app.log", true),
    ] {
        assert_eq!(matches(glob, name), expected, "{glob} on {name}");
    }
}

#[test]
fn a_question_mark_takes_one_character_however_many_bytes_it_has() {
    for (glob, name, expected) in [
        ("?", "a", true),
        ("?", "é", true),
        ("??", "é", false),
        ("?", "日", true),
        ("a?c", "ac", false),
        ("a?c", "a😀c", true),
    ] {
        assert_eq!(matches(glob, name), expected, "{glob} on {name}");
    }
}

#[test]
fn brackets_take_one_of_the_characters() {
    for (glob, name, expected) in [
        ("app[01][1-9].log", "app07.log", true),
        ("app[01][1-9].log", "app00.log", false),
        ("[!a]", "b", true),
        ("[!a]", "a", false),
        ("[!a]", "", false),
        ("[!a-c]x", "dx", true),
        ("[-a]", "-", true),
        ("[a-]", "-", true),
        ("[!-]", "-", false),
        ("[a-cx-z]", "y", true),
        ("[*?\\]", "*", true),
        ("[*?\\]", "\\", true),
        ("[^a]", "^", true),
        ("[é-ü]", "ö", true),
        ("a]b", "a]b", true),
    ] {
        assert_eq!(matches(glob, name), expected, "{glob} on {name}");
    }
}

#[test]
fn braces_take_one_of_the_alternatives() {
    for (glob, name, expected) in [
        ("{a,b}.log", "a.log", true),
        ("{a,b}.log", "c.log", false),
        ("{access,error}*.log", "error-1.log", true),
        ("x{,y}", "x", true),
        ("x{,y}", "xy", true),
        ("{a*,b?}[0-9]", "aXX7", true),
        ("{a,b}{c,d}", "bc", true),
        ("{a\\,b}", "a,b", true),
        ("a,b}", "a,b}", true),
        ("{a,ab}{c,bc}", "abc", true),
    ] {
        assert_eq!(matches(glob, name), expected, "{glob} on {name}");
    }
}

#[test]
fn a_backslash_takes_the_meaning_from_the_next_character() {
    for (glob, name, expected) in [
        ("a\\*", "a*", true),
        ("a\\*", "ab", false),
        ("\\[x\\]", "[x]", true),
        ("\\a", "a", true),
        ("*\\?", "why?", true),
    ] {
        assert_eq!(matches(glob, name), expected, "{glob} on {name}");
    }
}

#[test]
fn names_that_are_not_utf_8_match_like_any_other() {
    for (glob, name, expected) in [
        ("*", &b"\xff\xfe"[..], true),
        ("*.log", b"caf\xe9.log", true),
        ("caf?.log", b"caf\xe9.log", true),
        ("caf??.log", b"caf\xe9.log", false),
        ("caf[!x].log", b"caf\xe9.log", true),
        ("caf[a-z].log", b"caf\xe9.log", false),
        ("\u{fffd}?", b"\xff\xfe", false),
        ("[\u{fffd}]", b"\xff", false),
    ] {
        assert_eq!(matches(glob, name), expected, "{glob} on {name:?}");
    }
}

#[test]
fn a_pattern_made_to_explode_does_not() {
    let glob = format!("{}b", "*a".repeat(60));
    assert!(!matches(&glob, "a".repeat(255)));
}

#[test]
fn what_has_no_wildcard_is_a_literal() {
    for (glob, text) in [("app.log", "app.log"), ("a\\*b", "a*b"), ("a}b", "a}b")] {
        match parse(glob).unwrap() {
            Parsed::Literal(literal) => assert_eq!(literal, text),
            Parsed::Matcher(matcher) => panic!("{glob} became {matcher:?}"),
        }
    }
}

#[test]
fn broken_globs_say_what_is_wrong() {
    assert_eq!(error("a\\"), GlobError::NothingToEscape);
    assert_eq!(error("[a"), GlobError::UnclosedBracket);
    assert_eq!(error("[a-"), GlobError::UnclosedBracket);
    assert_eq!(error("[]"), GlobError::EmptyClass);
    assert_eq!(error("[!]"), GlobError::EmptyClass);
    assert_eq!(error("[z-a]"), GlobError::BackwardRange { from: 'z', to: 'a' });
    assert_eq!(error("[a-b-c]"), GlobError::RangeWithoutStart);
    assert_eq!(error("[--z]"), GlobError::RangeWithoutStart);
    assert_eq!(error("{a"), GlobError::UnclosedBrace);
    assert_eq!(error("{a,"), GlobError::UnclosedBrace);
    assert_eq!(error("{a,{b,c}}"), GlobError::NestedBraces);
    assert_eq!(error("{a\\"), GlobError::NothingToEscape);
}
