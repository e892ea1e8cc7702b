//! Records of files that a whole flow reads: headers, footers, joined lines, restarts.

use super::config;
use crate::support::heard;
use crate::support::world::World;

/// A flow over real files with the members of a configuration.
fn world(members: &str) -> World {
    let from = config(members).flows.remove(0);
    World::with("*.log", |config| {
        config.destination = from.destination;
        config.multi_line_start = from.multi_line_start;
        config.file_footer = from.file_footer;
        config.aggregated_record_bytes = from.aggregated_record_bytes;
        config.aggregation = from.aggregation;
        config.compression = from.compression;
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
    let row = world.rows().into_values().next().unwrap();
    assert_eq!(row.offset, size, "what is left out is accounted for");
}

/// What a person looks for who knows the Java agent's log: its words, and its parser's name.
#[test]
fn section_3_8_what_stands_behind_a_footer_is_discarded_in_the_java_agents_words() {
    for (destination, parser) in [
        ("\"kinesisStream\": \"s\"", "KinesisParser"),
        ("\"deliveryStream\": \"s\"", "FirehoseParser"),
    ] {
        let mut world = world(&format!("{destination}, \"fileFooterPattern\": \"END\""));
        world.append("a.log", b"a\nEND\nbehind\n");
        let log = heard::logged(|| world.settle());
        let path = world.path("a.log");
        let line = format!(
            "WARN kinetail::flow::footer: {parser}[kinesis:test:{}]: Discarded 7 bytes from {} at \
             offset 6. Reason: End of file reached, file footer pattern matched\n",
            path.with_file_name("*.log").display(),
            path.display(),
        );
        assert_eq!(log.matches("Discarded").count(), 1, "{log}");
        assert!(log.contains(&line), "no {line} in\n{log}");
    }
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
fn section_3_8_a_restart_continues_behind_joined_lines() {
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
