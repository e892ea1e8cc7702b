//! `PARSEREGEX`, `PARSELOGFMT` and `PARSECSV`.

use std::fmt::Write as _;

use kinetail_records::steps::{Parse, ParseCsv, ParseLogfmt, ParseRegex, Type, Types};
use kinetail_records::{Chain, ConverterConfig, Framing, Name, NamedPattern};
use proptest::prelude::*;

use super::{chain, one, run, table};

fn regex(java: &str, types: Types) -> ConverterConfig {
    one(Parse::new(ParseRegex::new(&NamedPattern::compile(java).unwrap()), None, types))
}

#[test]
fn named_groups_become_members() {
    table(
        &[regex(r"(?<level>\w+) (?:\[(?<thread>[^\]]*)\] )?(?<text>.*)", Types::Strings)],
        &[
            ("INFO [main] started", r#"{"level":"INFO","thread":"main","text":"started"}"#),
            ("INFO started", r#"{"level":"INFO","thread":null,"text":"started"}"#),
            ("INFO [] x", r#"{"level":"INFO","thread":"","text":"x"}"#),
            ("INFO ", r#"{"level":"INFO","thread":null,"text":""}"#),
            ("INFO \"q\" \\", r#"{"level":"INFO","thread":null,"text":"\"q\" \\"}"#),
            (
                "INFO caf\u{E9} \u{1F600}",
                "{\"level\":\"INFO\",\"thread\":null,\"text\":\"caf\u{E9} \u{1F600}\"}",
            ),
            ("INFO a\tb", r#"{"level":"INFO","thread":null,"text":"a\tb"}"#),
            ("INFO x\r", r#"{"level":"INFO","thread":null,"text":"x"}"#),
            ("INFO", "INFO ? it does not match"),
            ("", " ? it does not match"),
            (" INFO x", " INFO x ? it does not match"),
            ("INFO a\rb", "INFO a\rb ? it does not match"),
            ("INFO a\u{2028}b", "INFO a\u{2028}b ? it does not match"),
            ("{\"a\":1}", "{\"a\":1} ? it does not match"),
        ],
    );
    table(
        &[regex("(?<a>[^,]*),(?<b>[^,]*),(?<c>.*)", Types::Auto)],
        &[
            ("1,true,x", r#"{"a":1,"b":true,"c":"x"}"#),
            ("-1.50,FALSE,", r#"{"a":-1.50,"b":false,"c":""}"#),
            ("01,null,1e5", r#"{"a":"01","b":"null","c":1e5}"#),
            ("0x1,+1,.5", r#"{"a":"0x1","b":"+1","c":".5"}"#),
            ("NaN,Infinity, 1", r#"{"a":"NaN","b":"Infinity","c":" 1"}"#),
            ("99999999999999999999,1.,-", r#"{"a":99999999999999999999,"b":"1.","c":"-"}"#),
        ],
    );
    let types = vec![("a".to_owned(), Type::Number), ("b".to_owned(), Type::Boolean)];
    table(
        &[regex("(?<a>[^,]*),(?<b>[^,]*),(?<c>.*)", Types::Named(types))],
        &[
            ("1,true,2", r#"{"a":1,"b":true,"c":"2"}"#),
            ("x,1,true", r#"{"a":"x","b":"1","c":"true"}"#),
        ],
    );
    let slow = "x".repeat(60);
    let why = format!(
        "{slow} ? the pattern exceeded its step limit; simplify it, e.g. [^x]* instead of .*"
    );
    table(&[regex("(?<a>(x+)+)(?=y)z", Types::Strings)], &[(&slow, &why)]);
}

#[test]
fn a_text_in_a_member_is_parsed_in_its_place() {
    let pattern = NamedPattern::compile("(?<k>\\w+)=(?<v>\\w+)").unwrap();
    let step = Parse::new(ParseRegex::new(&pattern), Some(Name::new("m")), Types::Auto);
    table(
        &[one(step)],
        &[
            (r#"{"m":"a=1","z":0}"#, r#"{"z":0,"k":"a","v":1}"#),
            (r#"{"m":"\u0061=b"}"#, r#"{"k":"a","v":"b"}"#),
            (r#"{"k":9,"m":"a=1"}"#, r#"{"k":"a","v":1}"#),
            (r#"{"m":"no"}"#, r#"{"m":"no"} ? it does not match"#),
            (r#"{"m":5}"#, r#"{"m":5} ? it has no such member, or the member is not a string"#),
            ("{}", "{} ? it has no such member, or the member is not a string"),
            ("text", "text ? invalid JSON at byte 0"),
        ],
    );
}

#[test]
fn malformed_bytes_become_replacement_characters_in_strings() {
    let mut chain = chain(&[regex("(?<a>.*)", Types::Strings)]);
    assert_eq!(run(&mut chain, b"x\xFFy\n"), "{\"a\":\"x\u{FFFD}y\"}\n");
}

#[test]
fn logfmt() {
    let step = |types| one(Parse::new(ParseLogfmt::default(), None, types));
    table(
        &[step(Types::Strings)],
        &[
            ("a=1", r#"{"a":"1"}"#),
            ("a=1 b=x", r#"{"a":"1","b":"x"}"#),
            ("  a=1   b=x  ", r#"{"a":"1","b":"x"}"#),
            ("a=1\tb=x", r#"{"a":"1","b":"x"}"#),
            ("a= b=x", r#"{"a":"","b":"x"}"#),
            ("a=", r#"{"a":""}"#),
            ("a=\"\"", r#"{"a":""}"#),
            ("msg=\"two words\" b=1", r#"{"msg":"two words","b":"1"}"#),
            (r#"msg="a \"q\" \\ \n" b=1"#, r#"{"msg":"a \"q\" \\ \n","b":"1"}"#),
            (r#"msg="\u00e9""#, "{\"msg\":\"\u{E9}\"}"),
            ("msg=\"a=b c=d\"", r#"{"msg":"a=b c=d"}"#),
            ("flag a=1", r#"{"flag":true,"a":"1"}"#),
            ("a=1 flag", r#"{"a":"1","flag":true}"#),
            ("url=http://x/?a=b&c=d", r#"{"url":"http://x/?a=b&c=d"}"#),
            ("a=1 a=2", r#"{"a":"2"}"#),
            ("a=1 b=2 a=3", r#"{"a":"3","b":"2"}"#),
            ("a a b=2 a", r#"{"a":true,"b":"2"}"#),
            ("a b=2 a=3", r#"{"a":"3","b":"2"}"#),
            ("a=3 b=2 a", r#"{"a":true,"b":"2"}"#),
            ("a.b-c/d=1", r#"{"a.b-c/d":"1"}"#),
            ("\u{E9}=\u{1F600}", "{\"\u{E9}\":\"\u{1F600}\"}"),
            ("a=x\"y", r#"{"a":"x\"y"}"#),
            ("a=1\r", r#"{"a":"1"}"#),
            ("", " ? it does not match"),
            ("just words", "just words ? it does not match"),
            ("=x", "=x ? no key=value at byte 0"),
            ("a=1 =x", "a=1 =x ? no key=value at byte 4"),
            ("\"a\"=1", "\"a\"=1 ? no key=value at byte 0"),
            ("a=\"open", "a=\"open ? the quotes are wrong at byte 0"),
            ("b=1 a=\"x\"y", "b=1 a=\"x\"y ? the quotes are wrong at byte 4"),
            ("a=\"x\\\"", "a=\"x\\\" ? the quotes are wrong at byte 0"),
            ("{\"a\":1}", "{\"a\":1} ? no key=value at byte 0"),
        ],
    );
    table(
        &[step(Types::Auto)],
        &[("n=1.5 t=true s=x q=\"7\"", r#"{"n":1.5,"t":true,"s":"x","q":7}"#)],
    );
}

#[test]
fn no_text_has_more_parts_than_are_read_however_they_are_written() {
    let step = one(Parse::new(ParseLogfmt::default(), None, Types::Strings));
    let mut chain = chain(&[step]);
    for more in ["", "=1"] {
        let mut line = String::from("a=1");
        for part in 0..2_000 {
            write!(line, " k{part}{more}").unwrap();
        }
        let got = run(&mut chain, line.as_bytes());
        assert!(got.ends_with("? it has more than 2,000 parts"), "{got:.80}");
        // The same ones again are no more of them.
        let line = format!("{} {}", line.replace(" k1999", " k1998"), line.replace("k1999", "k1"));
        let got = run(&mut chain, line.as_bytes());
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&got).unwrap();
        assert_eq!(object.len(), 2_000);
    }
}

fn csv(separator: u8, names: &[&str], header: bool) -> ConverterConfig {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    one(Parse::new(ParseCsv::new(separator, &names, header), None, Types::Auto))
}

#[test]
fn columns() {
    table(
        &[csv(b',', &["a", "b", "c"], false)],
        &[
            ("1,2,3", r#"{"a":1,"b":2,"c":3}"#),
            ("x,y,z", r#"{"a":"x","b":"y","c":"z"}"#),
            ("1,2", r#"{"a":1,"b":2,"c":null}"#),
            ("1", r#"{"a":1,"b":null,"c":null}"#),
            ("1,2,3,4", r#"{"a":1,"b":2,"c":3,"column4":4}"#),
            ("1,,3", r#"{"a":1,"b":"","c":3}"#),
            ("1,2,", r#"{"a":1,"b":2,"c":""}"#),
            (",,", r#"{"a":"","b":"","c":""}"#),
            (",", r#"{"a":"","b":"","c":null}"#),
            ("\"x,y\",2,3", r#"{"a":"x,y","b":2,"c":3}"#),
            ("\"a \"\"q\"\"\",2,3", r#"{"a":"a \"q\"","b":2,"c":3}"#),
            ("\"\",2,3", r#"{"a":"","b":2,"c":3}"#),
            ("\"\"\"\",2,3", r#"{"a":"\"","b":2,"c":3}"#),
            ("1,2,\"3\"", r#"{"a":1,"b":2,"c":3}"#),
            ("1,2,\"two\nlines\"", r#"{"a":1,"b":2,"c":"two\nlines"}"#),
            (" 1 , 2 ,3", r#"{"a":" 1 ","b":" 2 ","c":3}"#),
            ("a\"b,2,3", r#"{"a":"a\"b","b":2,"c":3}"#),
            ("1,2,3\r", r#"{"a":1,"b":2,"c":3}"#),
            ("true,FALSE,null", r#"{"a":true,"b":false,"c":"null"}"#),
            (
                "\u{E9},\u{1F600},\u{2028}",
                "{\"a\":\"\u{E9}\",\"b\":\"\u{1F600}\",\"c\":\"\u{2028}\"}",
            ),
            ("1e400,-0.0,007", r#"{"a":1e400,"b":-0.0,"c":"007"}"#),
            ("a|b;c\td", "{\"a\":\"a|b;c\\td\",\"b\":null,\"c\":null}"),
            ("", " ? it does not match"),
            ("\"open,2,3", "\"open,2,3 ? the quotes are wrong at byte 0"),
            ("1,\"x\"y,3", "1,\"x\"y,3 ? the quotes are wrong at byte 5"),
            ("\"", "\" ? the quotes are wrong at byte 0"),
            ("1,2,\"", "1,2,\" ? the quotes are wrong at byte 4"),
        ],
    );
    table(&[csv(b'\t', &["a", "b"], false)], &[("1\tx y", r#"{"a":1,"b":"x y"}"#)]);
    table(&[csv(b'|', &["a", "b"], false)], &[("1|x,y", r#"{"a":1,"b":"x,y"}"#)]);
}

#[test]
fn a_row_ends_at_a_newline_that_is_in_no_quotes() {
    for (text, want) in [
        ("a,b\nc", Some(4)),
        ("\n", Some(1)),
        ("\"a\nb\",c\nd\n", Some(8)),
        ("\"a\n\n\n\"\n", Some(7)),
        ("a,\"b\n\"\"\n\"\"\",c\r\nd\n", Some(15)),
        ("a\"b\nc\"\n", Some(4)),
        ("a, \"b\nc\"\n", Some(6)),
        ("\"a\"b\nc\n", Some(5)),
        ("\u{FEFF}\"a\nb\"\n", Some(9)),
        ("a;\"b\nc\"\n", Some(5)),
        ("a,b", None),
        ("\"a\nb\n", None),
        ("\"a\"", None),
        ("\"a\"\"\n", None),
        ("", None),
    ] {
        assert_eq!(Framing::Csv(b',').stretch(text.as_bytes()), want, "{text:?}");
    }
    let csv = || ParseCsv::new(b',', &[], true);
    let framing = |parser| Chain::new(&[one(Parse::new(parser, None, Types::Strings))]).framing();
    assert_eq!(framing(csv().with_newlines(true)), Some(Framing::Csv(b',')));
    assert_eq!(framing(csv()), None);
}

proptest! {
    /// Forall tables: each row comes out once, whole, and with the values that it has.
    #[test]
    fn rows_come_back_as_they_were(
        rows in prop::collection::vec(prop::collection::vec("[a,\"\n\r é]{0,6}", 2), 0..6),
        end in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let quoted = |value: &String| format!("\"{}\"", value.replace('"', "\"\""));
        let written = |row: &Vec<String>| {
            format!("{}{end}", row.iter().map(quoted).collect::<Vec<_>>().join(","))
        };
        let text: String = rows.iter().map(written).collect();
        let names = ["a".to_owned(), "b".to_owned()];
        let parser = ParseCsv::new(b',', &names, false).with_newlines(true);
        let mut chain = chain(&[one(Parse::new(parser, None, Types::Strings))]);
        let (mut rest, mut got) = (text.as_bytes(), Vec::new());
        while let Some(length) = Framing::Csv(b',').stretch(rest) {
            let (row, behind) = rest.split_at(length);
            let object = run(&mut chain, row);
            let object: serde_json::Value = serde_json::from_str(&object).unwrap();
            let value = |name: &str| object[name].as_str().unwrap().to_owned();
            got.push(vec![value("a"), value("b")]);
            rest = behind;
        }
        prop_assert!(rest.is_empty());
        prop_assert_eq!(got, rows);
    }
}

#[test]
fn the_first_line_of_each_file_has_the_names() {
    let mut chain = chain(&[csv(b',', &[], true)]);
    let at = |chain: &mut Chain, path: &str, offset: u64, line: &str| {
        chain.set_path(u64::from(path.as_bytes()[1]), path);
        chain.set_offset(offset);
        run(chain, line.as_bytes())
    };
    assert_eq!(at(&mut chain, "/a", 0, "\u{FEFF}x, y ,x,\r\n"), "skipped: header");
    assert_eq!(at(&mut chain, "/b", 0, "\"p,q\"\n"), "skipped: header");
    assert_eq!(
        at(&mut chain, "/a", 9, "1,2,3,4\n"),
        "{\"x\":1,\"y\":2,\"column3\":3,\"column4\":4}\n"
    );
    assert_eq!(at(&mut chain, "/b", 6, "5\n"), "{\"p,q\":5}\n");
    assert_eq!(
        at(&mut chain, "/c", 100, "5\n"),
        "5\n? the header line of its file is unknown, and 'names' is not set"
    );
    // The same name with another content.
    assert_eq!(at(&mut chain, "/a", 0, "z\n"), "skipped: header");
    assert_eq!(at(&mut chain, "/a", 2, "7\n"), "{\"z\":7}\n");
}
