//! Records that the service refuses for good, alone and among others.

use super::*;

#[test]
fn one_bad_record_is_found_and_the_others_go_through() {
    for bad in [0, 250, 499] {
        let (mut delivery, mut circuit) = (batch(500), CircuitBreaker::default());
        let (requests, next) = drive(&mut delivery, &mut circuit, &[bad]);
        assert_eq!(next, Next::Done);
        assert!(requests.len() <= 20, "{} requests", requests.len());
        let outcome = delivery.into_outcome(Duration::ZERO);
        assert_eq!((outcome.records_delivered, rejected(&outcome)), (499, vec![bad]));
        assert_eq!(outcome.rejected[0].code, "ValidationException");
    }
}

#[test]
fn a_lone_bad_record_is_dropped_if_the_destination_took_something_before() {
    let (mut delivery, mut circuit) = (batch(1), CircuitBreaker::default());
    circuit.on_accepted();
    let (_, next) = drive(&mut delivery, &mut circuit, &[0]);
    assert_eq!(next, Next::Done);
    assert_eq!(rejected(&delivery.into_outcome(Duration::ZERO)), [0]);

    let (_, next) = drive(&mut batch(1), &mut circuit, &[0]);
    assert!(matches!(next, Next::Doubt { .. }), "the second in a row is suspicious: {next:?}");
}

#[test]
fn a_destination_that_refuses_everything_costs_no_batch() {
    let (mut delivery, mut circuit) = (batch(500), CircuitBreaker::default());
    let everything: Vec<usize> = (0..500).collect();
    let (requests, next) = drive(&mut delivery, &mut circuit, &everything);
    assert!(matches!(next, Next::Doubt { .. }));
    assert!(requests.len() < 40, "{} requests before it is paused", requests.len());
    assert!(delivery.rejected.is_empty());

    let probes: Vec<Vec<usize>> = (0..5)
        .map(|_| {
            let (mut requests, _) = drive(&mut delivery, &mut circuit, &everything);
            requests.pop().expect("a probe")
        })
        .collect();
    assert!(probes.iter().all(|probe| probe.len() == 1), "{probes:?}");
    assert!(delivery.rejected.is_empty());

    let (_, next) = drive(&mut delivery, &mut circuit, &[3]);
    assert_eq!(next, Next::Done, "it takes records again");
    let outcome = delivery.into_outcome(Duration::ZERO);
    assert_eq!((outcome.records_delivered, rejected(&outcome)), (499, vec![3]));
}

#[test]
fn a_lone_bad_record_blocks_its_file_for_a_bounded_number_of_probes() {
    let (mut delivery, mut circuit) = (batch(1), CircuitBreaker::default());
    let mut probes = 0;
    while drive(&mut delivery, &mut circuit, &[0]).1 != Next::Done {
        probes += 1;
        assert!(probes <= DOUBT_PROBES, "blocked indefinitely");
    }
    assert_eq!(probes, DOUBT_PROBES);
    assert_eq!(rejected(&delivery.into_outcome(Duration::ZERO)), [0]);
}

#[test]
fn success_of_another_batch_is_evidence_too() {
    let (mut delivery, mut circuit) = (batch(2), CircuitBreaker::default());
    let (_, next) = drive(&mut delivery, &mut circuit, &[0, 1]);
    assert!(matches!(next, Next::Doubt { .. }));
    circuit.on_accepted();
    assert_eq!(drive(&mut delivery, &mut circuit, &[0, 1]).1, Next::Done);
    assert_eq!(rejected(&delivery.into_outcome(Duration::ZERO)), [0, 1]);
}
