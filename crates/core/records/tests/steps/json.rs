//! `PARSEJSON`, and what is kept of untouched JSON.

use std::fmt::Write as _;

use kinetail_records::steps::ParseJson;
use kinetail_records::{ConverterConfig, Name, OnUnparsable};
use proptest::prelude::*;

use super::{chain, one, run, table, with};

fn parse() -> ConverterConfig {
    one(ParseJson { field: None })
}

#[test]
fn objects_are_written_as_they_came() {
    let deep = format!("{}1{}", "{\"a\":".repeat(64), "}".repeat(64));
    let lists = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    let huge = format!("{{\"n\":{}.{}e-{}}}", "9".repeat(5_000), "1".repeat(5_000), "7".repeat(50));
    for text in [
        "{}",
        "{ }",
        " {\t\"a\" : 1 , \"b\" : [ 1 , { } , [ ] ] } ",
        r#"{"a":1,"a":2,"a":{"a":3}}"#,
        r#"{"a":"\u0061\/\"\\\b\f\n\r\t\ud83d\ude00\ud800"}"#,
        r#"{"":""," ":null}"#,
        r#"{"n":-0,"m":1E400,"k":1.50,"l":0.1e-7,"x":123456789012345678901234567890}"#,
        r#"{"t":true,"f":false,"z":null}"#,
        "{\"é\":\"\u{1F600}\u{2028}\u{7F}\"}",
        &deep,
        &lists,
        &huge,
    ] {
        for end in ["", "\n", "\r\n", " \n\n"] {
            let input = format!("{text}{end}");
            assert_eq!(run(&mut chain(&[parse()]), input.as_bytes()), input);
        }
    }
}

#[test]
fn what_is_no_object_continues_and_is_counted() {
    let deep = format!("{}1{}", "{\"a\":".repeat(65), "}".repeat(65));
    let deep_want = format!("{deep} ? JSON is nested deeper than 64 levels");
    table(
        &[parse()],
        &[
            ("", " ? invalid JSON at byte 1"),
            ("text", "text ? invalid JSON at byte 0"),
            ("[1]", "[1] ? it is JSON, but not an object"),
            ("1", "1 ? it is JSON, but not an object"),
            ("\"a\"", "\"a\" ? it is JSON, but not an object"),
            ("null", "null ? it is JSON, but not an object"),
            ("{", "{ ? invalid JSON at byte 2"),
            ("{\"a\":1", "{\"a\":1 ? invalid JSON at byte 7"),
            ("{\"a\":1,}", "{\"a\":1,} ? invalid JSON at byte 7"),
            ("{\"a\" 1}", "{\"a\" 1} ? invalid JSON at byte 5"),
            ("{a:1}", "{a:1} ? invalid JSON at byte 1"),
            ("{'a':1}", "{'a':1} ? invalid JSON at byte 1"),
            ("{\"a\":01}", "{\"a\":01} ? invalid JSON at byte 6"),
            ("{\"a\":1.}", "{\"a\":1.} ? invalid JSON at byte 5"),
            ("{\"a\":.5}", "{\"a\":.5} ? invalid JSON at byte 5"),
            ("{\"a\":+1}", "{\"a\":+1} ? invalid JSON at byte 5"),
            ("{\"a\":NaN}", "{\"a\":NaN} ? invalid JSON at byte 5"),
            ("{\"a\":nul}", "{\"a\":nul} ? invalid JSON at byte 5"),
            ("{\"a\":\"\t\"}", "{\"a\":\"\t\"} ? invalid JSON at byte 6"),
            ("{\"a\":\"\\x\"}", "{\"a\":\"\\x\"} ? invalid JSON at byte 6"),
            ("{\"a\":\"\\u12g4\"}", "{\"a\":\"\\u12g4\"} ? invalid JSON at byte 6"),
            ("{\"a\":[1,2}", "{\"a\":[1,2} ? invalid JSON at byte 9"),
            ("{\"a\":[}]}", "{\"a\":[}]} ? invalid JSON at byte 6"),
            ("{} {}", "{} {} ? invalid JSON at byte 3"),
            ("{}x", "{}x ? invalid JSON at byte 2"),
            ("// a\n{}", "// a\n{} ? invalid JSON at byte 0"),
            ("\u{FEFF}{}", "\u{FEFF}{} ? invalid JSON at byte 0"),
            (&deep, &deep_want),
        ],
    );
    let lists = format!("{{\"a\":{}", "[".repeat(1_000_000));
    assert!(run(&mut chain(&[parse()]), lists.as_bytes()).ends_with("deeper than 64 levels"));
}

#[test]
fn bytes_that_are_no_text_are_kept() {
    let mut chain = chain(&[parse()]);
    let record = b"{\"a\":\"\xFF\"}\n";
    let kinetail_records::Converted::Record(out) = chain.convert(record) else { panic!() };
    assert_eq!(out, record);
    let (count, why) = chain.take_unparsable();
    assert_eq!((count, why.as_deref()), (1, Some("PARSEJSON: it is not UTF-8 at byte 6")));
}

#[test]
fn on_unparsable_skips_or_tags() {
    let step = || ParseJson { field: None };
    table(&[with(step(), OnUnparsable::Skip)], &[("x", "skipped: unparsable"), ("{}", "{}")]);
    table(
        &[with(step(), OnUnparsable::DeadLetter)],
        &[("x", "dead letter: x: PARSEJSON: invalid JSON at byte 0"), ("{}", "{}")],
    );
    table(
        &[with(step(), OnUnparsable::Tag)],
        &[(
            "a \"b\"",
            "{\"message\":\"a \\\"b\\\"\",\"unparsable\":\"PARSEJSON: invalid JSON at byte 0\"} ? \
             invalid JSON at byte 0",
        )],
    );
}

#[test]
fn the_members_of_an_object_in_a_member_take_its_place() {
    table(
        &[one(ParseJson { field: Some(Name::new("log")) })],
        &[
            (r#"{"t":1,"log":"{\"a\":\"\\u00e9\",\"t\":2}"}"#, r#"{"t":2,"a":"\u00e9"}"#),
            (r#"{"log":{"a":1},"b":2}"#, r#"{"b":2,"a":1}"#),
            (r#"{"log":"no"}"#, "{\"log\":\"no\"} ? invalid JSON at byte 0"),
            (r#"{"log":7}"#, "{\"log\":7} ? it is JSON, but not an object"),
            (r#"{"b":2}"#, "{\"b\":2} ? it is JSON, but not an object"),
        ],
    );
}

#[test]
fn many_members_take_the_place_of_others_in_linear_time() {
    // 60,000 members over as many: some 2 billion comparisons if each were looked for.
    let members = |from: usize| {
        let mut text = String::from("{");
        for number in from..from + 60_000 {
            write!(text, "{}\"k{number}\":{from}", if number > from { "," } else { "" }).unwrap();
        }
        text
    };
    let (outer, inner) = (members(0), members(30_000));
    let record = format!("{outer},\"in\":{inner}}}}}\n");
    let mut chain = chain(&[one(ParseJson { field: Some(Name::new("in")) })]);
    let got = run(&mut chain, record.as_bytes());
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&got).unwrap();
    assert_eq!((object.len(), &object["k30000"]), (90_000, &30_000.into()));
    assert!(got.starts_with("{\"k0\":0,") && got.ends_with("\"k89999\":30000}\n"));
}

proptest! {
    /// Forall objects, also with names that come twice or are escaped: what is in a member is put
    /// over the last of its name, or at the end, as if one were put after the other.
    #[test]
    fn lifted_members_are_put_one_after_the_other(
        outer in prop::collection::vec((key(), 0..9u8), 0..6),
        inner in prop::collection::vec((key(), 10..19u8), 0..6),
    ) {
        let written = |members: &[(&str, u8)]| {
            let members: Vec<String> =
                members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
            members.join(",")
        };
        let comma = if outer.is_empty() { "" } else { "," };
        let record = format!("{{{}{comma}\"in\":{{{}}}}}\n", written(&outer), written(&inner));
        let mut want = outer;
        for (key, value) in inner {
            let said = |known: &str| known.replace("\\u0061", "a") == key.replace("\\u0061", "a");
            match want.iter().rposition(|(known, _)| said(known)) {
                None => want.push((key, value)),
                Some(place) => {
                    want[place].1 = value;
                    let mut index = 0;
                    want.retain(|(known, _)| {
                        index += 1;
                        index - 1 == place || !said(known)
                    });
                }
            }
        }
        let mut chain = chain(&[one(ParseJson { field: Some(Name::new("in")) })]);
        prop_assert_eq!(run(&mut chain, record.as_bytes()), format!("{{{}}}\n", written(&want)));
    }
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "\\u0061", "c"])
}
