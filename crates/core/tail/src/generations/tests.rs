//! Which files are younger than what is known.

use super::*;

const SECOND: i128 = 1_000_000_000;

fn found(name: &str, number: u32, born: Option<i128>, modified: i128) -> Found {
    let behind = name.starts_with("app.log.");
    Found {
        inode: Inode { device: 1, number: u64::from(number) },
        path: PathBuf::from(name),
        rank: if behind { Rank::Index(number) } else { Rank::Counter(number) },
        series: PathBuf::from("app.log"),
        packed: name.contains(".gz"),
        behind_link: false,
        changed: false,
        born_nanos: born.map(|born| born * SECOND),
        modified_nanos: modified * SECOND,
    }
}

fn mark(rank: Rank, born: Option<i128>) -> Mark {
    let born_nanos = born.map(|born| born * SECOND);
    let series = PathBuf::from("app.log");
    let path = PathBuf::from("app.log.known");
    Mark { rank, series, path, born_nanos, modified_nanos: None, changed_nanos: None }
}

fn between(since: i128, mark: Option<&Mark>, all: Vec<Found>) -> Vec<String> {
    let horizon = Horizon { first_start_nanos: 100 * SECOND, since_nanos: since * SECOND };
    let mut logs = Logs::new(horizon);
    let log = logs.entry(&Arc::from(Path::new("/l/app.log"))).clone();
    let found = logs.between(&log, mark, all, 2_000 * SECOND);
    found.into_iter().map(|found| found.path.display().to_string()).collect()
}

#[test]
fn what_was_born_since_then_is_read_oldest_first() {
    let all = vec![
        found("app.log.1", 1, Some(1_300), 1_400),
        found("app.log.2", 2, Some(1_200), 1_900),
        found("app.log.3", 3, Some(900), 1_950),
    ];
    assert_eq!(between(1_000, None, all), ["app.log.2", "app.log.1"]);
}

#[test]
fn nothing_from_before_the_first_start_is_read() {
    let all = vec![found("app.log.1", 1, Some(99), 1_500), found("app.log.2.gz", 2, None, 99)];
    assert!(between(101, None, all).is_empty());
}

#[test]
fn names_tell_where_births_do_not() {
    let mark = mark(Rank::Index(2), None);
    let all = vec![
        // Compressed just now by a tool that does not keep times.
        found("app.log.3.gz", 3, Some(1_500), 1_500),
        found("app.log.1.gz", 1, Some(1_490), 1_490),
    ];
    assert_eq!(between(1_000, Some(&mark), all), ["app.log.1.gz"]);
}

#[test]
fn where_numbers_go_both_ways_none_says_that_a_file_is_old() {
    // The last of the chain got a name of its own, and so did the one that came behind it.
    let modified_nanos = Some(1_000 * SECOND);
    let mark = Mark { modified_nanos, ..mark(Rank::Index(100), None) };
    let all = vec![
        found("app.log.1", 1, None, 1_400),
        found("app.log.2", 2, None, 1_300),
        found("app.log.101", 101, None, 1_050),
        found("app.log.102", 102, None, 900),
    ];
    assert_eq!(between(1_000, Some(&mark), all).len(), 3);
}

#[test]
fn an_index_may_count_up_to_the_youngest() {
    let mark = mark(Rank::Counter(7), Some(1_000));
    let all = vec![
        found("app-8.log.gz", 8, None, 1_100),
        found("app-9.log.gz", 9, None, 1_200),
        found("app-6.log.gz", 6, None, 950),
    ];
    assert_eq!(between(1_050, Some(&mark), all), ["app-8.log.gz", "app-9.log.gz"]);
}

#[test]
fn a_greater_number_that_was_born_later_is_younger_where_one_pair_is_known() {
    // Numbers that count up from 1: nothing else tells which is younger.
    let mark = mark(Rank::Index(1), Some(1_000));
    let all = vec![found("app.log.2", 2, Some(1_300), 1_400)];
    assert_eq!(between(1_200, Some(&mark), all), ["app.log.2"]);
}

#[test]
fn a_clock_that_was_set_back_loses_nothing() {
    let mark = mark(Rank::Index(2), Some(1_200));
    let all =
        vec![found("app.log.1", 1, Some(1_300), 1_400), found("app.log.3", 3, Some(1_100), 1_200)];
    assert_eq!(between(9_000, Some(&mark), all), ["app.log.1"]);
}

#[test]
fn numbers_say_nothing_about_what_lies_where_a_link_led_before() {
    let mark = Mark { series: PathBuf::from("other.log"), ..mark(Rank::Index(1), None) };
    let all = vec![
        found("app.log.2.gz", 2, None, 1_300),
        found("app.log.3.gz", 3, None, 1_200),
        found("app.log.4.gz", 4, None, 900),
    ];
    assert_eq!(between(1_000, Some(&mark), all), ["app.log.3.gz", "app.log.2.gz"]);
}

#[test]
fn numbers_of_one_directory_say_nothing_about_those_in_another_one() {
    let mark = Mark { path: PathBuf::from("old/app.log.7"), ..mark(Rank::Index(7), None) };
    let all = || {
        let packed =
            |number: u32, modified| found(&format!("app.log.{number}.gz"), number, None, modified);
        vec![packed(2, 900), packed(3, 800), packed(9, 1_300)]
    };
    assert_eq!(between(1_000, Some(&mark), all()), ["app.log.9.gz"]);
    let here = Mark { path: PathBuf::from("app.log.7"), ..mark };
    assert_eq!(between(1_000, Some(&here), all()), ["app.log.3.gz", "app.log.2.gz"]);
}

#[test]
fn the_order_does_not_depend_on_where_one_begins() {
    let files = [
        found("app.log.4", 4, Some(1_100), 1_500),
        found("app.log.3.gz", 3, None, 1_400),
        found("app.log.2", 2, Some(1_300), 1_300),
        found("app-1.log.gz", 1, None, 1_350),
    ];
    let mut orders: Vec<Vec<String>> = Vec::new();
    for first in 0..files.len() {
        let mut all = files.to_vec();
        all.rotate_left(first);
        orders.push(between(1_000, None, all));
    }
    assert!(orders.iter().all(|order| *order == orders[0]), "{orders:?}");
}
