//! The expectations are what JDK 17 answered, except where the test says otherwise.

use super::{compile_match_pattern, translate};

/// The groups of a match from 1 on, with `~` for a group that took no part.
fn groups(pattern: &str, text: &str) -> Option<Vec<String>> {
    let regex = compile_match_pattern(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let captures = regex.captures(text)?;
    let groups = captures.iter().skip(1);
    Some(groups.map(|group| group.map_or("~", |group| group.as_str()).to_owned()).collect())
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
fn what_the_engine_cannot_do_is_an_error_that_names_it() {
    for (pattern, what) in [
        ("a(?=b)", "look-ahead is not supported"),
        ("a(?!b)", "look-ahead is not supported"),
        ("(?<=a)b", "look-behind is not supported"),
        ("(?<!a)b", "look-behind is not supported"),
        ("(?>a)", "an atomic group is not supported"),
        ("a++", "a possessive quantifier is not supported"),
        ("a{1}+", "a possessive quantifier is not supported"),
        (r"(a)\1", "a back-reference is not supported"),
        (r"(?<x>a)\k<x>", "unsupported escape `\\k`"),
        (r"\Ga", "unsupported escape `\\G`"),
        ("(?m)^a", "unsupported flag `m`"),
        ("(?x)a b", "unsupported flag `x`"),
        (r"\uD800", "a surrogate alone is not supported"),
    ] {
        let text = compile_match_pattern(pattern).unwrap_err().to_string();
        assert!(text.starts_with(what), "{pattern}: {text}");
    }
    let text = compile_match_pattern("ab(?=c)d").unwrap_err().to_string();
    assert_eq!(text, "look-ahead is not supported at the end of `ab(?=`");
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
        ("(?i)1", None),
        ("[a]", None),
        ("^a", None),
        (r"\d", None),
    ] {
        assert_eq!(translate(pattern).unwrap().literal.as_deref(), want, "{pattern}");
    }
}

proptest::proptest! {
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
