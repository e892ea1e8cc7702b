//! Aggregates, read back as the Kinesis Client Library does it.

mod reader;

use std::collections::BTreeMap;

use kinetail_base::identity::FileKey;
use kinetail_records::splitter::Ending;
use md5::{Digest as _, Md5};
use proptest::prelude::*;
use serde_json::Value;

use self::reader::{Sent, User, users};
use super::kpl;
use super::{Aggregation, Format};
use crate::body::{Body, Encoding, Envelope, RandomKey};
use crate::hash::{ShardMap, ShardRange, hash_key};
use crate::key::template::{KeyTemplate, MissingKey, Surroundings};
use crate::pack::{Packer, Source, Stop};
use crate::response::ShardNumber;
use crate::{Compression, Destination, OversizeLine, PackOptions, PartitionKey};

fn map(count: u64) -> ShardMap {
    let step = u128::MAX / u128::from(count);
    let start = |place: u64| if place == count { None } else { Some(step * u128::from(place)) };
    let ranges = (0..count).map(|place| ShardRange {
        start: start(place).unwrap_or_default(),
        end: start(place + 1).map_or(u128::MAX, |next| next - 1),
        number: ShardNumber(place),
    });
    ShardMap::new(ranges.collect()).expect("they follow one another")
}

fn template(text: &str) -> PartitionKey {
    let surroundings = Surroundings { host: None, variable: &|_| None };
    let missing = MissingKey::Constant("none".to_owned());
    PartitionKey::Template(
        KeyTemplate::parse(text, None, missing, surroundings).expect("a template").into(),
    )
}

struct Flow {
    destination: Destination,
    key: PartitionKey,
    aggregation: Aggregation,
    compression: Compression,
    batch_bytes: usize,
    batch_records: usize,
    shards: Option<u64>,
}

impl Flow {
    fn kinesis(format: Format, key: PartitionKey) -> Self {
        Self {
            destination: Destination::Kinesis { stream: "s".to_owned() },
            key,
            aggregation: Aggregation { format, bytes_max: 51_200, records_max: 500 },
            compression: Compression::None,
            batch_bytes: 5 * 1024 * 1024,
            batch_records: 500,
            shards: None,
        }
    }

    /// The requests that a file becomes.
    fn send(&self, file: &[u8]) -> Vec<Vec<Sent>> {
        let options = PackOptions {
            destination: &self.destination,
            max_buffer_records: self.batch_records,
            max_buffer_bytes: self.batch_bytes,
            partition_key: &self.key,
            multi_line_start: None,
            max_line_bytes: 5 * 1024 * 1024,
            oversize_line: OversizeLine::Truncate,
            dead_letters: true,
            file_footer: None,
            aggregated_record_bytes: 0,
            aggregation: Some(self.aggregation),
            compression: self.compression,
            compression_level: 6,
            max_record_bytes: 1024 * 1024,
            one_of_a_key: false,
            truncated_record_terminator: b"\n",
            converters: &[],
        };
        let mut packer = Packer::new(&options, 7);
        packer.set_shards(self.shards.map(|count| map(count).into()));
        let (mut used, mut requests) = (0, Vec::new());
        loop {
            let source = Source {
                file: FileKey(1),
                offset: used as u64,
                ending: Ending::Final,
                at_end: true,
            };
            let taken = packer.take(source, &file[used..], some_time());
            used += taken.used;
            requests.extend(packer.close().map(|(_, mut batch)| {
                let records = records(&batch.body.finish());
                assert!(records.len() <= self.batch_records);
                let bytes: usize =
                    records.iter().map(|sent| sent.data.len() + sent.key.len()).sum();
                assert!(bytes <= self.batch_bytes || records.len() == 1, "{bytes} bytes");
                assert_eq!(batch.body.counted_bytes(), bytes);
                records
            }));
            if taken.stop == Stop::NeedMore {
                assert_eq!(used, file.len());
                return requests;
            }
        }
    }

    fn sent(&self, file: &[u8]) -> Vec<Sent> {
        self.send(file).concat()
    }
}

fn records(body: &[u8]) -> Vec<Sent> {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let records = body["Records"].as_array().expect("records").iter();
    let read = |record: &Value| Sent {
        key: record["PartitionKey"].as_str().unwrap_or_default().to_owned(),
        data: base64_simd::STANDARD
            .decode_to_vec(record["Data"].as_str().expect("data"))
            .expect("base64"),
    };
    records.map(read).collect()
}

fn lines(count: usize) -> Vec<u8> {
    (0..count)
        .flat_map(|n| format!("{{\"n\":{n},\"k\":\"key-{}\"}}\n", n % 7).into_bytes())
        .collect()
}

fn data_of(users: &[User]) -> Vec<u8> {
    users.iter().flat_map(|user| user.data.clone()).collect()
}

#[test]
fn random_records_share_aggregates_of_one_key_each() {
    let flow = Flow::kinesis(Format::Kpl, PartitionKey::Random);
    let file = lines(2_000);
    let sent = flow.sent(&file);
    assert_eq!(sent.len(), 4, "500 in each");
    let all: Vec<User> = sent.iter().flat_map(users).collect();
    assert_eq!((all.len(), data_of(&all)), (2_000, file));
    for sent in &sent {
        assert!(sent.data.len() <= 51_200);
        assert!(users(sent).iter().all(|user| user.key == sent.key));
    }
}

/// What is throttled with a random key gets another one, and its records belong to that.
#[test]
fn an_aggregate_with_a_random_key_can_get_another() {
    let flow = Flow::kinesis(Format::Kpl, PartitionKey::Random);
    let whole = flow.sent(&lines(3));
    let [aggregate] = whole.as_slice() else { panic!("one aggregate: {whole:?}") };
    let key = RandomKey::of_text(&aggregate.key).expect("a random key");
    for encoding in [Encoding::Json, Encoding::Cbor] {
        let mut body = Body::new(&Envelope::kinesis("s").speaking(encoding));
        body.push_aggregate_with_random_key(&aggregate.data, key);
        body.note_records(3);
        assert_eq!((body.has_random_key(0), body.records_in(0)), (true, 3));
        let again = body.subset_with(&[0], |_| Some(RandomKey::of(7)));
        let mut expected = Body::new(&Envelope::kinesis("s").speaking(encoding));
        let mut data = aggregate.data.clone();
        kpl::rekey(&mut data, "00000007");
        expected.push(&data, "00000007");
        assert_eq!(again, expected.finish());
        let sent = Sent { key: "00000007".to_owned(), data };
        let (moved, before) = (users(&sent), users(aggregate));
        assert!(moved.iter().all(|user| user.hash == hash_key("00000007")), "{moved:?}");
        assert_eq!(data_of(&moved), data_of(&before));
        assert_eq!(moved.len(), 3, "the digest is right");
    }
}

#[test]
fn an_aggregate_of_one_record_is_that_record() {
    let flow = Flow::kinesis(Format::Kpl, PartitionKey::Random);
    let sent = flow.sent(b"alone\n");
    assert_eq!((sent.len(), sent[0].data.as_slice()), (1, b"alone\n".as_slice()));
    // So is one that is too large for an aggregate, between two that are not.
    let large = [vec![b'x'; 60_000], b"\n".to_vec()].concat();
    let file = [b"a\nb\n", large.as_slice(), b"c\nd\n"].concat();
    let sent = flow.sent(&file);
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[1].data, large);
    assert_eq!(data_of(&sent.iter().flat_map(users).collect::<Vec<_>>()), file);
}

#[test]
fn without_a_map_records_of_one_key_go_together_and_in_order() {
    let flow = Flow::kinesis(Format::Kpl, template("{record.k}"));
    let sent = flow.sent(&lines(700));
    assert_eq!(sent.len(), 7);
    for sent in &sent {
        let users = users(sent);
        assert_eq!(users.len(), 100);
        assert!(users.iter().all(|user| user.key == sent.key && user.hash == hash_key(&sent.key)));
        let numbers: Vec<Value> =
            users.iter().map(|user| serde_json::from_slice::<Value>(&user.data).unwrap()).collect();
        assert!(numbers.is_sorted_by_key(|line| line["n"].as_u64()));
    }
    let flow = Flow::kinesis(Format::Kpl, PartitionKey::Deterministic);
    assert_eq!(flow.sent(&lines(100)).len(), 100, "each has its own key");
}

#[test]
fn more_keys_than_can_be_open_lose_nothing() {
    let file: Vec<u8> = (0..5_000)
        .flat_map(|n| format!("{{\"n\":{n},\"k\":\"{}\"}}\n", n * 7 % 200).into_bytes())
        .collect();
    let flow = Flow::kinesis(Format::Kpl, template("{record.k}"));
    let all: Vec<User> = flow.sent(&file).iter().flat_map(users).collect();
    assert_eq!(all.len(), 5_000);
    let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
    for user in &all {
        let number = serde_json::from_slice::<Value>(&user.data).unwrap()["n"].as_u64().unwrap();
        let before = newest.insert(&user.key, number + 1);
        assert!(before.is_none_or(|before| before <= number), "out of order within its key");
    }
}

#[test]
fn lines_are_joined_with_a_line_end_between_them() {
    let flow = Flow::kinesis(Format::Newline, PartitionKey::Random);
    let sent = flow.sent(b"a\nb\nlast");
    assert_eq!((sent.len(), sent[0].data.as_slice()), (1, b"a\nb\nlast".as_slice()));
    let sent = flow.sent(&lines(3_000));
    assert_eq!(sent.len(), 6);
    assert!(sent.iter().all(|sent| memchr::memchr_iter(b'\n', &sent.data).count() == 500));
    let keyed = Flow::kinesis(Format::Newline, template("{record.k}")).sent(&lines(700));
    assert_eq!(keyed.len(), 7);
    let whole = Flow::kinesis(Format::Newline, PartitionKey::Deterministic).sent(&lines(10));
    let hex = format!("{:032x}", u128::from_be_bytes(Md5::digest(&whole[0].data).into()));
    assert_eq!((whole.len(), &whole[0].key), (1, &hex));
    let firehose = Flow {
        destination: Destination::Firehose { delivery_stream: "d".to_owned() },
        ..Flow::kinesis(Format::Newline, PartitionKey::Random)
    };
    let sent = firehose.sent(&lines(1_200));
    assert_eq!(sent.len(), 3);
    assert_eq!(sent.iter().flat_map(|sent| sent.data.clone()).collect::<Vec<_>>(), lines(1_200));
}

#[test]
fn an_aggregate_is_one_gzip_member() {
    use std::io::Read as _;
    let flow = Flow {
        compression: Compression::Gzip,
        ..Flow::kinesis(Format::Newline, PartitionKey::Random)
    };
    let file = lines(2_000);
    let sent = flow.sent(&file);
    let mut read = Vec::new();
    for sent in &sent {
        let mut one = Vec::new();
        let mut decoder = flate2::bufread::GzDecoder::new(sent.data.as_slice());
        decoder.read_to_end(&mut one).expect("gzip");
        assert!(decoder.into_inner().is_empty(), "one member");
        assert!(sent.data.len() * 4 < one.len());
        read.extend(one);
    }
    assert_eq!((sent.len(), read), (4, file));
}

proptest! {
    /// For all records, keys, limits and shards: each record arrives once, with its key, in the
    /// order of its key, where its key belongs as long as the map holds, and where its aggregate is
    /// whatever the map.
    #[test]
    fn every_record_arrives_once_where_it_belongs(
        records in prop::collection::vec((0_u32..12, 0_usize..300), 1..200),
        bytes_max in 200_usize..2_000,
        records_max in 1_usize..40,
        batch_bytes in 3_000_usize..20_000,
        batch_records in 1_usize..60,
        shards in prop::option::of(1_u64..9),
        key in prop::sample::select(vec!["random", "data", "field"]),
        kpl in any::<bool>(),
    ) {
        let file: Vec<u8> = records.iter().enumerate().flat_map(|(n, (key, len))| {
            let text = "x".repeat(*len);
            format!("{{\"k\":\"k{key}\",\"n\":{n},\"t\":\"{text}\"}}\n").into_bytes()
        }).collect();
        let option = match key {
            "random" => PartitionKey::Random,
            "data" => PartitionKey::Deterministic,
            _ => template("{record.k}"),
        };
        let format = if kpl { Format::Kpl } else { Format::Newline };
        let flow = Flow {
            aggregation: Aggregation { format, bytes_max, records_max },
            batch_bytes,
            batch_records,
            shards,
            ..Flow::kinesis(format, option)
        };
        let sent = flow.sent(&file);
        let map = map(shards.unwrap_or(1));
        let mut numbers = Vec::new();
        for sent in &sent {
            prop_assert!((1..=256).contains(&sent.key.chars().count()));
            let users = users(sent);
            prop_assert!(users.len() <= records_max);
            prop_assert!(sent.data.len() <= bytes_max || users.len() == 1);
            for user in users {
                prop_assert_eq!(map.place_of(user.hash), map.place_of(hash_key(&sent.key)));
                if kpl && key != "random" {
                    let belongs = map.place_of(hash_key(&user.key));
                    prop_assert_eq!(belongs, map.place_of(hash_key(&sent.key)));
                }
                for line in user.data.split_inclusive(|byte| *byte == b'\n') {
                    let value: Value = serde_json::from_slice(line).unwrap();
                    if key == "field" {
                        prop_assert_eq!(&value["k"], &Value::from(user.key.as_str()));
                    }
                    numbers.push((value["k"].to_string(), value["n"].as_u64().unwrap()));
                }
            }
        }
        let mut all: Vec<u64> = numbers.iter().map(|(_, number)| *number).collect();
        if key != "field" && (!kpl || key == "random") {
            prop_assert!(all.is_sorted(), "one after the other");
        }
        all.sort_unstable();
        prop_assert_eq!(all, (0..records.len() as u64).collect::<Vec<_>>());
        let mut newest = BTreeMap::new();
        for (name, number) in numbers.iter().filter(|_| key == "field") {
            let before = newest.insert(name, *number);
            prop_assert!(before.is_none_or(|before| before < *number));
        }
    }

    /// For all bytes in records: they come back as they are.
    #[test]
    fn any_bytes_come_back(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2_000), 1..30),
    ) {
        let file: Vec<u8> = records.iter().flat_map(|record| {
            let line = record.iter().copied().filter(|byte| *byte != b'\n');
            line.chain([b'\n']).collect::<Vec<_>>()
        }).collect();
        let sent = Flow::kinesis(Format::Kpl, PartitionKey::Random).sent(&file);
        let all: Vec<User> = sent.iter().flat_map(users).collect();
        prop_assert_eq!(data_of(&all), file);
        prop_assert_eq!(all.len(), records.len());
    }
}

#[expect(clippy::disallowed_methods, reason = "an instant can be had from a clock only")]
fn some_time() -> std::time::Instant {
    std::time::Instant::now()
}
