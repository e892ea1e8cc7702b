//! Files that are copied, closed, written over and restarted with, and the sizes of records: what
//! `faults` does not cover.

mod alike;
mod copies;

use std::fs;
use std::time::Duration;

use kinetail::budget::Budget;
use kinetail::config::InitialPosition;

use crate::support::scene::Scene;

/// There is memory for one batch at a time, which a flow may always have.
const ONE_BATCH_BYTES: usize = 64 * 1024;

#[test]
fn lines_arrive_as_they_are() {
    let mut scene = Scene::new("app.log");
    scene.write("app.log", "a", 2000);
    scene.settle_and_check();
    scene.write("app.log", "a", 1);
    scene.settle_and_check();
}

#[test]
fn a_clean_stop_repeats_nothing_and_a_crash_repeats_what_was_in_flight() {
    let mut scene = Scene::new("app.log");
    for _ in 0..20 {
        scene.write("app.log", "a", 700);
        scene.step();
        scene.stop();
        scene.start();
    }
    scene.settle_and_check();
    for _ in 0..50 {
        scene.write("app.log", "a", 700);
        scene.endpoint_down = true;
        scene.run(Duration::from_millis(100));
        scene.crash();
        scene.endpoint_down = false;
        scene.start();
    }
    scene.settle_and_check();
}

#[test]
fn the_end_of_file_skips_what_was_there_and_keeps_half_a_line() {
    let mut scene = Scene::with("app.log*", |config| {
        config.initial_position = InitialPosition::EndOfFile;
    });
    scene.append("app.log", b"old|1|\nold|2|\nhalf ");
    scene.settle();
    assert!(scene.stream.is_empty());
    scene.append("app.log", b"a line\n");
    scene.append("app.log.new", b"new|1|\n");
    scene.settle();
    scene.stream.sort();
    assert_eq!(scene.stream, [b"half a line\n".to_vec(), b"new|1|\n".to_vec()]);
    // After that the flow is known: what appears while it is down is read from its start.
    scene.stop();
    scene.append("app.log.other", b"other|1|\n");
    scene.start();
    scene.settle();
    assert_eq!(scene.stream.len(), 3);
}

#[test]
fn header_lines_are_skipped_in_each_file_even_if_they_come_in_pieces() {
    let mut scene = Scene::with("*.csv", |config| config.skip_header_lines = 2);
    scene.append("a.csv", b"head 1\nhea");
    scene.settle();
    scene.append("a.csv", b"d 2\nrow 1\n");
    scene.append("b.csv", b"head 1\nhead 2\nrow 2\n");
    scene.settle();
    let mut got = scene.stream.clone();
    got.sort();
    assert_eq!(got, [b"row 1\n".to_vec(), b"row 2\n".to_vec()]);
}

#[test]
fn a_multi_line_record_waits_for_its_lines() {
    let mut scene = Scene::with("app.log", |config| {
        config.multi_line_start = Some(kinetail::process::LineStart::compile(r"\d").unwrap());
    });
    scene.append("app.log", b"1 first\n  at one\n");
    scene.run(Duration::from_millis(300));
    scene.append("app.log", b"  at two\n2 second\n");
    scene.run(Duration::from_millis(300));
    assert_eq!(scene.stream, [b"1 first\n  at one\n  at two\n".to_vec()]);
    scene.settle();
    assert_eq!(scene.stream[1], b"2 second\n");
}

#[test]
fn a_line_longer_than_any_record_is_cut_and_the_next_one_is_whole() {
    let mut scene = Scene::new("app.log");
    let mut line = vec![b'x'; 12 * 1024 * 1024];
    line.push(b'\n');
    scene.append("app.log", b"before\n");
    scene.append("app.log", &line);
    scene.append("app.log", b"after\n");
    scene.settle();
    assert_eq!(scene.stream.len(), 3);
    assert_eq!(scene.stream[0], b"before\n");
    assert_eq!(scene.stream[1].len(), 1024 * 1024 - 8, "with the eight bytes of the key");
    assert_eq!(scene.stream[1].last(), Some(&b'\n'));
    assert_eq!(scene.stream[2], b"after\n");
}

#[test]
fn a_file_with_a_name_that_is_no_text_is_followed() {
    use std::os::unix::ffi::OsStrExt;

    let mut scene = Scene::new("*.log");
    let name = std::ffi::OsStr::from_bytes(b"odd\xff\xfe.log");
    fs::write(scene.dir.path().join(name), b"a|1|\n").unwrap();
    scene.settle();
    assert_eq!(scene.stream, [b"a|1|\n".to_vec()]);
}

#[test]
fn a_long_line_passes_even_if_it_needs_more_memory_than_the_budget() {
    let mut scene = Scene::new("app.log");
    scene.stop();
    scene.budget = Budget::new(1024 * 1024, 1);
    scene.start();
    let mut expected = Vec::new();
    for length in [10, 900_000, 10, 3_000_000, 12_000_000, 10] {
        let mut line = vec![b'x'; length];
        line.push(b'\n');
        scene.append("app.log", &line);
        expected.push(line.len().min(1024 * 1024 - 8));
    }
    scene.settle();
    let lengths: Vec<usize> = scene.stream.iter().map(Vec::len).collect();
    assert_eq!(lengths, expected);
}

#[test]
fn more_files_than_descriptors_leave_some_for_the_connection() {
    let mut scene = Scene::new("*.log");
    scene.crash();
    scene.descriptors_max = 4;
    scene.endpoint_down = true;
    for file in 0..40 {
        scene.write(&format!("{file}.log"), &format!("f{file}"), 1000);
    }
    scene.start();
    scene.settle();
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let ours = open.filter(|fd| {
        fs::read_link(fd.path()).is_ok_and(|target| target.starts_with(scene.dir.path()))
    });
    assert!(ours.count() <= 5);
    scene.endpoint_down = false;
    scene.settle();
    scene.settle_and_check();
}

#[test]
fn a_long_line_continues_after_its_file_was_closed_for_others() {
    let mut scene = Scene::new("*.log");
    scene.crash();
    scene.descriptors_max = 1;
    scene.start();
    scene.append("a.log", &vec![b'x'; 6 * 1024 * 1024]);
    scene.settle();
    scene.append("b.log", b"other\n");
    scene.settle();
    scene.append("a.log", b"\nnext\n");
    scene.settle();
    let lengths: Vec<usize> = scene.stream.iter().map(Vec::len).collect();
    assert_eq!(lengths.len(), 3, "{lengths:?}");
    assert_eq!(scene.stream[2], b"next\n");
}

#[test]
fn a_long_line_is_sent_while_others_hold_all_that_can_be_lent() {
    let budget = Budget::new(512 * 1024, 2);
    let mut others = budget.account();
    assert!(others.grow_to(512 * 1024, true));
    let mut scene = Scene::new("*.log");
    scene.crash();
    scene.budget = budget;
    scene.start();
    let mut line = vec![b'x'; 600 * 1024];
    line.push(b'\n');
    scene.append("a.log", &line);
    scene.append("a.log", b"next\n");
    scene.settle();
    assert_eq!(scene.stream, [line, b"next\n".to_vec()]);
}

#[test]
fn files_that_were_rotated_out_of_the_pattern_before_any_look_are_followed_by_their_renames() {
    let mut scene = Scene::new("app.log");
    scene.run(Duration::from_millis(200));
    for round in 0..20 {
        // Three rotations between two looks.
        for part in 0..3 {
            let generation = format!("g{round}.{part}");
            scene.write("app.log", &generation, 20);
            for number in (1..6).rev() {
                let (from, to) = (format!("app.log.{number}"), format!("app.log.{}", number + 1));
                if scene.path(&from).is_file() {
                    scene.rename(&from, &to);
                    scene.tell_renamed(&from, &to);
                }
            }
            scene.rename("app.log", "app.log.1");
            scene.tell_renamed("app.log", "app.log.1");
        }
        scene.run(Duration::from_millis(40));
    }
    scene.settle_and_check();
}

#[test]
fn a_file_that_was_empty_is_found_outside_the_pattern_after_a_stop() {
    let mut scene = Scene::new("app.log");
    scene.append("app.log", b"");
    scene.settle();
    scene.stop();
    scene.write("app.log", "a", 20);
    scene.rename("app.log", "app.log.1");
    scene.start();
    scene.settle_and_check();
}

#[test]
fn a_file_that_was_empty_at_first_is_found_outside_the_pattern_after_a_crash() {
    let mut scene = Scene::new("app.log");
    scene.append("app.log", b"");
    scene.settle();
    scene.endpoint_down = true;
    scene.write("app.log", "a", 20);
    scene.run(Duration::from_secs(1));
    scene.rename("app.log", "old");
    scene.crash();
    // The first start after it finds nothing; the file is not there at the moment.
    fs::create_dir(scene.path("elsewhere")).unwrap();
    scene.rename("old", "elsewhere/old");
    scene.start();
    scene.run(Duration::from_secs(1));
    scene.crash();
    scene.rename("elsewhere/old", "old");
    scene.endpoint_down = false;
    scene.start();
    scene.settle_and_check();
}

#[test]
fn a_file_that_was_empty_and_closed_for_others_is_not_checkpointed_ahead_of_acknowledgements() {
    let mut scene = Scene::new("*.log");
    scene.descriptors_max = 1;
    scene.crash();
    scene.start();
    for name in ["a.log", "b.log", "c.log"] {
        scene.append(name, b"");
    }
    scene.settle();
    scene.endpoint_down = true;
    for name in ["a.log", "b.log", "c.log"] {
        scene.write(name, name, 20);
    }
    scene.run(Duration::from_secs(2));
    assert!(scene.rows().values().all(|row| row.offset == 0), "nothing is acknowledged");
    for name in ["a.log", "b.log", "c.log"] {
        scene.write(name, name, 1);
    }
    scene.run(Duration::from_secs(2));
    assert!(scene.rows().values().all(|row| row.offset == 0), "nothing is acknowledged");
    scene.crash();
    scene.endpoint_down = false;
    scene.start();
    scene.settle_and_check();
}

#[test]
fn a_file_in_a_directory_that_is_away_at_a_start_is_found_when_that_comes_back() {
    let mut scene = Scene::new("logs/app.log");
    fs::create_dir(scene.path("logs")).unwrap();
    scene.write("logs/app.log", "a", 20);
    scene.settle();
    scene.stop();
    scene.write("logs/app.log", "a", 5);
    scene.rename("logs/app.log", "logs/app.log.1");
    scene.write("logs/app.log", "b", 5);
    scene.rename("logs", "away");
    scene.start();
    scene.run(Duration::from_secs(2));
    scene.rename("away", "logs");
    scene.settle_and_check();
}

#[test]
fn a_live_file_that_was_replaced_by_a_longer_one_still_waits_for_the_end_of_its_last_line() {
    let mut scene = Scene::new("app.log");
    scene.write("app.log", "a", 50);
    scene.settle();
    scene.stop();
    fs::copy(scene.path("app.log"), scene.path("new")).unwrap();
    scene.write("new", "a", 5);
    scene.rename("new", "app.log");
    scene.start();
    scene.settle();
    let line = scene.lines("a", 1);
    scene.append("app.log", &line[..5]);
    scene.settle();
    scene.append("app.log", &line[5..]);
    scene.settle_and_check();
}

#[test]
fn a_line_that_is_completed_while_there_is_no_room_is_not_cut_in_two() {
    let mut scene = Scene::with("app.log*", |config| config.max_buffer_records = 1);
    scene.crash();
    scene.budget = Budget::new(ONE_BATCH_BYTES, 1);
    scene.start();
    scene.endpoint_down = true;
    // One line is on its way, there is no memory for the next, and half of one was read with them.
    scene.append("app.log", b"one\ntwo\nthr");
    scene.settle();
    scene.append("app.log", b"ee\n");
    scene.remember(b"one\ntwo\nthree\n");
    scene.rename("app.log", "app.log.1");
    scene.run(Duration::from_secs(10));
    scene.endpoint_down = false;
    scene.settle_and_check();
}
