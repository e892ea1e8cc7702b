//! What is read of exported entries.

use proptest::prelude::*;

use super::*;

/// As `journalctl --output=export` writes a field.
fn field(name: &str, value: &[u8]) -> Vec<u8> {
    let mut out = name.as_bytes().to_vec();
    if value.iter().all(|byte| *byte >= b' ') && std::str::from_utf8(value).is_ok() {
        out.push(b'=');
        out.extend_from_slice(value);
    } else {
        out.push(b'\n');
        out.extend((value.len() as u64).to_le_bytes());
        out.extend_from_slice(value);
    }
    out.push(b'\n');
    out
}

fn entry(cursor: &str, fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = field(CURSOR, cursor.as_bytes());
    out.extend(fields.iter().flat_map(|(name, value)| field(name, value)));
    out.push(b'\n');
    out
}

/// Each entry and what becomes of it, where the bytes come in pieces of this size.
fn read(
    shape: &Shape,
    max: usize,
    bytes: &[u8],
    piece: usize,
) -> Result<Vec<(String, Option<String>, u64)>, NotAnEntry> {
    let mut export = Export::new(shape.clone(), max);
    let mut found = Vec::new();
    for mut piece in bytes.chunks(piece) {
        while let Some(entry) = export.next(&mut piece)? {
            let mut out = Vec::new();
            let has = entry.write(shape, &mut out);
            let text = has.then(|| String::from_utf8_lossy(&out).into_owned());
            found.push((entry.cursor.clone(), text, entry.cut));
        }
    }
    assert!(!export.is_within(), "everything was complete");
    Ok(found)
}

fn one(shape: &Shape, bytes: &[u8]) -> Option<String> {
    read(shape, 1000, bytes, 7).unwrap().remove(0).1
}

#[test]
fn the_message_is_the_record_whatever_bytes_it_holds() {
    let bytes = [
        entry("c1", &[("PRIORITY", b"6"), (MESSAGE, b"a = b")]),
        entry("c2", &[(MESSAGE, b"two\nlines\n"), ("CODE_LINE", b"3")]),
        entry("c3", &[("PRIORITY", b"6")]),
        entry("c4", &[(MESSAGE, b"")]),
    ]
    .concat();
    for piece in 1..bytes.len() {
        let found = read(&Shape::Message, 1000, &bytes, piece).unwrap();
        let texts: Vec<_> =
            found.iter().map(|(cursor, text, _)| (&**cursor, text.as_deref())).collect();
        let wanted =
            [("c1", Some("a = b")), ("c2", Some("two\nlines\n")), ("c3", None), ("c4", Some(""))];
        assert_eq!(texts, wanted, "in pieces of {piece}");
    }
}

#[test]
fn chosen_fields_are_an_object_in_the_order_in_which_they_were_chosen() {
    let fields: &[(&str, &[u8])] =
        &[("_PID", b"7"), (MESSAGE, b"a\n\"b\""), ("X", b"1"), ("X", b"2"), ("Y", b"\xff")];
    let bytes = entry("c1", fields);
    let named = |names: &[&str]| Shape::Fields(names.iter().map(|name| (*name).into()).collect());
    assert_eq!(
        one(&named(&["MESSAGE", "_PID", "NONE", "X"]), &bytes).unwrap(),
        r#"{"MESSAGE":"a\n\"b\"","_PID":"7","X":["1","2"]}"#
    );
    assert_eq!(one(&named(&["__CURSOR"]), &bytes).unwrap(), r#"{"__CURSOR":"c1"}"#);
    assert_eq!(one(&named(&["NONE"]), &bytes), None);
    let mut out = Vec::new();
    let mut rest = bytes.as_slice();
    let entry = Export::new(Shape::AllFields, 1000).next(&mut rest).unwrap().unwrap();
    assert!(entry.write(&Shape::AllFields, &mut out));
    let all = String::from_utf8(out).unwrap();
    assert!(all.starts_with(r#"{"__CURSOR":"c1","_PID":"7","MESSAGE":"#), "{all}");
    assert!(all.contains(r#""X":["1","2"]"#) && all.ends_with("\"\u{fffd}\"}"), "{all}");
}

#[test]
fn a_huge_field_that_is_not_configured_is_not_kept_and_one_that_is_wanted_is_cut() {
    let core = vec![0; 100_000];
    let bytes = entry("c1", &[("COREDUMP", &core), (MESSAGE, &[b'm'; 500])]);
    let mut export = Export::new(Shape::Message, 200);
    let mut rest = bytes.as_slice();
    let entry = export.next(&mut rest).unwrap().unwrap();
    assert_eq!((entry.held, entry.cut), (200, 500 + MESSAGE.len() as u64 - 200));
    assert!(rest.is_empty() && !export.is_within());
}

#[test]
fn what_is_no_entry_is_noticed() {
    for bytes in [
        &b"No entries\n\n"[..],
        b"=x\n\n",
        b"MESSAGE=no cursor\n\n",
        b"__CURSOR=a\nMESSAGE\n\x01\0\0\0\0\0\0\0ab\n\n",
    ] {
        let shown = String::from_utf8_lossy(bytes).into_owned();
        let mut export = Export::new(Shape::Message, 100);
        assert_eq!(export.next(&mut &*bytes), Err(NotAnEntry), "{shown}");
    }
    let mut export = Export::new(Shape::Message, 100);
    assert_eq!(export.next(&mut [b'A'; 10_000].as_slice()), Err(NotAnEntry));
}

#[test]
fn an_entry_that_is_not_complete_is_not_given_back() {
    let bytes = entry("c1", &[(MESSAGE, b"a\nb")]);
    for len in 1..bytes.len() {
        let mut export = Export::new(Shape::Message, 100);
        assert_eq!(export.next(&mut &bytes[..len]), Ok(None));
        assert!(export.is_within(), "{len} bytes");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_keep_more_than_it_may(
        bytes in prop::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'='), Just(0u8), Just(b'A'), any::<u8>()], 0..200),
    ) {
        let mut export = Export::new(Shape::AllFields, 30);
        let mut rest = bytes.as_slice();
        while let Ok(Some(entry)) = export.next(&mut rest) {
            let values: usize = entry.fields.iter().map(|(_, value)| value.len()).sum();
            prop_assert!(values <= 30 + entry.cursor.len());
        }
    }
}
