//! Decoding of record bytes to text, as Java's `new String(bytes, UTF_8)` does it.
//!
//! It differs from `String::from_utf8_lossy` in one case: an encoded surrogate (`ED A0..BF ..`,
//! which programs that write CESU-8 or "modified UTF-8" leave behind) is one malformed sequence
//! to Java and becomes one U+FFFD, where Rust counts each byte. Seen on JDK 17.

/// The text of `bytes`; `scratch` holds it when something had to be replaced.
pub fn decode<'a>(bytes: &'a [u8], scratch: &'a mut String) -> &'a str {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text;
    }
    scratch.clear();
    scratch.reserve(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        rest = decode_up_to_surrogate(rest, scratch);
    }
    scratch
}

/// Appends the text of `bytes`, with one U+FFFD for each malformed sequence; returns what is left
/// behind the first of these that Java takes to be longer.
fn decode_up_to_surrogate<'a>(bytes: &'a [u8], out: &mut String) -> &'a [u8] {
    let mut rest = bytes;
    for chunk in bytes.utf8_chunks() {
        // Where all is malformed, nothing is between two sequences.
        if !chunk.valid().is_empty() {
            out.push_str(chunk.valid());
        }
        if chunk.invalid().is_empty() {
            break;
        }
        out.push(char::REPLACEMENT_CHARACTER);
        let malformed = rest.get(chunk.valid().len()..).unwrap_or_default();
        let length = match malformed {
            [0xED, 0xA0..=0xBF, 0x80..=0xBF, ..] => 3,
            [0xED, 0xA0..=0xBF, ..] => 2,
            _ => chunk.invalid().len(),
        };
        rest = malformed.get(length..).unwrap_or_default();
        if length != chunk.invalid().len() {
            return rest;
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::decode;

    fn decoded(bytes: &[u8]) -> String {
        decode(bytes, &mut "left over from the last record".to_owned()).to_owned()
    }

    /// The right-hand side is what JDK 17 answered; `?` stands for U+FFFD.
    #[test]
    fn malformed_sequences_are_replaced_as_often_as_java_does() {
        let cases: &[(&[u8], &str)] = &[
            (b"plain", "plain"),
            (b"\xC3\xA9", "\u{E9}"),
            (b"\xC3", "?"),
            (b"\xC3\xC3\xA9", "?\u{E9}"),
            (b"\x80\x80", "??"),
            (b"\xFF\xFE", "??"),
            (b"\xC0\x80", "??"),
            (b"\xE0\x80", "??"),
            (b"\xE0\x80\x80x", "???x"),
            (b"\xE2\x82x", "?x"),
            (b"\xED\xA0\x80x", "?x"),
            (b"\xED\xA0x", "?x"),
            (b"\xED\xA0", "?"),
            (b"\xED\xA0\xBD\xED\xB8\x80", "??"),
            (b"\xED\xA0\xED\xA0\x80", "??"),
            (b"\xF0\x80\x80\x80x", "????x"),
            (b"\xF0\x9F\x98", "?"),
            (b"\xF0\x9F\x98x", "?x"),
            (b"\xF4\x90\x80\x80x", "????x"),
            (b"\xF5\x80\x80\x80", "????"),
            (b"a\xFFb\xFEc", "a?b?c"),
        ];
        for (bytes, want) in cases {
            assert_eq!(decoded(bytes), want.replace('?', "\u{FFFD}"), "{bytes:02X?}");
        }
    }

    proptest! {
        /// Forall bytes without 0xED: the text is that of `String::from_utf8_lossy`.
        #[test]
        fn without_surrogates_java_and_rust_agree(bytes: Vec<u8>) {
            let bytes: Vec<u8> = bytes.into_iter().filter(|byte| *byte != 0xED).collect();
            prop_assert_eq!(decoded(&bytes), String::from_utf8_lossy(&bytes));
        }
    }
}
