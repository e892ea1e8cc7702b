//! Where a record that is too large for the service is cut. Pure functions over bytes.

/// The first `limit` bytes, the last of them overwritten by the terminator. Where they are UTF-8 no
/// character is cut in two; the Java agent does that.
pub(super) fn cut<'s>(
    data: &[u8],
    limit: usize,
    terminator: &[u8],
    scratch: &'s mut Vec<u8>,
) -> &'s [u8] {
    let kept = whole_characters(data, limit.saturating_sub(terminator.len()));
    scratch.clear();
    scratch.extend_from_slice(data.get(..kept).unwrap_or(data));
    scratch.extend_from_slice(terminator);
    scratch
}

/// How many of the first `kept` bytes are no half of a UTF-8 character. What is not UTF-8 is cut
/// where it is cut.
fn whole_characters(data: &[u8], kept: usize) -> usize {
    const CHAR_BYTES_MAX: usize = 4;
    let is_inside = |at: &usize| data.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let back = (kept.saturating_sub(CHAR_BYTES_MAX - 1)..kept).rev();
    let Some(at) = back.clone().find(|at| !is_inside(at)) else { return kept };
    let width = match data.get(at) {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => CHAR_BYTES_MAX,
        _ => 1,
    };
    // Of a line of which only the beginning is at hand the rest of the character is not there.
    let shown = data.get(at..(at + width).min(data.len())).unwrap_or_default();
    let valid = std::str::from_utf8(shown).map_or_else(|e| e.error_len().is_none(), |_| true);
    if at + width > kept && valid { at } else { kept }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::cut;

    fn cut_at(data: &[u8], limit: usize) -> Vec<u8> {
        cut(data, limit, b"\n", &mut Vec::new()).to_vec()
    }

    #[test]
    fn a_character_is_not_cut_in_two() {
        for (data, limit, want) in [
            ("aé".as_bytes(), 3, b"a\n".as_slice()),
            ("aéb".as_bytes(), 4, "aé\n".as_bytes()),
            ("a€b".as_bytes(), 4, b"a\n"),
            ("a€b".as_bytes(), 5, "a€\n".as_bytes()),
            ("a😀b".as_bytes(), 5, b"a\n"),
            ("a😀b".as_bytes(), 6, "a😀\n".as_bytes()),
            ("abcd".as_bytes(), 3, b"ab\n"),
            (b"a\xe2\x82", 3, b"a\n"),
            // What is not UTF-8 is cut where it is.
            (b"a\xe2xyz", 3, b"a\xe2\n"),
            (b"a\x80\x80\x80\x80\x80", 5, b"a\x80\x80\x80\n"),
            (b"a\xffbc", 3, b"a\xff\n"),
            (b"abcdef", 1, b"\n"),
        ] {
            assert_eq!(cut_at(data, limit), want, "{} {limit}", data.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn text_stays_text_and_at_most_three_bytes_are_given_up(
            text in ".{1,40}",
            limit in 1_usize..80,
        ) {
            prop_assume!(text.len() > limit);
            let short = cut_at(text.as_bytes(), limit);
            let short = String::from_utf8(short).unwrap();
            prop_assert!(text.starts_with(short.strip_suffix('\n').unwrap()));
            prop_assert!(short.len() <= limit && short.len() + 3 >= limit);
        }

        #[test]
        fn other_bytes_stay_within_the_limit(
            data in prop::collection::vec(any::<u8>(), 2..40),
            limit in 1_usize..40,
        ) {
            prop_assume!(data.len() > limit);
            let short = cut_at(&data, limit);
            prop_assert!(short.len() <= limit && short.len() + 3 >= limit);
            prop_assert!(data.starts_with(&short[..short.len() - 1]));
        }
    }
}
