//! What a sample comes to, and what is said of it.

use std::path::Path;

use super::*;
use crate::config::{Environment, load};

fn flow(destination: &str) -> FlowConfig {
    let text = format!("flows: [{{filePattern: /l/app.log, {destination}}}]");
    let loaded = load(&text, Path::new("a.yaml"), &Environment::default());
    loaded.expect("valid").0.flows.remove(0)
}

/// A thousand lines of a hundred bytes.
fn sample() -> Sample {
    let line = format!("{}\n", "x".repeat(99));
    let files = vec![("/l/app.log".to_owned(), line.repeat(1_000).into_bytes())];
    Sample { files, copies: 1, rate: None }
}

fn packed(destination: &str, way: usize, batch_bytes: usize) -> Packed {
    let (_, flow) = ways(&flow(destination)).remove(way);
    pack(&flow, &sample(), batch_bytes)
}

#[test]
fn shards_follow_from_the_scarcest() {
    assert_eq!(shards(0.0, 0.0, 0.0), 1);
    assert_eq!(shards(3_500_000.0, 10.0, 0.0), 4, "bytes");
    assert_eq!(shards(10.0, 2_001.0, 0.0), 3, "records");
    assert_eq!(shards(1_000_000.0, 10.0, 5_000_000.0), 3, "three consumers and no fan-out");
}

#[test]
fn each_way_counts_what_is_billed() {
    let plain = packed("deliveryStream: d", 0, usize::MAX);
    assert_eq!((plain.lines, plain.records, plain.units), (1_000.0, 1_000.0, 1_000.0));
    assert_eq!((plain.requests, plain.bytes), (2.0, 100_000.0));
    let newline = packed("deliveryStream: d", 1, usize::MAX);
    // 51,200 bytes are 10 units of 5,120, and 48,800 are as many.
    assert_eq!((newline.records, newline.requests, newline.units), (2.0, 1.0, 20.0));
    let kpl = packed("kinesisStream: s", 2, usize::MAX);
    assert_eq!((kpl.lines, kpl.records), (1_000.0, 3.0));
    let plain = packed("kinesisStream: s", 0, usize::MAX);
    assert_eq!((plain.records, plain.units), (1_000.0, 1_000.0));
}

#[test]
fn a_low_rate_fills_no_batch() {
    let packed = packed("kinesisStream: s", 0, 1_000);
    assert_eq!((packed.requests, packed.records, packed.lines), (100.0, 1_000.0, 1_000.0));
}

/// What is said for files with so many lines of a hundred bytes, at a thousand a second.
fn said(lines: usize, destination: &str) -> String {
    let mut sample = sample();
    sample.files[0].1.truncate(lines * 100);
    sample.fill_up();
    let args = PlanArgs {
        config: ConfigArgs::default(),
        records_per_second: Some(1_000),
        consumers: 1,
        fan_out: false,
    };
    let mut out = Vec::new();
    tell(&flow(destination), &sample, &args, &mut out).expect("written");
    String::from_utf8(out).expect("text")
}

#[test]
fn a_few_lines_need_no_more_than_many_of_the_same_kind() {
    let needs = |text: &str| -> Vec<String> {
        let ends = text.lines().filter_map(|line| line.rsplit_once("  "));
        ends.map(|(_, end)| end.to_owned()).filter(|end| end.contains("shard")).collect()
    };
    let (few, many) = (said(3, "kinesisStream: s"), said(1_000, "kinesisStream: s"));
    assert_eq!(needs(&few).len(), 4, "{few}");
    assert_eq!(needs(&few), needs(&many), "{few}{many}");
    assert!(few.contains("sample: 1 file, 3 records, 100 bytes each"), "{few}");
    assert!(few.contains("the sample is small and was repeated"), "{few}");
    let aggregated = needs(&few);
    assert!(aggregated[1].starts_with("1 shard"), "{few}");
}

#[test]
fn no_rate_is_shown_as_zero_that_is_not() {
    assert_eq!(digits(0.0004), "less than 0.001");
    assert_eq!([0.0, 0.25, 2.5, 1_234.5].map(digits), ["0", "0.250", "2.5", "1234"]);
    let spans = [61, 7_200, 172_800].map(|seconds| span(Duration::from_secs(seconds)));
    assert_eq!(spans, ["1 min", "2 h", "2 days"]);
    let args = PlanArgs {
        config: ConfigArgs::default(),
        records_per_second: None,
        consumers: 1,
        fan_out: false,
    };
    let mut out = Vec::new();
    tell(&flow("kinesisStream: s"), &sample(), &args, &mut out).expect("written");
    let text = String::from_utf8(out).expect("text");
    assert!(text.contains("rate: unknown") && !text.contains("on-demand"), "{text}");
}
