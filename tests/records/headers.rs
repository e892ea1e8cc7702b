//! The names of columns after a crash in the middle of a file.

use kinetail::config::FlowConfig;
use kinetail::process::steps::{Parse, ParseCsv, ParseLog, ReadyFormat, TextParser, Types};
use kinetail::process::{ConverterConfig, StepConfig};

use crate::support::scene::Scene;

fn parsing(parser: impl TextParser) -> impl FnOnce(&mut FlowConfig) {
    let step = Parse::new(parser, None, Types::Strings);
    |config| config.converters = vec![ConverterConfig::Step(StepConfig::new(step))]
}

fn restart(scene: &mut Scene) {
    scene.settle();
    scene.crash();
    scene.start();
}

fn arrived(scene: &Scene) -> Vec<String> {
    scene.stream.iter().map(|record| String::from_utf8(record.clone()).unwrap()).collect()
}

#[test]
fn fields_lines_are_found_again_after_a_crash() {
    let mut scene = Scene::with("*.log", parsing(ParseLog::new(ReadyFormat::W3c)));
    scene.append("a.log", b"#Fields: a b\n1 2\n#Fields: c d\n3 4\n");
    scene.append("b.log", b"#Fields: x y\n5 6\n");
    scene.append("c.log", b"7 8\n");
    restart(&mut scene);
    scene.stream.clear();
    scene.append("a.log", b"11 12\n#Fields: e f\n13 14\n");
    scene.append("b.log", b"15 16\n");
    scene.append("c.log", b"17 18\n#Fields: z w\n19 20\n");
    scene.settle();
    let mut got = arrived(&scene);
    got.sort();
    let want = [
        "17 18\n",
        "{\"c\":\"11\",\"d\":\"12\"}\n",
        "{\"e\":\"13\",\"f\":\"14\"}\n",
        "{\"x\":\"15\",\"y\":\"16\"}\n",
        "{\"z\":\"19\",\"w\":\"20\"}\n",
    ];
    assert_eq!(got, want, "each with the names of its file, and none that are guessed");
}

#[test]
fn fields_lines_are_found_again_in_a_file_that_was_renamed_or_truncated_meanwhile() {
    let mut scene = Scene::with("a.log*", parsing(ParseLog::new(ReadyFormat::W3c)));
    scene.append("a.log", b"#Fields: a b\n1 2\n");
    scene.settle();
    scene.crash();
    scene.append("a.log", b"3 4\n");
    scene.rename("a.log", "a.log.1");
    scene.append("a.log", b"#Fields: b a\n5 6\n");
    scene.start();
    scene.settle();
    scene.stream.drain(..1);
    assert_eq!(
        arrived(&scene),
        ["{\"a\":\"3\",\"b\":\"4\"}\n", "{\"b\":\"5\",\"a\":\"6\"}\n"],
        "oldest first"
    );
    // Nothing is known of a new content under the old name.
    scene.stream.clear();
    scene.files.truncate(&scene.path("a.log"));
    scene.append("a.log", b"7 8\n9 10 11 12\n");
    scene.settle();
    assert_eq!(arrived(&scene), ["7 8\n", "9 10 11 12\n"]);
}

#[test]
fn the_header_of_csv_is_found_again_after_a_crash() {
    let mut scene = Scene::with("*.csv", parsing(ParseCsv::new(b',', &[], true)));
    scene.append("a.csv", "\u{FEFF}id,\"a name\"\r\n1,2\r\n".as_bytes());
    scene.append("b.csv", b"n\n5\n");
    restart(&mut scene);
    scene.stream.clear();
    scene.append("a.csv", b"3,4\r\n");
    scene.append("b.csv", b"6\n");
    scene.settle();
    let mut got = arrived(&scene);
    got.sort();
    assert_eq!(got, ["{\"id\":\"3\",\"a name\":\"4\"}\n", "{\"n\":\"6\"}\n"]);
}

#[test]
fn rows_with_newlines_are_one_record_through_crashes_and_rotations() {
    let parser = ParseCsv::new(b',', &[], true).with_newlines(true);
    let mut scene = Scene::with("a.csv*", parsing(parser));
    scene.append("a.csv", b"id,note\n1,\"two\nlines\"\n2,\"open\n");
    restart(&mut scene);
    scene.append("a.csv", b"closed\"\n3,x\n");
    scene.settle();
    scene.rename("a.csv", "a.csv.1");
    scene.append("a.csv", b"id,note\n4,\"a\n\nb\"\n");
    scene.settle();
    assert_eq!(
        arrived(&scene),
        [
            "{\"id\":\"1\",\"note\":\"two\\nlines\"}\n",
            "{\"id\":\"2\",\"note\":\"open\\nclosed\"}\n",
            "{\"id\":\"3\",\"note\":\"x\"}\n",
            "{\"id\":\"4\",\"note\":\"a\\n\\nb\"}\n",
        ]
    );
}

#[test]
fn a_header_that_the_flow_skips_gives_the_names_all_the_same() {
    let mut scene = Scene::with("a.csv", |config| {
        parsing(ParseCsv::new(b',', &[], true))(config);
        config.skip_header_lines = 1;
    });
    scene.append("a.csv", b"id,name\n1,2\n");
    scene.settle();
    assert_eq!(arrived(&scene), ["{\"id\":\"1\",\"name\":\"2\"}\n"]);
}
