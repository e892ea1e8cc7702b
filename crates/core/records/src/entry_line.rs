//! Entries of a journal as lines: a message may hold any byte, line ends too, and yet each entry is
//! one line of the stream that a flow reads. What would end a line is written in two bytes, and
//! read back before the record is converted.

/// Begins two bytes that stand for one. Messages hold it next to never.
const ESCAPE: u8 = 0x10;

/// Behind [`ESCAPE`]: a line end.
const LINE_END: u8 = b'n';

/// Appends an entry, and the line end that ends it.
pub fn push(out: &mut Vec<u8>, entry: &[u8]) {
    let mut rest = entry;
    while let Some(at) = memchr::memchr2(b'\n', ESCAPE, rest) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, behind)) = special.split_first() else { break };
        out.extend_from_slice(&[ESCAPE, if *byte == ESCAPE { ESCAPE } else { LINE_END }]);
        rest = behind;
    }
    out.extend_from_slice(rest);
    out.push(b'\n');
}

/// The entry that a line holds. Line ends that were not escaped stay: several lines may have become
/// one record. An escape that was cut in two is skipped.
#[must_use]
pub fn read<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if memchr::memchr(ESCAPE, line).is_none() {
        return line;
    }
    scratch.clear();
    let mut rest = line;
    while let Some(at) = memchr::memchr(ESCAPE, rest) {
        let (plain, special) = rest.split_at(at);
        scratch.extend_from_slice(plain);
        rest = match special {
            [_, LINE_END, behind @ ..] => {
                scratch.push(b'\n');
                behind
            }
            [_, ESCAPE, behind @ ..] => {
                scratch.push(ESCAPE);
                behind
            }
            [_, behind @ ..] => behind,
            [] => special,
        };
    }
    scratch.extend_from_slice(rest);
    scratch
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(entry: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push(&mut out, entry);
        out
    }

    proptest! {
        #[test]
        fn any_entry_is_one_line_and_read_back(
            entry in prop::collection::vec(
                prop_oneof![Just(b'\n'), Just(ESCAPE), Just(b'n'), any::<u8>()], 0..40),
        ) {
            let line = line(&entry);
            prop_assert_eq!(memchr::memchr(b'\n', &line), Some(line.len() - 1));
            let mut scratch = vec![7];
            let wanted = [entry.as_slice(), b"\n"].concat();
            prop_assert_eq!(read(&line, &mut scratch), wanted.as_slice());
        }

        /// Wherever a line is cut, what is left is the beginning of the entry.
        #[test]
        fn a_line_that_was_cut_is_the_beginning_of_its_entry(
            entry in prop::collection::vec(prop::sample::select(&b"\n\x10n"[..]), 0..9),
            cut in 0usize..20,
        ) {
            let line = line(&entry);
            let first = &line[..cut.min(line.len() - 1)];
            prop_assert!(entry.starts_with(read(first, &mut Vec::new())));
        }
    }

    #[test]
    fn lines_that_became_one_record_keep_their_ends() {
        let lines = [line(b"a\nb"), line(b"c")].concat();
        assert_eq!(read(&lines, &mut Vec::new()), b"a\nb\nc\n");
    }

    #[test]
    fn a_line_without_escapes_is_not_copied() {
        let mut scratch = Vec::new();
        assert_eq!(read(b"plain\n", &mut scratch), b"plain\n");
        assert_eq!(scratch.capacity(), 0);
    }
}
