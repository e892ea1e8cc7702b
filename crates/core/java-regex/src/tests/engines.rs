//! The engines: which one runs a pattern, that they agree, and that both end.

use std::sync::Arc;

use super::{groups_of, matches};
use crate::parse::{Flags, parse};
use crate::pattern::{Engine, LINEAR_TEXT_BYTES_MAX, Worker};
use crate::program::Program;
use crate::{Matcher, OverLimit, Pattern, PatternError, compile_match_pattern};

/// A pattern that goes to the machine although the `regex` crate could do it.
fn on_the_machine(pattern: &str) -> Result<Pattern, PatternError> {
    let tree = parse(pattern, Flags::default())?;
    let groups = tree.groups;
    let engine = Engine::Machine(Arc::new(Program::new(&tree, true)?));
    Ok(Pattern { engine, groups })
}

#[test]
fn no_pattern_runs_indefinitely() {
    let text = "a".repeat(5_000);
    for pattern in [
        "(a+)+(?=b)c",
        "(?:a|a)*(?!b)c",
        r"(a*)*\1b",
        "(?=(a+)+b)a*",
        "(?:a*)*+(?<=b)",
        "(x*x*)*(?!b)c",
    ] {
        let compiled = compile_match_pattern(pattern).unwrap();
        let text = text.replace('a', if pattern.contains('x') { "x" } else { "a" });
        let result = compiled.matches(&text);
        if pattern != "(?:a*)*+(?<=b)" {
            assert_eq!(result, Err(OverLimit), "{pattern}");
        }
    }
}

/// The linear engine would take long on long texts, and on short ones if the pattern is wide.
#[test]
fn texts_that_are_too_long_for_the_linear_engine_go_to_the_machine() {
    let is_linear = |pattern: &str, bytes: usize| {
        let compiled = compile_match_pattern(pattern).unwrap();
        let text = "a".repeat(bytes);
        let worker = compiled.engine.worker(&text).unwrap();
        assert_eq!(compiled.matches(&text), Ok(true), "{pattern} on {bytes}");
        matches!(worker, Worker::Linear(_))
    };
    assert!(is_linear("(a+)+", LINEAR_TEXT_BYTES_MAX));
    assert!(!is_linear("(a+)+", LINEAR_TEXT_BYTES_MAX + 1));
    assert!(is_linear("(a{1,100}){1,100}", 100));
    assert!(!is_linear("(a{1,100}){1,100}", 1_000));
    assert!(!is_linear("(?:[a-z]{1,20}){1,200}.*", 16 * 1024));
    assert!(is_linear("(?:[a-z]{20}){200}.*", 16 * 1024), "there is one way through it");
    // The machine, too, gives up where there is too much to do.
    let compiled = compile_match_pattern("(.*)(.*)(.*)(.*)x").unwrap();
    assert_eq!(compiled.matches(&"a".repeat(LINEAR_TEXT_BYTES_MAX + 1)), Err(OverLimit));
    // What is too large for the machine is done by the linear engine or not at all.
    let large = compile_match_pattern("(?:(?:[ab]{100}){100}){6}.*").unwrap();
    assert_eq!(large.matches(&"a".repeat(LINEAR_TEXT_BYTES_MAX)), Ok(true));
    assert_eq!(large.matches(&"a".repeat(LINEAR_TEXT_BYTES_MAX + 1)), Err(OverLimit));
}

#[test]
fn the_linear_engine_does_what_it_can() {
    for (pattern, linear) in [
        (r"^(\S+)\[([^\]]+)\] (.*)$", true),
        (r"(a|b$)", true),
        (r"\bfoo\b", true),
        (r"(?:a*)*", true),
        (r"(a*)*", false),
        (r"(?:(a)|b*){2}", false),
        (r"(?i)foo|bar", true),
        (r"a$b", false),
        (r"(?m)^a", false),
        (r"a(?=b)", false),
        (r"a++", false),
        (r"(a)\1", false),
        (r"\Ga", false),
    ] {
        let compiled = compile_match_pattern(pattern).unwrap();
        let is_linear = matches!(compiled.engine.worker("a"), Ok(Worker::Linear(_)));
        assert_eq!(is_linear, linear, "{pattern}");
    }
}

/// What the `regex` crate takes for a boundary of words is one of Java in ASCII only.
#[test]
fn boundaries_of_words_are_found_by_the_machine_where_a_text_is_not_ascii() {
    let compiled = compile_match_pattern(r"(\w+)\b(.*)").unwrap();
    assert!(matches!(compiled.engine.worker("ab"), Ok(Worker::Linear(_))));
    assert!(matches!(compiled.engine.worker("a\u{E9}"), Ok(Worker::Machine(_))));
    let mut matcher = Matcher::new(&compiled);
    for (text, first) in [("ab-c", (0, 2)), ("ab-\u{E9}", (0, 2)), ("a\u{E9}", (0, 0))] {
        let found = matcher.matches(text).unwrap();
        assert_eq!(found.then(|| matcher.group(1).unwrap()), (first.1 > 0).then_some(first));
    }
    // A mark belongs to the letter before it, however many come between.
    let marks = format!("a{}", "\u{301}".repeat(1_000));
    assert!(matches(r"a.*\b", &marks) && !matches(r"a\b.*", &marks));
    let endless = "\u{301}".repeat(20_000);
    let boundaries = compile_match_pattern(r"(?:.\B)*x").unwrap();
    assert_eq!(boundaries.matches(&endless), Err(OverLimit));
}

proptest::proptest! {
    /// Forall patterns that both engines can do, and texts: they find the same groups.
    #[test]
    fn both_engines_agree(
        pattern in "([abc.^$]|\\\\b|\\[ab\\]|\\(|\\)|\\(\\?:|[*+?]|[*+?]\\?|\\||\\{1,2\\}){0,12}",
        text in "[abc \u{E9}\n]{0,8}",
    ) {
        let Ok(either) = compile_match_pattern(&pattern) else { return Ok(()) };
        let machine = on_the_machine(&pattern).unwrap();
        let (linear, machine) = (groups_of(&either, &text), groups_of(&machine, &text));
        proptest::prop_assert_eq!(linear, machine, "{}", pattern);
    }

    /// Forall texts: translation ends with a result or an error, never with a panic; and plain
    /// text, quoted, matches itself.
    #[test]
    fn any_text_translates_or_fails(
        text in "[\\\\\\[\\](){}?*+|^$.&~<>:a-dQEpux0-3,\u{E9}-]{0,16}",
    ) {
        drop(compile_match_pattern(&text));
        let quoted = format!("\\Q{text}");
        if !text.contains("\\E") {
            proptest::prop_assert!(matches(&quoted, &text));
        }
    }
}
