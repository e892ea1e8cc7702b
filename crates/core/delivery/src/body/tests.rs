//! Bodies in both encodings.

use base64_simd::STANDARD;

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("the body is JSON")
}

fn encoded(data: &[u8]) -> String {
    STANDARD.encode_to_string(data)
}

#[test]
fn a_kinesis_body_is_put_records_json() {
    let mut body = Body::new(&Envelope::kinesis("orders"));
    body.push(b"hello\n", "k1");
    body.push(b"", "k2");
    assert_eq!(
        &body.finish()[..],
        concat!(
            r#"{"StreamName":"orders","Records":[{"Data":"aGVsbG8K","PartitionKey":"k1"},"#,
            r#"{"Data":"","PartitionKey":"k2"}]}"#
        )
        .as_bytes()
    );
    assert_eq!(body.records(), 2);
    assert_eq!((body.data_bytes(), body.counted_bytes()), (6, 6 + 2 + 2));
    assert_eq!((body.record_data_bytes(0), body.record_data_bytes(1)), (6, 0));
    assert_eq!(body.record_data_bytes(2), 0);
}

#[test]
fn a_firehose_body_has_no_keys_and_does_not_count_them() {
    let mut body = Body::new(&Envelope::firehose("to-s3"));
    body.push(b"hello\n", "ignored");
    assert_eq!(
        &body.finish()[..],
        br#"{"DeliveryStreamName":"to-s3","Records":[{"Data":"aGVsbG8K"}]}"#
    );
    assert_eq!((body.data_bytes(), body.counted_bytes()), (6, 6));
}

#[test]
fn keys_and_names_are_escaped() {
    let mut body = Body::new(&Envelope::kinesis("a\"b\\c"));
    body.push(b"x", "q\"\\\u{1}\u{1f}\n\u{7f}é");
    let value = parsed(&body.finish());
    assert_eq!(value["StreamName"], json!("a\"b\\c"));
    assert_eq!(value["Records"][0]["PartitionKey"], json!("q\"\\\u{1}\u{1f}\n\u{7f}é"));
}

#[test]
fn random_keys_and_no_others_are_new_in_a_copy() {
    let mut body = Body::new(&Envelope::kinesis("s"));
    body.push(b"a", "0123abcd");
    body.push_with_random_key(b"b", RandomKey::of(0x0123_abcd));
    body.push_with_random_key(b"c", RandomKey::of(u32::MAX));
    assert_eq!(body.random_key(0), None);
    assert_eq!(body.random_key(1), Some(&b"0123abcd"[..]));
    let first = body.finish();
    assert_eq!(body.random_key(2), Some(&b"ffffffff"[..]));
    let keys = |bytes: &[u8]| {
        let records = parsed(bytes)["Records"].as_array().cloned().unwrap_or_default();
        records.iter().map(|r| r["PartitionKey"].to_string()).collect::<Vec<_>>().join(" ")
    };
    let all = [0, 1, 2];
    assert_eq!(
        keys(&body.subset_with(&all, |i| (i == 1).then(|| RandomKey::of(7)))),
        r#""0123abcd" "00000007" "ffffffff""#
    );
    assert_eq!(
        keys(&body.subset_with(&[2, 0], |_| Some(RandomKey::of(8)))),
        r#""00000008" "0123abcd""#
    );
    assert_eq!(body.subset(&all), first);
    assert_eq!(body.finish(), first, "what was sent first stays as it is");

    let mut firehose = Body::new(&Envelope::firehose("s"));
    firehose.push_with_random_key(b"b", RandomKey::of(1));
    assert_eq!(firehose.subset_with(&[0], |_| Some(RandomKey::of(8))), firehose.finish());
}

#[test]
fn finishing_twice_shares_the_bytes() {
    let mut body = Body::new(&Envelope::kinesis("s"));
    body.push(b"x", "k");
    let (first, second) = (body.finish(), body.finish());
    assert_eq!(first.as_ptr(), second.as_ptr());
}

#[test]
fn a_finished_body_can_be_continued() {
    let mut body = Body::new(&Envelope::kinesis("s"));
    body.push(b"x", "k");
    let held = body.finish();
    body.push(b"y", "k");
    let value = parsed(&body.finish());
    assert_eq!(value["Records"].as_array().map(Vec::len), Some(2));
    assert_eq!(parsed(&held)["Records"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_seal_holds_until_a_record_is_added() {
    let mut body = Body::new(&Envelope::kinesis("s"));
    body.push(b"x", "k");
    assert_eq!(body.sha256(), None);
    let hash = |bytes: &[u8]| Some(Arc::from(hex(&Sha256::digest(bytes))));
    body.seal();
    assert_eq!(body.sha256().cloned(), hash(&body.finish()));
    body.push(b"y", "k");
    assert_eq!(body.sha256(), None);
    body.seal();
    assert_eq!(body.sha256().cloned(), hash(&body.finish()));
    assert_eq!(body.recycle().and_then(|body| body.sha256().cloned()), None);
}

#[test]
fn a_body_is_recycled_only_when_its_bytes_are_not_held() {
    let mut body = Body::new(&Envelope::kinesis("s"));
    body.push(&vec![7; 100_000], "k");
    let held = body.finish();
    assert!(body.recycle().is_none());

    let mut body = Body::new(&Envelope::kinesis("s"));
    body.push(&vec![7; 100_000], "k");
    drop(held);
    drop(body.finish());
    let mut again = body.recycle().expect("it is not held");
    assert!(again.held_bytes() > 130_000, "the memory is kept");
    assert_eq!((again.records(), again.counted_bytes()), (0, 0));
    again.push(b"x", "k");
    assert_eq!(parsed(&again.finish())["Records"][0]["Data"], json!(encoded(b"x")));
}

#[test]
fn memory_in_use_is_at_least_the_wire_size() {
    let mut body = Body::new(&Envelope::kinesis("s"));
    assert!(body.held_bytes() >= BUFFER_BYTES_INITIAL);
    for _ in 0..500 {
        body.push(&[0; 216], "0123456789");
    }
    let held = body.held_bytes();
    let wire = body.finish().len();
    assert!(held >= wire && held <= 4 * wire, "{held} for {wire}");
}

proptest! {
    /// For all records and keys: the body decodes to them, and any choice of them decodes to
    /// that choice.
    #[test]
    fn every_body_and_subset_decodes_to_its_records(
        records in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..200), ".{1,20}"),
            1..40,
        ),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        keyed in any::<bool>(),
    ) {
        let envelope =
            if keyed { Envelope::kinesis("s") } else { Envelope::firehose("s") };
        let mut body = Body::new(&envelope);
        for (data, key) in &records {
            body.push(data, key);
        }
        let expect = |index: usize| {
            let (data, key) = &records[index];
            if keyed {
                json!({"Data": encoded(data), "PartitionKey": key})
            } else {
                json!({"Data": encoded(data)})
            }
        };
        let picks: Vec<usize> = picks.iter().map(|pick| pick.index(records.len())).collect();
        let subset = parsed(&body.subset(&picks));
        let expected: Value = picks.iter().map(|index| expect(*index)).collect();
        prop_assert_eq!(&subset["Records"], &expected);
        let whole = parsed(&body.finish());
        let expected: Value = (0..records.len()).map(expect).collect();
        prop_assert_eq!(&whole["Records"], &expected);
        prop_assert_eq!(parsed(&body.subset(&picks)), subset);
    }
}

/// What an independent decoder makes of a CBOR body: the stream, and data and key of each record.
fn decoded(bytes: &[u8]) -> (String, Vec<(Vec<u8>, String)>) {
    let mut decoder = minicbor::Decoder::new(bytes);
    let (mut stream, mut records) = (String::new(), Vec::new());
    assert_eq!(decoder.map().expect("a map"), None, "without a length");
    while decoder.datatype().expect("more") != minicbor::data::Type::Break {
        match decoder.str().expect("a key") {
            "StreamName" => stream = decoder.str().expect("a name").to_owned(),
            "Records" => {
                assert_eq!(decoder.array().expect("an array"), None, "without a length");
                while decoder.datatype().expect("more") != minicbor::data::Type::Break {
                    assert_eq!(decoder.map().expect("a record"), None, "without a length");
                    assert_eq!(decoder.str().expect("a key"), "Data");
                    let data = decoder.bytes().expect("bytes").to_vec();
                    assert_eq!(decoder.str().expect("a key"), "PartitionKey");
                    records.push((data, decoder.str().expect("a text").to_owned()));
                    decoder.skip().expect("the end of the record");
                }
                decoder.skip().expect("the end of the array");
            }
            other => panic!("{other}"),
        }
    }
    decoder.skip().expect("the end");
    assert_eq!(decoder.position(), bytes.len(), "nothing follows");
    (stream, records)
}

fn cbor(stream: &str) -> Envelope {
    Envelope::kinesis(stream).speaking(Encoding::Cbor)
}

#[test]
fn a_cbor_body_is_put_records_as_the_java_sdk_writes_it() {
    let mut body = Body::new(&cbor("s"));
    body.push(b"hello\n", "k1");
    assert_eq!(
        &body.finish()[..],
        b"\xbf\x6aStreamName\x61s\x67Records\x9f\
          \xbf\x64Data\x46hello\n\x6cPartitionKey\x62k1\xff\xff\xff"
    );
    assert_eq!((body.records(), body.data_bytes(), body.counted_bytes()), (1, 6, 8));
    assert_eq!(body.encoding(), Encoding::Cbor);
    let firehose = Envelope::firehose("s").speaking(Encoding::Cbor);
    assert_eq!(firehose.encoding(), Encoding::Json, "Firehose speaks nothing else");
}

#[test]
fn random_keys_are_new_in_a_copy_in_cbor_too() {
    let mut body = Body::new(&cbor("s"));
    body.push(b"a", "0123abcd");
    body.push_with_random_key(b"b", RandomKey::of(0x0123_abcd));
    let first = body.finish();
    assert_eq!((body.random_key(0), body.random_key(1)), (None, Some(&b"0123abcd"[..])));
    let (_, records) = decoded(&body.subset_with(&[0, 1], |_| Some(RandomKey::of(7))));
    let keys: Vec<&str> = records.iter().map(|(_, key)| key.as_str()).collect();
    assert_eq!(keys, ["0123abcd", "00000007"]);
    assert_eq!(body.subset(&[0, 1]), first);
}

#[test]
fn media_types_name_the_encoding() {
    for encoding in [Encoding::Cbor, Encoding::Json] {
        assert_eq!(Encoding::of_content_type(encoding.content_type()), Some(encoding));
    }
    let with_charset = "Application/X-Amz-JSON-1.1; charset=utf-8";
    assert_eq!(Encoding::of_content_type(with_charset), Some(Encoding::Json));
    assert_eq!(Encoding::of_content_type("text/html"), None);
}

proptest! {
    /// For all records and keys an independent decoder reads the CBOR body, and any choice of its
    /// records, as them; what the service counts is the same in both encodings, and the same body
    /// in JSON is what JSON would have been from the start.
    #[test]
    fn every_cbor_body_decodes_to_its_records(
        records in prop::collection::vec(
            (
                prop_oneof![
                    9 => prop::collection::vec(any::<u8>(), 0..100),
                    1 => (65_530_usize..65_540).prop_map(|len| vec![0xff; len]),
                ],
                prop_oneof![9 => ".{1,20}", 1 => ".{250,256}"],
                any::<bool>(),
            ),
            1..10,
        ),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        finished in any::<bool>(),
        stream in "[a-zA-Z0-9_.-]{1,128}",
    ) {
        let mut body = Body::new(&cbor(&stream));
        let mut json = Body::new(&Envelope::kinesis(&stream));
        let key = |key: &str, random: bool| {
            if random { "12345678".to_owned() } else { key.to_owned() }
        };
        for (data, text, random) in &records {
            for body in [&mut body, &mut json] {
                if *random {
                    body.push_with_random_key(data, RandomKey::of(0x1234_5678));
                } else {
                    body.push(data, text);
                }
            }
        }
        if finished {
            body.finish();
        }
        let expect = |index: usize| {
            let (data, text, random) = &records[index];
            (data.clone(), key(text, *random))
        };
        let picks: Vec<usize> = picks.iter().map(|pick| pick.index(records.len())).collect();
        let expected: Vec<_> = picks.iter().map(|index| expect(*index)).collect();
        prop_assert_eq!(decoded(&body.subset(&picks)), (stream.clone(), expected));
        prop_assert_eq!(body.counted_bytes(), json.counted_bytes());
        prop_assert_eq!(body.data_bytes(), json.data_bytes());
        let mut in_json = body.in_json().expect("it is in CBOR");
        for index in 0..records.len() {
            prop_assert_eq!(in_json.random_key(index), json.random_key(index));
        }
        prop_assert_eq!(in_json.finish(), json.finish());
        prop_assert!(json.in_json().is_none());
        let expected: Vec<_> = (0..records.len()).map(expect).collect();
        prop_assert_eq!(decoded(&body.finish()), (stream, expected));
    }
}

proptest! {
    #[test]
    fn a_random_key_is_its_number_in_eight_hexadecimal_digits(number: u32) {
        let key = RandomKey::of(number);
        prop_assert_eq!(key.as_str(), format!("{number:08x}"));
    }
}
