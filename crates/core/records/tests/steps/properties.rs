//! What holds of all steps, whatever goes in.

use std::time::Duration;

use fastrand::Rng;
use kinetail_records::steps::{Condition, DropFields, Filter, ParseJson, RenameFields, Test};
use kinetail_records::{Converted, ConverterConfig, Name};
use proptest::prelude::*;

use super::every::every_step;
use super::{chain, nasty, one};

type Object = serde_json::Map<String, serde_json::Value>;

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
}

/// Hard records, from a seed: no step panics, alone or behind others, and the same record gives the
/// same again.
#[test]
fn no_step_panics_on_what_is_hard_to_read() {
    let steps = every_step();
    for seed in 0..400 {
        let mut rng = Rng::with_seed(seed);
        let bytes = if seed % 50 == 0 { 256 * 1024 } else { rng.usize(..2000) };
        let record = nasty::record(&mut rng, bytes);
        for step in &steps {
            let other = steps[rng.usize(..steps.len())].clone();
            let mut chain = chain(&[step.clone(), other]);
            chain.set_offset(rng.u64(..2));
            let first = format!("{:?}", chain.convert(&record));
            assert_eq!(first, format!("{:?}", chain.convert(&record)), "seed {seed}");
        }
    }
}

/// Texts of which the steps are most afraid: one word over and over, and what ends it.
fn repeated(bytes: usize) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    let ends: [&[u8]; 6] = [b"", b"] \"", b"\"", b"}", b" x", b"\x1B[m"];
    for (number, word) in nasty::WORDS.iter().enumerate() {
        let mut text = Vec::new();
        nasty::fill(&mut text, word, bytes);
        text.extend_from_slice(ends[number % ends.len()]);
        all.push(text);
    }
    let members: Vec<String> = (0..bytes / 12).map(|n| format!("\"k{n}\":{n}")).collect();
    let string = "\\u0040".repeat(bytes / 6);
    for text in [
        format!("{{\"a\":{}", "[".repeat(bytes)),
        format!("{{\"a\":\"{string}\"}}"),
        format!("{{{}}}", members.join(",")),
        format!("{{\"b\":{}1{}}}", "{\"b\":".repeat(60), "}".repeat(60)),
        format!("1.1.1.1 - -{}] \"", " [".repeat(bytes / 2)),
    ] {
        all.push(text.into_bytes());
    }
    all
}

/// The time of this thread, whatever else the machine does.
#[expect(clippy::disallowed_methods, reason = "it is the time itself that is tested")]
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// The work of a step on a text grows with the text, and not with its square.
#[test]
fn no_step_takes_more_than_linear_time() {
    const SMALL: usize = 4 * 1024;
    const FACTOR: u32 = 16;
    for config in every_step() {
        for (small, large) in repeated(SMALL).iter().zip(repeated(SMALL * FACTOR as usize)) {
            let mut chain = chain(std::slice::from_ref(&config));
            let mut time = |text: &[u8]| {
                let start = processor_time();
                let converted = chain.convert(text);
                std::hint::black_box(&converted);
                processor_time().saturating_sub(start)
            };
            let (short, long) = (time(small), time(&large));
            // With the square it would be the factor twice; what is over at once is not looked at.
            let limit = short * FACTOR * 8 + Duration::from_millis(200);
            let shown = String::from_utf8_lossy(small.get(..20).unwrap_or(small));
            assert!(long < limit, "{config:?}: {short:?}, then {long:?} of {shown:?}");
        }
    }
}
