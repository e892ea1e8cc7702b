//! What is written in a pattern, and what it means.

use super::matches;
use crate::{PatternError, compile_match_pattern};

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
fn deep_nesting_is_an_error_and_not_an_overflow() {
    assert!(compile_match_pattern(&"[".repeat(100_000)).is_err());
    let groups = ["(".repeat(100_000), ")".repeat(100_000)].concat();
    assert!(compile_match_pattern(&groups).is_err());
}
