//! What the chain does with the converters of the Java agent.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::{
    CONVERTED_BYTES_MAX, Chain, ConvertError, Converted, ConverterConfig, IDLE_BUFFER_BYTES_MAX,
    RawReason,
};
use crate::{CsvDelimiter, JsonFormat, LogFormat, Skip, compile_match_pattern};

fn csv(names: &[&str]) -> ConverterConfig {
    ConverterConfig::CsvToJson {
        field_names: names.iter().map(ToString::to_string).collect(),
        delimiter: CsvDelimiter::parse(",").unwrap(),
        format: JsonFormat::Compact,
    }
}

fn syslog() -> ConverterConfig {
    ConverterConfig::LogToJson {
        log_format: LogFormat::Syslog,
        pattern: None,
        field_names: None,
        null_name: false,
        format: JsonFormat::Compact,
    }
}

const SINGLE_LINE: ConverterConfig =
    ConverterConfig::SingleLine { trim: true, escape_new_line: false };

#[test]
fn section_2_1_without_converters_bytes_pass_untouched() {
    let record = b"\xFF\r\0\n";
    let mut chain = Chain::new(&[]);
    assert!(chain.is_empty());
    assert_eq!(chain.convert(record), Converted::Record(record));
}

#[test]
fn section_2_1_the_output_of_one_converter_feeds_the_next() {
    let mut chain = Chain::new(&[csv(&["a", "b"]), ConverterConfig::AddBrackets]);
    assert!(!chain.is_empty());
    for (record, want) in
        [("1,2\n", "{{\"a\":\"1\",\"b\":\"2\"}\n}"), ("3\n", "{{\"a\":\"3\",\"b\":null}\n}")]
    {
        let converted = chain.convert(record.as_bytes());
        assert_eq!(converted, Converted::Record(want.as_bytes()));
    }
    let mut chain = Chain::new(&[SINGLE_LINE, csv(&["a"]), SINGLE_LINE]);
    let converted = chain.convert(b" x\n y,z\n");
    assert_eq!(converted, Converted::Record(b"{\"a\":\"xy\"}\n"));
}

#[test]
fn section_2_1_malformed_bytes_are_replaced_by_every_converter() {
    let mut chain = Chain::new(&[ConverterConfig::AddBrackets]);
    let want = "{\u{FFFD}a\u{FFFD}\n}".as_bytes();
    assert_eq!(chain.convert(b"\xFFa\xED\xA0\x80\n"), Converted::Record(want));
    let mut chain = Chain::new(&[csv(&["a"])]);
    let want = "{\"a\":\"\u{FFFD}\"}\n".as_bytes();
    assert_eq!(chain.convert(b"\xFF\n"), Converted::Record(want));
}

#[test]
fn section_2_1_a_record_that_one_converter_skips_is_skipped() {
    let mut chain = Chain::new(&[SINGLE_LINE, syslog(), ConverterConfig::AddBrackets]);
    assert_eq!(chain.convert(b"no\n"), Converted::Skipped { reason: Skip::NoMatch });
    let converted = chain.convert(b"Oct 9 22:33:20 h p: m\n");
    assert!(matches!(converted, Converted::Record(_)), "{converted:?}");
}

#[test]
fn a_record_that_becomes_too_large_is_sent_raw() {
    let name = "n".repeat(CONVERTED_BYTES_MAX);
    let mut chain = Chain::new(&[SINGLE_LINE, csv(&[&name]), ConverterConfig::AddBrackets]);
    let Converted::Raw { record, converter, reason } = chain.convert(b" x\n") else {
        panic!("not sent raw");
    };
    assert_eq!((record, converter), (&b" x\n"[..], "CSVTOJSON"));
    let bytes = CONVERTED_BYTES_MAX + "{\"\":\"x\"}\n".len();
    assert_eq!(reason, ConvertError::TooLarge { bytes });
    assert_eq!(RawReason::from(&reason), RawReason::TooLarge);
    assert_eq!(
        reason.to_string(),
        "converted record of 67108873 bytes exceeds 67108864; use fewer converters or smaller \
         records"
    );
}

#[test]
fn a_pattern_that_takes_too_long_sends_the_record_raw() {
    let pattern = compile_match_pattern("(x+)+(?=y)z").unwrap();
    let slow = ConverterConfig::LogToJson {
        null_name: false,
        log_format: LogFormat::Syslog,
        pattern: Some(pattern),
        field_names: Some(vec!["a".to_owned()]),
        format: JsonFormat::Compact,
    };
    let mut chain = Chain::new(&[SINGLE_LINE, slow]);
    let record = [b"  ".as_slice(), &[b'x'; 60], b"\n"].concat();
    let Converted::Raw { record: sent, converter, reason } = chain.convert(&record) else {
        panic!("not sent raw");
    };
    assert_eq!(
        (sent, converter, RawReason::from(&reason)),
        (&*record, "LOGTOJSON", RawReason::PatternSteps)
    );
}

#[test]
fn without_facts_about_the_machine_records_pass_and_are_counted() {
    let config = ConverterConfig::AddEc2Metadata {
        time_to_live: Duration::from_hours(1),
        format: JsonFormat::Compact,
        tags: None,
    };
    let mut chain = Chain::new(&[config, ConverterConfig::AddBrackets]);
    assert_eq!(chain.convert(b"x\n"), Converted::Record(b"{x\n}"));
    assert_eq!((chain.take_without_metadata(), chain.take_without_metadata()), (1, 0));
    chain.set_facts(Some(Arc::new(Vec::new())));
    let Converted::Raw { converter, reason, .. } = chain.convert(b"x\n") else {
        panic!("not sent raw");
    };
    assert_eq!((converter, RawReason::from(&reason)), ("ADDEC2METADATA", RawReason::NotJson));
    assert_eq!(chain.convert(b"{}\n"), Converted::Record(b"{{}\n}"));
    assert_eq!(chain.take_without_metadata(), 0);
}

#[test]
fn a_large_record_does_not_hold_memory_indefinitely() {
    let mut chain = Chain::new(&[SINGLE_LINE, ConverterConfig::AddBrackets]);
    let large = vec![0xFF; 2 * IDLE_BUFFER_BYTES_MAX];
    assert!(matches!(chain.convert(&large), Converted::Record(_)));
    assert!(chain.output.capacity() > IDLE_BUFFER_BYTES_MAX);
    assert!(matches!(chain.convert(b"small\n"), Converted::Record(_)));
    let kept = chain.output.capacity() + chain.input.capacity() + chain.text.capacity();
    assert!(kept < IDLE_BUFFER_BYTES_MAX, "{kept} bytes kept");
}

#[test]
fn buffers_are_reused_from_record_to_record() {
    let mut chain = Chain::new(&[csv(&["a", "b"]), SINGLE_LINE]);
    chain.convert(b"a longer record, to begin with\n");
    chain.convert(b"and another one, for the other\n");
    let buffers = |chain: &Chain| {
        let mut both = [chain.input.as_ptr(), chain.output.as_ptr()];
        both.sort_unstable();
        both
    };
    let before = buffers(&chain);
    for _ in 0..10 {
        chain.convert(b"short,1\n");
    }
    assert_eq!(buffers(&chain), before);
}

/// Every converter, in every form that takes its own way through the code.
fn any_converter() -> impl Strategy<Value = ConverterConfig> {
    let format = || prop_oneof![Just(JsonFormat::Compact), Just(JsonFormat::Pretty)];
    let delimiter = prop::sample::select(vec![",", "::", "", "|", "\\s*", "[;,]", "a?", "\\b"]);
    let names = prop::collection::vec("[a-c\u{E9}\"]", 0..5);
    let csv = (names, delimiter, format()).prop_map(|(field_names, delimiter, format)| {
        let delimiter = CsvDelimiter::parse(delimiter).unwrap();
        ConverterConfig::CsvToJson { field_names, delimiter, format }
    });
    let log_format = prop::sample::select(vec![
        LogFormat::CommonApacheLog,
        LogFormat::CombinedApacheLog,
        LogFormat::ApacheErrorLog,
        LogFormat::Syslog,
        LogFormat::Rfc3339Syslog,
    ]);
    let pattern = prop::option::of(Just("(?s)(.?).*?(\\W)?"));
    let log = (log_format, pattern, format()).prop_map(|(log_format, pattern, format)| {
        let field_names = pattern.map(|_| vec!["a".to_owned(), "b".to_owned()]);
        let pattern = pattern.map(|pattern| compile_match_pattern(pattern).unwrap());
        ConverterConfig::LogToJson { log_format, pattern, field_names, null_name: false, format }
    });
    let single = (any::<bool>(), any::<bool>())
        .prop_map(|(trim, escape_new_line)| ConverterConfig::SingleLine { trim, escape_new_line });
    prop_oneof![Just(ConverterConfig::AddBrackets), csv, log, single]
}

proptest! {
    /// Forall chains and bytes: what comes out is text, and a second pass gives the same.
    #[test]
    fn any_bytes_through_any_chain_give_text_and_never_a_panic(
        converters in prop::collection::vec(any_converter(), 1..4),
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "[a-c,;:| \t\r\n\"\\\\\u{0}\u{E9}\u{2028}\u{1F600}]{0,60}"
                .prop_map(String::into_bytes),
        ],
    ) {
        let mut chain = Chain::new(&converters);
        let first = match chain.convert(&bytes) {
            Converted::Record(record) => {
                prop_assert!(std::str::from_utf8(record).is_ok(), "{record:02X?}");
                Some(record.to_vec())
            }
            Converted::DeadLetter { .. }
            | Converted::Raw { .. }
            | Converted::Skipped { .. } => None,
        };
        chain.convert(b"something, in: between\n");
        match chain.convert(&bytes) {
            Converted::Record(record) => prop_assert_eq!(Some(record), first.as_deref()),
            Converted::DeadLetter { .. }
            | Converted::Raw { .. }
            | Converted::Skipped { .. } => prop_assert_eq!(first, None),
        }
    }
}
