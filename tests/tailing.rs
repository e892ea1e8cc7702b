//! Files that are rotated, truncated, copied, moved and deleted: nothing lost, nothing repeated.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use kinetail::config::InitialPosition;
use kinetail::tail::identity::Inode;

use crate::support::oracle::judge;
use crate::support::world::{World, copy_truncate};

/// Writes numbered lines of one generation and remembers them.
#[derive(Default)]
struct Writer {
    written: Vec<Vec<u8>>,
    number: u64,
}

impl Writer {
    fn line(&mut self, generation: &str) -> Vec<u8> {
        self.number += 1;
        let line = format!("{generation}|{}|some text to fill the line\n", self.number);
        self.written.push(line.clone().into_bytes());
        line.into_bytes()
    }

    fn lines(&mut self, generation: &str, count: usize) -> Vec<u8> {
        (0..count).flat_map(|_| self.line(generation)).collect()
    }

    fn check(&self, world: &World) {
        let verdict = judge(&self.written, &world.stream);
        assert!(verdict.is_exact(), "{verdict}");
    }
}

#[test]
fn lines_arrive_as_they_are() {
    let mut world = World::new("app.log");
    let mut writer = Writer::default();
    world.append("app.log", &writer.lines("a", 2000));
    world.settle();
    writer.check(&world);
    world.append("app.log", &writer.lines("a", 1));
    world.settle();
    writer.check(&world);
}

#[test]
fn rename_and_create_loses_nothing_with_the_exact_name() {
    let mut world = World::new("app.log");
    let mut writer = Writer::default();
    for round in 0..200 {
        let generation = format!("g{round}");
        world.append("app.log", &writer.lines(&generation, 30));
        world.hint();
        world.append("app.log", &writer.lines(&generation, 30));
        world.rename("app.log", "app.log.1");
        world.append("app.log.1", &writer.lines(&generation, 3));
        world.hint();
    }
    world.settle();
    writer.check(&world);
}

#[test]
fn a_chain_of_renames_loses_nothing_with_a_glob() {
    let mut world = World::new("app.log*");
    let mut writer = Writer::default();
    for round in 0..200 {
        let generation = format!("g{round}");
        world.append("app.log", &writer.lines(&generation, 20));
        if round % 3 == 0 {
            world.step();
        }
        for number in (0..5).rev() {
            let from = if number == 0 { "app.log".to_owned() } else { format!("app.log.{number}") };
            if world.path(&from).is_file() {
                world.rename(&from, &format!("app.log.{}", number + 1));
            }
        }
        world.run(Duration::from_millis(120));
    }
    world.settle();
    writer.check(&world);
}

#[test]
fn new_names_lose_nothing_and_late_lines_of_the_old_file_arrive() {
    let mut world = World::new("app-*.log");
    let mut writer = Writer::default();
    for round in 0..200 {
        let generation = format!("g{round}");
        world.append(&format!("app-{round}.log"), &writer.lines(&generation, 10));
        if round > 0 {
            let old = format!("g{}", round - 1);
            world.append(&format!("app-{}.log", round - 1), &writer.lines(&old, 2));
        }
        world.run(Duration::from_millis(60));
    }
    world.settle();
    writer.check(&world);
}

#[test]
fn copytruncate_with_the_copy_in_the_glob_repeats_and_loses_nothing() {
    let mut world = World::new("app.log*");
    let mut writer = Writer::default();
    for round in 0..200 {
        let generation = format!("g{round}");
        world.append("app.log", &writer.lines(&generation, 40));
        if round % 2 == 0 {
            world.run(Duration::from_millis(40));
        }
        // What is written now is only in the copy when the tailer looks again.
        world.append("app.log", &writer.lines(&generation, 20));
        copy_truncate(&world.path("app.log"), &world.path(&format!("app.log.{round}")));
        world.run(Duration::from_millis(60));
    }
    world.settle();
    writer.check(&world);
}

#[test]
fn copytruncate_with_the_exact_name_finds_the_unread_rest_in_the_copy() {
    let mut world = World::new("app.log");
    let mut writer = Writer::default();
    for round in 0..200 {
        let generation = format!("g{round}");
        world.append("app.log", &writer.lines(&generation, 40));
        world.run(Duration::from_millis(40));
        world.append("app.log", &writer.lines(&generation, 20));
        copy_truncate(&world.path("app.log"), &world.path("app.log.1"));
        world.run(Duration::from_millis(60));
    }
    world.settle();
    writer.check(&world);
}

#[test]
fn a_copy_that_exists_before_the_truncation_is_not_sent() {
    let mut world = World::new("app.log*");
    let mut writer = Writer::default();
    world.append("app.log", &writer.lines("a", 100));
    world.settle();
    fs::copy(world.path("app.log"), world.path("app.log.1")).unwrap();
    world.run(Duration::from_millis(500));
    File::options().write(true).open(world.path("app.log")).unwrap().set_len(0).unwrap();
    world.append("app.log", &writer.lines("b", 100));
    world.settle();
    writer.check(&world);
}

#[test]
fn truncated_and_grown_past_the_old_offset_between_two_looks() {
    let mut world = World::new("app.log");
    let mut writer = Writer::default();
    for round in 0..100 {
        let generation = format!("g{round}");
        world.append("app.log", &writer.lines(&generation, 20 + round % 7));
        world.run(Duration::from_millis(60));
        let file = File::create(world.path("app.log")).unwrap();
        drop(file);
        let generation = format!("h{round}");
        world.append("app.log", &writer.lines(&generation, 40));
        world.run(Duration::from_millis(60));
        File::create(world.path("app.log")).unwrap();
        world.run(Duration::from_millis(20));
    }
    world.settle();
    writer.check(&world);
}

#[test]
fn truncated_and_grown_to_exactly_the_old_size() {
    let mut world = World::new("app.log");
    let mut written: Vec<Vec<u8>> = Vec::new();
    for round in 0..1000 {
        let content: Vec<u8> =
            (0..10).flat_map(|line| format!("{round:06}|{line:04}|x\n").into_bytes()).collect();
        File::create(world.path("app.log")).unwrap().write_all(&content).unwrap();
        written.extend(content.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
        world.run(Duration::from_millis(100));
    }
    world.settle();
    let verdict = judge(&written, &world.stream);
    assert!(verdict.is_exact(), "{verdict}");
}

#[test]
fn a_deleted_file_is_read_to_its_end_even_if_it_still_grows() {
    let mut world = World::new("app.log");
    let mut writer = Writer::default();
    world.append("app.log", &writer.lines("a", 10));
    world.run(Duration::from_millis(200));
    let mut open = File::options().append(true).open(world.path("app.log")).unwrap();
    fs::remove_file(world.path("app.log")).unwrap();
    for _ in 0..10 {
        open.write_all(&writer.lines("a", 5)).unwrap();
        world.run(Duration::from_secs(1));
    }
    open.write_all(b"a|999|without an end").unwrap();
    writer.written.push(b"a|999|without an end".to_vec());
    world.run(Duration::from_secs(70));
    writer.check(&world);
    assert!(world.rows().is_empty(), "a file that is gone leaves no row");
}

#[test]
fn rotated_while_down_once_and_thrice() {
    for (pattern, rotations) in [("app.log*", 1), ("app.log*", 3), ("app.log", 1)] {
        let mut world = World::new(pattern);
        let mut writer = Writer::default();
        world.append("app.log", &writer.lines("g", 100));
        world.settle();
        world.stop();
        world.append("app.log", &writer.lines("g", 50));
        for round in 0..rotations {
            for number in (0..4).rev() {
                let from =
                    if number == 0 { "app.log".to_owned() } else { format!("app.log.{number}") };
                if world.path(&from).is_file() {
                    world.rename(&from, &format!("app.log.{}", number + 1));
                }
            }
            world.append("app.log", &writer.lines(&format!("h{round}"), 50));
        }
        world.start();
        world.settle();
        writer.check(&world);
    }
}

#[test]
fn truncated_while_down_with_and_without_a_copy_in_the_glob() {
    for pattern in ["app.log*", "app.log"] {
        let mut world = World::new(pattern);
        let mut writer = Writer::default();
        world.append("app.log", &writer.lines("g", 100));
        world.settle();
        world.stop();
        world.append("app.log", &writer.lines("g", 50));
        copy_truncate(&world.path("app.log"), &world.path("app.log.1"));
        world.append("app.log", &writer.lines("h", 200));
        world.start();
        world.settle();
        writer.check(&world);
    }
}

#[test]
fn a_clean_stop_repeats_nothing_and_a_crash_repeats_what_was_in_flight() {
    let mut world = World::new("app.log");
    let mut writer = Writer::default();
    for _ in 0..20 {
        world.append("app.log", &writer.lines("a", 700));
        world.step();
        world.stop();
        world.start();
    }
    world.settle();
    writer.check(&world);
    for _ in 0..50 {
        world.append("app.log", &writer.lines("a", 700));
        world.endpoint_down = true;
        world.run(Duration::from_millis(100));
        world.crash();
        world.endpoint_down = false;
        world.start();
    }
    world.settle();
    writer.check(&world);
}

#[test]
fn the_end_of_file_skips_what_was_there_and_keeps_half_a_line() {
    let mut world = World::with("app.log*", |config| {
        config.initial_position = InitialPosition::EndOfFile;
    });
    world.append("app.log", b"old|1|\nold|2|\nhalf ");
    world.settle();
    assert!(world.stream.is_empty());
    world.append("app.log", b"a line\n");
    world.append("app.log.new", b"new|1|\n");
    world.settle();
    world.stream.sort();
    assert_eq!(world.stream, [b"half a line\n".to_vec(), b"new|1|\n".to_vec()]);
    // After that the flow is known: what appears while it is down is read from its start.
    world.stop();
    world.append("app.log.other", b"other|1|\n");
    world.start();
    world.settle();
    assert_eq!(world.stream.len(), 3);
}

#[test]
fn half_a_line_waits_and_is_sent_whole() {
    let mut world = World::new("app.log");
    for byte in b"one line in many writes" {
        world.append("app.log", &[*byte]);
        world.run(Duration::from_secs(1));
    }
    assert!(world.stream.is_empty());
    world.append("app.log", b"\n");
    world.settle();
    assert_eq!(world.stream, [b"one line in many writes\n".to_vec()]);
}

#[test]
fn half_a_line_that_was_truncated_away_never_meets_the_next_one() {
    let mut world = World::new("app.log");
    world.append("app.log", b"whole\nhalf of a");
    world.settle();
    File::create(world.path("app.log")).unwrap().write_all(b"new line\n").unwrap();
    world.settle();
    assert_eq!(world.stream, [b"whole\n".to_vec(), b"new line\n".to_vec()]);
}

#[test]
fn the_last_line_without_an_end_is_sent_when_the_file_was_rotated() {
    let mut world = World::new("app.log*");
    world.append("app.log", b"a|1|\na|2|no end");
    world.settle();
    world.rename("app.log", "app.log.1");
    world.append("app.log", b"b|1|\n");
    world.run(Duration::from_secs(1));
    assert_eq!(world.stream.len(), 2, "the rest of the line may still come");
    world.settle();
    assert_eq!(world.stream[2], b"a|2|no end");
}

#[test]
fn a_hundred_files_with_the_same_first_four_kilobytes() {
    let mut world = World::new("*.log");
    let mut writer = Writer::default();
    let banner: Vec<u8> = b"# a banner line that is the same everywhere\n".repeat(100);
    for file in 0..100 {
        let name = format!("{file}.log");
        world.append(&name, &banner);
        writer.written.extend(banner.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
        if file % 3 == 0 {
            world.run(Duration::from_millis(40));
        }
        world.append(&name, &writer.lines(&format!("f{file}"), 10));
    }
    world.run(Duration::from_secs(20));
    writer.check(&world);
}

#[test]
fn two_names_of_one_file_are_read_once() {
    let mut world = World::new("*.log");
    let mut writer = Writer::default();
    world.append("a.log", &writer.lines("a", 10));
    fs::hard_link(world.path("a.log"), world.path("b.log")).unwrap();
    std::os::unix::fs::symlink(world.path("a.log"), world.path("c.log")).unwrap();
    std::os::unix::fs::symlink(world.path("nowhere"), world.path("d.log")).unwrap();
    fs::create_dir(world.path("e.log")).unwrap();
    world.settle();
    writer.check(&world);
}

#[test]
fn header_lines_are_skipped_in_each_file_even_if_they_come_in_pieces() {
    let mut world = World::with("*.csv", |config| config.skip_header_lines = 2);
    world.append("a.csv", b"head 1\nhea");
    world.settle();
    world.append("a.csv", b"d 2\nrow 1\n");
    world.append("b.csv", b"head 1\nhead 2\nrow 2\n");
    world.settle();
    let mut got = world.stream.clone();
    got.sort();
    assert_eq!(got, [b"row 1\n".to_vec(), b"row 2\n".to_vec()]);
}

#[test]
fn a_multi_line_record_waits_for_its_lines() {
    let mut world = World::with("app.log", |config| {
        config.multi_line_start = Some(regex::bytes::Regex::new(r"\A(?:\d)").unwrap());
    });
    world.append("app.log", b"1 first\n  at one\n");
    world.run(Duration::from_millis(300));
    world.append("app.log", b"  at two\n2 second\n");
    world.run(Duration::from_millis(300));
    assert_eq!(world.stream, [b"1 first\n  at one\n  at two\n".to_vec()]);
    world.settle();
    assert_eq!(world.stream[1], b"2 second\n");
}

#[test]
fn a_line_longer_than_any_record_is_cut_and_the_next_one_is_whole() {
    let mut world = World::new("app.log");
    let mut line = vec![b'x'; 12 * 1024 * 1024];
    line.push(b'\n');
    world.append("app.log", b"before\n");
    world.append("app.log", &line);
    world.append("app.log", b"after\n");
    world.settle();
    assert_eq!(world.stream.len(), 3);
    assert_eq!(world.stream[0], b"before\n");
    assert_eq!(world.stream[1].len(), 1024 * 1024 - 8, "with the eight bytes of the key");
    assert_eq!(world.stream[1].last(), Some(&b'\n'));
    assert_eq!(world.stream[2], b"after\n");
}

#[test]
fn a_copy_that_was_made_while_the_original_still_grew_repeats_a_few_lines_at_most() {
    let mut world = World::new("app.log*");
    let mut writer = Writer::default();
    for _ in 0..20 {
        world.append("app.log", &writer.lines("g", 5));
        world.run(Duration::from_millis(60));
    }
    // The copy ends here; the original grows on and is read before it is truncated.
    let copied = fs::read(world.path("app.log")).unwrap();
    world.append("app.log", &writer.lines("g", 5));
    world.run(Duration::from_millis(60));
    fs::write(world.path("app.log.1"), copied).unwrap();
    File::options().write(true).open(world.path("app.log")).unwrap().set_len(0).unwrap();
    world.append("app.log", &writer.lines("h", 5));
    world.settle();
    let verdict = judge(&writer.written, &world.stream);
    assert!(verdict.is_complete() && verdict.repeated.len() <= 5, "{verdict}");
}

#[test]
fn a_file_that_was_truncated_before_anything_was_read_is_found_in_its_copy() {
    for pattern in ["app.log*", "app.log"] {
        let mut world = World::new(pattern);
        let mut writer = Writer::default();
        // Nothing can be sent, and one batch is full, so the second file is seen and not read.
        world.append("app.log", &writer.lines("a", 1));
        world.settle();
        File::options().write(true).open(world.path("app.log")).unwrap().set_len(0).unwrap();
        world.run(Duration::from_millis(700));
        world.endpoint_down = true;
        world.append("app.log", &writer.lines("b", 3000));
        world.run(Duration::from_millis(700));
        copy_truncate(&world.path("app.log"), &world.path("app.log.1"));
        world.run(Duration::from_millis(700));
        world.endpoint_down = false;
        world.settle();
        writer.check(&world);
    }
}

#[test]
fn a_copy_that_is_seen_while_it_is_empty_is_still_a_copy() {
    let mut world = World::new("app.log*");
    let mut writer = Writer::default();
    world.append("app.log", &writer.lines("a", 100));
    world.settle();
    world.append("app.log.1", b"");
    world.run(Duration::from_millis(300));
    let content = fs::read(world.path("app.log")).unwrap();
    world.append("app.log.1", &content);
    File::options().write(true).open(world.path("app.log")).unwrap().set_len(0).unwrap();
    world.append("app.log", &writer.lines("b", 100));
    world.settle();
    writer.check(&world);
}

#[test]
fn a_file_with_a_name_that_is_no_text_is_followed() {
    use std::os::unix::ffi::OsStrExt;

    let mut world = World::new("*.log");
    let name = std::ffi::OsStr::from_bytes(b"odd\xff\xfe.log");
    fs::write(world.dir.path().join(name), b"a|1|\n").unwrap();
    world.settle();
    assert_eq!(world.stream, [b"a|1|\n".to_vec()]);
}

#[test]
fn an_unreadable_directory_and_a_deleted_one_come_back_without_repeats() {
    let mut world = World::new("sub/*.log");
    let mut writer = Writer::default();
    fs::create_dir(world.path("sub")).unwrap();
    world.append("sub/a.log", &writer.lines("a", 10));
    world.settle();
    world.rename("sub", "elsewhere");
    world.run(Duration::from_secs(2));
    world.append("elsewhere/a.log", &writer.lines("a", 10));
    world.run(Duration::from_secs(2));
    world.rename("elsewhere", "sub");
    world.append("sub/a.log", &writer.lines("a", 10));
    world.settle();
    writer.check(&world);
}

#[test]
fn a_file_that_begins_like_a_longer_one_and_then_differs_is_not_held_back() {
    let mut world = World::new("*.log");
    let mut writer = Writer::default();
    let banner: Vec<u8> =
        (0..100).flat_map(|n| format!("banner {n} of all\n").into_bytes()).collect();
    for line in banner.split_inclusive(|b| *b == b'\n') {
        writer.written.push(line.to_vec());
        writer.written.push(line.to_vec());
    }
    world.append("a.log", &banner);
    world.append("a.log", &writer.lines("a", 5000));
    world.settle();
    world.append("b.log", &banner);
    world.hint();
    for _ in 0..40 {
        world.append("b.log", &writer.lines("b", 1));
        world.run(Duration::from_secs(1));
    }
    writer.check(&world);
}

#[test]
fn a_long_line_passes_even_if_it_needs_more_memory_than_the_budget() {
    let mut world = World::new("app.log");
    world.stop();
    world.budget = kinetail::budget::Budget::new(1024 * 1024, 1);
    world.start();
    let mut expected = Vec::new();
    for length in [10, 900_000, 10, 3_000_000, 12_000_000, 10] {
        let mut line = vec![b'x'; length];
        line.push(b'\n');
        world.append("app.log", &line);
        expected.push(line.len().min(1024 * 1024 - 8));
    }
    world.settle();
    let lengths: Vec<usize> = world.stream.iter().map(Vec::len).collect();
    assert_eq!(lengths, expected);
}

#[test]
fn two_files_that_grow_alike_are_both_sent() {
    let mut world = World::new("*.log");
    let mut writer = Writer::default();
    let line = writer.line("both");
    writer.written.push(line.clone());
    world.append("a.log", &line);
    world.settle();
    world.append("b.log", &line);
    world.hint();
    for _ in 0..40 {
        let line = writer.line("both");
        world.append("a.log", &line);
        world.append("b.log", &line);
        world.run(Duration::from_secs(1));
    }
    assert_eq!(world.stream.len(), 2 * 41);
}

#[test]
fn more_files_than_descriptors_leave_some_for_the_connection() {
    let mut world = World::new("*.log");
    world.crash();
    world.descriptors_max = 4;
    world.endpoint_down = true;
    let mut writer = Writer::default();
    for file in 0..40 {
        world.append(&format!("{file}.log"), &writer.lines(&format!("f{file}"), 1000));
    }
    world.start();
    world.settle();
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let ours = open.filter(|fd| {
        fs::read_link(fd.path()).is_ok_and(|target| target.starts_with(world.dir.path()))
    });
    assert!(ours.count() <= 5);
    world.endpoint_down = false;
    world.settle();
    world.settle();
    writer.check(&world);
}

#[test]
fn a_long_line_goes_on_after_its_file_was_closed_for_others() {
    let mut world = World::new("*.log");
    world.crash();
    world.descriptors_max = 1;
    world.start();
    world.append("a.log", &vec![b'x'; 6 * 1024 * 1024]);
    world.settle();
    world.append("b.log", b"other\n");
    world.settle();
    world.append("a.log", b"\nnext\n");
    world.settle();
    let lengths: Vec<usize> = world.stream.iter().map(Vec::len).collect();
    assert_eq!(lengths.len(), 3, "{lengths:?}");
    assert_eq!(world.stream[2], b"next\n");
}
#[test]
fn a_long_line_is_sent_while_others_hold_all_that_can_be_lent() {
    let budget = kinetail::budget::Budget::new(512 * 1024, 2);
    let mut others = budget.account();
    assert!(others.grow_to(512 * 1024, true));
    let mut world = World::new("*.log");
    world.crash();
    world.budget = budget;
    world.start();
    let mut line = vec![b'x'; 600 * 1024];
    line.push(b'\n');
    world.append("a.log", &line);
    world.append("a.log", b"next\n");
    world.settle();
    assert_eq!(world.stream, [line, b"next\n".to_vec()]);
}

#[test]
fn a_new_file_that_begins_like_a_truncated_one_is_a_file_of_its_own() {
    let mut world = World::new("*.log");
    let mut writer = Writer::default();
    writer.written.push(b"starting\n".to_vec());
    world.append("a.log", b"starting\n");
    world.settle();
    File::options().write(true).open(world.path("a.log")).unwrap().set_len(0).unwrap();
    world.append("a.log", &writer.lines("a", 1));
    world.settle();
    writer.written.push(b"starting\n".to_vec());
    world.append("b.log", b"starting\n");
    world.append("b.log", &writer.lines("b", 3));
    // The kernel's stamps tick too slowly for a test.
    let truncated = fs::metadata(world.path("a.log")).unwrap().modified().unwrap();
    let b = File::options().write(true).open(world.path("b.log")).unwrap();
    b.set_modified(truncated + Duration::from_secs(1)).unwrap();
    world.settle();
    writer.check(&world);
}

#[test]
fn a_new_file_that_equals_one_that_is_truncated_at_once_and_goes_on_is_a_file_of_its_own() {
    let (mut world, mut writer) = (World::new("*.log"), Writer::default());
    for name in ["a.log", "b.log"] {
        writer.written.push(b"starting\n".to_vec());
        world.append(name, b"starting\n");
        world.hint();
        world.run(Duration::from_secs(1));
    }
    File::create(world.path("a.log")).unwrap();
    world.append("b.log", &writer.lines("b", 3));
    // The kernel's stamps tick too slowly for a test.
    let truncated = fs::metadata(world.path("a.log")).unwrap().modified().unwrap();
    let b = File::options().write(true).open(world.path("b.log")).unwrap();
    b.set_modified(truncated + Duration::from_secs(1)).unwrap();
    world.settle();
    writer.check(&world);
}

#[test]
fn a_short_copy_that_is_seen_before_its_original_is_truncated_is_not_sent_again() {
    let (mut world, mut writer) = (World::new("app.log*"), Writer::default());
    world.append("app.log", &writer.lines("a", 2));
    world.settle();
    fs::copy(world.path("app.log"), world.path("app.log.1")).unwrap();
    world.hint();
    world.run(Duration::from_secs(1));
    File::create(world.path("app.log")).unwrap();
    world.append("app.log", &writer.lines("b", 2));
    world.settle();
    writer.check(&world);
}

#[test]
fn a_new_file_that_begins_like_one_that_was_deleted_while_down_is_a_file_of_its_own() {
    let mut world = World::new("*.log");
    let mut writer = Writer::default();
    writer.written.push(b"starting\n".to_vec());
    world.append("a.log", b"starting\n");
    world.settle();
    world.stop();
    let keep = File::open(world.path("a.log")).unwrap();
    fs::remove_file(world.path("a.log")).unwrap();
    writer.written.push(b"starting\n".to_vec());
    world.append("b.log", b"starting\n");
    world.append("b.log", &writer.lines("b", 3));
    drop(keep);
    world.start();
    world.settle();
    writer.check(&world);
}

#[test]
fn files_that_were_rotated_out_of_the_pattern_before_any_look_are_followed_by_their_renames() {
    let mut world = World::new("app.log");
    let mut writer = Writer::default();
    world.run(Duration::from_millis(200));
    for round in 0..20 {
        // Three rotations between two looks.
        for part in 0..3 {
            let generation = format!("g{round}.{part}");
            world.append("app.log", &writer.lines(&generation, 20));
            for number in (1..6).rev() {
                let (from, to) = (format!("app.log.{number}"), format!("app.log.{}", number + 1));
                if world.path(&from).is_file() {
                    world.rename(&from, &to);
                    world.tell_renamed(&from, &to);
                }
            }
            world.rename("app.log", "app.log.1");
            world.tell_renamed("app.log", "app.log.1");
        }
        world.run(Duration::from_millis(40));
    }
    world.settle();
    writer.check(&world);
}

/// A file outside the watched directory with the inode number that a file had which was truncated,
/// deleted while it was empty, and not forgotten because the process died.
fn with_the_number_of_an_empty_file(world: &mut World, writer: &mut Writer) -> PathBuf {
    world.append("app.log", &writer.lines("a", 20));
    world.settle();
    File::create(world.path("app.log")).unwrap();
    world.settle();
    let row = world.rows().values().find(|row| row.offset == 0).unwrap().inode;
    fs::remove_file(world.path("app.log")).unwrap();
    world.crash();
    // Numbers cannot be chosen, but what was written down can be changed.
    let name = world.path("elsewhere/spare");
    fs::create_dir(world.path("elsewhere")).unwrap();
    let spare = File::create(&name).unwrap().metadata().unwrap();
    world.change_inode(row, Inode { device: spare.dev(), number: spare.ino() });
    name
}

#[test]
fn a_copy_outside_the_pattern_with_the_inode_of_a_file_that_was_empty_is_not_sent_again() {
    let (mut world, mut writer) = (World::new("app.log"), Writer::default());
    let spare = with_the_number_of_an_empty_file(&mut world, &mut writer);
    world.start();
    world.append("app.log", &writer.lines("b", 20));
    world.settle();
    fs::copy(world.path("app.log"), &spare).unwrap();
    fs::rename(&spare, world.path("app.log.1")).unwrap();
    File::create(world.path("app.log")).unwrap();
    world.settle();
    writer.check(&world);
    world.stop();
    world.start();
    world.settle();
    writer.check(&world);
}

#[test]
fn a_copy_in_the_pattern_with_the_inode_of_a_file_that_was_empty_is_recognised() {
    let (mut world, mut writer) = (World::new("app.log*"), Writer::default());
    let spare = with_the_number_of_an_empty_file(&mut world, &mut writer);
    world.append("app.log", &writer.lines("b", 20));
    world.start();
    world.settle();
    fs::copy(world.path("app.log"), &spare).unwrap();
    fs::rename(&spare, world.path("app.log.1")).unwrap();
    world.hint();
    world.run(Duration::from_secs(1));
    File::create(world.path("app.log")).unwrap();
    world.settle();
    writer.check(&world);
}

#[test]
fn a_file_that_was_empty_is_found_outside_the_pattern_after_a_stop() {
    let (mut world, mut writer) = (World::new("app.log"), Writer::default());
    world.append("app.log", b"");
    world.settle();
    world.stop();
    world.append("app.log", &writer.lines("a", 20));
    world.rename("app.log", "app.log.1");
    world.start();
    world.settle();
    writer.check(&world);
}

#[test]
fn a_file_that_was_empty_at_first_is_found_outside_the_pattern_after_a_crash() {
    let (mut world, mut writer) = (World::new("app.log"), Writer::default());
    world.append("app.log", b"");
    world.settle();
    world.endpoint_down = true;
    world.append("app.log", &writer.lines("a", 20));
    world.run(Duration::from_secs(1));
    world.rename("app.log", "old");
    world.crash();
    // The first start after it finds nothing; the file is not there at the moment.
    fs::create_dir(world.path("elsewhere")).unwrap();
    world.rename("old", "elsewhere/old");
    world.start();
    world.run(Duration::from_secs(1));
    world.crash();
    world.rename("elsewhere/old", "old");
    world.endpoint_down = false;
    world.start();
    world.settle();
    writer.check(&world);
}

#[test]
fn a_file_that_was_empty_and_closed_for_others_is_not_checkpointed_ahead_of_acknowledgements() {
    let (mut world, mut writer) = (World::new("*.log"), Writer::default());
    world.descriptors_max = 1;
    world.crash();
    world.start();
    for name in ["a.log", "b.log", "c.log"] {
        world.append(name, b"");
    }
    world.settle();
    world.endpoint_down = true;
    for name in ["a.log", "b.log", "c.log"] {
        world.append(name, &writer.lines(name, 20));
    }
    world.run(Duration::from_secs(2));
    assert!(world.rows().values().all(|row| row.offset == 0), "nothing is acknowledged");
    for name in ["a.log", "b.log", "c.log"] {
        world.append(name, &writer.lines(name, 1));
    }
    world.run(Duration::from_secs(2));
    assert!(world.rows().values().all(|row| row.offset == 0), "nothing is acknowledged");
    world.crash();
    world.endpoint_down = false;
    world.start();
    world.settle();
    writer.check(&world);
}

#[test]
fn a_copy_is_known_even_if_its_original_was_closed_for_others() {
    let (mut world, mut writer) = (World::new("*.log*"), Writer::default());
    world.descriptors_max = 1;
    world.crash();
    world.start();
    for name in ["a.log", "b.log", "c.log"] {
        world.append(name, &writer.lines(name, 20));
        world.settle();
    }
    for name in ["a.log", "b.log", "c.log"] {
        fs::copy(world.path(name), world.path(&format!("{name}.1"))).unwrap();
        world.hint();
        world.run(Duration::from_millis(200));
        File::create(world.path(name)).unwrap();
        world.append(name, &writer.lines(name, 1));
        world.settle();
    }
    writer.check(&world);
}

#[test]
fn a_file_in_a_directory_that_is_away_at_a_start_is_found_when_that_comes_back() {
    let (mut world, mut writer) = (World::new("logs/app.log"), Writer::default());
    fs::create_dir(world.path("logs")).unwrap();
    world.append("logs/app.log", &writer.lines("a", 20));
    world.settle();
    world.stop();
    world.append("logs/app.log", &writer.lines("a", 5));
    world.rename("logs/app.log", "logs/app.log.1");
    world.append("logs/app.log", &writer.lines("b", 5));
    world.rename("logs", "away");
    world.start();
    world.run(Duration::from_secs(2));
    world.rename("away", "logs");
    world.settle();
    writer.check(&world);
}

#[test]
fn a_copy_whose_original_is_deleted_before_a_crash_is_continued_where_it_was_acknowledged() {
    let (mut world, mut writer) = (World::new("app.log*"), Writer::default());
    world.append("app.log", &writer.lines("a", 20));
    world.settle();
    world.endpoint_down = true;
    world.append("app.log", &writer.lines("a", 5));
    world.run(Duration::from_secs(1));
    copy_truncate(&world.path("app.log"), &world.path("app.log.1"));
    world.run(Duration::from_secs(1));
    fs::remove_file(world.path("app.log")).unwrap();
    world.crash();
    world.endpoint_down = false;
    world.start();
    world.settle();
    writer.check(&world);
}

#[test]
fn a_live_file_that_was_replaced_by_a_longer_one_still_waits_for_the_end_of_its_last_line() {
    let (mut world, mut writer) = (World::new("app.log"), Writer::default());
    world.append("app.log", &writer.lines("a", 50));
    world.settle();
    world.stop();
    fs::copy(world.path("app.log"), world.path("new")).unwrap();
    world.append("new", &writer.lines("a", 5));
    world.rename("new", "app.log");
    world.start();
    world.settle();
    let line = writer.line("a");
    world.append("app.log", &line[..5]);
    world.settle();
    world.append("app.log", &line[5..]);
    world.settle();
    writer.check(&world);
}

#[test]
fn a_copy_with_the_inode_of_a_file_that_began_alike_is_known_by_the_longer_one() {
    let (mut world, mut writer) = (World::new("app.log"), Writer::default());
    world.append("app.log", &writer.lines("a", 20));
    world.settle();
    world.stop();
    // What both hold is sent twice: too little of it was read to tell.
    writer.written.extend_from_within(..);
    fs::copy(world.path("app.log"), world.path("new")).unwrap();
    world.append("new", &writer.lines("a", 20));
    world.rename("new", "app.log");
    fs::create_dir(world.path("elsewhere")).unwrap();
    let spare = world.path("elsewhere/spare");
    let meta = File::create(&spare).unwrap().metadata().unwrap();
    let old = world.rows().values().next().unwrap().inode;
    world.change_inode(old, Inode { device: meta.dev(), number: meta.ino() });
    world.start();
    world.settle();
    fs::copy(world.path("app.log"), &spare).unwrap();
    fs::rename(&spare, world.path("app.log.1")).unwrap();
    File::create(world.path("app.log")).unwrap();
    world.settle();
    let (written, mut arrived) = (&mut writer.written, world.stream.clone());
    written.sort();
    arrived.sort();
    assert_eq!(&arrived, written);
}
