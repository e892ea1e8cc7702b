//! A destination that needs an operator: paused, probed, and found when it is good again.

use std::collections::BTreeSet;

use super::*;
use crate::send::classify::SHORT_PROBE;

#[tokio::test(start_paused = true)]
async fn a_paused_destination_is_probed_by_one_request_a_minute() {
    let transport = Scripted::new((0..5).map(|_| Step::Error(400, "AccessDeniedException")));
    let batches = (1..=3).map(|batch| submission(batch, &["a"])).collect();
    let run = run_all(&transport, batches, 3).await;
    assert_eq!(transport.seconds(), [0, 60, 120, 180, 240, 300, 300, 300]);
    let paused = DestinationHealth::Paused { reason: reason("AccessDeniedException") };
    assert_eq!(run.health, [paused, DestinationHealth::Ok]);
    assert!(run.outcomes.iter().all(|outcome| outcome.records_delivered == 1));
}

/// Keys that end, keys that are taken away, a clock that is wrong, and a source of credentials that
/// is down for ten minutes: in the end each record is there once.
#[tokio::test(start_paused = true)]
async fn f59_credentials_that_are_good_again_are_found_within_five_seconds() {
    let refused = [
        "ExpiredTokenException",
        "InvalidSignatureException",
        "RequestExpired",
        "UnrecognizedClientException",
    ];
    let refused = refused.map(|code| (Step::Error(400, code), code, "words", 3));
    let missing = (Step::MissingCredentials, "Credentials", "no credentials: none", 0);
    let down = (Step::UnavailableCredentials, "Credentials", "no credentials: down", 3);
    let outage = Duration::from_mins(10);
    let probes = usize::try_from(outage.as_secs() / SHORT_PROBE.as_secs()).expect("few");
    for (step, code, words, patience) in refused.into_iter().chain([missing, down]) {
        let failures = std::iter::repeat_n(step, probes + patience);
        let transport = Scripted::new(failures);
        let batches = (1..=3).map(|batch| submission(batch, &["a", "b"])).collect();
        let run = run_all(&transport, batches, 3).await;
        // A few attempts of all batches, then one probe each five seconds, and all of it at once.
        let seconds = transport.seconds();
        let last = seconds[seconds.len() - 1];
        assert_eq!(seconds[seconds.len() - 3..], [last; 3], "{code}");
        let single = &seconds[patience + 3..seconds.len() - 2];
        assert!(single.windows(2).all(|two| two[1] - two[0] == 5), "{code}: {seconds:?}");
        assert!(last <= outage.as_secs() + SHORT_PROBE.as_secs(), "{code}: {last}");
        let paused = DestinationHealth::Paused { reason: format!("{code}: {words}") };
        assert!(run.health.contains(&paused), "{code}: {:?}", run.health);
        assert_eq!(run.health.last(), Some(&DestinationHealth::Ok), "{code}");
        // Nothing is lost, nothing is there twice, and no message says that it might be.
        for outcome in &run.outcomes {
            assert_eq!((outcome.records_delivered, outcome.rejected.len()), (2, 0), "{code}");
            assert!(!outcome.maybe_duplicated, "{code}");
        }
        let batches: BTreeSet<u64> = run.outcomes.iter().map(|outcome| outcome.batch).collect();
        assert_eq!((batches.len(), run.outcomes.len()), (3, 3), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn f60_what_a_person_has_to_fix_is_probed_each_minute_and_loses_nothing() {
    for code in [
        "ResourceNotFoundException",
        "AccessDeniedException",
        "KMSDisabledException",
        "KMSAccessDeniedException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
    ] {
        let transport = Scripted::new((0..3).map(|_| Step::Error(400, code)));
        let batches = (1..=2).map(|batch| submission(batch, &["a", "b"])).collect();
        let run = run_all(&transport, batches, 2).await;
        assert_eq!(transport.seconds(), [0, 60, 120, 180, 180], "{code}");
        let paused = DestinationHealth::Paused { reason: reason(code) };
        assert_eq!(run.health, [paused, DestinationHealth::Ok], "{code}");
        let delivered = run.outcomes.iter().map(|outcome| outcome.records_delivered);
        assert_eq!(delivered.collect::<Vec<_>>(), [2, 2], "{code}");
        assert!(run.outcomes.iter().all(|outcome| outcome.rejected.is_empty()), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_in_flight_before_can_open_a_paused_destination() {
    let slow = Step::Slow(Duration::from_secs(1));
    let transport = Scripted::new([slow, Step::Error(400, "ResourceNotFoundException")]);
    let batches = (1..=3).map(|batch| submission(batch, &["a"])).collect();
    let run = run_all(&transport, batches, 3).await;
    assert_eq!(transport.seconds(), [0, 0, 1, 1]);
    assert_eq!(run.outcomes.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn missing_credentials_are_looked_for_often() {
    let transport = Scripted::new((0..3).map(|_| Step::MissingCredentials));
    run_all(&transport, vec![submission(1, &["a"])], 1).await;
    let probe = SHORT_PROBE.as_secs();
    assert_eq!(transport.seconds(), [0, probe, 2 * probe, 3 * probe]);
}

#[tokio::test(start_paused = true)]
async fn probes_do_not_wait_for_the_backoff_as_well() {
    let failures = (0..20).map(|_| Step::Error(500, "InternalFailure"));
    let missing = (0..20).map(|_| Step::MissingCredentials);
    let transport = Scripted::new(failures.chain(missing));
    run_all(&transport, vec![submission(1, &["a"])], 1).await;
    let seconds = transport.seconds();
    assert_eq!(seconds[40] - seconds[20], 20 * SHORT_PROBE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_refuses_every_record_is_paused() {
    let transport = Scripted::new((0..5).map(|_| Step::Error(400, "InvalidArgumentException")));
    let run = run_all(&transport, vec![submission(1, &["a", "b"])], 1).await;
    let outcome = &run.outcomes[0];
    assert_eq!((outcome.records_delivered, outcome.rejected.len()), (2, 0));
    assert_eq!(transport.seconds(), [0, 0, 0, 60, 120, 180, 180]);
    let paused = DestinationHealth::Paused { reason: reason("InvalidArgumentException") };
    assert_eq!(run.health, [paused, DestinationHealth::Ok]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_destination_that_is_paused() {
    let denied = || Step::Error(400, "AccessDeniedException");
    let transport = Scripted::new((0..1_000).map(|_| denied()));
    let stopping = CancellationToken::new();
    let batches = vec![submission(1, &["a"]), submission(2, &["b"])];
    let stop_later = async {
        sleep(Duration::from_secs(90)).await;
        stopping.cancel();
    };
    let start = Instant::now();
    let (run, ()) = tokio::join!(run_until(&transport, batches, 2, stopping.clone()), stop_later);
    assert_eq!(start.elapsed(), Duration::from_secs(90), "it ended at once");
    let mut given_up = run.given_up;
    given_up.sort_unstable();
    assert_eq!((given_up, run.outcomes.len()), (vec![1, 2], 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_probe_that_is_under_way() {
    let denied = || Step::Error(400, "AccessDeniedException");
    // The probe after a minute gets through, slowly.
    let transport = Scripted::new([denied(), Step::Slow(Duration::from_secs(5))]);
    let stopping = CancellationToken::new();
    let batches = vec![submission(1, &["a"]), submission(2, &["b"])];
    let stop_later = async {
        sleep(Duration::from_secs(62)).await;
        stopping.cancel();
    };
    let (run, ()) = tokio::join!(run_until(&transport, batches, 2, stopping.clone()), stop_later);
    assert_eq!((run.given_up.len(), run.outcomes.len()), (0, 2));
    assert_eq!(run.health.last(), Some(&DestinationHealth::Ok));
}
