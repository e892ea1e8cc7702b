//! Which characters are the same where case is ignored beyond ASCII, `(?iu)`.
//!
//! Java does not fold case as Unicode says: it compares `toLowerCase(toUpperCase(c))`, with the
//! mappings of single characters to single characters. So the two letters `i` of Turkish are the
//! same as the one of English, and `\u{DF}` is not the same as its capital letter.

use std::sync::LazyLock;

use super::node::push_char;

/// Characters whose case can be mapped lie below this.
const CASES_END: u32 = 0x1_F000;

/// Every character with cases: itself, its capital letter and the small letter of that.
static CASES: LazyLock<Vec<(char, char, char)>> = LazyLock::new(|| {
    let chars = (0..CASES_END).filter_map(char::from_u32);
    let cases = chars.map(|char| (char, upper(char), lower(upper(char))));
    cases.filter(|&(char, upper, lower)| char != upper || char != lower).collect()
});

/// Whether two characters are the same.
pub(super) fn is_same(one: char, other: char) -> bool {
    one == other || lower(upper(one)) == lower(upper(other))
}

/// Appends a character and those that are the same, in the syntax of the `regex` crate within
/// brackets.
pub(super) fn push_same(char: char, out: &mut String) {
    push_char(out, char);
    let folded = lower(upper(char));
    // Java looks at the other character only if this one has two cases.
    if folded == upper(char) {
        return;
    }
    push_char(out, folded);
    for (other, ..) in CASES.iter().filter(|(_, _, lower)| *lower == folded) {
        push_char(out, *other);
    }
}

/// Appends the characters outside of a range that are the same as one in it.
pub(super) fn push_same_as_range(from: char, to: char, out: &mut String) {
    let holds = |char: &char| (from..=to).contains(char);
    for (other, upper, lower) in CASES.iter() {
        if holds(upper) || holds(lower) {
            push_char(out, *other);
        }
    }
}

/// `Character.toUpperCase`.
fn upper(char: char) -> char {
    let mut chars = char.to_uppercase();
    match (chars.next(), chars.next()) {
        (Some(upper), None) => upper,
        // Small Greek letters with an iota below have a capital letter of one character.
        _ => match u32::from(char) {
            code @ 0x1F80..=0x1FAF => char::from_u32(code | 8).unwrap_or(char),
            code @ (0x1FB3 | 0x1FC3 | 0x1FF3) => char::from_u32(code + 9).unwrap_or(char),
            _ => char,
        },
    }
}

/// `Character.toLowerCase`.
fn lower(char: char) -> char {
    // The only character whose small letter is written with two.
    if char == '\u{130}' { 'i' } else { char.to_lowercase().next().unwrap_or(char) }
}
