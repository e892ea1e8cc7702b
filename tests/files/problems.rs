//! What is in the way of files is named with reason and beginning for as long as it lasts, counted
//! by a gauge, repeated in the log, and gone when it is over.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use kinetail::metrics::name;
use kinetail::tail::disk::{Call, Fault};

use crate::support::heard::logged;
use crate::support::world::World;

fn reasons(world: &World) -> Vec<(String, &'static str)> {
    let status = world.status();
    assert_eq!(status.problems_total, status.problems.len());
    let of = |path: &std::path::Path| {
        let path = path.strip_prefix(world.dir.path()).unwrap_or(path);
        path.display().to_string()
    };
    status.problems.iter().map(|problem| (of(&problem.path), problem.reason.label())).collect()
}

fn gauge(world: &World, reason: &str) -> u64 {
    world.counted(name::FILE_PROBLEMS, &format!("reason=\"{reason}\""))
}

/// Long enough for a scan and a report.
const SEEN: Duration = Duration::from_secs(1);

#[test]
fn a_dangling_link_and_a_loop_are_problems_until_they_lead_somewhere() {
    let mut world = World::new("*.log");
    world.append("there.log", b"a\n");
    symlink("late.txt", world.path("late.log")).unwrap();
    symlink("loop.log", world.path("loop.log")).unwrap();
    world.run(SEEN);
    let both = [("late.log".to_owned(), "dangling_link"), ("loop.log".to_owned(), "link_loop")];
    assert_eq!(reasons(&world), both);
    assert_eq!((gauge(&world, "dangling_link"), gauge(&world, "link_loop")), (1, 1));
    let since = world.status().problems[0].since;
    world.run(Duration::from_mins(1));
    assert_eq!(reasons(&world), both, "it lasts");
    assert_eq!(world.status().problems[0].since, since, "and its beginning stays");
    assert_eq!(world.transitions("problem"), 2, "each is told once as an event");
    world.append("late.txt", b"b\n");
    fs::remove_file(world.path("loop.log")).unwrap();
    world.run(SEEN);
    assert_eq!(reasons(&world), []);
    assert_eq!((gauge(&world, "dangling_link"), gauge(&world, "link_loop")), (0, 0));
    assert_eq!(world.transitions("recovered"), 1, "what is gone did not recover");
    assert_eq!(world.stream, [b"a\n".to_vec(), b"b\n".to_vec()]);
}

#[test]
fn what_many_files_have_in_their_way_is_over_for_all_of_them_within_a_moment() {
    const FILES: usize = 500;
    let mut world = World::new("*.log");
    world.disk.script.borrow_mut().refuse.insert(Call::Open, Fault::TooManyOpen);
    for file in 0..FILES {
        world.append(&format!("{file}.log"), format!("of file {file}\n").as_bytes());
    }
    world.run(SEEN);
    assert_eq!(gauge(&world, "descriptor_limit"), FILES as u64);
    assert!(world.stream.is_empty());
    world.disk.script.borrow_mut().refuse.clear();
    world.run(SEEN * 3);
    assert_eq!(world.stream.len(), FILES);
    assert_eq!(world.status().problems_total, 0);
}

#[test]
fn a_file_in_utf_16_is_a_problem_until_it_holds_something_else() {
    let mut world = World::new("*.log");
    world.append("wide.log", b"\xff\xfea\0\n\0");
    world.run(SEEN);
    assert_eq!(reasons(&world), [("wide.log".to_owned(), "encoding")]);
    assert_eq!(gauge(&world, "encoding"), 1);
    world.append("wide.log", b"b\0\n\0");
    world.run(Duration::from_secs(30));
    assert_eq!(reasons(&world), [("wide.log".to_owned(), "encoding")]);
    fs::write(world.path("wide.log"), b"plain\n").unwrap();
    world.run(Duration::from_secs(15));
    assert_eq!(reasons(&world), []);
    assert_eq!(gauge(&world, "encoding"), 0);
    assert_eq!(world.stream, [b"plain\n".to_vec()]);
}

#[test]
fn a_file_in_utf_16_that_is_rotated_away_leaves_no_problem_at_its_old_name() {
    let mut world = World::new("*.log");
    world.append("a.log", b"\xff\xfea\0\n\0");
    world.run(SEEN);
    world.rename("a.log", "b.log");
    world.append("a.log", b"plain\n");
    world.run(Duration::from_secs(15));
    assert_eq!(reasons(&world), [("b.log".to_owned(), "encoding")]);
    fs::remove_file(world.path("b.log")).unwrap();
    world.run(Duration::from_secs(15));
    assert_eq!(reasons(&world), []);
}

#[test]
fn a_pattern_without_files_is_a_problem_at_once_and_later_when_it_lasts() {
    let mut world = World::new("logs/*.log");
    world.run(SEEN);
    let status = world.status();
    let problem = &status.problems[0];
    assert_eq!(problem.reason.label(), "no_match");
    assert!(problem.path.ends_with("logs/*.log"), "the pattern: {problem:?}");
    let missing = world.path("logs").display().to_string();
    assert!(problem.what.contains(&missing), "the directory that is missing: {problem:?}");
    fs::create_dir(world.path("logs")).unwrap();
    world.append("logs/a.log", b"a\n");
    world.run(SEEN);
    assert_eq!(reasons(&world), []);
    // A rotation leaves a moment without a file.
    fs::remove_file(world.path("logs/a.log")).unwrap();
    world.run(Duration::from_secs(5));
    assert_eq!(reasons(&world), []);
    world.run(Duration::from_secs(20));
    assert_eq!(world.status().problems[0].reason.label(), "no_match");
    assert_eq!(gauge(&world, "no_match"), 1);
    let since = world.now() - world.status().problems[0].since;
    assert!(since > Duration::from_secs(20), "since it is so, not since it is told: {since:?}");
    world.append("logs/b.log", b"b\n");
    world.run(SEEN);
    assert_eq!((reasons(&world), gauge(&world, "no_match")), (Vec::new(), 0));
}

#[test]
fn what_can_hold_no_lines_is_named_and_a_thousand_problems_are_counted() {
    let mut world = World::new("*.log");
    world.append("a.log", b"a\n");
    fs::create_dir(world.path("dir.log")).unwrap();
    for number in 0..1000 {
        symlink("nowhere", world.path(&format!("{number:04}.log"))).unwrap();
    }
    world.run(SEEN);
    let status = world.status();
    assert_eq!((status.problems.len(), status.problems_total), (100, 1001));
    assert_eq!((gauge(&world, "dangling_link"), gauge(&world, "not_a_file")), (1000, 1));
}

#[test]
fn directories_that_a_pattern_enters_are_no_problem_and_none_comes_and_goes() {
    for (pattern, problems) in [("**", 0), ("**/*", 0), ("**/*.log", 0), ("*", 2)] {
        let mut world = World::new(pattern);
        for directory in ["2026-11", "sub.log", "sub.log/deep.log"] {
            fs::create_dir(world.path(directory)).unwrap();
        }
        world.append("app.log", b"a\n");
        world.run(SEEN);
        for number in 0..4 {
            world.append(&format!("sub.log/{number}.log"), b"b\n");
            fs::rename(world.path("app.log"), world.path(&format!("app.log.{number}"))).unwrap();
            world.append("app.log", b"a\n");
            world.run(Duration::from_secs(12));
        }
        let told = (world.transitions("problem"), world.transitions("recovered"));
        assert_eq!(told, (problems, 0), "{pattern}");
        assert_eq!(gauge(&world, "not_a_file"), problems, "{pattern}");
    }
}

#[test]
fn an_hour_of_a_problem_is_a_few_lines_with_what_to_do_and_one_when_it_is_over() {
    let mut world = World::new("app.log");
    let text = logged(|| {
        world.run(SEEN);
        symlink("late.txt", world.path("app.log")).unwrap();
        world.run(Duration::from_hours(1));
        world.append("late.txt", b"a\n");
        world.run(SEEN);
        assert_eq!(world.transitions("recovered"), 1);
        assert_eq!(world.stream, [b"a\n".to_vec()]);
    });
    let lines = |words: &str| text.lines().filter(|line| line.contains(words)).count();
    assert_eq!(lines("no file is read: no file matches"), 1, "{text}");
    assert_eq!(lines("files match filePattern again"), 1, "the link is there: {text}");
    assert_eq!(lines("kind=\"problem\""), 1, "{text}");
    let again = "files still cannot be followed";
    assert!((5..=12).contains(&lines(again)), "an hour of it: {text}");
    let last = text.lines().rfind(|line| line.contains(again)).unwrap();
    for words in ["app.log", "dangling_link: 1", "seconds=", "create the target"] {
        assert!(last.contains(words), "{words} is not in {last}");
    }
    assert_eq!(lines("kind=\"recovered\""), 1, "{text}");
}
