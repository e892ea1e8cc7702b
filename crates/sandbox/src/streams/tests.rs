//! Tests of `streams`.

use super::*;

fn moment() -> Moment {
    Moment { now: Instant::now(), at: "2026-11-20T21:00:00Z".parse().unwrap() }
}

fn streams(policy: &StreamPolicy) -> Streams {
    Streams::new(Store::Memory, 2, policy, moment()).unwrap()
}

fn record(data: &str, hash_key: u128) -> IncomingRecord {
    IncomingRecord { data: data.into(), partition_key: Some("k".to_owned()), hash_key }
}

fn arrival() -> Arrival {
    Arrival { request_number: 1, at: moment().at }
}

#[test]
fn only_the_streams_that_were_named_exist() {
    let known = StreamId::kinesis("known").unwrap();
    let mut streams = streams(&StreamPolicy::Only(vec![known.clone()]));
    assert!(streams.find(&known, moment()).is_ok());
    let other = StreamId::kinesis("other").unwrap();
    let refused = streams.find(&other, moment()).unwrap_err();
    assert_eq!(refused.code, "ResourceNotFoundException");
    assert_eq!(streams.create(&other, 1, moment()), Ok(()));
    assert!(streams.find(&other, moment()).is_ok());
    let refused = streams.create(&other, 1, moment()).unwrap_err();
    assert_eq!(refused.code, "ResourceInUseException");
}

#[test]
fn a_removed_stream_stays_away_until_it_is_made_again() {
    let id = StreamId::kinesis("s").unwrap();
    let mut streams = streams(&StreamPolicy::AnyName);
    let stream = streams.find(&id, moment()).unwrap();
    lock(&stream).commit(&[record("x", 0)], &[], arrival(), None).unwrap();
    streams.remove(&id);
    assert!(streams.find(&id, moment()).is_err());
    assert_eq!(streams.names(Service::Kinesis), Vec::<String>::new());
    streams.create(&id, 1, moment()).unwrap();
    assert!(streams.find(&id, moment()).is_ok());
    assert_eq!(streams.records(&id, 0).len(), 1);
}

#[test]
fn the_number_of_streams_is_bounded() {
    let mut streams = streams(&StreamPolicy::AnyName);
    for number in 0..STREAMS_MAX {
        let id = StreamId::kinesis(&format!("s{number}")).unwrap();
        assert!(streams.find(&id, moment()).is_ok());
    }
    let one_more = StreamId::firehose("s").unwrap();
    let refused = streams.find(&one_more, moment()).unwrap_err();
    assert_eq!(refused.code, "LimitExceededException");
}

#[test]
fn the_number_of_shards_of_all_streams_is_bounded() {
    let mut streams = streams(&StreamPolicy::AnyName);
    let id = |number: usize| StreamId::kinesis(&format!("s{number}")).unwrap();
    streams.create(&id(0), SHARDS_MAX, moment()).unwrap();
    streams.create(&id(1), SHARDS_MAX, moment()).unwrap();
    let refused = streams.create(&id(2), 1, moment()).unwrap_err();
    assert_eq!(refused.code, "LimitExceededException");
    assert!(streams.find(&id(3), moment()).is_err(), "none springs up either");
    streams.remove(&id(1));
    streams.create(&id(1), 1, moment()).unwrap();
    streams.create(&id(2), SHARDS_MAX - 1, moment()).unwrap();
    assert_eq!(streams.shards_left(None), 0);
    assert_eq!(lock(&streams.slots[&id(1)].stream).shards.all().len(), 1);
    // What was removed has its shards until it comes back with others.
    streams.remove(&id(0));
    assert!(streams.create(&id(4), 1, moment()).is_err());
    streams.create(&id(0), 5, moment()).unwrap();
    streams.create(&id(4), 1, moment()).unwrap();
}

#[test]
fn a_failed_record_does_not_stop_the_ones_behind_it() {
    let id = StreamId::kinesis("s").unwrap();
    let mut streams = streams(&StreamPolicy::AnyName);
    let stream = streams.find(&id, moment()).unwrap();
    let records = [record("a", 0), record("b", u128::MAX), record("c", u128::MAX)];
    let faults = [None, Some(RecordFault::Throttled), None];
    let entries = lock(&stream).commit(&records, &faults, arrival(), None).unwrap();
    assert_eq!(entries[1], Entry::throttled(&id, "shardId-000000000001"));
    let stored = streams.records(&id, 0);
    let seen: Vec<_> =
        stored.iter().map(|one| (one.data.as_slice(), one.shard_id.as_str())).collect();
    assert_eq!(seen, [(&b"a"[..], "shardId-000000000000"), (b"c", "shardId-000000000001")]);
    assert!(stored[0].sequence_number < stored[1].sequence_number);
}

#[test]
fn rates_apply_to_each_shard_and_only_when_asked() {
    let id = StreamId::kinesis("s").unwrap();
    let mut streams = streams(&StreamPolicy::AnyName);
    let stream = streams.find(&id, moment()).unwrap();
    let records: Vec<_> = (0..1_001).map(|_| record("x", 0)).collect();
    let now = moment().now;
    let throttled = |entries: Vec<Entry>| entries.iter().filter(|e| e.is_throttled()).count();
    let mut stream = lock(&stream);
    let free = stream.commit(&records, &[], arrival(), None).unwrap();
    assert_eq!(throttled(free), 0);
    let limited = stream.commit(&records, &[], arrival(), Some(now)).unwrap();
    assert_eq!(throttled(limited), 1);
    let elsewhere = [record("x", u128::MAX)];
    let other_shard = stream.commit(&elsewhere, &[], arrival(), Some(now)).unwrap();
    assert_eq!(throttled(other_shard), 0);
}
