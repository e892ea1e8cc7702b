//! `REDACT`, where secrets hide: behind escapes in escapes, in URLs and forms, next to the letters
//! of escapes and the colors of terminals.

use kinetail_records::steps::{Kind, Redact, Replacement};
use kinetail_records::{ConverterConfig, compile_search_pattern};

use super::{chain, one, run, table};

fn redact(kinds: &[Kind]) -> ConverterConfig {
    one(Redact::new(Vec::new(), kinds.to_vec(), &[], Replacement::Text("[X]".to_owned())))
}

#[test]
fn no_secret_hides_behind_escapes() {
    table(
        &[redact(&[Kind::Email, Kind::Card])],
        &[
            // JSON in strings of JSON, any number of times.
            (r#"{"a":"{\"b\":\"joe\\u0040a.de\"}"}"#, r#"{"a":"{\"b\":\"[X]\"}"}"#),
            (
                r#"{"a":"{\"b\":\"{\\\"c\\\":\\\"joe\\\\u0040a.de\\\"}\"}"}"#,
                r#"{"a":"{\"b\":\"{\\\"c\\\":\\\"[X]\\\"}\"}"}"#,
            ),
            (r"x joe\\\\\\\\u0040a.de y", "x [X] y"),
            (r"x \u006A\u006F\u0065\u0040\u0061\u002E\u0064\u0065 y", "x [X] y"),
            (r#"{"m":"j\u00f6rg@a.de"#, r#"{"m":"[X]"#),
            // URLs, also in URLs.
            ("q=joe%40a.de&x", "[X]&x"),
            ("/?q=joe%2540a.de&x", "[X]&x"),
            ("/?q=%6A%6f%65%40%61%2E%64%65&x", "[X]&x"),
            ("/?q=j%C3%B6rg%40m%C3%BCll.de&x", "[X]&x"),
            ("/?q=joe%5Cu0040a.de&x", "[X]&x"),
            (r#""GET /?q=joe\x40a.de""#, r#""GET [X]""#),
            (r#""GET /?q=%34111111111111111""#, r#""GET /?q=[X]""#),
            // Forms.
            ("card=4111+1111+1111+1111&x", "card=[X]&x"),
            ("card=4111%201111%201111%201111&x", "card=[X]&x"),
            ("card=4111%2D1111%2D1111%2D1111&x", "card=[X]&x"),
            ("4111\u{A0}1111\u{A0}1111\u{A0}1111", "[X]"),
            // An escape goes with the secret that it touches, or stays whole.
            (r#"{"a":"{\"b\":\"x\\njoe@a.de\\ty\"}"}"#, r#"{"a":"{\"b\":\"x[X]\\ty\"}"}"#),
            (r#"{"b":"x\tjoe@a.de"#, r#"{"b":"x[X]"#),
            ("\u{1B}[31mjoe@a.de\u{1B}[0m", "[X]\u{1B}[0m"),
            // What only looks like it.
            ("100% of 4%40 100%", "100% of 4%40 100%"),
            (r"C:\users\joe %41 \u12", r"C:\users\joe %41 \u12"),
            (r#"{"a":"\u005cu0041 %41"}"#, r#"{"a":"\u005cu0041 %41"}"#),
        ],
    );
}

#[test]
fn text_next_to_an_escape_or_a_color_is_searched() {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let cases = [
        (r"x\n10.0.0.1\ty".to_owned(), r"x\n[X]\ty"),
        ("\u{1B}[32m10.0.0.1\u{1B}[0m".to_owned(), "\u{1B}[32m[X]\u{1B}[0m"),
        ("\u{1B}[1;31m::1\u{1B}[0m".to_owned(), "\u{1B}[1;31m[X]\u{1B}[0m"),
        ("ip=2001%3Adb8%3A%3A1&x".to_owned(), "ip=[X]&x"),
        (r"\u001b[32m10.0.0.1".to_owned(), r"\u001b[32m[X]"),
        (r"\nBearer abc.def".to_owned(), r"\nBearer [X]"),
        ("\u{1B}[1mBearer abc.def".to_owned(), "\u{1B}[1mBearer [X]"),
        ("Authorization=Bearer%20abc.def&x".to_owned(), "Authorization=Bearer%20[X]&x"),
        (format!(r"key:\n{secret}\n"), r"key:\n[X]\n"),
        (format!("\u{1B}[31m{secret}\u{1B}[0m"), "\u{1B}[31m[X]\u{1B}[0m"),
        (format!("k={}", secret.replace('/', "%2F")), "k=[X]"),
        (format!("k={}", secret.replace('/', "\\/")), "k=[X]"),
        ("k=-----BEGIN+PRIVATE+KEY-----abc-----END+PRIVATE+KEY-----&x".to_owned(), "k=[X]&x"),
        ("-----BEGIN%20PRIVATE%20KEY-----abc".to_owned(), "[X]"),
        (r"C:\v10.0.0.1".to_owned(), r"C:\v10.0.0.1"),
    ];
    let cases: Vec<(&str, &str)> = cases.iter().map(|(text, want)| (&**text, *want)).collect();
    let kinds = [Kind::AwsKey, Kind::Bearer, Kind::Ip, Kind::PrivateKey];
    table(&[redact(&kinds)], &cases);
}

#[test]
fn a_secret_has_one_hash_however_it_is_written() {
    let with = Replacement::Hash(b"0123456789abcdef".to_vec());
    let step = Redact::new(Vec::new(), vec![Kind::Email], &[], with);
    let mut chain = chain(&[one(step)]);
    let mut hash = |text: &str| run(&mut chain, text.as_bytes()).replace('"', "");
    let plain = hash("joe@a.de");
    assert_eq!(plain.len(), 32);
    for text in ["joe%40a.de", r"joe\u0040a.de", r#""joe\u0040a.de""#, r"joe\\x40a.de"] {
        assert_eq!(hash(text), plain, "{text}");
    }
    let mask = Redact::new(Vec::new(), vec![Kind::Email], &[], Replacement::Mask(2));
    table(&[one(mask)], &[("joe%40a.de", "******de"), (r"j\u006fe@a.de", "******de")]);
}

#[test]
fn patterns_see_a_text_with_and_without_its_escapes() {
    let pattern = compile_search_pattern("(?<=pass=)[^&\\s]+|user%40x").unwrap();
    let text = Replacement::Text("[X]".to_owned());
    table(
        &[one(Redact::new(Vec::new(), Vec::new(), &[pattern], text))],
        &[
            ("pass=a%20b&x", "pass=[X]&x"),
            ("p%61ss=abc&x", "p%61ss=[X]&x"),
            (r"p\\u0061ss=abc&x", r"p\\u0061ss=[X]&x"),
            ("to user%40x now", "to [X] now"),
            ("pass=&x", "pass=&x"),
        ],
    );
}

#[test]
fn keys_and_tokens() {
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----";
    let one_line = format!("x {pem} y {pem} z");
    let json = format!("{{\"k\":\"{}\"}}", pem.replace('\n', "\\n"));
    table(
        &[redact(&[Kind::AwsKey, Kind::Bearer, Kind::PrivateKey])],
        &[
            ("AKIAIOSFODNN7EXAMPLE", "[X]"),
            ("id=ASIAIOSFODNN7EXAMPLE;", "id=[X];"),
            ("xAKIAIOSFODNN7EXAMPLE", "x[X]"),
            ("KEYAKIAIOSFODNN7EXAMPLE", "KEY[X]"),
            ("AKIAIOSFODNN7EXAMPLEKEY", "[X]"),
            ("https://AKIAIOSFODNN7EXAMPLE@s3/", "https://[X]@s3/"),
            (
                "?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261129",
                "?X-Amz-Credential=[X]%2F20261129",
            ),
            ("/AKIAIOSFODNN7EXAMPLE/20261129/us", "/[X]/20261129/us"),
            ("AKIAIOSFODNN7EXAMPLE/wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "[X]/[X]"),
            ("/wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "/[X]"),
            ("SOUTHEASTASIAREGIONALOFFICE", "SOUTHEASTASIAREGIONALOFFICE"),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "[X]"),
            ("secret=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY ", "secret=[X] "),
            (
                "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            ),
            ("Authorization: Bearer abc.DEF-123_~+/==", "Authorization: Bearer [X]"),
            ("bearer\tabc", "bearer\t[X]"),
            ("BEARER: abc,", "BEARER: [X],"),
            ("Bearer  \t abc.def", "Bearer  \t [X]"),
            ("Authorization: Bearer\r\n abcdefgh12", "Authorization: Bearer\r\n [X]"),
            ("Bearer\u{A0}abc", "Bearer\u{A0}[X]"),
            (r"Bearer\n\tabcdefgh12", r"Bearer\n\t[X]"),
            ("Bearer 12|aB:c!d", "Bearer [X]"),
            ("bearer token: abc; bearer token=abc", "bearer token: [X]; bearer token=[X]"),
            ("Bearer token-1 Bearer tokens2", "Bearer [X] Bearer [X]"),
            ("the bearer\nINFO next", "the bearer\nINFO next"),
            ("Bearer token expired", "Bearer token expired"),
            ("bearer authentication.", "bearer authentication."),
            ("WWW-Authenticate: Bearer realm=\"x\"", "WWW-Authenticate: Bearer realm=\"x\""),
            ("forbearer abc", "forbearer abc"),
            ("Bearer", "Bearer"),
            ("t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln;", "t=[X];"),
            ("eyJ", "eyJ"),
            (
                r#"{"Authorization":"Bearer abc","x":"\""}"#,
                r#"{"Authorization":"Bearer [X]","x":"\""}"#,
            ),
            (&one_line, "x [X] y [X] z"),
            ("x -----BEGIN PRIVATE KEY-----\nabc", "x [X]"),
            (r"k=-----BEGIN EC PRIVATE KEY-----\nab\n-----END EC PRIVATE KEY-----\n", r"k=[X]\n"),
            (
                "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nab\n---- END SSH2 ENCRYPTED PRIVATE \
                 KEY ---- x",
                "[X] x",
            ),
            (
                "-----BEGIN PGP PRIVATE KEY BLOCK-----\nab\n-----END PGP PRIVATE KEY BLOCK-----\n.",
                "[X]\n.",
            ),
            ("to BEGIN with, a PRIVATE KEY is", "to BEGIN with, a PRIVATE KEY is"),
            ("-----BEGIN PUBLIC KEY-----\nab", "-----BEGIN PUBLIC KEY-----\nab"),
            ("abc\n-----END PRIVATE KEY----- y", "[X] y"),
            (
                "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
                "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
            ),
            (&json, r#"{"k":"[X]"}"#),
        ],
    );
}
