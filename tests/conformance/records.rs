//! Sections 1.4, 3.8, 3.9 and 4.2: where records begin and end, how long they may be and which key
//! they get.

use std::collections::HashSet;
use std::path::Path;

use kinetail::config::{Config, Environment, load};
use md5::{Digest, Md5};

use super::{Case, Given, Want, batches, records, run};
use crate::support::world::{World, records_of};

/// Data and key of a Kinesis record.
const KINESIS_BYTES_MAX: usize = 1_048_576;

/// Data of a Firehose record.
const FIREHOSE_BYTES_MAX: usize = 1_024_000;

/// A random partition key.
const RANDOM_KEY_BYTES: usize = 8;

/// A deterministic one.
const MD5_KEY_BYTES: usize = 32;

#[test]
fn records_of_a_file() {
    run(RECORDS);
}

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
    let md5 = |data: &[u8]| format!("{:x}", Md5::digest(data));
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

#[test]
fn section_4_2_firehose_records_have_no_key() {
    let bodies = batches(&config("\"deliveryStream\": \"d\""), b"a\n");
    assert!(!String::from_utf8(bodies[0].clone()).unwrap().contains("PartitionKey"));
    assert_eq!(records_of(&bodies[0]), [b"a\n"]);
}

/// A flow over real files with the members of a configuration.
fn world(members: &str) -> World {
    let from = config(members).flows.remove(0);
    World::with("*.log", |config| {
        config.destination = from.destination;
        config.multi_line_start = from.multi_line_start;
        config.file_footer = from.file_footer;
        config.aggregated_record_bytes = from.aggregated_record_bytes;
        config.skip_header_lines = from.skip_header_lines;
        config.converters = from.converters;
    })
}

fn stream_of(world: &World) -> Vec<&str> {
    world.stream.iter().map(|record| std::str::from_utf8(record).unwrap()).collect()
}

#[test]
fn section_3_8_what_is_written_behind_a_footer_later_is_read() {
    let mut world = world("\"kinesisStream\": \"s\", \"fileFooterPattern\": \"END\"");
    world.append("a.log", b"a\nEND\nbehind\nalso behind\n");
    world.settle();
    assert_eq!(stream_of(&world), ["a\n"]);
    world.append("a.log", b"later\n");
    world.settle();
    assert_eq!(stream_of(&world), ["a\n", "later\n"]);
    let size = std::fs::metadata(world.path("a.log")).unwrap().len();
    let row = world.rows().values().next().unwrap();
    assert_eq!(row.offset, size, "what is left out is accounted for");
}

#[test]
fn section_3_8_a_line_that_is_being_written_behind_a_footer_is_read_when_it_is_complete() {
    let mut world = world("\"kinesisStream\": \"s\", \"fileFooterPattern\": \"END\"");
    world.append("a.log", b"a\nEND\nbehind\nbeing wri");
    world.settle();
    world.append("a.log", b"tten\n");
    world.settle();
    assert_eq!(stream_of(&world), ["a\n", "being written\n"]);
}

#[test]
fn section_3_8_everything_behind_a_footer_is_left_out_however_much_it_is() {
    let mut world = world("\"kinesisStream\": \"s\", \"fileFooterPattern\": \"END\"");
    let behind = "a line behind the footer\n".repeat(60_000);
    world.append("a.log", format!("a\nEND\n{behind}").as_bytes());
    world.append("b.log", b"b\n");
    world.settle();
    world.append("a.log", b"later\n");
    world.settle();
    let mut stream = stream_of(&world);
    stream.sort_unstable();
    assert_eq!(stream, ["a\n", "b\n", "later\n"]);
}

#[test]
fn section_3_8_a_footer_of_one_file_says_nothing_about_another() {
    let mut world = world("\"kinesisStream\": \"s\", \"fileFooterPattern\": \"END\"");
    world.append("a.log", b"END\n");
    world.settle();
    world.append("b.log", b"b\nc\n");
    world.settle();
    assert_eq!(stream_of(&world), ["b\n", "c\n"]);
}

#[test]
fn section_3_8_header_lines_are_left_out_of_every_file() {
    let mut world = world("\"kinesisStream\": \"s\", \"skipHeaderLines\": 2");
    world.append("a.log", b"h1\n");
    world.settle();
    world.append("a.log", b"h2\na\n");
    world.settle();
    world.append("b.log", b"h1\nh2\nb\n");
    world.settle();
    assert_eq!(stream_of(&world), ["a\n", "b\n"]);
}

#[test]
fn section_3_8_header_lines_are_lines_with_a_start_pattern_too() {
    let members =
        "\"kinesisStream\": \"s\", \"skipHeaderLines\": 2, \"multiLineStartPattern\": \"#\"";
    let mut world = world(members);
    world.append("a.log", b"# h\n# h\n# a\n b\n# c\n");
    world.settle();
    assert_eq!(stream_of(&world), ["# a\n b\n", "# c\n"]);
}

#[test]
fn section_3_8_lines_are_joined_across_what_is_read_at_a_time() {
    let members = "\"deliveryStream\": \"d\", \"aggregatedRecordSizeBytes\": 1000000";
    let mut world = world(members);
    let line = [vec![b'x'; 99], b"\n".to_vec()].concat();
    world.append("a.log", &line.repeat(25_000));
    world.settle();
    let lengths: Vec<usize> = world.stream.iter().map(Vec::len).collect();
    assert_eq!(lengths, [1_000_000, 1_000_000, 500_000]);
}

/// The end of a joined record is in the checkpoint, so nothing is repeated and nothing lost.
#[test]
fn section_3_8_a_restart_goes_on_behind_joined_lines() {
    let mut world = world("\"deliveryStream\": \"d\", \"aggregatedRecordSizeBytes\": 10");
    world.append("a.log", b"AAAA\nBBBB\nCCCC\nDDDDDDDDDDDD\nE\nF");
    world.settle();
    assert_eq!(stream_of(&world), ["AAAA\nBBBB\n", "CCCC\n", "DDDDDDDDDDDD\n", "E\n"]);
    world.crash();
    world.start();
    world.append("a.log", b"\nG\n");
    world.settle();
    assert_eq!(stream_of(&world).split_off(4), ["F\nG\n"]);
}

/// Section 2.1: the Java agent sends the last record again after a restart.
#[test]
fn section_2_7_brackets_do_not_repeat_a_record_after_a_restart() {
    let members = "\"kinesisStream\": \"s\", \
                   \"dataProcessingOptions\": [{\"optionName\": \"ADDBRACKETS\"}]";
    let mut world = world(members);
    world.append("a.log", b"a\nb\n");
    world.settle();
    world.stop();
    world.start();
    world.append("a.log", b"c\n");
    world.settle();
    assert_eq!(stream_of(&world), ["{a\n}", "{b\n}", "{c\n}"]);
}

/// Section 2.1: the checkpoint of the Java agent waits for the next record that is kept.
#[test]
fn section_2_1_a_skipped_record_moves_the_checkpoint() {
    let members = "\"kinesisStream\": \"s\", \"dataProcessingOptions\": [{\"optionName\": \
                   \"LOGTOJSON\", \"logFormat\": \"SYSLOG\"}]";
    let mut world = world(members);
    world.append("a.log", b"junk\nmore junk\n");
    world.settle();
    assert_eq!(stream_of(&world), Vec::<&str>::new());
    assert_eq!(world.rows().values().next().unwrap().offset, 15);
}

#[test]
fn section_2_5_the_time_is_that_of_the_conversion() {
    let members = "\"kinesisStream\": \"s\", \"dataProcessingOptions\": [{\"optionName\": \
                   \"ADDMETADATA\", \"timestamp\": \"true\"}]";
    let mut world = world(members);
    world.wall_nanos = Some(1_795_255_872_013_999_999);
    world.append("a.log", b"a\n");
    world.settle();
    assert_eq!(
        stream_of(&world),
        ["{\"ts\":\"2026-11-21T10:11:12.013Z\",\"metadata\":null,\"data\":\"a\"}\n"]
    );
}

#[test]
fn files_and_flows() {
    run(FILES);
}

/// Where the keys of a flow come from, as far as records show it.
const FILES: &[Case] = &[
    file_case(
        "1.1",
        "comments",
        r#"// a
        {"flows": [/* b */ {"filePattern": "/tmp/a", "kinesisStream": "s"}]} // c"#,
    ),
    file_case(
        "1.1",
        "a comment sign in a string",
        r#"{"flows": [
        {"filePattern": "/tmp//a/*.log", "kinesisStream": "s"}]}"#,
    ),
    file_case(
        "1.1",
        "a byte order mark",
        "\u{feff}{\"flows\": [{\"filePattern\": \"/tmp/a\", \
        \"kinesisStream\": \"s\"}]}",
    ),
    file_case(
        "1.1",
        "an unknown key",
        r#"{"nobody": 1, "flows": [
        {"filePattern": "/tmp/a", "kinesisStream": "s", "knows": "it"}]}"#,
    ),
    file_case(
        "1.2",
        "numbers as strings",
        r##"{"flows": [{"filePattern": "/tmp/a",
        "kinesisStream": "s", "maxBufferSizeRecords": "0x1F", "maxBufferAgeMillis": "#3E8",
        "maxBufferSizeBytes": "010"}]}"##,
    ),
    file_case(
        "1.2",
        "truth values in any case",
        r#"{"cloudwatch.emitMetrics": "No", "flows": [
        {"filePattern": "/tmp/a", "kinesisStream": "s"}]}"#,
    ),
    file_case(
        "1.4",
        "a delivery stream wins",
        r#"{"flows": [{"filePattern": "/tmp/a",
        "kinesisStream": "s", "deliveryStream": "d"}]}"#,
    ),
    Case::error("1.1", "no flows", Given::File("{}"), "required list missing: 'flows'"),
    Case::error("1.1", "an empty list of flows", Given::File(r#"{"flows": []}"#), "no flows"),
    Case::error("1.1", "no object", Given::File("[1]"), "has to hold a map"),
    Case::error(
        "1.2",
        "flows that are no list",
        Given::File(r#"{"flows": {}}"#),
        "'flows' has to be a list",
    ),
    Case::error(
        "1.2",
        "the same flow twice",
        Given::File(
            r#"{"flows": [
        {"filePattern": "/tmp/a", "kinesisStream": "s"},
        {"filePattern": "/tmp/a", "kinesisStream": "s"}]}"#,
        ),
        "duplicate flow: kinesis:s:/tmp/a",
    ),
    Case::error(
        "1.2",
        "no destination",
        Given::File(r#"{"flows": [{"filePattern": "/tmp/a"}]}"#),
        "the flow has no destination",
    ),
    Case::error("1.2", "no directory", Given::Flow(r#""filePattern": "app.log""#), "filePattern"),
    Case::error("1.2", "no name", Given::Flow(r#""filePattern": "/var/log/""#), "filePattern"),
    Case::error(
        "1.2",
        "out of range",
        Given::Flow(r#""maxBufferSizeRecords": 501"#),
        "value 501 is outside of the valid range 1 to 500",
    ),
    Case::error(
        "1.2",
        "a number with a point",
        Given::Flow(r#""skipHeaderLines": 5.0"#),
        "'skipHeaderLines' has to be a whole number",
    ),
    Case::error(
        "1.4",
        "a wrong position",
        Given::Flow(r#""initialPosition": "START""#),
        "legal values are END_OF_FILE, START_OF_FILE",
    ),
];

/// A whole file that is taken, and sends a line.
const fn file_case(section: &'static str, name: &'static str, text: &'static str) -> Case {
    Case { section, name, given: Given::File(text), input: b"a\n", want: Want::Text(&["a\n"]) }
}

const RECORDS: &[Case] = &[
    Case::flow("3.8", "a line with its line feed is a record", "", "a\nb\n", &["a\n", "b\n"]),
    Case::flow("3.8", "a carriage return stays", "", "a\r\n", &["a\r\n"]),
    Case::flow("3.8", "empty lines are records", "", "\n\na\n", &["\n", "\n", "a\n"]),
    Case::flow(
        "3.8",
        "a last line without line feed is sent at the end",
        "",
        "a\nb",
        &["a\n", "b"],
    ),
    Case::flow("3.8", "an empty file has no records", "", "", &[]),
    Case::flow("3.8", "blanks stay", "", "  a \t\n", &["  a \t\n"]),
    Case::flow("3.8", "a carriage return alone ends nothing", "", "a\rb\n", &["a\rb\n"]),
    Case::flow(
        "3.8",
        "other line ends of Unicode end nothing",
        "",
        "a\u{2028}b\u{85}c\n",
        &["a\u{2028}b\u{85}c\n"],
    ),
    Case::bytes(
        "3.8",
        "zero bytes stay",
        Given::Flow(""),
        b"a\x00b\n\x00\n",
        &[b"a\x00b\n", b"\x00\n"],
    ),
    Case::bytes(
        "3.8",
        "a byte order mark stays",
        Given::Flow(""),
        b"\xEF\xBB\xBFa\n",
        &[b"\xEF\xBB\xBFa\n"],
    ),
    Case::bytes(
        "3.8",
        "UTF-16 is split at the byte of a line feed",
        Given::Flow(""),
        b"a\x00\n\x00b\x00",
        &[b"a\x00\n", b"\x00b\x00"],
    ),
    Case::flow(
        "3.8",
        "whole lines are joined while they fit",
        r#""deliveryStream": "d", "aggregatedRecordSizeBytes": 10"#,
        "AAAA\nBBBB\nCCCC\nDDDDDDDDDDDD\nE\n",
        &["AAAA\nBBBB\n", "CCCC\n", "DDDDDDDDDDDD\n", "E\n"],
    ),
    Case::flow(
        "3.8",
        "a size as text",
        r#""deliveryStream": "d", "aggregatedRecordSizeBytes": "10""#,
        "AAAA\nBBBB\nCCCC\n",
        &["AAAA\nBBBB\n", "CCCC\n"],
    ),
    Case::flow(
        "3.8",
        "zero joins nothing",
        r#""deliveryStream": "d", "aggregatedRecordSizeBytes": 0"#,
        "a\nb\n",
        &["a\n", "b\n"],
    ),
    Case::flow(
        "3.8",
        "lines that fill a record exactly",
        r#""deliveryStream": "d", "aggregatedRecordSizeBytes": 4"#,
        "a\nb\nc\nd\n",
        &["a\nb\n", "c\nd\n"],
    ),
    Case::flow(
        "3.8",
        "one byte too many",
        r#""deliveryStream": "d", "aggregatedRecordSizeBytes": 3"#,
        "a\nb\n",
        &["a\n", "b\n"],
    ),
    Case::flow(
        "3.8",
        "a first line that is too long is alone",
        r#""deliveryStream": "d", "aggregatedRecordSizeBytes": 3"#,
        "aaaa\nb\nc\n",
        &["aaaa\n", "b\n", "c\n"],
    ),
    Case::flow(
        "3.8",
        "a last line without line feed is not joined",
        r#""deliveryStream": "d", "aggregatedRecordSizeBytes": 10"#,
        "a\nb",
        &["a\n", "b"],
    ),
    Case::flow(
        "3.8",
        "empty lines are joined",
        r#""deliveryStream": "d", "aggregatedRecordSizeBytes": 3"#,
        "\n\n\n\n",
        &["\n\n\n", "\n"],
    ),
    Case::flow(
        "3.8",
        "everything in one record",
        r#""deliveryStream": "d", "aggregatedRecordSizeBytes": 1024000"#,
        "a\nb\nc\n",
        &["a\nb\nc\n"],
    ),
    Case::warning(
        "1.4",
        "joining does nothing on a Kinesis flow",
        Given::Flow(r#""aggregatedRecordSizeBytes": 10"#),
        "'aggregatedRecordSizeBytes' has no effect on a Kinesis flow",
    ),
    Case::flow(
        "1.4",
        "on a Kinesis flow nothing is joined",
        r#""aggregatedRecordSizeBytes": 10"#,
        "a\nb\n",
        &["a\n", "b\n"],
    ),
    Case::warning(
        "1.4",
        "joining does nothing beside a start pattern",
        Given::Flow(
            r#""deliveryStream": "d", "aggregatedRecordSizeBytes": 10, "multiLineStartPattern": "x""#,
        ),
        "has no effect beside 'multiLineStartPattern'",
    ),
    Case::flow(
        "1.4",
        "beside a start pattern nothing is joined",
        r#""deliveryStream": "d", "aggregatedRecordSizeBytes": 100, "multiLineStartPattern": "x""#,
        "x1\nx2\n",
        &["x1\n", "x2\n"],
    ),
    Case::error(
        "1.4",
        "joining beyond what a record takes",
        Given::Flow(r#""deliveryStream": "d", "aggregatedRecordSizeBytes": 1024001"#),
        "'aggregatedRecordSizeBytes' value 1024001 is outside of the valid range 0 to 1024000",
    ),
    Case::error(
        "1.4",
        "joining less than nothing",
        Given::Flow(r#""deliveryStream": "d", "aggregatedRecordSizeBytes": -1"#),
        "outside of the valid range",
    ),
    Case::error(
        "1.4",
        "joining by a word",
        Given::Flow(r#""deliveryStream": "d", "aggregatedRecordSizeBytes": "many""#),
        "'aggregatedRecordSizeBytes' has to be a whole number",
    ),
    Case::flow(
        "3.8",
        "joined and converted",
        r#""deliveryStream": "d", "aggregatedRecordSizeBytes": 4, "dataProcessingOptions": [{"optionName": "SINGLELINE"}]"#,
        "a\nb\nc\n",
        &["ab\n", "c\n"],
    ),
    Case::flow(
        "3.8",
        "a footer is left out with what stands behind it",
        r#""fileFooterPattern": "END""#,
        "a\nEND\nb\n",
        &["a\n"],
    ),
    Case::flow(
        "3.8",
        "a footer is trimmed before it is compared",
        r#""fileFooterPattern": "END""#,
        "a\n  END \r\n",
        &["a\n"],
    ),
    Case::flow(
        "3.8",
        "a footer has to match the whole record",
        r#""fileFooterPattern": "END""#,
        "a\nEND.\nb\n",
        &["a\n", "END.\n", "b\n"],
    ),
    Case::flow(
        "3.8",
        "a footer by a pattern",
        r##""fileFooterPattern": "# \\d+ rows""##,
        "a\n# 12 rows\n",
        &["a\n"],
    ),
    Case::flow(
        "3.8",
        "a footer with anchors",
        r#""fileFooterPattern": "^-- end --$""#,
        "a\n-- end --\n",
        &["a\n"],
    ),
    Case::flow(
        "3.8",
        "an empty footer pattern is none",
        r#""fileFooterPattern": """#,
        "a\n\nb\n",
        &["a\n", "\n", "b\n"],
    ),
    Case::flow("3.8", "a footer at the start", r#""fileFooterPattern": "END""#, "END\na\n", &[]),
    Case::flow(
        "3.8",
        "a footer of several lines",
        r#""fileFooterPattern": "^END$\\n^ x$", "multiLineStartPattern": "\\S""#,
        "a\n b\nEND\n x\n",
        &["a\n b\n"],
    ),
    Case::flow(
        "3.8",
        "a footer is looked for before conversion",
        r#""fileFooterPattern": "END", "dataProcessingOptions": [{"optionName": "ADDBRACKETS"}]"#,
        "a\nEND\n",
        &["{a\n}"],
    ),
    Case::error(
        "1.2",
        "a broken footer pattern",
        Given::Flow(r#""fileFooterPattern": "(""#),
        r#"'fileFooterPattern' "(" is no regular expression"#,
    ),
    Case::flow(
        "3.8",
        "an anchored footer is no empty line",
        r#""fileFooterPattern": "^$""#,
        "\n",
        &["\n"],
    ),
    Case::flow(
        "3.8",
        "a blank footer pattern matches empty lines",
        r#""fileFooterPattern": "\\s*""#,
        "a\n \nb\n",
        &["a\n"],
    ),
    Case::error(
        "1.2",
        "a terminator that is null",
        Given::Flow(r#""truncatedRecordTerminator": null"#),
        "'truncatedRecordTerminator' has to be a string, not null",
    ),
    Case::error(
        "1.4",
        "a wrong partition key option",
        Given::Flow(r#""partitionKeyOption": "HASH""#),
        "legal values are RANDOM, DETERMINISTIC",
    ),
    Case::warning(
        "1.4",
        "a partition key option on a Firehose flow",
        Given::Flow(r#""deliveryStream": "d", "partitionKeyOption": "RANDOM""#),
        "has no effect on a Firehose flow",
    ),
    Case::error(
        "1.4",
        "a partition key option in lower case",
        Given::Flow(r#""partitionKeyOption": "random""#),
        "legal values are RANDOM, DETERMINISTIC",
    ),
    Case::flow(
        "4.1",
        "a number of records does not change them",
        r#""maxBufferSizeRecords": 1"#,
        "a\nb\nc\n",
        &["a\n", "b\n", "c\n"],
    ),
    Case::flow(
        "4.1",
        "a number of bytes does not change them",
        r#""maxBufferSizeBytes": 40"#,
        "aaaa\nbbbb\ncccc\n",
        &["aaaa\n", "bbbb\n", "cccc\n"],
    ),
];
