//! Tests of one batch on its way: every record has exactly one fate.

mod bad_records;

use std::time::Instant;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::body::Envelope;
use crate::circuit_breaker::CircuitBreaker;
use crate::classify::PAUSE_PROBE;
use crate::response::FailedEntry;

const LOST: Verdict = Verdict::Transient { ambiguous: true, alarm: false };

/// A batch whose records are their own numbers.
fn batch(records: usize) -> Delivery {
    let mut body = Body::new(&Envelope::kinesis("s"));
    (0..records).for_each(|number| body.push(number.to_string().as_bytes(), "k"));
    Delivery::new(Submission { batch: 7, body })
}

/// The batches here have no random keys.
fn no_key() -> RandomKey {
    panic!("no new key is needed");
}

/// The numbers in a request, in order.
fn numbers(request: &Request) -> Vec<usize> {
    let body: Value = serde_json::from_slice(&request.body.bytes).expect("JSON");
    let records = body["Records"].as_array().expect("records");
    assert_eq!(records.len(), request.records);
    records
        .iter()
        .map(|record| {
            let data = record["Data"].as_str().expect("data");
            let data = base64_simd::STANDARD.decode_to_vec(data).expect("base64");
            String::from_utf8(data).expect("digits").parse().expect("a number")
        })
        .collect()
}

fn failing(places: &[usize], code: &str) -> PutResponse {
    let entry = |place: &usize| FailedEntry {
        index: *place,
        code: code.to_owned(),
        message: String::new(),
    };
    PutResponse { failed: places.iter().map(entry).collect(), ..PutResponse::default() }
}

/// A service that refuses requests with any of the `bad` numbers and takes everything else.
/// Returns the numbers of each request, up to the outcome or the first doubt.
fn drive(
    delivery: &mut Delivery,
    circuit: &mut CircuitBreaker,
    bad: &[usize],
) -> (Vec<Vec<usize>>, Next) {
    let mut requests = Vec::new();
    loop {
        let sent = numbers(&delivery.request().expect("something to send"));
        delivery.on_attempt();
        if sent.iter().any(|number| bad.contains(number)) {
            delivery.on_refusal("ValidationException", "no", circuit);
        } else {
            delivery.on_answer(&PutResponse::default(), no_key);
            circuit.on_accepted();
        }
        requests.push(sent);
        let next = delivery.next(circuit);
        if next != Next::Now {
            return (requests, next);
        }
    }
}

fn rejected(outcome: &Outcome) -> Vec<usize> {
    outcome.rejected.iter().map(|record| record.index).collect()
}

#[test]
fn a_batch_that_is_taken_is_done() {
    let (mut delivery, mut circuit) = (batch(3), CircuitBreaker::default());
    let (requests, next) = drive(&mut delivery, &mut circuit, &[]);
    assert_eq!((requests, next), (vec![vec![0, 1, 2]], Next::Done));
    let outcome = delivery.into_outcome(Duration::from_secs(1));
    assert_eq!((outcome.records_delivered, outcome.bytes_delivered), (3, 3));
    assert_eq!((outcome.batch, outcome.attempts), (7, 1));
    assert!(!outcome.throttled && !outcome.pushed_back && !outcome.maybe_duplicated);
    assert!(outcome.spare.is_some(), "its memory can be used again");
}

#[test]
fn only_the_failed_records_are_sent_again_and_half_of_them_taken_resets_the_backoff() {
    let (mut delivery, mut circuit) = (batch(5), CircuitBreaker::default());
    let again = delivery.request().expect("the batch").again;
    assert!(!again);
    delivery.on_attempt();
    delivery.on_failure(Verdict::Throttled);
    assert_eq!(delivery.next(&mut circuit), Next::Backoff(1));
    delivery.on_failure(Verdict::Throttled);
    assert_eq!(delivery.next(&mut circuit), Next::Backoff(2));
    let progress = delivery.on_answer(&failing(&[1, 3, 4], "InternalFailure"), no_key);
    assert_eq!(progress, Progress { delivered: 2, bytes: 2, failed: 3 });
    assert_eq!(delivery.next(&mut circuit), Next::Backoff(3));
    let request = delivery.request().expect("the rest");
    assert_eq!(numbers(&request), [1, 3, 4]);
    assert!(request.again);
    delivery.on_answer(&failing(&[1], "ProvisionedThroughputExceededException"), no_key);
    assert_eq!(delivery.next(&mut circuit), Next::Backoff(1));
    assert_eq!(numbers(&delivery.request().expect("the rest")), [3]);
    delivery.on_answer(&PutResponse::default(), no_key);
    assert_eq!(delivery.next(&mut circuit), Next::Done);
    let outcome = delivery.into_outcome(Duration::ZERO);
    assert_eq!((outcome.records_delivered, outcome.bytes_delivered), (5, 5));
    assert!(outcome.throttled && outcome.pushed_back && !outcome.maybe_duplicated);
}

#[test]
fn a_lost_answer_sends_everything_again_and_says_so() {
    let (mut delivery, mut circuit) = (batch(2), CircuitBreaker::default());
    assert_eq!(delivery.on_failure(LOST), 2);
    assert_eq!(delivery.next(&mut circuit), Next::Backoff(1));
    assert_eq!(numbers(&delivery.request().expect("the batch")), [0, 1]);
    delivery.on_answer(&PutResponse::default(), no_key);
    assert!(delivery.into_outcome(Duration::ZERO).maybe_duplicated);
}

#[test]
fn a_throttled_record_gets_another_random_key_each_time_and_no_other_record_does() {
    let mut body = Body::new(&Envelope::kinesis("s"));
    body.push_with_random_key(b"0", RandomKey::of(0xa0));
    body.push(b"1", "fixed");
    body.push_with_random_key(b"2", RandomKey::of(0xa2));
    body.push_with_random_key(b"3", RandomKey::of(0xa3));
    let first = body.finish();
    let mut delivery = Delivery::new(Submission { batch: 7, body });
    let mut next = 0;
    let mut new_key = || {
        next += 1;
        RandomKey::of(next)
    };
    let keys = |delivery: &mut Delivery| -> Vec<String> {
        let request = delivery.request().expect("something to send");
        let body: Value = serde_json::from_slice(&request.body.bytes).expect("JSON");
        let records = body["Records"].as_array().expect("records").clone();
        records.iter().map(|r| r["PartitionKey"].as_str().expect("a key").to_owned()).collect()
    };
    assert_eq!(delivery.request().expect("the batch").body.bytes, first);
    let mut answer = failing(&[0, 1, 2], "ProvisionedThroughputExceededException");
    answer.failed.push(failing(&[3], "InternalFailure").failed.remove(0));
    delivery.on_answer(&answer, &mut new_key);
    assert_eq!(keys(&mut delivery), ["00000001", "fixed", "00000002", "000000a3"]);
    delivery.on_failure(LOST);
    assert_eq!(keys(&mut delivery), ["00000001", "fixed", "00000002", "000000a3"]);
    delivery.on_answer(&failing(&[2], "ProvisionedThroughputExceededException"), &mut new_key);
    assert_eq!(keys(&mut delivery), ["00000003"]);
}

#[test]
fn a_request_is_sent_in_pieces_if_it_has_to_be() {
    let (mut delivery, mut circuit) = (batch(10), CircuitBreaker::default());
    let mut sent = Vec::new();
    loop {
        delivery.limit(4);
        let request = delivery.request().expect("something to send");
        sent.push(numbers(&request));
        delivery.on_attempt();
        let failed: &[usize] = if sent.len() == 1 { &[3] } else { &[] };
        delivery.on_answer(&failing(failed, "InternalFailure"), no_key);
        if delivery.next(&mut circuit) == Next::Done {
            break;
        }
    }
    assert_eq!(sent, [vec![0, 1, 2, 3], vec![3], vec![4, 5, 6, 7], vec![8, 9]]);
    let outcome = delivery.into_outcome(Duration::ZERO);
    assert_eq!((outcome.records_delivered, outcome.bytes_delivered), (10, 10));
}

#[test]
fn a_record_may_be_there_twice_only_once_however_often_its_answer_is_lost() {
    let mut delivery = batch(4);
    assert_eq!(delivery.on_failure(Verdict::Throttled), 0, "an answer came");
    assert_eq!(delivery.on_failure(Verdict::Transient { ambiguous: false, alarm: false }), 0);
    delivery.on_answer(&failing(&[1, 2], "InternalFailure"), no_key);
    let lost: Vec<usize> = (0..12).map(|_| delivery.on_failure(LOST)).collect();
    assert_eq!((lost[0], lost.iter().sum::<usize>()), (2, 2));
    delivery.on_answer(&failing(&[1], "InternalFailure"), no_key);
    assert_eq!(delivery.on_failure(LOST), 0);
    delivery.on_answer(&PutResponse::default(), no_key);
    assert!(delivery.into_outcome(Duration::ZERO).maybe_duplicated);
}

#[test]
fn an_empty_batch_is_done_at_once() {
    let mut delivery = batch(0);
    assert!(delivery.request().is_none());
    assert_eq!(delivery.into_outcome(Duration::ZERO).attempts, 0);
}

/// One request's fate, if it has no bad record in it.
#[derive(Debug, Clone)]
enum Fate {
    /// Takes the records except those whose place is chosen.
    PutResponse(Vec<prop::sample::Index>),
    Denied,
    /// The answer is lost; the records are taken or not.
    Lost {
        taken: bool,
    },
    Throttled,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        prop::collection::vec(any::<prop::sample::Index>(), 0..6).prop_map(Fate::PutResponse),
        Just(Fate::Denied),
        any::<bool>().prop_map(|taken| Fate::Lost { taken }),
        Just(Fate::Throttled),
    ]
}

proptest! {
    /// For every script of a service's moods, which ends in a good one: every record is either
    /// delivered or rejected, only bad ones are rejected, and none is taken twice unless an
    /// answer was lost.
    #[test]
    fn every_record_has_exactly_one_fate(
        records in 1_usize..20,
        bad in prop::collection::btree_set(0_usize..20, 0..20),
        mut script in prop::collection::vec(fate(), 0..20),
    ) {
        let (mut delivery, mut circuit) = (batch(records), CircuitBreaker::default());
        let mut taken = vec![0_u32; records];
        let mut lost = false;
        let mut steps = 0;
        while let Some(request) = delivery.request() {
            steps += 1;
            prop_assert!(steps < 2000, "it never ends");
            let sent = numbers(&request);
            delivery.on_attempt();
            match script.pop().unwrap_or(Fate::PutResponse(Vec::new())) {
                Fate::Throttled => drop(delivery.on_failure(Verdict::Throttled)),
                Fate::Denied => {
                    let verdict = Verdict::Fault { probe: PAUSE_PROBE, patience: 0 };
                    delivery.on_failure(verdict);
                    circuit.on_failure(verdict, "AccessDenied", "", some_time());
                }
                Fate::Lost { taken: commits } => {
                    let refused = sent.iter().any(|number| bad.contains(number));
                    if commits && !refused {
                        for number in &sent {
                            taken[*number] += 1;
                        }
                    }
                    lost = true;
                    delivery.on_failure(LOST);
                }
                Fate::PutResponse(_) if sent.iter().any(|number| bad.contains(number)) => {
                    delivery.on_refusal("ValidationException", "", &circuit);
                }
                Fate::PutResponse(places) => {
                    let mut places: Vec<usize> =
                        places.iter().map(|place| place.index(sent.len())).collect();
                    places.sort_unstable();
                    places.dedup();
                    for (place, number) in sent.iter().enumerate() {
                        taken[*number] += u32::from(!places.contains(&place));
                    }
                    let progress = delivery.on_answer(&failing(&places, "InternalFailure"), no_key);
                    prop_assert_eq!(progress.failed, places.len());
                    if progress.delivered > 0 {
                        circuit.on_accepted();
                    }
                }
            }
            if delivery.next(&mut circuit) == Next::Done {
                break;
            }
        }
        let outcome = delivery.into_outcome(Duration::ZERO);
        prop_assert_eq!(outcome.records_delivered + outcome.rejected.len(), records);
        prop_assert_eq!(outcome.maybe_duplicated, lost);
        let rejected = rejected(&outcome);
        for (number, taken) in taken.into_iter().enumerate() {
            if bad.contains(&number) {
                prop_assert!(taken == 0 && rejected.contains(&number));
            } else {
                prop_assert!(!rejected.contains(&number));
                prop_assert!(taken == 1 || (lost && taken > 1), "{} taken {} times", number, taken);
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "an instant can be had from a clock only")]
fn some_time() -> Instant {
    Instant::now()
}

#[test]
fn what_is_refused_for_its_encoding_is_sent_in_json_and_no_record_is_at_fault() {
    let mut body = Body::new(&Envelope::kinesis("s").speaking(Encoding::Cbor));
    (0..4).for_each(|number: usize| body.push(number.to_string().as_bytes(), "k"));
    body.seal();
    let mut delivery = Delivery::new(Submission { batch: 7, body });
    let mut circuit = CircuitBreaker::default();
    let request = delivery.request().expect("something to send");
    assert_eq!(request.body.encoding, Encoding::Cbor);
    delivery.on_attempt();
    // One record is throttled, and what is left is refused for its encoding.
    delivery.on_answer(&failing(&[1, 3], "ProvisionedThroughputExceededException"), no_key);
    assert_eq!(delivery.request().expect("the rest").body.encoding, Encoding::Cbor);
    delivery.on_attempt();
    delivery.speak_json();
    delivery.on_failure(Verdict::Transient { ambiguous: false, alarm: false });
    let request = delivery.request().expect("the rest");
    assert_eq!((request.body.encoding, numbers(&request)), (Encoding::Json, vec![1, 3]));
    delivery.on_answer(&PutResponse { takes_cbor: false, ..PutResponse::default() }, no_key);
    assert_eq!(delivery.next(&mut circuit), Next::Done);
    let outcome = delivery.into_outcome(Duration::ZERO);
    assert_eq!((outcome.records_delivered, outcome.speak), (4, Some(Encoding::Json)));
    assert!(outcome.rejected.is_empty() && !outcome.maybe_duplicated);
}

#[test]
fn an_endpoint_that_takes_cbor_is_spoken_to_in_it_from_the_next_batch_on() {
    let mut delivery = batch(2);
    delivery.on_attempt();
    delivery.on_answer(&PutResponse { takes_cbor: true, ..PutResponse::default() }, no_key);
    assert_eq!(delivery.into_outcome(Duration::ZERO).speak, Some(Encoding::Cbor));
    let mut silent = batch(2);
    silent.on_attempt();
    silent.on_answer(&PutResponse::default(), no_key);
    assert_eq!(silent.into_outcome(Duration::ZERO).speak, None);
}
