//! `PARSECRI` and `PARSEDOCKER`, and how the lines of an entry are found.

use kinetail_records::steps::{ParseCri, ParseDocker, Shape};
use kinetail_records::{Converted, ConverterConfig, Framing};
use proptest::prelude::*;

use super::{chain, one, table};

fn cri(fields: bool) -> ConverterConfig {
    one(ParseCri { shape: Shape::new(fields) })
}

fn docker(fields: bool) -> ConverterConfig {
    one(ParseDocker { shape: Shape::new(fields) })
}

const T: &str = "2026-11-29T14:00:00.123456789Z";

#[test]
fn lines_of_containerd() {
    let bad = |line: &str| format!("{line} ? it does not match");
    let line = |rest: &str| format!("{T} {rest}");
    let two = format!("{T} stdout P one \n{T} stdout F two");
    let three = format!("{T} stderr P a\n{T} stderr P b\n{T} stderr F ");
    let two_entries = format!("{T} stdout F one\n{T} stdout F two");
    table(
        &[cri(false)],
        &[
            (&line("stdout F hello"), "hello"),
            (&line("stderr F hello"), "hello"),
            (&line("stdout F "), ""),
            (&line("stdout F"), ""),
            (&line("stdout F  two  blanks "), " two  blanks "),
            (&line("stdout F {\"a\":1}"), "{\"a\":1}"),
            (&line("stdout F:x hello"), "hello"),
            (&line("stdout P hello"), "hello"),
            (&line("stdout F P F"), "P F"),
            (&line("stdout F caf\u{E9}"), "caf\u{E9}"),
            (&line("stdout F x\r"), "x\r"),
            (&two, "one two"),
            (&three, "ab"),
            (&two_entries, "one\ntwo"),
            ("2026-11-29T14:00:00+02:00 stdout F x", "x"),
            ("", &bad("")),
            ("x", &bad("x")),
            ("a b c d", &bad("a b c d")),
            (&line(""), &bad(&line(""))),
            (&line("stdout"), &bad(&line("stdout"))),
            (&line("stdout X y"), &bad(&line("stdout X y"))),
            (&line("stdin F y"), &bad(&line("stdin F y"))),
            (&line(" stdout F y"), &bad(&line(" stdout F y"))),
            ("14:00:00 stdout F y", &bad("14:00:00 stdout F y")),
            ("{\"log\":\"x\\n\"}", &bad("{\"log\":\"x\\n\"}")),
        ],
    );
    table(
        &[cri(true)],
        &[
            (
                &line("stdout F a \"b\""),
                &format!("{{\"time\":\"{T}\",\"stream\":\"stdout\",\"message\":\"a \\\"b\\\"\"}}"),
            ),
            (&two, &format!("{{\"time\":\"{T}\",\"stream\":\"stdout\",\"message\":\"one two\"}}")),
        ],
    );
    let mut chain = chain(&[cri(false)]);
    let record = [T.as_bytes(), b" stdout F \xFF\0x\n"].concat();
    assert_eq!(chain.convert(&record), Converted::Record(b"\xFF\0x\n"));
}

#[test]
fn lines_of_docker() {
    let bad = |line: &str| format!("{line} ? it does not match");
    table(
        &[docker(false)],
        &[
            (r#"{"log":"hello\n","stream":"stdout","time":"t"}"#, "hello"),
            (r#"{"log":"hello","stream":"stdout","time":"t"}"#, "hello"),
            (r#"{"log":"\n","stream":"stdout","time":"t"}"#, ""),
            (r#"{"log":"","stream":"stdout","time":"t"}"#, ""),
            (r#"{"log":"a \"b\" \\ \u00e9 \ud83d\ude00\n"}"#, "a \"b\" \\ \u{E9} \u{1F600}"),
            (r#"{"stream":"stderr","log":"x\n"}"#, "x"),
            (r#"{"log":"{\"a\":1}\n","attrs":{"tag":"y"}}"#, "{\"a\":1}"),
            (r#" { "log" : "x\n" } "#, "x"),
            ("{\"log\":\"one \"}\n{\"log\":\"two\\n\"}", "one two"),
            (r#"{"log":"x\u000a"}"#, "x"),
            (r#"{"log":"x\\n"}"#, "x\\n"),
            (r#"{"log":"a\nb\n"}"#, "a\nb"),
            (r#"{"log":"x\r\n"}"#, "x\r"),
            (r#"{"log":"a","log":"b\n"}"#, "b"),
            ("", &bad("")),
            ("x", &bad("x")),
            ("{}", &bad("{}")),
            (r#"{"log":1}"#, &bad(r#"{"log":1}"#)),
            (r#"{"log":null}"#, &bad(r#"{"log":null}"#)),
            (r#"{"log":"x"#, &bad(r#"{"log":"x"#)),
            (r#"{"message":"x"}"#, &bad(r#"{"message":"x"}"#)),
            (r#"{"log":"x\n"} y"#, &bad(r#"{"log":"x\n"} y"#)),
            (r#"{"log":"x\n","stream":1}"#, &bad(r#"{"log":"x\n","stream":1}"#)),
            (r#"["log"]"#, &bad(r#"["log"]"#)),
            ("2026-11-29T14:00:00.1Z stdout F x", &bad("2026-11-29T14:00:00.1Z stdout F x")),
        ],
    );
    table(
        &[docker(true)],
        &[(
            r#"{"log":"x\n","stream":"stderr","time":"2026\u002d"}"#,
            r#"{"time":"2026-","stream":"stderr","message":"x"}"#,
        )],
    );
}

#[test]
fn a_stretch_ends_where_no_entry_is_open() {
    for (framing, lines, want) in [
        (Framing::Cri, vec!["O F a"], Some(1)),
        (Framing::Cri, vec!["O P a"], None),
        (Framing::Cri, vec!["O P a", "O F b", "O F c"], Some(2)),
        (Framing::Cri, vec!["O P a", "E F x", "O F b", "O F c"], Some(3)),
        (Framing::Cri, vec!["O P a", "E P x", "O F b", "E F y", "O F c"], Some(4)),
        (Framing::Cri, vec!["odd", "O F c"], Some(1)),
        (Framing::Cri, vec!["O P a", "odd", "O F c"], Some(3)),
    ] {
        let lines: Vec<String> = lines
            .iter()
            .map(|line| match line.split_once(' ') {
                Some(("O", rest)) => format!("{T} stdout {rest}\n"),
                Some(("E", rest)) => format!("{T} stderr {rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let text = lines.concat();
        let length = want.map(|count| lines[..count].concat().len());
        assert_eq!(framing.stretch(text.as_bytes()), length, "{text}");
    }
    let text = concat!(
        "{\"log\":\"a\"}\n{\"log\":\"x\\n\",\"stream\":\"stderr\"}\n{\"log\":\"b",
        "\\\\n\"}\n{\"log\":\"\\n\"}\n",
    );
    assert_eq!(Framing::Docker.stretch(text.as_bytes()), Some(text.len()));
    assert_eq!(Framing::Docker.entries(text.as_bytes()).len(), 2);
}

/// What a container wrote: which stream, which pieces.
fn entries() -> impl Strategy<Value = Vec<(bool, Vec<String>)>> {
    let pieces = prop::collection::vec("[a-z \"]{0,6}", 1..5);
    prop::collection::vec((any::<bool>(), pieces), 0..12)
}

proptest! {
    /// Forall entries of two streams, mixed in any order, and wherever the bytes are cut: each
    /// entry comes out once, whole, and in the order of its stream.
    #[test]
    fn each_entry_comes_out_once_and_whole(
        written in entries(),
        picks in prop::collection::vec(any::<bool>(), 0..60),
    ) {
        let mut queues: [Vec<String>; 2] = [Vec::new(), Vec::new()];
        let mut want: [Vec<String>; 2] = [Vec::new(), Vec::new()];
        for (error, pieces) in &written {
            let stream = if *error { "stderr" } else { "stdout" };
            for (index, piece) in pieces.iter().enumerate() {
                let tag = if index + 1 == pieces.len() { "F" } else { "P" };
                queues[usize::from(*error)].push(format!("{T} {stream} {tag} {piece}\n"));
            }
            want[usize::from(*error)].push(pieces.concat());
        }
        let (mut text, mut picks) = (String::new(), picks.into_iter());
        let [mut out, mut err] = queues.map(|queue| queue.into_iter().peekable());
        while out.peek().is_some() || err.peek().is_some() {
            let error = picks.next().unwrap_or(false);
            let (first, other) = if error { (&mut err, &mut out) } else { (&mut out, &mut err) };
            let next = first.next().or_else(|| other.next());
            text.push_str(&next.unwrap());
        }
        let mut chain = chain(&[cri(true)]);
        let mut got: [Vec<String>; 2] = [Vec::new(), Vec::new()];
        let mut rest = text.as_bytes();
        while let Some(length) = Framing::Cri.stretch(rest) {
            // A part of it is no stretch, unless it is one of its own.
            for cut in 0..length {
                prop_assert!(Framing::Cri.stretch(&rest[..cut]).is_none());
            }
            let (stretch, behind) = rest.split_at(length);
            for lines in Framing::Cri.entries(stretch) {
                let lines = lines.into_iter().flat_map(|line| stretch[line].to_vec());
                let entry: Vec<u8> = lines.collect();
                let Converted::Record(record) = chain.convert(&entry) else { panic!() };
                let object: serde_json::Value = serde_json::from_slice(record).unwrap();
                let error = object["stream"] == "stderr";
                got[usize::from(error)].push(object["message"].as_str().unwrap().to_owned());
            }
            rest = behind;
        }
        prop_assert!(rest.is_empty());
        prop_assert_eq!(got, want);
    }
}
