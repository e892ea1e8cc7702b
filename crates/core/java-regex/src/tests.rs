//! The expectations are what JDK 17 answered or what its documentation says, except where the test
//! says otherwise.

use std::ops::Range;
use std::sync::Arc;

use super::parse::{Flags, parse};
use super::pattern::{Engine, LINEAR_TEXT_BYTES_MAX, Worker};
use super::program::Program;
use super::{
    Finder, Footer, LineStart, Matcher, OverLimit, Pattern, PatternError, Separator,
    compile_match_pattern,
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

/// A pattern that goes to the machine although the `regex` crate could do it.
fn on_the_machine(pattern: &str) -> Result<Pattern, PatternError> {
    let tree = parse(pattern, Flags::default())?;
    let groups = tree.groups;
    let engine = Engine::Machine(Arc::new(Program::new(&tree, true)?));
    Ok(Pattern { engine, groups })
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
fn a_dot_stops_at_five_kinds_of_line_end() {
    for (end, text) in ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].map(|end| (end, end)) {
        assert!(!matches(".", text), "{end:?}");
        assert!(matches("(?s).", text), "{end:?}");
        assert_eq!(matches("(?d).", text), end != "\n", "{end:?}");
    }
    assert!(matches("....", "a\u{1F600}\u{B}\u{E9}"));
}

#[test]
fn classes_are_ascii() {
    for (class, inside, outside) in [
        (r"\w", "aZ09_", "\u{E9}\u{660}-"),
        (r"\d", "09", "\u{660}a"),
        (r"\s", " \t\n\u{B}\u{C}\r", "\u{A0}\u{85}\u{2028}a"),
        (r"\h", " \t\u{A0}\u{2003}\u{180E}", "\na\u{B}"),
        (r"\v", "\n\u{B}\u{C}\r\u{85}\u{2028}", "\ta v"),
        (r"\R", "\n\u{B}\r\u{85}", "\t"),
        (r"\p{Lower}", "az", "A\u{E9}"),
        (r"\p{Alpha}", "aZ", "\u{E9}1"),
        (r"\p{Punct}", "!~", "a\u{2014}"),
        (r"\p{IsAlphabetic}", "a\u{E9}", "1"),
        (r"\p{Lu}", "A\u{C9}", "a"),
        (r"\pL", "a\u{E9}", "1"),
        (r"\p{IsLatin}", "a\u{E9}", "\u{3B1}"),
    ] {
        for char in inside.chars() {
            assert!(matches(class, &char.to_string()), "{class} {char:?}");
        }
        for char in outside.chars() {
            assert!(!matches(class, &char.to_string()), "{class} {char:?}");
        }
    }
    for (class, negated) in [(r"\w", r"\W"), (r"\d", r"\D"), (r"\s", r"\S"), (r"\pL", r"\PL")] {
        for text in ["a", "1", " ", "\u{E9}", "\u{1F600}", "\n"] {
            assert_ne!(matches(class, text), matches(negated, text), "{class} {text:?}");
            let set = format!("[{class}]");
            assert_eq!(matches(class, text), matches(&set, text), "{set} {text:?}");
            let set = format!("[^{negated}]");
            assert_eq!(matches(class, text), matches(&set, text), "{set} {text:?}");
        }
    }
}

#[test]
fn brackets_mean_what_they_mean_in_java() {
    for (class, inside, outside) in [
        ("[]a]", "]a", "b"),
        ("[^]a]", "b", "]a"),
        ("[a-]", "a-", "b"),
        ("[a\\-c]", "a-c", "b"),
        (r"[\w-.]", "a-.", "+"),
        (r"[+\-]", "+-", ","),
        ("[a--]", "", "b"),
        ("[a~~b]", "a~b", "c"),
        ("[a-c[x-z]]", "bx", "d"),
        ("[a-e&&[^c]]", "ad", "c"),
        ("[a&b]", "a&b", "c"),
        ("[.*+?|()^$]", ".*+?|()^$", "a"),
        ("[ #]", " #", "a"),
        (r"[\x41\u0042\0103\t]", "ABC\t", "D"),
        (r"[\Qa-c]\E]", "a-c]", "b"),
        (r"[\\\]\[]", "\\][", "a"),
    ] {
        if class == "[a--]" {
            assert!(compile_match_pattern(class).is_err(), "the range is the wrong way round");
            continue;
        }
        for char in inside.chars() {
            assert!(matches(class, &char.to_string()), "{class} {char:?}");
        }
        for char in outside.chars() {
            assert!(!matches(class, &char.to_string()), "{class} {char:?}");
        }
    }
}

#[test]
fn escapes_mean_what_they_mean_in_java() {
    for (pattern, text) in [
        (r"\t\n\r\f\a\e", "\t\n\r\u{C}\u{7}\u{1B}"),
        (r"\x41\x{1F600}\u0042\uD83D\uDE00\0101\cA", "A\u{1F600}B\u{1F600}A\u{1}"),
        (r"\0400", " 0"),
        (r"\Q.*\E.\Q[", ".*x["),
        ("\\\"\\/\\<\\>\\-\\ \\_\\\u{E9}\\#\\&\\~", "\"/<>- _\u{E9}#&~"),
        ("a}]#b", "a}]#b"),
        (r"\ba\b-\Bb?", "a-"),
    ] {
        assert!(matches(pattern, text), "{pattern} {text:?}");
    }
}

#[test]
fn ignoring_case_is_for_ascii_letters_alone() {
    assert!(matches("(?i)aZ-[b-d][^x]", "Az-CY"));
    assert!(!matches("(?i)[^x]", "X"));
    assert!(!matches("(?i)k", "\u{212A}"), "the Kelvin sign");
    assert!(!matches("(?i)\u{E9}", "\u{C9}"));
    assert!(matches("(?i)[Z-a]", "z") && matches("(?i)[Z-a]", "A") && matches("(?i)[Z-a]", "_"));
    assert!(matches("a(?i:b)c", "aBc") && !matches("a(?i:b)c", "aBC"));
    assert!(matches("(a(?i)b)c", "aBc") && !matches("(a(?i)b)c", "aBC"));
    assert!(matches("(?i)a(?-i)b", "Ab") && !matches("(?i)a(?-i)b", "AB"));
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
fn what_java_rejects_is_rejected() {
    for pattern in [
        "(",
        ")",
        "a)|(?:b",
        "[",
        "[a",
        "*",
        "+a",
        "|*",
        "(?)*",
        "a**",
        "a{",
        "a{,3}",
        "a{x}",
        "{",
        "a{3,2}",
        "\\",
        "\\y",
        "\\E",
        "[\\b]",
        "[b-a]",
        "\\x1",
        "\\u12",
        "\\08",
        "(?<1",
        "(?q)",
        "\\p{Nope}",
        "\\p{",
        "[a-\\d]",
        "\\c",
    ] {
        assert!(compile_match_pattern(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn what_is_unsupported_is_an_error_that_names_it_and_its_place() {
    for (pattern, what) in [
        (r"a\X", r"a grapheme cluster `\X` at position 3 is not supported"),
        (r"\N{DIGIT ONE}", r"a character by its name `\N` at position 2 is not supported"),
        (r"a\b{g}", r"a boundary of another kind `\b{` at position 3 is not supported"),
        (r"\uD800", "half of a surrogate pair at position 6 is not supported"),
        (
            r"x\p{javaMirrored}",
            "the character property `javaMirrored` at position 17 is not supported",
        ),
        ("a{20000}", "the pattern is too large: 20000 repetitions; use smaller repetition counts"),
        (r"(?<=a+)b", "look-behind without a maximum length at position 7"),
        (r"(a)\k<b>", "no group named `b` at position 8"),
        (r"\Q(\E(", "unclosed group at position 6"),
    ] {
        assert_eq!(compile_match_pattern(pattern).unwrap_err().to_string(), what, "{pattern}");
    }
    let nested = "((((a{100}){100}){100}(?=b)){100})";
    let error = compile_match_pattern(nested).unwrap_err();
    assert!(matches!(error, PatternError::TooLarge { .. }), "{error}");
    let error = compile_match_pattern("(((a{100}){100}){100})").unwrap_err();
    assert!(matches!(error, PatternError::TooLarge { .. }), "{error}");
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
fn flags_mean_what_they_mean_in_java() {
    for (pattern, text, want) in [
        ("(?x) a b # comment\n c", "abc", true),
        ("(?x)[a b]", " ", false),
        (r"(?x)a\ b", "a b", true),
        ("(?x)a +b", "aab", true),
        ("(?x:a b)c d", "abc d", true),
        (r"(?U)\w\d\s", "\u{E9}\u{660}\u{A0}", true),
        (r"(?U)\p{Alpha}\p{Lower}", "\u{C9}\u{E9}", true),
        (r"(?U)\b\u00e9\b", "\u{E9}", true),
        (r"\b\u00e9\b", "\u{E9}", true),
        ("(?iu)\u{E9}[a-k]", "\u{C9}\u{212A}", true),
        (r"(?i)\p{Lower}", "A", true),
        ("(?-i)a", "a", true),
        ("(?i)a(?-i:b)", "Ab", true),
        ("(?s).(?-s).", "\na", true),
        ("(?s).(?-s).", "\n\n", false),
    ] {
        assert_eq!(matches(pattern, text), want, "{pattern:?} {text:?}");
    }
}

#[test]
fn sets_by_name() {
    for (class, inside, outside) in [
        (r"\p{javaLowerCase}", "a\u{E9}", "A1"),
        (r"\p{javaUpperCase}", "A\u{C9}", "a"),
        (r"\p{javaWhitespace}", " \t\n\u{1C}\u{2003}", "\u{A0}a"),
        (r"\p{javaLetterOrDigit}", "a1\u{E9}", "-"),
        (r"\p{javaJavaIdentifierStart}", "a_$", "1"),
        (r"\p{InGreek}", "\u{3B1}", "a"),
        (r"\p{block=BasicLatin}", "a\u{7F}", "\u{80}"),
        (r"\p{L1}", "a\u{FF}", "\u{100}"),
        (r"\p{LD}", "a1", "-"),
        (r"\p{script=Greek}", "\u{3B1}", "a"),
        (r"\p{gc=Lu}", "A", "a"),
        (r"\p{IsPunctuation}", "!\u{2014}", "a"),
        (r"\p{IsWhite_Space}", " \u{A0}", "a"),
        (r"[\p{L}&&[^\p{Lu}]]", "a", "A1"),
        (r"[^\h]", "a\n", " \t"),
    ] {
        for char in inside.chars() {
            assert!(matches(class, &char.to_string()), "{class} {char:?}");
        }
        for char in outside.chars() {
            assert!(!matches(class, &char.to_string()), "{class} {char:?}");
        }
    }
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
        (r"^(\S+) \[([^\]]+)\] (.*)$", true),
        (r"(a|b$)", true),
        (r"\bfoo\b", true),
        (r"(?:a*)*", true),
        (r"(a*)*", false),
        (r"(?:(a)|b*){2}", false),
        (r"(?i)foo", true),
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
fn deep_nesting_is_an_error_and_not_an_overflow() {
    assert!(compile_match_pattern(&"[".repeat(100_000)).is_err());
    let groups = ["(".repeat(100_000), ")".repeat(100_000)].concat();
    assert!(compile_match_pattern(&groups).is_err());
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
