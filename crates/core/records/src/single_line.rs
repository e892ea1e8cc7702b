//! `SINGLELINE`: joins the lines of a record into one.
//!
//! Nothing is put between the lines, not even a space, unless the escape is asked for: that is
//! what the Java agent does, whatever its documentation says.

/// What stands between two lines when line ends are escaped: two backslashes and an `n`.
const ESCAPED_NEW_LINE: &[u8] = br"\\n";

/// The converter.
#[derive(Debug)]
pub(super) struct SingleLine {
    pub(super) trim: bool,
    pub(super) escape_new_line: bool,
}

impl SingleLine {
    /// Appends the converted record.
    pub(super) fn convert(&self, text: &str, out: &mut Vec<u8>) {
        // Java's `split` drops empty pieces at the end, before any of them is trimmed.
        let kept = text.trim_end_matches('\n').as_bytes();
        let mut rest = kept;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, tail) = rest.split_at(end);
            self.push_line(line, out);
            if self.escape_new_line {
                out.extend_from_slice(ESCAPED_NEW_LINE);
            }
            rest = tail.get(1..).unwrap_or_default();
        }
        self.push_line(rest, out);
        out.push(b'\n');
    }

    fn push_line(&self, line: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(if self.trim { trim(line) } else { line });
    }
}

/// Java's `String.trim`: everything up to U+0020 goes from both ends.
fn trim(mut line: &[u8]) -> &[u8] {
    while let [0..=b' ', tail @ ..] = line {
        line = tail;
    }
    while let [head @ .., 0..=b' '] = line {
        line = head;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::SingleLine;

    fn convert(input: &str, trim: bool, escape_new_line: bool) -> String {
        let mut out = Vec::new();
        SingleLine { trim, escape_new_line }.convert(input, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn section_2_2_without_options_lines_are_trimmed_and_joined() {
        for (input, want) in [
            ("  a  \n  b\t\n", "ab\n"),
            ("a\r\nb\r\n", "ab\n"),
            ("a\n\nb\n\n\n", "ab\n"),
            ("\n", "\n"),
            ("\n\n", "\n"),
            ("", "\n"),
            (" \u{A0}x\u{A0} \n", "\u{A0}x\u{A0}\n"),
            ("\0\u{1F} a \u{7F}", "a \u{7F}\n"),
        ] {
            assert_eq!(convert(input, true, false), want, "{input:?}");
        }
    }

    #[test]
    fn section_2_2_no_trim_keeps_the_spaces() {
        assert_eq!(convert("  a  \n  b\n", false, false), "  a    b\n");
        assert_eq!(convert("a\r\nb\r\n", false, false), "a\rb\r\n");
    }

    #[test]
    fn section_2_2_escape_new_line_joins_with_two_backslashes_and_n() {
        assert_eq!(convert("a\nb\n", true, true), "a\\\\nb\n");
        let pretty = "{\n   \"a\": {\n       \"b\": 1,\n       \"c\": null,\n       \
                      \"d\": true\n   },\n   \"e\": \"f\",\n   \"g\": 2\n}\n";
        let want = r#"{\\n"a": {\\n"b": 1,\\n"c": null,\\n"d": true\\n},\\n"e": "f",\\n"g": 2\\n}"#;
        assert_eq!(convert(pretty, true, true), format!("{want}\n"));
    }

    #[test]
    fn empty_lines_count_except_at_the_end() {
        assert_eq!(convert("\na\n\nb\n\n", true, true), "\\\\na\\\\n\\\\nb\n");
        assert_eq!(convert("a\n  \n", true, true), "a\\\\n\n", "blank, but not empty");
    }
}
