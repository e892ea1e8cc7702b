//! Tests of `store`.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn arrival() -> Arrival {
    Arrival { request_number: 1, at: "2026-11-20T21:00:00.5Z".parse().unwrap() }
}

fn accepted(record: &IncomingRecord) -> Accepted<'_> {
    let sequence = SequenceNumber { epoch_millis: 1, place: 2 };
    Accepted { record, sequence, shard_id: "shardId-000000000000" }
}

fn kinesis_record(data: &[u8], key: &str) -> IncomingRecord {
    IncomingRecord { data: data.to_vec(), partition_key: Some(key.to_owned()), hash_key: 0 }
}

/// The bytes that a line stands for.
fn data_of(line: &Value) -> Vec<u8> {
    match (line.get("data"), line.get("dataBase64")) {
        (Some(Value::String(text)), None) => text.clone().into_bytes(),
        (None, Some(Value::String(text))) => {
            base64_simd::STANDARD.decode_to_vec(text.as_bytes()).unwrap()
        }
        _ => panic!("neither or both of data and dataBase64: {line}"),
    }
}

proptest! {
    #[test]
    fn a_line_gives_back_the_exact_bytes(
        data in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..60),
            any::<String>().prop_map(String::into_bytes),
        ],
        key in any::<String>(),
    ) {
        let record = kinesis_record(&data, &key);
        let mut lines = Vec::new();
        push_line(&mut lines, arrival(), &accepted(&record));
        prop_assert_eq!(memchr::memchr_iter(b'\n', &lines).count(), 1);
        let line: Value = serde_json::from_slice(&lines).unwrap();
        prop_assert_eq!(data_of(&line), data);
        prop_assert_eq!(line["partitionKey"].as_str(), Some(key.as_str()));
    }
}

#[test]
fn a_line_has_the_documented_members_in_order() {
    let record = kinesis_record(b"a\"b", "k");
    let mut lines = Vec::new();
    push_line(&mut lines, arrival(), &accepted(&record));
    let expected = format!(
        "{{\"sequenceNumber\":\"49{:014}{:040}\",\"shardId\":\"shardId-000000000000\",\
         \"partitionKey\":\"k\",\"arrivedAt\":\"2026-11-20T21:00:00.500Z\",\
         \"data\":\"a\\\"b\"}}\n",
        1, 2
    );
    assert_eq!(String::from_utf8(lines).unwrap(), expected);
}

#[test]
fn a_torn_last_line_is_cut_off_before_the_next_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kinesis-s.ndjson");
    // Longer than one block, so that the search has to go back twice.
    let torn = "x".repeat(REPAIR_BLOCK_BYTES + 5);
    std::fs::write(&path, format!("{{\"data\":\"whole\"}}\n{{\"data\":\"{torn}")).unwrap();
    let mut file = NdjsonFile::new(path.clone());
    file.append(arrival(), &[accepted(&kinesis_record(b"next", "k"))]).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let data: Vec<Vec<u8>> =
        text.lines().map(|line| data_of(&serde_json::from_str(line).unwrap())).collect();
    assert_eq!(data, [b"whole".to_vec(), b"next".to_vec()]);
}

#[test]
fn a_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kinesis-s.ndjson");
    let mut file = NdjsonFile::new(path.clone());
    file.append(arrival(), &[accepted(&kinesis_record(b"x", "k"))]).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_full_disk_is_an_error_each_time() {
    let open = || {
        let file = File::options().write(true).open("/dev/full").unwrap();
        Some(OpenFile { file, len: 0 })
    };
    let mut file = NdjsonFile { open: open(), ..NdjsonFile::new(PathBuf::from("/dev/full")) };
    for _ in 0..2 {
        // What could not be taken back is reopened the next time.
        file.open = open();
        let result = file.append(arrival(), &[accepted(&kinesis_record(b"x", "k"))]);
        assert!(matches!(result, Err(StoreError::Write { .. })), "{result:?}");
    }
}

#[test]
fn what_a_failed_write_left_behind_is_taken_back() {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    // A file that may not grow stands for a full disk, with a first half already written.
    let mut file = File::from(memfd_create("full", MemfdFlags::ALLOW_SEALING).unwrap());
    file.write_all(b"{\"data\":\"whole\"}\n{\"data\":\"ha").unwrap();
    fcntl_add_seals(&file, SealFlags::GROW).unwrap();
    let whole = 17;
    let open = Some(OpenFile { file: file.try_clone().unwrap(), len: whole });
    let mut full = NdjsonFile { open, ..NdjsonFile::new(PathBuf::from("full")) };
    let result = full.append(arrival(), &[accepted(&kinesis_record(b"x", "k"))]);
    assert!(matches!(result, Err(StoreError::Write { .. })), "{result:?}");
    assert_eq!(file.metadata().unwrap().len(), whole);
}

#[test]
fn a_symbolic_link_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kinesis-s.ndjson");
    std::os::unix::fs::symlink(directory.path().join("elsewhere"), &path).unwrap();
    let mut file = NdjsonFile::new(path);
    let result = file.append(arrival(), &[accepted(&kinesis_record(b"x", "k"))]);
    assert!(matches!(result, Err(StoreError::Open { .. })), "{result:?}");
}

#[test]
fn memory_is_bounded() {
    let stream = StreamId::kinesis("s").unwrap();
    let empty = kinesis_record(b"", "k");
    let room = Arc::new(AtomicUsize::new(memory_of(&empty)));
    let mut sink = Sink::Memory { records: Vec::new(), room };
    assert!(sink.append(&stream, arrival(), &[accepted(&empty)]).is_ok());
    let one = kinesis_record(b"x", "k");
    let result = sink.append(&stream, arrival(), &[accepted(&one)]);
    assert!(matches!(result, Err(StoreError::MemoryFull)));
    assert_eq!(sink.records().len(), 1);
}
