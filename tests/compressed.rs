//! Contents that lie in compressed files only: continued at the exact byte, never read on their
//! own, never twice.

mod in_use;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::generations::scheme::{Compress, Scheme};
use crate::support::ground::Ground;
use crate::support::oracle::judge;
use crate::support::world::World;

#[derive(Debug, Clone, Copy)]
enum Format {
    Bzip2,
    Gzip,
    Zstandard,
}

const FORMATS: [Format; 3] = [Format::Bzip2, Format::Gzip, Format::Zstandard];

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Self::Bzip2 => "bz2",
            Self::Gzip => "gz",
            Self::Zstandard => "zst",
        }
    }
}

fn compressed(format: Format, bytes: &[u8]) -> Vec<u8> {
    match format {
        Format::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Format::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Format::Zstandard => {
            ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
        }
    }
}

/// Puts a compressed file alongside a file and takes that away, as `gzip` does.
fn compress(format: Format, path: &Path) {
    let packed = compressed(format, &fs::read(path).unwrap());
    let name = format!("{}.{}", path.display(), format.extension());
    fs::write(name, packed).unwrap();
    fs::remove_file(path).unwrap();
}

/// Writes numbered lines and remembers them.
#[derive(Default)]
struct Writer {
    written: Vec<Vec<u8>>,
}

impl Writer {
    fn lines(&mut self, generation: &str, count: usize) -> Vec<u8> {
        let from = self.written.len();
        let number = |n| format!("{generation}|{n}|some text that fills the line\n").into_bytes();
        self.written.extend((from..from + count).map(number));
        self.written[from..].concat()
    }

    fn check(&self, world: &World, what: &str) {
        let verdict = judge(&self.written, &world.stream);
        assert!(verdict.is_exact(), "{what}: {verdict}");
    }
}

/// What is rotated while kinetail does not run: `app.log` becomes `app.log.1` and so on.
fn rotate(world: &World) {
    for number in (0..9).rev() {
        let name = |n| if n == 0 { "app.log".to_owned() } else { format!("app.log.{n}") };
        if world.path(&name(number)).is_file() {
            world.rename(&name(number), &name(number + 1));
        }
    }
}

#[test]
fn f05_rotated_while_down_and_the_oldest_compressed() {
    for format in FORMATS {
        for rotations in 1..=3 {
            let mut world = World::new("app.log*");
            let mut writer = Writer::default();
            world.append("app.log", &writer.lines("a", 300));
            world.settle();
            world.stop();
            world.append("app.log", &writer.lines("a", 200));
            for round in 0..rotations {
                rotate(&world);
                world.append("app.log", &writer.lines(&format!("b{round}"), 50));
            }
            compress(format, &world.path(&format!("app.log.{rotations}")));
            world.start();
            world.settle();
            let what = format!("{format:?} after {rotations} rotations");
            writer.check(&world, &what);
            // Nothing of it is sent again, and nothing of it is remembered any more.
            world.stop();
            assert_eq!(world.rows().len(), rotations, "{what}");
            world.start();
            world.settle();
            writer.check(&world, &format!("{what}, once more"));
        }
    }
}

#[test]
fn f19_a_stop_in_the_middle_of_a_compressed_file_continues_at_the_byte() {
    for format in FORMATS {
        let mut world = World::with("app.log", |config| config.max_buffer_records = 100);
        let mut writer = Writer::default();
        world.append("app.log", &writer.lines("a", 1_100));
        world.run(Duration::from_millis(200));
        world.stop();
        world.append("app.log", &writer.lines("a", 20_000));
        rotate(&world);
        compress(format, &world.path("app.log.1"));
        let mut stops = 0;
        while world.stream.len() < writer.written.len() && stops < 200 {
            world.start();
            for _ in 0..6 {
                world.step();
            }
            world.stop();
            stops += 1;
        }
        assert!(stops > 5, "{format:?}: read in {stops} pieces");
        writer.check(&world, &format!("{format:?}"));
        assert!(world.rows().len() <= 1);
    }
}

#[test]
fn f19_a_crash_in_the_middle_loses_nothing() {
    let mut world = World::with("app.log", |config| config.max_buffer_records = 100);
    let mut writer = Writer::default();
    world.append("app.log", &writer.lines("a", 1_100));
    world.settle();
    world.stop();
    world.append("app.log", &writer.lines("a", 10_000));
    rotate(&world);
    compress(Format::Gzip, &world.path("app.log.1"));
    let mut repeats = 0;
    for _ in 0..20 {
        world.start();
        for _ in 0..6 {
            world.step();
        }
        repeats += world.unwritten_records().len();
        world.crash();
    }
    world.start();
    world.settle();
    let verdict = judge(&writer.written, &world.stream);
    assert!(world.stream.len() <= writer.written.len() + repeats, "{verdict}");
    world.stream.sort();
    world.stream.dedup();
    let verdict = judge(&writer.written, &world.stream);
    assert_eq!(world.stream.len(), writer.written.len(), "{verdict}");
}

#[test]
fn f19_a_half_written_file_is_read_on_when_it_is_completed() {
    for format in FORMATS {
        let mut world = World::new("app.log");
        let mut writer = Writer::default();
        world.append("app.log", &writer.lines("a", 5_000));
        world.settle();
        world.stop();
        world.append("app.log", &writer.lines("a", 100_000));
        let packed = compressed(format, &fs::read(world.path("app.log")).unwrap());
        fs::remove_file(world.path("app.log")).unwrap();
        let name = format!("app.log.1.{}", format.extension());
        world.start();
        let mut file = File::create(world.path(&name)).unwrap();
        for piece in packed.chunks(packed.len() / 3) {
            world.settle();
            file.write_all(piece).unwrap();
            world.run(Duration::from_secs(15));
        }
        writer.check(&world, &format!("{format:?}"));
        assert!(world.rows().is_empty());
    }
}

#[test]
fn f19_a_tail_that_was_not_read_is_found_in_the_compressed_file() {
    for format in FORMATS {
        let mut world = World::new("app.log");
        let mut writer = Writer::default();
        world.append("app.log", &writer.lines("a", 1_000));
        world.settle();
        world.endpoint_down = true;
        world.append("app.log", &writer.lines("a", 30_000));
        world.settle();
        world.crash();
        rotate(&world);
        compress(format, &world.path("app.log.1"));
        world.append("app.log", &writer.lines("b", 10));
        world.endpoint_down = false;
        world.start();
        world.settle();
        writer.check(&world, &format!("{format:?}"));
    }
}

#[test]
fn members_one_after_the_other_are_one_content() {
    for format in FORMATS {
        let mut world = World::new("app.log");
        let mut writer = Writer::default();
        world.append("app.log", &writer.lines("a", 100));
        world.settle();
        world.stop();
        world.append("app.log", &writer.lines("a", 900));
        let content = fs::read(world.path("app.log")).unwrap();
        fs::remove_file(world.path("app.log")).unwrap();
        let packed: Vec<u8> =
            content.chunks(7_777).flat_map(|piece| compressed(format, piece)).collect();
        fs::write(world.path(&format!("archive.{}", format.extension())), packed).unwrap();
        world.start();
        world.settle();
        writer.check(&world, &format!("{format:?}"));
    }
}

#[test]
fn compressed_files_that_are_old_or_of_no_log_are_not_read() {
    for format in FORMATS {
        let mut world = World::new("*");
        let mut writer = Writer::default();
        let mut other = Writer::default();
        world.append("app.log", &writer.lines("a", 100));
        world.settle();
        let name = format!("app.log.1.{}", format.extension());
        // While it runs, and with the name that the right one would have.
        let file = File::create(world.path(&name)).unwrap();
        (&file).write_all(&compressed(format, &other.lines("x", 500))).unwrap();
        // It is older than anything that was followed here.
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_hours(24 * 365)).unwrap();
        world.settle();
        world.stop();
        fs::remove_file(world.path("app.log")).unwrap();
        world.start();
        world.settle();
        // Nothing that has a name like this is made by rotating a log.
        let strange = format!("dump.sql.{}", format.extension());
        fs::write(world.path(&strange), compressed(format, b"not a log\n")).unwrap();
        world.settle();
        writer.check(&world, &format!("{format:?}"));
        assert_eq!(world.rows().len(), 1, "the content is still looked for");
    }
}

#[test]
fn a_content_that_is_there_plain_and_compressed_is_read_plain() {
    let mut world = World::new("app.log");
    let mut writer = Writer::default();
    world.append("app.log", &writer.lines("a", 100));
    world.settle();
    world.stop();
    world.append("app.log", &writer.lines("a", 100));
    let packed = compressed(Format::Gzip, &fs::read(world.path("app.log")).unwrap());
    rotate(&world);
    fs::write(world.path("app.log.1.gz"), packed).unwrap();
    world.start();
    world.settle();
    world.append("app.log.1", &writer.lines("a", 10));
    world.settle();
    writer.check(&world, "plain");
}

#[test]
fn nothing_of_a_damaged_file_is_sent_and_it_is_given_up_once() {
    for format in FORMATS {
        let mut world = World::new("app.log");
        let mut writer = Writer::default();
        world.append("app.log", &writer.lines("a", 1_000));
        world.settle();
        world.stop();
        world.append("app.log", &Writer::default().lines("lost", 50_000));
        rotate(&world);
        compress(format, &world.path("app.log.1"));
        let path = world.path(&format!("app.log.1.{}", format.extension()));
        let mut packed = fs::read(&path).unwrap();
        let middle = packed.len() / 2;
        packed[middle..middle + 64].fill(0xff);
        fs::write(&path, packed).unwrap();
        for _ in 0..2 {
            world.start();
            world.settle();
            writer.check(&world, &format!("{format:?}"));
            assert!(world.rows().is_empty(), "{format:?}: {:?}", world.rows());
            world.stop();
        }
    }
}

#[test]
fn a_line_longer_than_a_record_in_a_compressed_file_is_cut_and_the_next_is_whole() {
    for format in FORMATS {
        let mut world = World::new("app.log");
        let mut writer = Writer::default();
        world.append("app.log", &writer.lines("a", 100));
        world.settle();
        world.stop();
        let long = vec![b'x'; 12 * 1024 * 1024];
        world.append("app.log", &writer.lines("a", 10));
        world.append("app.log", &[&long[..], b"\n"].concat());
        world.append("app.log", &writer.lines("a", 10));
        rotate(&world);
        compress(format, &world.path("app.log.1"));
        world.start();
        world.settle();
        let cut = world.stream.remove(110);
        assert!(cut.len() > 1_000_000 && cut.ends_with(b"x\n"), "{format:?}: {}", cut.len());
        writer.check(&world, &format!("{format:?}"));
    }
}

#[test]
fn a_last_line_without_a_line_end_is_sent() {
    let mut world = World::new("app.log");
    let mut writer = Writer::default();
    world.append("app.log", &writer.lines("a", 10));
    world.settle();
    world.stop();
    world.append("app.log", b"half a line");
    writer.written.push(b"half a line".to_vec());
    rotate(&world);
    compress(Format::Gzip, &world.path("app.log.1"));
    world.start();
    world.settle();
    writer.check(&world, "half");
}

#[test]
fn of_files_that_begin_with_the_same_few_lines_none_is_taken_by_chance() {
    for copies in [1, 2] {
        let mut world = World::new("app.log");
        let banner = b"the same first line in every file\n";
        world.append("app.log", banner);
        world.settle();
        world.stop();
        fs::remove_file(world.path("app.log")).unwrap();
        for number in 0..copies {
            let content = [&banner[..], format!("line of {number}\n").as_bytes()].concat();
            let name = world.path(&format!("app.log.{number}.gz"));
            fs::write(name, compressed(Format::Gzip, &content)).unwrap();
        }
        world.start();
        world.settle();
        // Two are ambiguous, so both are read whole: that repeats the first line.
        let want = if copies == 1 { 2 } else { 5 };
        assert_eq!(world.stream.len(), want, "{copies} files");
    }
}

#[test]
fn many_small_compressed_generations_do_not_wait_for_polls() {
    let mut world = World::within(Ground::in_memory(), "app.log", |config| {
        config.max_buffer_age = Duration::from_millis(50);
    });
    let mut writer = Writer::default();
    world.append("app.log", &writer.lines("a", 30));
    world.settle();
    world.stop();
    for generation in 0..20 {
        Scheme::Number.rotate(&world.files, &world.path(""), Compress::Now);
        world.append("app.log", &writer.lines(&format!("g{generation}"), 30));
    }
    world.start();
    // A poll each half a second would be 10 s.
    world.run(Duration::from_secs(4));
    writer.check(&world, "20 generations");
}
