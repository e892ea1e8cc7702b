//! Tests of `splitter`.

use super::*;

fn lines() -> Splitter {
    Splitter::new(None, 16)
}

fn starts_with_digit() -> Splitter {
    Splitter::new(Some(LineStart::compile(r"\d").unwrap()), 64)
}

#[test]
fn a_line_ends_behind_its_newline() {
    assert_eq!(lines().next(b"ab\ncd\n", Ending::Open), Next::Record { len: 3 });
    assert_eq!(lines().next(b"\n", Ending::Open), Next::Record { len: 1 });
    assert_eq!(lines().next(b"a\r\n", Ending::Open), Next::Record { len: 3 });
}

#[test]
fn half_a_line_waits_until_the_file_is_final() {
    assert_eq!(lines().next(b"ab", Ending::Open), Next::NeedMore);
    assert_eq!(lines().next(b"ab", Ending::Held), Next::NeedMore);
    assert_eq!(lines().next(b"ab", Ending::Final), Next::Record { len: 2 });
    assert_eq!(lines().next(b"", Ending::Final), Next::NeedMore);
}

#[test]
fn a_line_longer_than_a_record_is_overlong() {
    assert_eq!(lines().next(&[b'a'; 16], Ending::Open), Next::NeedMore);
    assert_eq!(lines().next(&[b'a'; 17], Ending::Open), Next::Overlong);
}

#[test]
fn a_long_line_whose_end_is_in_sight_is_told_from_one_whose_end_is_not() {
    let line = [&[b'a'; 16][..], b"\nb\n"].concat();
    assert_eq!(lines().next(&line, Ending::Open), Next::Long { len: 17 });
    assert_eq!(lines().next(&line[1..], Ending::Open), Next::Record { len: 16 });
    assert_eq!(lines().next(&[b'a'; 17], Ending::Final), Next::Long { len: 17 });
}

#[test]
fn pieces_are_the_same_however_much_is_shown() {
    let pieces = lines().in_pieces();
    let line = "0123456789abcd\u{e9}fghij\u{1F600}klmn\n".as_bytes();
    for shown in 17..=line.len() {
        assert_eq!(pieces.next(&line[..shown], Ending::Open), Next::Piece { len: 16 });
    }
    let rest = &line[2..];
    assert_eq!(pieces.next(rest, Ending::Open), Next::Piece { len: 16 });
    let shifted = [b"-", line].concat();
    assert_eq!(pieces.next(&shifted, Ending::Open), Next::Piece { len: 15 }, "one whole");
    assert_eq!(pieces.next(&[0x80; 17], Ending::Open), Next::Piece { len: 16 }, "no text");
    assert_eq!(pieces.next(&line[16..], Ending::Open), Next::Record { len: 14 });
}

#[test]
fn a_multi_line_record_ends_before_the_next_start() {
    let s = starts_with_digit();
    assert_eq!(s.next(b"1 a\n  b\n2 c\n", Ending::Open), Next::Record { len: 8 });
    assert_eq!(s.next(b"junk\n1 a\n", Ending::Open), Next::Record { len: 5 });
}

#[test]
fn the_last_multi_line_record_waits_for_the_hold_time() {
    let s = starts_with_digit();
    assert_eq!(s.next(b"1 a\n  b\n", Ending::Open), Next::NeedMore);
    assert_eq!(s.next(b"1 a\n  b\n", Ending::Held), Next::Record { len: 8 });
    assert_eq!(s.next(b"1 a\n  b", Ending::Held), Next::NeedMore, "the line is not complete");
    assert_eq!(s.next(b"1 a\n  b", Ending::Final), Next::Record { len: 7 });
    assert_eq!(s.next(b"1 a\n2 b", Ending::Final), Next::Record { len: 4 });
}

#[test]
fn half_a_line_is_no_start() {
    let s = starts_with_digit();
    assert_eq!(s.next(b"1 a\n2 b", Ending::Open), Next::NeedMore);
    assert_eq!(s.next(b"1 a\n2 b\n", Ending::Open), Next::Record { len: 4 });
}

#[test]
fn lines_are_joined_while_they_fit() {
    let s = lines().aggregating(10);
    let mut rest: &[u8] = b"AAAA\nBBBB\nCCCC\nDDDDDDDDDDDD\nE\npart";
    for want in ["AAAA\nBBBB\n", "CCCC\n", "DDDDDDDDDDDD\n", "E\n"] {
        let first = memchr(b'\n', rest).unwrap() + 1;
        let len = s.joined(rest, first, true).unwrap();
        assert_eq!(rest.get(..len), Some(want.as_bytes()));
        rest = rest.get(len..).unwrap();
    }
}

#[test]
fn joining_reads_on_only_where_more_could_fit() {
    let s = lines().aggregating(10);
    assert_eq!(s.joined(b"AAAA\nBB", 5, false), None);
    assert_eq!(s.joined(b"AAAA\nBB", 5, true), Some(5));
    assert_eq!(s.joined(b"AAAA\nBBBBBB", 5, false), Some(5), "the next line cannot fit");
    assert_eq!(s.joined(b"AAAA\nBBBB\n", 5, false), Some(10), "it is full");
    assert_eq!(lines().joined(b"AAAA\nBBBB\n", 5, false), Some(5), "nothing is joined");
}

#[test]
fn a_line_that_takes_too_long_to_judge_stays_with_the_others() {
    let start = LineStart::compile(r"(?:a*)*(?=b)c").unwrap();
    let s = Splitter::new(Some(start), 1024);
    let lines = [b"x\n".as_slice(), &[b'a'; 40], b"\n", b"y\n"].concat();
    assert_eq!(s.next(&lines, Ending::Open), Next::NeedMore);
    assert_eq!((s.take_limit_exceeded(), s.take_limit_exceeded()), (1, 0));
}

#[test]
fn the_last_boundary_is_behind_the_last_newline() {
    assert_eq!(last_boundary(b"a\nb\nc"), 4);
    assert_eq!(last_boundary(b"abc"), 0);
    assert_eq!(last_boundary(b""), 0);
}

/// What the records of a stream are, said as plainly as possible.
fn reference(stream: &[u8], multi_line: bool) -> Vec<Vec<u8>> {
    let mut records: Vec<Vec<u8>> = Vec::new();
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        let starts = !multi_line || line.first().is_some_and(u8::is_ascii_digit);
        match records.last_mut().filter(|_| !starts) {
            Some(record) => record.extend_from_slice(line),
            None => records.push(line.to_vec()),
        }
    }
    records
}

/// What the splitter makes of a stream that it sees in pieces, from each boundary on.
fn split(splitter: &Splitter, stream: &[u8], random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let (mut records, mut start, mut seen) = (Vec::new(), 0, 0);
    loop {
        let ending = if seen == stream.len() { Ending::Final } else { Ending::Open };
        match splitter.next(&stream[start..seen], ending) {
            Next::NeedMore if seen == stream.len() => return records,
            Next::NeedMore | Next::Overlong => {
                seen = (seen + random.usize(1..40)).min(stream.len());
            }
            Next::Record { len } | Next::Piece { len } | Next::Long { len } => {
                assert!(len > 0);
                records.push(stream[start..start + len].to_vec());
                start += len;
            }
        }
    }
}

fn stream(random: &mut fastrand::Rng) -> Vec<u8> {
    let random_len = random.usize(0..120);
    let mut byte = || random.choice(b"\n\n\r\0\x1b\x8912a \xff\xfe\xc3\xa9".iter()).copied();
    (0..random_len).filter_map(|_| byte()).collect()
}

#[test]
fn f30_random_streams_in_random_pieces_give_what_the_reference_gives() {
    let mut random = fastrand::Rng::with_seed(30);
    let single = Splitter::new(None, 4096);
    let multi = Splitter::new(Some(LineStart::compile("[0-9]").unwrap()), 4096);
    for _ in 0..20_000 {
        let stream = stream(&mut random);
        assert_eq!(split(&single, &stream, &mut random), reference(&stream, false));
        assert_eq!(split(&multi, &stream, &mut random), reference(&stream, true));
    }
}

#[test]
fn f27_no_byte_is_changed_skipped_or_added_however_long_the_lines_are() {
    let mut random = fastrand::Rng::with_seed(27);
    for (splitter, longest) in [(lines(), usize::MAX), (lines().in_pieces(), 16)] {
        for _ in 0..20_000 {
            let stream = stream(&mut random);
            let records = split(&splitter, &stream, &mut random);
            assert_eq!(records.concat(), stream);
            assert!(records.iter().all(|record| record.len() <= longest));
        }
    }
}
