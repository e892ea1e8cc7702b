//! `REDACT`.

use kinetail_records::steps::{AddFields, DropFields, Kind, ParseJson, Redact, Replacement};
use kinetail_records::{
    Chain, Converted, ConverterConfig, Name, OnUnparsable, compile_search_pattern,
};

use super::{chain, one, run, table, with};

fn kinds(kinds: &[Kind]) -> ConverterConfig {
    one(Redact::new(Vec::new(), kinds.to_vec(), &[], Replacement::Text("[X]".to_owned())))
}

fn patterns(java: &[&str]) -> ConverterConfig {
    let patterns: Vec<_> = java.iter().map(|java| compile_search_pattern(java).unwrap()).collect();
    one(Redact::new(Vec::new(), Vec::new(), &patterns, Replacement::Text("[X]".to_owned())))
}

const ALL: [Kind; 6] =
    [Kind::AwsKey, Kind::Bearer, Kind::Card, Kind::Email, Kind::Ip, Kind::PrivateKey];

#[test]
fn cards() {
    table(
        &[kinds(&[Kind::Card])],
        &[
            ("4111111111111111", "[X]"),
            ("card 4111 1111 1111 1111.", "card [X]."),
            ("card 4111-1111-1111-1111,", "card [X],"),
            ("4111 1111-1111 1111", "[X]"),
            ("378282246310005", "[X]"),
            ("3782 822463 10005", "[X]"),
            ("5555555555554444 and 6011111111111117", "[X] and [X]"),
            ("2223003122003222", "[X]"),
            ("6304000000000000", "[X]"),
            ("4222222222222", "[X]"),
            ("x4111111111111111y", "x[X]y"),
            ("order 12 4111 1111 1111 1111", "order 12 [X]"),
            ("4111 1111 1111 1111 12", "[X] 12"),
            ("4111111111111112", "4111111111111112"),
            ("1700000000000", "1700000000000"),
            ("1795960800500000", "1795960800500000"),
            ("411111111111", "411111111111"),
            ("41111111111111111111", "41111111111111111111"),
            ("4111  1111 1111 1111", "[X]"),
            ("4111 - 1111 - 1111 - 1111", "[X]"),
            ("4111_1111_1111_1111_", "[X]_"),
            ("4111.1111.1111.1111.", "[X]."),
            ("4111/1111/1111/1111", "[X]"),
            ("4111\t1111\t1111\t1111", "[X]"),
            ("3782_822463_10005", "[X]"),
            ("4111\u{2013}1111\u{2013}1111\u{2013}1111", "[X]"),
            ("4111\u{2011}1111\u{2212}1111\u{2014}1111", "[X]"),
            ("4111\u{202F}1111\u{2009}1111\u{3000}1111", "[X]"),
            ("4\u{200B}1\u{200B}1\u{200B}1\u{200B}111111111111", "[X]"),
            ("4111\u{AD}1111\u{B7}1111\u{FEFF}1111", "[X]"),
            ("\"4111 1111 1111 1111\",\"a\"\"4111111111111111\"\"\"", "\"[X]\",\"a\"\"[X]\"\"\""),
            (r"4111\u20131111\u20131111\u20131111", "[X]"),
            ("4111%E2%80%931111%C2%A01111%091111", "[X]"),
            ("paid with 4111111111111111. 12 items", "paid with [X]. 12 items"),
            (r#"{"n":4111111111111111}"#, r#"{"n":"[X]"}"#),
            (r#"{"n":-4111111111111111}"#, r#"{"n":"-[X]"}"#),
            (r#"{"n":"\u00341111111\u003111111111"}"#, "{\"n\":\"\\u00341111111\\u003111111111\"}"),
            (r#"{"n":"\u0034111 1111 1111 1111"}"#, r#"{"n":"[X]"}"#),
            (r#"{"4111111111111111":1}"#, r#"{"[X]":1}"#),
            (r#"{"a":[41111111,11111111]}"#, r#"{"a":[41111111,11111111]}"#),
            ("", ""),
        ],
    );
}

#[test]
fn mail_addresses() {
    table(
        &[kinds(&[Kind::Email])],
        &[
            ("joe@example.com", "[X]"),
            ("<joe.b+tag@mail.example.co.uk>", "<[X]>"),
            ("mail joe@example.com.", "mail [X]."),
            ("a@b.cc,c@d.ee", "[X],[X]"),
            ("j\u{F6}rg@m\u{FC}ller.de", "[X]"),
            ("o'brien@example.com", "[X]"),
            ("user=joe%40example.com&x=1", "[X]&x=1"),
            ("root@localhost", "root@localhost"),
            ("@example.com", "@example.com"),
            ("a@b", "a@b"),
            ("a@b.c", "a@b.c"),
            ("\"joe smith\"@example.com", "[X]"),
            ("to \"joe \\\"x\\\" smith\"@example.com,", "to [X],"),
            (r#"{"m":"\"joe smith\"@example.com"}"#, r#"{"m":"[X]"}"#),
            (r#"INFO {"m":"\"joe smith\"@example.com"}"#, r#"INFO {"m":"[X]"}"#),
            ("1,\"\"\"joe smith\"\"@example.com\",2", "1,\"[X]\",2"),
            ("joe@[10.0.0.1] joe@[IPv6:2001:db8::1]", "[X] [X]"),
            ("joe@my_host.example.com", "[X]"),
            ("name=\"x\" handle=\"@joe.smith\"", "name=\"x\" handle=\"@joe.smith\""),
            ("\"\"@example.com", "\"\"@example.com"),
            ("a@[b] @Override", "a@[b] @Override"),
            ("git@github.com:x/y.git", "[X]:x/y.git"),
            (r#"{"m":"joe\u0040example.com"}"#, r#"{"m":"[X]"}"#),
            (r#"{"m":"jo\u0065@example\u002ecom"}"#, r#"{"m":"[X]"}"#),
            (r#"{"a":{"joe@example.com":[1,"x"]}}"#, r#"{"a":{"[X]":[1,"x"]}}"#),
            (r#"{ "a" : "joe@example.com" , "n" : 1E400 }"#, r#"{ "a" : "[X]" , "n" : 1E400 }"#),
            (r#"INFO {"m":"joe\u0040example.com"}"#, r#"INFO {"m":"[X]"}"#),
            (r#"{"m":"joe\u0040example.com""#, r#"{"m":"[X]""#),
            (r#"["joe@example.com"]"#, r#"["[X]"]"#),
        ],
    );
}

#[test]
fn addresses() {
    table(
        &[kinds(&[Kind::Ip])],
        &[
            ("10.0.0.1", "[X]"),
            ("from 10.0.0.1:8080 to 192.168.255.255.", "from [X]:8080 to [X]."),
            ("[10.0.0.1]", "[[X]]"),
            ("ip-10.0.0.1", "ip-[X]"),
            ("256.1.1.1", "256.1.1.1"),
            ("1.2.3", "1.2.3"),
            ("1.2.3.4.5", "1.2.3.4.5"),
            ("v1.2.3.4", "v1.2.3.4"),
            ("::1", "[X]"),
            ("[::1]:443", "[[X]]:443"),
            ("2001:db8::8a2e:370:7334", "[X]"),
            ("fe80::1%eth0", "[X]"),
            ("[fe80::1%eth0.100]:443", "[[X]]:443"),
            ("fe80::1%br-lan.", "[X]."),
            ("http://[fe80::1%25eth0]/", "http://[[X]]/"),
            ("fe80::1% ", "[X]% "),
            ("::ffff:10.0.0.1", "[X]"),
            ("[::FFFF:10.0.0.1]:80", "[[X]]:80"),
            ("::ffff:10.0.0.1:8080", "[X]:8080"),
            ("2001:db8:0:0:0:0:0:1:8080 ", "[X]:8080 "),
            ("64:ff9b::192.0.2.33", "[X]"),
            ("2001:DB8::A, 2001:db8::b", "[X], [X]"),
            ("00:11:22:33:44:55:66:77:88", "00:11:22:33:44:55:66:77:88"),
            ("my_dead::beef", "my_dead::beef"),
            ("2001:0db8:0000:0000:0000:ff00:0042:8329", "[X]"),
            ("client: 2001:db8::1, x", "client: [X], x"),
            ("addr:2001:db8::1", "addr:[X]"),
            ("12:34:56", "12:34:56"),
            ("aa:bb:cc:dd:ee:ff", "aa:bb:cc:dd:ee:ff"),
            ("std::string x::y", "std::string x::y"),
            ("a :: b", "a :: b"),
            ("2026-11-29T10:00:00.123Z", "2026-11-29T10:00:00.123Z"),
            (r#"{"ip":"10.0.0.1","v":1.25}"#, r#"{"ip":"[X]","v":1.25}"#),
            (r#"{"ip":"10\u002e0.0.1"}"#, r#"{"ip":"[X]"}"#),
            ("...", "..."),
            (":::", ":::"),
        ],
    );
}

#[test]
fn patterns_are_taken_out_whole_and_what_takes_too_long_takes_all() {
    table(
        &[patterns(&["(?<=password=)\\S+", "^secret$"])],
        &[
            ("user=x password=hunter2 y", "user=x password=[X] y"),
            ("password=", "password="),
            ("secret", "[X]"),
            (r#"{"a":"secret","b":"no secret"}"#, r#"{"a":"[X]","b":"no secret"}"#),
            (r#"{"q":"password=hunter2"}"#, r#"{"q":"password=[X]"}"#),
            (r#"{"q":"pass\u0077ord=hunter2"}"#, r#"{"q":"password=[X]"}"#),
        ],
    );
    let slow = "x".repeat(60);
    let json = format!("{{\"a\":\"{slow}\",\"b\":1}}");
    table(&[patterns(&["(x+)+(?=y)z"])], &[(&slow, "[X]"), (&json, r#"{"a":"[X]","b":1}"#)]);
    // What overlaps goes as one.
    table(&[patterns(&["abc", "bcd", "x*"])], &[("abcd.abc.bcd", "[X].[X].[X]")]);
}

#[test]
fn only_some_members_or_all_of_them() {
    let fields = |names: &[&str], kinds: &[Kind]| {
        let names = names.iter().map(|name| Name::new(name)).collect();
        one(Redact::new(names, kinds.to_vec(), &[], Replacement::Text("[X]".to_owned())))
    };
    table(
        &[fields(&["password", "user.mail"], &[])],
        &[
            (r#"{"password":"x","b":"y"}"#, r#"{"password":"[X]","b":"y"}"#),
            (r#"{"password":{"a":[1]},"b":2}"#, r#"{"password":"[X]","b":2}"#),
            (r#"{"password":null}"#, r#"{"password":"[X]"}"#),
            (r#"{"user":{"mail":"m","id": 1}}"#, r#"{"user":{"mail":"[X]","id": 1}}"#),
            (r#"{"user.mail":"m"}"#, r#"{"user.mail":"[X]"}"#),
            (r#"{ "b" : 1 }"#, r#"{ "b" : 1 }"#),
            (r#"{"password":1,"password":2}"#, r#"{"password":"[X]","password":"[X]"}"#),
            (
                r#"{"user":{"mail":1,"mail":2},"user":{"mail":3}}"#,
                r#"{"user":{"mail":"[X]","mail":"[X]"},"user":{"mail":"[X]"}}"#,
            ),
            (
                r#"{"user.mail":1,"user":{"mail":2}}"#,
                r#"{"user.mail":"[X]","user":{"mail":"[X]"}}"#,
            ),
            (r#"{"pass\u0077ord":1}"#, r#"{"pass\u0077ord":"[X]"}"#),
            ("password", "password"),
        ],
    );
    // In lists, too.
    table(
        &[fields(&["u.mail"], &[])],
        &[
            (
                r#"{"u":[{"mail":1}, {"x":2} ,{"mail":3}]}"#,
                r#"{"u":[{"mail":"[X]"}, {"x":2} ,{"mail":"[X]"}]}"#,
            ),
            (
                r#"{"u":[ [ {"mail":1} ] , 5, "mail" ]}"#,
                r#"{"u":[ [ {"mail":"[X]"} ] , 5, "mail" ]}"#,
            ),
            (r#"{"u":[]}"#, r#"{"u":[]}"#),
            (r#"{"u":["mail"]}"#, r#"{"u":["mail"]}"#),
        ],
    );
    // What is an object only because it could not be read has no members to choose from.
    let tag = with(ParseJson { field: None }, OnUnparsable::Tag);
    table(
        &[tag, fields(&["user"], &[Kind::Email])],
        &[
            (
                "to joe@a.de",
                "{\"message\":\"to [X]\",\"unparsable\":\"PARSEJSON: invalid JSON at byte 0\"} \
                 ? invalid JSON at byte 0",
            ),
            (r#"{"to":"joe@a.de"}"#, r#"{"to":"joe@a.de"}"#),
        ],
    );
    table(
        &[fields(&["a"], &[Kind::Email])],
        &[
            (r#"{"a":"x@y.zz","b":"x@y.zz"}"#, r#"{"a":"[X]","b":"x@y.zz"}"#),
            (r#"{"a":["x@y.zz",{"b":"x@y.zz"}]}"#, r#"{"a":["[X]",{"b":"[X]"}]}"#),
            ("a x@y.zz", "a [X]"),
        ],
    );
}

#[test]
fn what_stands_in_for_a_secret() {
    let with = |with| one(Redact::new(Vec::new(), vec![Kind::Card], &[], with));
    table(
        &[with(Replacement::Mask(4))],
        &[("4111 1111 1111 1111", "***************1111"), ("x", "x")],
    );
    table(&[with(Replacement::Mask(0))], &[("4111111111111111", "****************")]);
    table(&[with(Replacement::Mask(99))], &[("4111111111111111", "****************")]);
    let hash = || with(Replacement::Hash(b"0123456789abcdef".to_vec()));
    // By: printf 4111111111111111 | openssl dgst -sha256 -hmac 0123456789abcdef
    table(&[hash()], &[("4111111111111111", "6ab68ca2a9a5093ababdf00856c5692b")]);
    let debug = format!("{:?}", hash());
    assert!(!debug.contains("0123456789abcdef") && !debug.contains("48, 49"), "{debug}");
}

#[test]
fn a_record_that_is_sent_as_it_was_is_redacted_all_the_same() {
    let broken = ConverterConfig::SendRaw { converter: "CSVTOJSON", reason: "a test" };
    for configs in [[kinds(&[Kind::Email]), broken.clone()], [broken, kinds(&[Kind::Email])]] {
        let mut chain = chain(&configs);
        let Converted::Raw { record, .. } = chain.convert(b"x joe@example.com\n") else {
            panic!("not raw")
        };
        assert_eq!(record, b"x [X]\n");
    }
}

#[test]
fn it_works_on_what_steps_before_it_wrote() {
    let add = AddFields::new(Vec::new(), true);
    let mut chain = chain(&[one(ParseJson { field: None }), one(add), kinds(&ALL)]);
    assert_eq!(
        run(&mut chain, b"{\"b\":\"\\u0040\",\"a\":\"joe@example.com 10.0.0.1\"}\n"),
        "{\"b\":\"\\u0040\",\"a\":\"[X] [X]\"}\n"
    );
}

#[test]
fn bytes_that_are_no_text_stay_unless_something_is_found() {
    let mut chain: Chain = chain(&[kinds(&ALL)]);
    assert_eq!(chain.convert(b"\xFF x\n"), Converted::Record(b"\xFF x\n"));
    let Converted::Record(record) = chain.convert(b"\xFF joe@example.com\n") else { panic!() };
    assert!(!record.windows(3).any(|part| part == b"joe"));
}

/// What is kept of a record that a step cannot read: the line, if nothing is to be removed from
/// it; else what the step was given, without the secrets that it and later steps remove.
#[test]
fn dead_letters_hold_no_secret() {
    let parse = || with(ParseJson { field: None }, OnUnparsable::DeadLetter);
    let nested = || {
        let field = Some(Name::new("log"));
        with(ParseJson { field }, OnUnparsable::DeadLetter)
    };
    let mails = || kinds(&[Kind::Email]);
    let drop = || one(DropFields { fields: vec!["secret".to_owned()] });
    for (configs, input, want, is_whole) in [
        (vec![parse()], "to a@b.de\n", "to a@b.de\n", true),
        (vec![mails(), parse()], "to a@b.de\n", "to [X]\n", false),
        (vec![parse(), mails()], "to a@b.de\n", "to [X]\n", false),
        (
            vec![parse(), drop(), nested(), mails()],
            "{\"secret\":1,\"log\":\"a@b.de\"}\n",
            "{\"log\":\"[X]\"}\n",
            false,
        ),
        (
            vec![parse(), drop(), nested()],
            "{\"secret\":1,\"log\":\"x\"}\n",
            "{\"secret\":1,\"log\":\"x\"}\n",
            true,
        ),
    ] {
        let mut chain = chain(&configs);
        match chain.convert(input.as_bytes()) {
            Converted::DeadLetter { record, whole, converter, .. } => {
                assert_eq!(String::from_utf8_lossy(record), want, "{input}");
                assert_eq!((whole, converter), (is_whole, "PARSEJSON"), "{input}");
            }
            other => panic!("{input}: {other:?}"),
        }
    }
    let mut redacting = chain(&[mails(), parse()]);
    assert_eq!(redacting.redacted(b"to a@b.de\n"), b"to [X]\n");
    assert_eq!(chain(&[parse()]).redacted(b"to a@b.de\n"), b"to a@b.de\n");
}
