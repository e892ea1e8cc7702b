//! Tests of `parse`.

use super::*;

fn root(text: &str) -> Node {
    parse(text).unwrap().root
}

/// Each key with its text and its value's text, as the spans have them, and the value.
fn entries(text: &str) -> Vec<(String, String, String)> {
    let Value::Map(entries) = root(text).value else {
        panic!("no map: {text}");
    };
    let cut = |span: &Span| text.get(span.clone()).unwrap().to_owned();
    let value = |node: &Node| match &node.value {
        Value::Scalar(text) => text.clone(),
        other => format!("{other:?}"),
    };
    entries
        .iter()
        .map(|entry| (cut(&entry.key_span), cut(&entry.node.span), value(&entry.node)))
        .collect()
}

fn triple(key: &str, written: &str, value: &str) -> (String, String, String) {
    (key.to_owned(), written.to_owned(), value.to_owned())
}

#[test]
fn scalars_are_the_text_that_was_written() {
    for written in ["010", "yes", "NO", "5.0", "0x1F", "1e999", ".inf", "-7", "+7", "1_000"] {
        let text = format!("k: {written} # comment\n");
        assert_eq!(entries(&text), [triple("k", written, written)]);
        let text = format!("{{\"k\": {written} }}");
        assert_eq!(entries(&text), [triple("\"k\"", written, written)]);
    }
    assert_eq!(entries("k: 'a''b'"), [triple("k", "'a''b'", "a'b")]);
    assert_eq!(
        entries(r#"{"k": "\ud83d\ude00\/\n"}"#),
        [triple("\"k\"", r#""\ud83d\ude00\/\n""#, "😀/\n")]
    );
    assert_eq!(entries("k: |\n  a\n  b\n").first().unwrap().2, "a\nb\n");
    assert_eq!(entries("k:\n").first().unwrap().2, "Null");
}

#[test]
fn spans_are_right_after_characters_of_several_bytes_and_line_ends_of_two() {
    assert_eq!(
        entries("日本: é\r\n\"😀\" : x\r\n"),
        [triple("日本", "é", "é"), triple("\"😀\"", "x", "x")]
    );
}

#[test]
fn aliases_and_merges_point_at_what_they_stand_for() {
    assert_eq!(entries("a: &x 7\nb: *x\n"), [triple("a", "7", "7"), triple("b", "7", "7")]);
    let Value::Map(entries) = root("x: &x {k: 1}\ny:\n  <<: *x\n  z: 2\n").value else {
        panic!("no map");
    };
    let Value::Map(merged) = &entries.last().unwrap().node.value else {
        panic!("no map");
    };
    assert_eq!(merged.len(), 2);
}

#[test]
fn every_duplicate_key_is_found_with_both_places() {
    let document = parse("a: 1\nb:\n  c: 1\n  c: 2\na: 2\nd: 1\na: 3\n").unwrap();
    let found: Vec<(&str, Option<Span>, Span)> = document
        .duplicates
        .iter()
        .map(|d| (d.key.as_str(), d.first.clone(), d.again.clone()))
        .collect();
    assert_eq!(
        found,
        [("c", Some(10..11), 17..18), ("a", Some(0..1), 22..23), ("a", Some(22..23), 32..33)]
    );
    let Value::Map(entries) = document.root.value else { panic!("no map") };
    assert_eq!(entries.len(), 3);
    assert_eq!(entries.first().unwrap().node.value, Value::Scalar("3".to_owned()));
    let same_alias = parse("x: &x 1\na: *x\na: *x\n").unwrap();
    assert_eq!(same_alias.duplicates.len(), 1);
    let numbers = parse("1: a\n0x1: b\n").unwrap();
    assert_eq!(numbers.duplicates.len(), 1);
}

#[test]
fn broken_text_is_an_error_with_a_place() {
    for (text, message, at) in [
        ("a: [1\nb", "unclosed bracket '['", 3),
        ("x: 1\na: b: c", "mapping values are not allowed in this context", 9),
        ("é: *x", "alias references unknown anchor", 4),
        ("a: 1\n? [1]\n: 2", "keys must be strings", 7),
        ("--- 1\n--- 2\n", "expected a single YAML document", 10),
        ("~: 1", "keys must not be empty", 0),
    ] {
        assert_eq!(
            parse(text).unwrap_err(),
            SyntaxError { message: message.to_owned(), at },
            "{text}"
        );
    }
}

#[test]
fn documents_built_to_exhaust_memory_are_refused() {
    assert!(parse(&"[".repeat(100_000)).is_err());
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..9 {
        let alias = format!("*a{},", level - 1).repeat(10);
        bomb.push_str(
            &["a", &level.to_string(), ": &a", &level.to_string(), " [", &alias, "]\n"].concat(),
        );
    }
    assert!(parse(&bomb).is_err());
}
