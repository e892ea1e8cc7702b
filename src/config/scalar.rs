//! What the Java agent takes a scalar to mean, whatever its type in the document.
//!
//! Numbers follow `Long.decode`, truth values the agent's own list of words. Pure functions.

/// A whole number: decimal, `0x1F`, `#1F` or octal with a leading zero, with an optional sign.
pub(super) fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = ["0x", "0X", "#"].iter().find_map(|prefix| digits.strip_prefix(prefix));
    let (digits, radix) = match (hexadecimal, digits.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(octal)) if !octal.is_empty() => (octal, 8),
        (None, _) => (digits, 10),
    };
    // The standard parser takes a sign, which would be a second one here.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()
}

/// A truth value, in upper or lower case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "t" | "y" | "1" => Some(true),
        "false" | "no" | "f" | "n" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_java_decodes_them() {
        for (text, expected) in [
            ("500", Some(500)),
            ("-5", Some(-5)),
            ("+5", Some(5)),
            ("0", Some(0)),
            ("0x1F", Some(31)),
            ("0X1f", Some(31)),
            ("-0x1F", Some(-31)),
            ("#1F", Some(31)),
            ("-#1F", Some(-31)),
            ("010", Some(8)),
            ("-010", Some(-8)),
            ("00", Some(0)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("08", None),
            ("5.0", None),
            ("1e3", None),
            ("1_000", None),
            ("", None),
            ("-", None),
            ("+-5", None),
            ("--5", None),
            ("0x-5", None),
            ("0x", None),
            ("#", None),
            (" 5", None),
            ("5 ", None),
            ("5s", None),
        ] {
            assert_eq!(integer(text), expected, "{text:?}");
        }
    }

    #[test]
    fn truth_has_five_words_and_so_has_falsehood() {
        for text in ["true", "TRUE", "yes", "Yes", "t", "T", "y", "1"] {
            assert_eq!(boolean(text), Some(true), "{text}");
        }
        for text in ["false", "False", "no", "NO", "f", "n", "0"] {
            assert_eq!(boolean(text), Some(false), "{text}");
        }
        for text in ["", "on", "off", "2", " true", "ja"] {
            assert_eq!(boolean(text), None, "{text}");
        }
    }
}
