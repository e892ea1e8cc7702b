//! Half a line that grows: it is not read again each time, and nothing that happens to it is
//! missed.

use std::fs;
use std::time::Duration;

use kinetail::process::LineStart;

use crate::support::scene::LOOKED_AT;
use crate::support::world::World;

const MEBIBYTE: usize = 1024 * 1024;

/// What a byte may cost that is added, a small part of the half line: a file that has just changed
/// is looked at some 35 times, on a slow machine some more. Its head and a proof of its position
/// are read each time.
const ADDED_BYTES_MAX: usize = 128 * 1024;

/// Bytes that this thread has read from files so far.
fn bytes_read() -> usize {
    let counts = fs::read_to_string("/proc/thread-self/io").unwrap();
    let count = counts.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
    count.parse().unwrap()
}

fn multi_line() -> World {
    let start = LineStart::compile("[0-9]").unwrap();
    World::with("app.log", |config| config.multi_line_start = Some(start))
}

/// The beginning of a record, of which the last line is not complete.
fn beginning(is_multi_line: bool, len: usize) -> Vec<u8> {
    let mut half = if is_multi_line { b"1 first\n second\n ".to_vec() } else { Vec::new() };
    half.resize(len, b'h');
    half
}

#[test]
fn a_byte_that_is_added_to_half_a_line_costs_what_is_added() {
    for is_multi_line in [false, true] {
        let mut world = if is_multi_line { multi_line() } else { World::new("app.log") };
        let mut line = beginning(is_multi_line, 4 * MEBIBYTE);
        world.append("app.log", &line);
        world.settle();
        let before = bytes_read();
        for _ in 0..100 {
            world.append("app.log", b"x");
            world.run(LOOKED_AT);
        }
        let read = bytes_read() - before;
        let most = 100 * ADDED_BYTES_MAX;
        assert!(read < most, "{read} of {most} bytes, multi-line: {is_multi_line}");
        assert_eq!(world.stream.len(), 0);
        line.extend_from_slice(&[b'x'; 100]);
        world.append("app.log", b"\n1 next\n");
        line.push(b'\n');
        world.run(Duration::from_secs(5));
        assert_eq!(world.stream.len(), 2);
        // More than a record may have is cut off.
        let kept = 1024 * 1000;
        assert_eq!(world.stream[0].get(..kept), line.get(..kept));
        assert_eq!(world.stream[1], b"1 next\n");
    }
}

#[test]
fn half_a_line_that_was_replaced_is_read_again() {
    const HALF: usize = 40_000;
    for is_longer in [false, true] {
        let mut world = World::new("app.log");
        world.append("app.log", &beginning(false, HALF));
        world.settle();
        // Lines within what was searched, and none behind it.
        let mut other: Vec<u8> =
            (0..).flat_map(|n| format!("{n}\n").into_bytes()).take(HALF).collect();
        other.truncate(if is_longer { HALF } else { HALF / 2 });
        while other.pop().is_some_and(|last| last != b'\n') {}
        other.push(b'\n');
        let expected: Vec<Vec<u8>> =
            other.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        if is_longer {
            other.resize(HALF + 10, b'y');
        }
        fs::write(world.path("app.log"), &other).unwrap();
        world.settle();
        assert_eq!(world.stream, expected, "longer: {is_longer}");
    }
}

#[test]
fn half_a_line_that_grows_is_sent_when_its_time_is_up() {
    let hold = Duration::from_secs(10);
    let mut world = World::with("app.log", |config| config.partial_line_hold = Some(hold));
    let mut line = beginning(false, 20_000);
    world.append("app.log", &line);
    world.run(Duration::from_secs(8));
    world.append("app.log", b"more");
    line.extend_from_slice(b"more");
    world.run(Duration::from_secs(8));
    assert_eq!(world.stream.len(), 0, "it grew");
    world.run(Duration::from_secs(4));
    assert_eq!(world.stream, [line]);
}

/// Halves that grow by anything, however it lies: what arrives is what was written.
#[test]
fn lines_that_grow_in_pieces_of_any_size_arrive_as_they_were_written() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut world = if random.bool() { multi_line() } else { World::new("app.log") };
        let mut written = Vec::new();
        for _ in 0..12 {
            let mut piece = vec![b'p'; *random.choice(&[1, 10, 20_000, 70_000]).unwrap()];
            for _ in 0..random.usize(..3) {
                let at = random.usize(..piece.len());
                piece[at] = *random.choice(b"\n\n1\0").unwrap();
            }
            world.append("app.log", &piece);
            written.extend_from_slice(&piece);
            world.run(Duration::from_millis(random.u64(..3_000)));
        }
        world.append("app.log", b"\n1 end\n");
        written.extend_from_slice(b"\n1 end\n");
        world.run(Duration::from_secs(10));
        assert_eq!(world.stream.concat().len(), written.len(), "seed {seed}");
        assert!(world.stream.concat() == written, "seed {seed}");
    }
}
