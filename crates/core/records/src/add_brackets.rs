//! `ADDBRACKETS`: puts the record between `{` and `}`.
//!
//! The line end of the record stays inside and none is added behind, as in the Java agent.

/// Appends the converted record.
pub(super) fn convert(text: &str, out: &mut Vec<u8>) {
    out.push(b'{');
    out.extend_from_slice(text.as_bytes());
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::convert;

    #[test]
    fn section_2_7_brackets_go_around_the_record_with_its_line_end() {
        for (input, want) in [("abc\n", "{abc\n}"), ("", "{}"), ("\u{E9}", "{\u{E9}}")] {
            let mut out = Vec::new();
            convert(input, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
