//! Sections 1.4, 3.8, 3.9 and 4.2: where records begin and end, how long they may be and which key
//! they get.

mod files;

use std::collections::HashSet;
use std::path::Path;

use kinetail::config::{Config, Environment, load};
use md5::{Digest, Md5};

use super::{batches, records};
use crate::support::world::records_of;

/// Data and key of a Kinesis record.
const KINESIS_BYTES_MAX: usize = 1_048_576;

/// Data of a Firehose record.
const FIREHOSE_BYTES_MAX: usize = 1_024_000;

/// A random partition key.
const RANDOM_KEY_BYTES: usize = 8;

/// A deterministic one.
const MD5_KEY_BYTES: usize = 32;

fn config(members: &str) -> Config {
    let text = format!("{{\"flows\": [{{\"filePattern\": \"/tmp/a\", {members}}}]}}");
    let (config, _) = load(&text, Path::new("a.json"), &Environment::default())
        .unwrap_or_else(|report| panic!("{report:?}"));
    config
}

/// Section 3.9: the lengths of what becomes of a line of so many bytes.
fn length_of(members: &str, bytes: usize) -> usize {
    let line = [vec![b'b'; bytes - 1], b"\n".to_vec()].concat();
    let records = records(&config(members), &line);
    assert_eq!(records.len(), 1);
    records[0].len()
}

#[test]
fn section_3_9_kinesis_counts_data_and_key() {
    let stream = "\"kinesisStream\": \"s\"";
    let largest = KINESIS_BYTES_MAX - RANDOM_KEY_BYTES;
    for (bytes, want) in [(largest, largest), (largest + 1, largest), (1_600_000, largest)] {
        assert_eq!(length_of(stream, bytes), want, "{bytes}");
    }
    let stream = "\"kinesisStream\": \"s\", \"partitionKeyOption\": \"DETERMINISTIC\"";
    let largest = KINESIS_BYTES_MAX - MD5_KEY_BYTES;
    assert_eq!(length_of(stream, largest), largest);
    assert_eq!(length_of(stream, largest + 1), largest);
}

#[test]
fn section_3_9_firehose_counts_data() {
    let stream = "\"deliveryStream\": \"d\"";
    for (bytes, want) in [
        (FIREHOSE_BYTES_MAX, FIREHOSE_BYTES_MAX),
        (FIREHOSE_BYTES_MAX + 1, FIREHOSE_BYTES_MAX),
        (3_000_000, FIREHOSE_BYTES_MAX),
    ] {
        assert_eq!(length_of(stream, bytes), want, "{bytes}");
    }
}

#[test]
fn section_3_9_the_terminator_lies_within_the_limit() {
    for (terminator, want) in
        [("", "bbbb"), ("\\n", "bbb\n"), ("}\\n", "bb}\n"), ("\u{2026}", "b\u{2026}")]
    {
        let members =
            format!("\"deliveryStream\": \"d\", \"truncatedRecordTerminator\": \"{terminator}\"");
        let line = [vec![b'b'; FIREHOSE_BYTES_MAX + 7], b"\n".to_vec()].concat();
        let records = records(&config(&members), &line);
        assert_eq!(records[0].len(), FIREHOSE_BYTES_MAX);
        assert!(records[0].ends_with(want.as_bytes()), "{terminator:?}");
    }
}

#[test]
fn section_3_9_records_are_cut_after_they_were_converted() {
    let members = "\"deliveryStream\": \"d\", \"dataProcessingOptions\": [{\"optionName\": \
                   \"CSVTOJSON\", \"customFieldNames\": [\"a\"]}]";
    // What would not fit unconverted, but a part of it is left out.
    let line = [b"x,".as_slice(), &vec![b'b'; FIREHOSE_BYTES_MAX], b"\n"].concat();
    assert_eq!(records(&config(members), &line), [b"{\"a\":\"x\"}\n"]);
    // What would fit unconverted, but grows.
    let line = [vec![b'"'; FIREHOSE_BYTES_MAX - 1], b"\n".to_vec()].concat();
    let cut = records(&config(members), &line).remove(0);
    assert_eq!(cut.len(), FIREHOSE_BYTES_MAX);
    assert!(cut.starts_with(b"{\"a\":\"\\\"") && cut.ends_with(b"\n"));
}

/// Fault F33: the other records of a batch arrive as they are.
#[test]
fn section_3_9_a_record_that_is_cut_harms_no_other() {
    let huge = [vec![b'b'; 1_600_000], b"\n".to_vec()].concat();
    let line = |number: usize| format!("line {number}\n").into_bytes();
    let mut input: Vec<u8> = (0..250).flat_map(line).collect();
    input.extend_from_slice(&huge);
    input.extend((250..500).flat_map(line));
    let got = records(&config("\"kinesisStream\": \"s\""), &input);
    assert_eq!(got.len(), 501);
    let others = got.iter().enumerate().filter(|(index, _)| *index != 250).map(|(_, data)| data);
    assert!(others.eq((0..500).map(line).collect::<Vec<_>>().iter()));
}

/// Fault F32: a column of a million bytes is a column.
#[test]
fn section_2_3_a_huge_column_is_converted() {
    let members = "\"kinesisStream\": \"s\", \"dataProcessingOptions\": [{\"optionName\": \
                   \"CSVTOJSON\", \"customFieldNames\": [\"a\", \"b\"]}]";
    let line = [vec![b'x'; 1_000_000], b",y\n".to_vec()].concat();
    let record = records(&config(members), &line).remove(0);
    assert_eq!(record.len(), "{\"a\":\"\",\"b\":\"y\"}\n".len() + 1_000_000);
    assert!(record.ends_with(b"x\",\"b\":\"y\"}\n"));
}

/// The partition keys of the records of a file, in order.
fn keys(members: &str, input: &[u8]) -> Vec<String> {
    let bodies = batches(&config(members), input);
    let keys = bodies.iter().flat_map(|body| {
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        body["Records"].as_array().unwrap().clone()
    });
    keys.map(|record| record["PartitionKey"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn section_4_2_deterministic_keys_are_the_md5_of_the_records_own_data() {
    let members = "\"kinesisStream\": \"s\", \"partitionKeyOption\": \"DETERMINISTIC\"";
    let md5 = |data: &[u8]| format!("{:032x}", u128::from_be_bytes(Md5::digest(data).into()));
    let got = keys(members, b"a\nb\na\n");
    assert_eq!(got, [md5(b"a\n"), md5(b"b\n"), md5(b"a\n")]);
    assert_eq!(got[0], "60b725f10c9c85c70d97880dfe8191b3", "in lower case");
    let converted =
        format!("{members}, \"dataProcessingOptions\": [{{\"optionName\": \"ADDBRACKETS\"}}]");
    assert_eq!(keys(&converted, b"a\n"), [md5(b"{a\n}")]);
}

#[test]
fn section_4_2_deterministic_keys_and_a_converter_that_skips() {
    let members = "\"kinesisStream\": \"s\", \"partitionKeyOption\": \"DETERMINISTIC\", \
                   \"dataProcessingOptions\": [{\"optionName\": \"LOGTOJSON\", \
                   \"logFormat\": \"SYSLOG\"}]";
    assert_eq!(keys(members, b"junk\nOct 9 22:33:20 h p: m\njunk\n").len(), 1);
}

#[test]
fn section_4_2_random_keys_differ_and_are_short() {
    let lines = "the same\n".repeat(1_000);
    let keys = keys("\"kinesisStream\": \"s\"", lines.as_bytes());
    assert!(keys.iter().all(|key| (1..=256).contains(&key.len())));
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 1_000);
}

/// How many records each request of a file has.
fn shape(members: &str, input: &[u8]) -> Vec<usize> {
    batches(&config(members), input).iter().map(|body| records_of(body).len()).collect()
}

#[test]
fn section_4_1_a_request_is_full_at_a_number_of_records() {
    let lines = "a\n".repeat(1_200);
    for stream in ["\"kinesisStream\": \"s\"", "\"deliveryStream\": \"d\""] {
        assert_eq!(shape(stream, lines.as_bytes()), [500, 500, 200]);
        let two = format!("{stream}, \"maxBufferSizeRecords\": 2");
        assert_eq!(shape(&two, b"a\nb\nc\nd\ne\n"), [2, 2, 1]);
    }
}

/// Kinesis counts the keys and Firehose has none.
#[test]
fn section_4_1_a_request_is_full_at_a_number_of_bytes() {
    let lines = "aaaa\n".repeat(8);
    let kinesis = "\"kinesisStream\": \"s\", \"maxBufferSizeBytes\":";
    let firehose = "\"deliveryStream\": \"d\", \"maxBufferSizeBytes\":";
    let record = 5 + RANDOM_KEY_BYTES;
    for (members, bytes, want) in [
        (kinesis, 3 * record, [3, 3, 2].as_slice()),
        (kinesis, 3 * record - 1, &[2, 2, 2, 2]),
        (kinesis, 1, &[1; 8]),
        (firehose, 15, &[3, 3, 2]),
        (firehose, 14, &[2, 2, 2, 2]),
        (firehose, 1, &[1; 8]),
    ] {
        assert_eq!(
            shape(&format!("{members} {bytes}"), lines.as_bytes()),
            want,
            "{members} {bytes}"
        );
    }
    let keys = "\"kinesisStream\": \"s\", \"partitionKeyOption\": \"DETERMINISTIC\", \
                \"maxBufferSizeBytes\":";
    let record = 5 + MD5_KEY_BYTES;
    assert_eq!(shape(&format!("{keys} {}", 4 * record), lines.as_bytes()), [4, 4]);
}

/// The most that a request may have: 5 MiB of data and keys, and 4 MiB of data.
#[test]
fn section_4_1_a_request_of_large_records_is_within_the_limit_of_its_service() {
    let line = [vec![b'x'; 999_999], b"\n".to_vec()].concat();
    let lines = line.repeat(6);
    assert_eq!(shape("\"kinesisStream\": \"s\"", &lines), [5, 1]);
    assert_eq!(shape("\"deliveryStream\": \"d\"", &lines), [4, 2]);
    for bytes in [5_242_881, 0] {
        let members = format!(
            "{{\"flows\": [{{\"filePattern\": \"/tmp/a\", \"kinesisStream\": \"s\", \
             \"maxBufferSizeBytes\": {bytes}}}]}}"
        );
        assert!(load(&members, Path::new("a.json"), &Environment::default()).is_err(), "{bytes}");
    }
}

/// A joined record has one key, made of all its lines. On a Kinesis flow nothing is joined, so
/// there is one key a line.
#[test]
fn section_4_2_keys_are_made_of_what_is_sent() {
    let keys_of = |more: &str, input: &[u8]| {
        let flow = "\"kinesisStream\": \"s\", \"partitionKeyOption\": \"DETERMINISTIC\"";
        keys(&format!("{flow}, {more}"), input)
    };
    let md5 = |data: &[u8]| format!("{:032x}", u128::from_be_bytes(Md5::digest(data).into()));
    let joined = keys_of("\"aggregatedRecordSizeBytes\": 100", b"a\nb\n");
    assert_eq!(joined, [md5(b"a\n"), md5(b"b\n")]);
    let block = keys_of("\"multiLineStartPattern\": \"#\"", b"# a\n b\n# c\n");
    assert_eq!(block, [md5(b"# a\n b\n"), md5(b"# c\n")]);
    let long = [vec![b'b'; 1_600_000], b"\n".to_vec()].concat();
    // As in the Java agent the key is made before the record is cut: its length is needed to cut.
    assert_eq!(keys_of("\"maxBufferSizeRecords\": 1", &long), [md5(&long)]);
}

#[test]
fn section_4_2_firehose_records_have_no_key() {
    let bodies = batches(&config("\"deliveryStream\": \"d\""), b"a\n");
    assert!(!String::from_utf8(bodies[0].clone()).unwrap().contains("PartitionKey"));
    assert_eq!(records_of(&bodies[0]), [b"a\n"]);
}
