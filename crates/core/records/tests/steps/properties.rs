//! What holds of all steps, whatever goes in.

use std::time::{Duration, Instant};

use kinetail_records::steps::{
    AddFields, Bound, Condition, DropFields, Field, FieldValue, Filter, KeepFields, Kind, Number,
    Otherwise, Parse, ParseCri, ParseCsv, ParseDocker, ParseJson, ParseLog, ParseLogfmt,
    ParseRegex, ParseTime, Part, ReadyFormat, Redact, RenameFields, Replacement, Sample, Severity,
    Shape, Test, TimeFormat, Types,
};
use kinetail_records::{
    Converted, ConverterConfig, Name, NamedPattern, OnUnparsable, StepConfig,
    compile_search_pattern,
};
use proptest::prelude::*;

use super::{chain, one};

const FORMATS: [ReadyFormat; 12] = [
    ReadyFormat::Alb,
    ReadyFormat::Apache,
    ReadyFormat::ApacheError,
    ReadyFormat::CloudFront,
    ReadyFormat::HaProxy,
    ReadyFormat::JournalExport,
    ReadyFormat::Nginx,
    ReadyFormat::NginxError,
    ReadyFormat::S3,
    ReadyFormat::Syslog,
    ReadyFormat::Syslog5424,
    ReadyFormat::W3c,
];

const KINDS: [Kind; 6] =
    [Kind::AwsKey, Kind::Bearer, Kind::Card, Kind::Email, Kind::Ip, Kind::PrivateKey];

type Object = serde_json::Map<String, serde_json::Value>;

#[expect(clippy::disallowed_methods, reason = "it is the time itself that is tested")]
fn clock() -> Instant {
    Instant::now()
}

/// One step of every kind, and of those with more than one form some.
fn every_step() -> Vec<ConverterConfig> {
    let names = || vec!["a".to_owned(), "b.c".to_owned()];
    let pattern = NamedPattern::compile("(?<a>\\w+)\\W*(?<b>.*)").unwrap();
    let search = compile_search_pattern("a+b").unwrap();
    let fields = vec![
        Field { name: Name::new("a"), value: FieldValue::Template(vec![Part::Path, Part::Offset]) },
        Field { name: Name::new("z"), value: FieldValue::Template(vec![Part::Time]) },
    ];
    let asks = || {
        vec![
            Condition { field: Some("a".to_owned()), tests: vec![Test::Severity(Severity::Warn)] },
            Condition {
                field: Some("b.c".to_owned()),
                tests: vec![Test::Number(Bound::Above, Number::parse("3").unwrap())],
            },
            Condition { field: None, tests: vec![Test::pattern(&search)] },
        ]
    };
    let time = ParseTime {
        field: Name::new("a"),
        to: Name::new("t"),
        formats: vec![
            TimeFormat::Rfc3339,
            TimeFormat::UnixMillis,
            TimeFormat::Strptime("%b %e %H:%M:%S".to_owned()),
        ],
        zone: jiff::tz::TimeZone::UTC,
        digits: 6,
        otherwise: Otherwise::Remove,
    };
    let text = || Replacement::Text("[X]".to_owned());
    let mut steps = vec![
        one(ParseJson { field: None }),
        one(ParseJson { field: Some(Name::new("a")) }),
        one(AddFields::new(fields, true)),
        one(RenameFields {
            fields: vec![("a".to_owned(), Name::new("b")), ("b.c".to_owned(), Name::new("a"))],
        }),
        one(DropFields { fields: names() }),
        one(KeepFields { fields: names() }),
        one(Filter { include: asks(), exclude: Vec::new() }),
        one(Filter { include: Vec::new(), exclude: asks() }),
        one(Sample { threshold: u64::MAX / 2, key: Some("a".to_owned()), keep: asks() }),
        one(ParseCri { shape: Shape::new(true) }),
        one(ParseDocker { shape: Shape::new(false) }),
        one(Parse::new(ParseRegex::new(&pattern), None, Types::Auto)),
        one(Parse::new(ParseLogfmt::default(), None, Types::Auto)),
        one(Parse::new(ParseLogfmt::default(), Some(Name::new("a")), Types::Strings)),
        one(Parse::new(ParseCsv::new(b',', &names(), false), None, Types::Auto)),
        one(Parse::new(ParseCsv::new(b';', &[], true), None, Types::Strings)),
        one(time),
        one(Redact::new(Vec::new(), KINDS.to_vec(), std::slice::from_ref(&search), text())),
        one(Redact::new(vec![Name::new("b.c")], Vec::new(), &[], text())),
    ];
    for format in FORMATS {
        steps.push(one(Parse::new(ParseLog::new(format), None, format.types())));
    }
    for on_unparsable in [OnUnparsable::Skip, OnUnparsable::Tag] {
        let step = Box::new(ParseJson { field: None });
        steps.push(ConverterConfig::Step(StepConfig { step, on_unparsable }));
    }
    steps.push(ConverterConfig::AddBrackets);
    steps.push(ConverterConfig::SingleLine { trim: true, escape_new_line: false });
    steps
}

/// JSON as text, with all that one may write in it.
fn json() -> impl Strategy<Value = String> {
    let blank = || prop::sample::select(vec!["", " ", "\t", "  ", "\r"]);
    let number = prop::sample::select(vec![
        "0",
        "-0",
        "1.50",
        "1E400",
        "-7e-3",
        "123456789012345678901234567890",
        "4111111111111111",
    ]);
    let string = concat!(
        "([a-c .@:0-9]|\\\\n|\\\\\"|\\\\u00e9|\\\\u0061|\\\\ud83d\\\\ude00|\\\\ud",
        "800|\u{E9}|\u{1F600}|\u{2028}){0,8}",
    )
    .prop_map(|text| format!("\"{text}\""));
    let leaf = prop_oneof![
        number.prop_map(str::to_owned),
        string,
        prop::sample::select(vec!["true", "false", "null", "{}", "[ ]"]).prop_map(str::to_owned),
    ];
    let key = prop::sample::select(vec!["a", "b", "c", "\\u0061", "b.c", "", "é"]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4);
        let object = prop::collection::vec((key.clone(), blank(), inner), 0..5);
        prop_oneof![
            list.prop_map(|items| format!("[{}]", items.join(" , "))),
            object.prop_map(|members| {
                let members: Vec<String> = members
                    .iter()
                    .map(|(key, blank, value)| {
                        format!("{blank}\"{key}\"{blank}:{blank}{value}{blank}")
                    })
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// Anything that may stand in a file.
fn record() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        json().prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..80),
        "[a-c0-9 {}\\[\\]\":,;=<>|#\\\\@%./+-]{0,60}".prop_map(String::into_bytes),
        "(2026-11-29T14:00:00Z (stdout|stderr) [PF] [a-z]{0,5}\n){0,4}"
            .prop_map(String::into_bytes),
        concat!(
            "<[0-9]{1,3}>1? ?(Nov 29 14:00:00|-) [a-z-]{1,3} [a-z]{0,3}(\\[[0-9]*",
            "\\])?:? [\\[\\]a-z=\" -]{0,20}",
        )
        .prop_map(String::into_bytes),
        concat!(
            "[0-9.:]{1,9} - [a-z -]{0,5} \\[29/Nov/2026:14:00:00 \\+0000\\] \"[A-",
            "Z /\\\\x\"]{0,20}\" [0-9-]{1,3} [0-9-]{1,3}( \"[^\n]{0,5}\" \"[^\n]{",
            "0,5}\")?",
        )
        .prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Forall JSON: what no step touches comes out byte for byte, and it is the JSON that a parser
    /// of others takes.
    #[test]
    fn untouched_json_is_kept(
        text in json(),
        end in prop::sample::select(vec!["", "\n", "\r\n"]),
    ) {
        let input = format!("{text}{end}");
        let absent = || vec!["not there".to_owned(), "a.not there".to_owned()];
        let there =
            Condition { field: Some("not there".to_owned()), tests: vec![Test::Exists(true)] };
        let mut chain = chain(&[
            one(ParseJson { field: None }),
            one(DropFields { fields: absent() }),
            one(RenameFields { fields: vec![("not there".to_owned(), Name::new("x"))] }),
            one(Filter { include: Vec::new(), exclude: vec![there] }),
        ]);
        let Converted::Record(out) = chain.convert(input.as_bytes()) else { panic!() };
        prop_assert_eq!(out, input.as_bytes());
        let read = chain.take_unparsable().0 == 0;
        let lone_surrogate = text.contains("\\ud800");
        if !lone_surrogate {
            let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text);
            // It takes no number that is too large.
            prop_assert!(read || object.is_err());
            prop_assert!(!read || object.is_ok() || text.contains("1E400"), "{}", text);
        }
    }

    /// Forall JSON objects: dropping a member gives what a parser of others has without it.
    #[test]
    fn dropping_is_what_it_says(text in json()) {
        prop_assume!(!text.contains("1E400") && !text.contains("\\ud800"));
        let Ok(mut want) = serde_json::from_str::<Object>(&text) else { return Ok(()) };
        want.remove("a");
        let mut chain = chain(&[one(DropFields { fields: vec!["a".to_owned()] })]);
        let Converted::Record(out) = chain.convert(text.as_bytes()) else { panic!() };
        let got: Object = serde_json::from_slice(out).unwrap();
        prop_assert_eq!(got, want);
    }

    /// Forall records and chains of steps: no panic, what comes out of text is text, and the same
    /// record gives the same again.
    #[test]
    fn no_step_panics(
        record in record(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
        offset in prop::sample::select(vec![0_u64, 7]),
    ) {
        let steps = every_step();
        let configs: Vec<ConverterConfig> =
            picks.iter().map(|pick| pick.get(&steps).clone()).collect();
        let mut chain = chain(&configs);
        chain.set_offset(offset);
        let first = format!("{:?}", chain.convert(&record));
        let again = format!("{:?}", chain.convert(&record));
        prop_assert_eq!(first, again);
    }

    /// Forall secrets in all kinds of surroundings: not one of them comes out.
    #[test]
    fn no_secret_comes_out(
        before in "[ -!#-~]{0,12}[ ,;=\\[(<]|",
        after in "|[ ,;\\])>][ -!#-~]{0,12}",
        which in 0..8_usize,
        escaped in any::<bool>(),
        shape in 0..4_usize,
    ) {
        const SECRETS: [&str; 8] = [
            "joe.smith@example.com",
            "4111 1111 1111 1111",
            "378282246310005",
            "203.0.113.77",
            "2001:db8::dead:beef",
            "AKIAIOSFODNN7EXAMPLE",
            "Bearer abcdefghij.klmnop",
            "-----BEGIN PRIVATE KEY-----QUJD-----END PRIVATE KEY-----",
        ];
        // What would make another word of it is not before or behind it.
        let (before, after) = (before.replace('\\', "/"), after.replace('\\', "/"));
        let secret = SECRETS[which];
        let hidden = secret.trim_start_matches("Bearer ");
        let written = if escaped && shape != 0 {
            escaped_text(secret)
        } else {
            secret.to_owned()
        };
        let (plain_before, plain_after) = (before.as_str(), after.as_str());
        let record = match shape {
            0 => format!("{plain_before}{written}{plain_after}\n"),
            1 => format!("{{\"m\":\"{plain_before}{written}{plain_after}\"}}\n"),
            2 => format!("{{\"l\":[1,{{\"{plain_before}{written}{plain_after}\":null}}]}}\n"),
            _ => format!("[\"x\",\"{plain_before}{written}{plain_after}\"]\n"),
        };
        let step = Redact::new(Vec::new(), KINDS.to_vec(), &[], Replacement::Text("X".to_owned()));
        let mut chain = chain(&[one(step)]);
        let Converted::Record(out) = chain.convert(record.as_bytes()) else { panic!() };
        let out = String::from_utf8_lossy(out).into_owned();
        prop_assert!(!out.contains(hidden) && !out.contains(&written), "{record} gave {out}");
    }
}

/// A text of which each character is an escape of JSON.
fn escaped_text(text: &str) -> String {
    let escapes: Vec<String> = text.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    escapes.concat()
}

/// Texts that make searches go back and forth.
fn nasty(bytes: usize) -> Vec<String> {
    let mut all: Vec<String> = [
        "a",
        "@",
        "a@",
        "%40",
        "4",
        "4 ",
        "4-",
        "1.",
        ":",
        "a:",
        "::",
        "eyJ",
        "eyJ.",
        "bearer ",
        "bearer=",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "AKIA",
        "\"",
        "\\\"",
        "\\",
        "[",
        "] \"",
        "{",
        " [29/Nov/2026:10:00:00 +0000] \"",
        "=",
        "a=",
        "a=1 ",
        "\"a\" ",
        ",",
        "\",\"",
        "a,",
        " ",
        "\t",
        "\\u0040",
        "\\u00",
        "<",
        "[a b=\"",
        "\u{E9}",
        "1\n",
        "\"} \"",
    ]
    .into_iter()
    .map(|part| part.repeat(bytes / part.len()))
    .collect();
    all.push(format!("{{\"a\":{}", "[".repeat(bytes)));
    all.push(format!("{{\"a\":\"{}\"}}", "\\u0040".repeat(bytes / 6)));
    let members: Vec<String> = (0..bytes / 12).map(|n| format!("\"k{n}\":{n}")).collect();
    all.push(format!("{{{}}}", members.join(",")));
    all.push(format!("{{\"b\":{}1{}}}", "{\"b\":".repeat(60), "}".repeat(60)));
    all.push("2026-11-29T14:00:00.000Z stdout P x\n".repeat(bytes / 37));
    all
}

/// The time of a step on a text grows with the text, and not with its square.
#[test]
fn no_step_takes_more_than_linear_time() {
    const SMALL: usize = 4 * 1024;
    const FACTOR: u32 = 16;
    for config in every_step() {
        for (small, large) in nasty(SMALL).iter().zip(nasty(SMALL * FACTOR as usize)) {
            let mut chain = chain(std::slice::from_ref(&config));
            let mut time = |text: &str| {
                let runs = (0..2).map(|_| {
                    let start = clock();
                    let converted = chain.convert(text.as_bytes());
                    std::hint::black_box(&converted);
                    clock().duration_since(start)
                });
                runs.min().unwrap()
            };
            let (short, long) = (time(small), time(&large));
            // With the square it would be the factor twice; what is over at once is not looked at.
            let limit = short * FACTOR * 8 + Duration::from_millis(500);
            assert!(
                long < limit,
                "{config:?}: {short:?}, then {long:?} of {:?}…",
                small.chars().take(12).collect::<String>()
            );
        }
    }
}
