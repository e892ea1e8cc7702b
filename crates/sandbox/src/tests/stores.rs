//! The file store, the null store and the request log, through the SDK.

use std::path::Path;

use serde_json::Value;

use super::*;

fn ndjson(directory: &Path) -> SandboxOptions {
    SandboxOptions { store: Store::Ndjson(directory.to_owned()), ..SandboxOptions::default() }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn an_acknowledged_record_is_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("made/on/the/way");
    let world = World::with(ndjson(&output)).await;
    let answered = world.put(&["grüße\n".as_bytes(), b"\xff\xfe"]).await.unwrap();
    let lines = lines(&output.join("kinesis-s.ndjson"));
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["data"], "grüße\n");
    assert_eq!(lines[1]["dataBase64"], "//4=");
    for (line, answered) in lines.iter().zip(answered.records()) {
        assert_eq!(line["sequenceNumber"].as_str(), answered.sequence_number());
        assert_eq!(line["shardId"].as_str(), answered.shard_id());
        assert_eq!(line["partitionKey"], "k");
        assert!(line["arrivedAt"].as_str().unwrap().parse::<Timestamp>().is_ok());
    }
}

#[tokio::test]
async fn a_second_run_appends_and_its_sequence_continues() {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let world = World::with(ndjson(directory.path())).await;
        world.put(&[b"a", b"b"]).await.unwrap();
    }
    let lines = lines(&directory.path().join("kinesis-s.ndjson"));
    let numbers: Vec<_> =
        lines.iter().map(|line| line["sequenceNumber"].as_str().unwrap()).collect();
    assert_eq!(numbers.len(), 4);
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}

#[tokio::test]
async fn what_cannot_be_written_is_never_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::with(ndjson(directory.path())).await;
    // A directory stands where the file should be.
    let path = directory.path().join("kinesis-s.ndjson");
    std::fs::create_dir(&path).unwrap();
    assert_eq!(world.put(&[b"x"]).await.unwrap_err(), "InternalFailure");
    assert_eq!((world.stats().records, world.stats().failed_requests), (0, 1));
    std::fs::remove_dir(&path).unwrap();
    assert!(world.put(&[b"x"]).await.is_ok());
    assert_eq!(lines(&path).len(), 1);
}

#[tokio::test]
async fn the_null_store_counts_and_answers_as_the_others_do() {
    let options = SandboxOptions { store: Store::Null, ..SandboxOptions::default() };
    let world = World::with(options).await;
    let data = vec![b'x'; 10_000];
    let output = world.put(&vec![data.as_slice(); 300]).await.unwrap();
    assert_eq!((output.records().len(), output.failed_record_count()), (300, Some(0)));
    let entries = vec![entry(b"x", "k"); 501];
    assert_eq!(world.put_entries(entries).await.unwrap_err(), "ValidationException");
    world.handle.script(Scope::AnyPut, Fault::ThrottleRecords(vec![1])).unwrap();
    let output = world.put(&[b"a", b"b"]).await.unwrap();
    assert!(output.records()[1].error_code().is_some());
    world.handle.script(Scope::AnyPut, Fault::WrongEntryCount(1)).unwrap();
    assert_eq!(world.put(&[b"a", b"b"]).await.unwrap().records().len(), 1);
    let stats = world.stats();
    assert_eq!((stats.records, stats.requests, stats.throttled_records), (303, 3, 1));
    assert!(stats.bytes > 4_000_000, "{stats:?}");
}

#[tokio::test]
async fn the_null_store_verifies_signatures_too() {
    let verify = Some(SigningKeys {
        access_key_id: "AKID".to_owned(),
        secret_access_key: "secret".to_owned(),
    });
    let options = SandboxOptions { store: Store::Null, verify, ..SandboxOptions::default() };
    let world = World::with(options).await;
    assert!(world.put(&[b"x"]).await.is_ok());
    let forger = kinesis(&world.handle, "wrong");
    let put = forger.put_records().stream_name("s").records(entry(b"x", "k"));
    assert_eq!(code(&put.send().await.unwrap_err()), "InvalidSignatureException");
    assert_eq!(world.stats().records, 1);
}

#[tokio::test]
async fn the_request_log_has_a_line_for_each_request() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("requests.ndjson");
    let options = SandboxOptions { request_log: Some(log.clone()), ..SandboxOptions::default() };
    let world = World::with(options).await;
    world.handle.script(Scope::AnyPut, Fault::FailRecords(vec![0])).unwrap();
    world.handle.script(Scope::AnyPut, Fault::CommitThenDrop).unwrap();
    world.handle.script(Scope::AnyPut, Fault::DropBeforeRead).unwrap();
    world.put(&[b"a", b"b"]).await.unwrap();
    world.put(&[b"c"]).await.unwrap_err();
    world.put(&[b"d"]).await.unwrap_err();
    world.put(&[]).await.unwrap_err();
    world.kinesis.list_streams().send().await.unwrap();
    let seen: Vec<_> = lines(&log)
        .iter()
        .map(|line| {
            let text = |member| line[member].as_str().unwrap_or("-").to_owned();
            let stored = line["stored"].as_u64().unwrap();
            (
                line["request"].as_u64().unwrap(),
                text("operation"),
                text("stream"),
                stored,
                text("response"),
            )
        })
        .collect();
    let line = |request, operation: &str, stream: &str, stored, answer: &str| {
        (request, operation.to_owned(), stream.to_owned(), stored, answer.to_owned())
    };
    assert_eq!(
        seen,
        [
            line(1, "PutRecords", "kinesis-s", 1, "ok"),
            line(2, "PutRecords", "kinesis-s", 1, "closed"),
            line(3, "PutRecords", "-", 0, "closed before the body"),
            line(4, "PutRecords", "-", 0, "ValidationException"),
            line(5, "ListStreams", "-", 0, "ok"),
        ]
    );
}

#[tokio::test]
async fn a_fifo_or_a_link_in_the_place_of_a_file_takes_nothing_and_blocks_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("victim"), "x").unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::RWXU;
    for kind in ["link", "fifo"] {
        let file = at("kinesis-s.ndjson");
        match kind {
            "link" => std::os::unix::fs::symlink("victim", &file).unwrap(),
            _ => rustix::fs::mknodat(rustix::fs::CWD, &file, fifo, mode, 0).unwrap(),
        }
        let store = Store::Ndjson(directory.path().to_owned());
        let world = World::with(SandboxOptions { store, ..SandboxOptions::default() }).await;
        let put = tokio::time::timeout(PATIENCE, world.put(&[b"a"])).await.unwrap();
        assert_eq!(put.unwrap_err(), "InternalFailure", "{kind}");
        assert_eq!(world.stats().records, 0);
        std::fs::remove_file(&file).unwrap();
        assert!(world.put(&[b"a"]).await.is_ok(), "it is taken away: {kind}");
        std::fs::remove_file(&file).unwrap();
    }
    assert_eq!(std::fs::read(at("victim")).unwrap(), b"x");
}
