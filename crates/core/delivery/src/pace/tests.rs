//! Tests of `pace`.

use proptest::prelude::*;

use super::*;

fn later(start: Instant, millis: u64) -> Instant {
    start + Duration::from_millis(millis)
}

#[test]
fn nothing_is_held_up_until_something_is_refused() {
    let start = some_time();
    let mut pace = Pace::new(Duration::from_millis(500), start);
    for millis in 0..5_000 {
        let now = later(start, millis);
        assert!(pace.is_free(now));
        assert_eq!((pace.ready_at(now), pace.cost_max()), (now, f64::INFINITY));
        pace.on_request(0.5, now);
        pace.on_answer(now, (0.5, 0.0), 0.0, now);
    }
    let now = later(start, 5_000);
    pace.on_answer(now, (0.5, 0.1), 0.0, now);
    assert!(!pace.is_free(now) && pace.ready_at(now) > now);
}

#[test]
fn after_an_outage_it_continues_as_usual_and_then_grows() {
    let start = some_time();
    let mut pace = Pace::new(Duration::from_millis(500), start);
    for second in 0..60 {
        pace.on_answer(
            later(start, second * 1_000),
            (0.01, 0.0),
            0.0,
            later(start, second * 1_000),
        );
    }
    let mut now = later(start, 600_000);
    pace.brake(now);
    pace.brake(now);
    assert!((0.002..0.02).contains(&pace.cost_max()), "{}", pace.cost_max());
    for _ in 0..80 {
        now = pace.ready_at(now);
        let cost = pace.cost_max();
        pace.on_request(cost, now);
        pace.on_answer(now, (cost, 0.0), 0.0, later(now, 12));
    }
    assert!(pace.cost_max() > 1.0, "{}", pace.cost_max());
}

#[test]
fn a_limit_that_nothing_meets_is_forgotten() {
    let start = some_time();
    let mut pace = Pace::new(Duration::from_millis(500), start);
    pace.on_answer(start, (0.5, 0.1), 0.0, start);
    for second in 1..70 {
        let now = later(start, second * 1_000);
        pace.on_request(0.001, now);
        pace.on_answer(now, (0.001, 0.0), 0.0, now);
    }
    assert!(pace.is_free(later(start, 70_000)));
}

#[test]
fn a_pause_holds_everything_up_and_ends() {
    let start = some_time();
    let mut pace = Pace::new(Duration::from_millis(500), start);
    pace.pause(later(start, 7_000));
    pace.pause(later(start, 3_000));
    assert!(!pace.is_free(start));
    assert_eq!(pace.ready_at(start), later(start, 7_000));
    assert!(pace.is_free(later(start, 7_000)));
}

#[test]
fn requests_fit_into_what_may_be_sent() {
    assert_eq!(fitting(500, 0.5, f64::INFINITY), 500);
    assert_eq!(fitting(500, 0.5, 0.5), 500);
    assert_eq!(fitting(500, 4.0, 0.5), 62);
    assert_eq!(fitting(1, 4.0, 0.5), 0, "one is sent all the same");
    assert_eq!((part(1, 4), part(0, 0)), (0.25, 0.0));
}

proptest! {
    /// For all answers at all times: a request may be made at a time that comes, and of a size
    /// above nothing.
    #[test]
    fn it_never_stops(
        answers in prop::collection::vec((0_u64..3_000, 0_usize..=500), 1..200),
    ) {
        let start = some_time();
        let mut pace = Pace::new(Duration::from_millis(500), start);
        let mut now = start;
        for (millis, refused) in answers {
            now = later(now, millis);
            let ready = pace.ready_at(now);
            prop_assert!(ready >= now && ready <= later(now, 60_000));
            now = ready;
            prop_assert_eq!(pace.ready_at(now), now);
            let cost = 0.5_f64.min(pace.cost_max());
            prop_assert!(cost >= RATE_MIN / 2.0);
            pace.on_request(cost, now);
            let made_at = now;
            now = later(now, 12);
            pace.on_answer(made_at, (cost, cost * part(refused, 500)), 0.0, now);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "an instant can be had from a clock only")]
fn some_time() -> Instant {
    Instant::now()
}

/// The first request of all is refused, so the shard's rate is not known; then comes a record
/// of ten MiB.
#[test]
fn a_large_record_holds_nothing_up_for_longer_than_it_takes_to_try_again() {
    let now = some_time();
    let mut pace = Pace::new(Duration::from_millis(100), now);
    pace.on_answer(now, (0.01, 0.01), 0.0, now);
    let large = cost(1, 10 * 1024 * 1024);
    let first = pace.ready_at(now);
    pace.on_request(large, first);
    let second = pace.ready_at(first);
    assert!(second <= first + DEBT_MAX + Duration::from_secs(1), "{:?}", second - first);
    // At the rate of a shard it waits for as long as the shard needs.
    let mut pace = Pace::new(Duration::from_millis(100), now);
    pace.on_answer(now, (0.01, 0.01), 1.0, now);
    let first = pace.ready_at(now);
    pace.on_request(large, first);
    assert!(pace.ready_at(first) >= first + Duration::from_secs(9));
}

/// A destination that has room for all, but refuses a part of the records, whoever sends them and
/// however fast. Returns what was taken in each second, in shard seconds.
fn taken_while_refused_at_random(refused: f64, seed: u64, seconds: u64) -> Vec<f64> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let start = some_time();
    let mut pace = Pace::new(Duration::from_millis(500), start);
    let mut taken = vec![0.0; usize::try_from(seconds).unwrap()];
    let mut now = start;
    loop {
        now = pace.ready_at(now);
        let second = usize::try_from(now.duration_since(start).as_secs()).unwrap();
        let Some(taken) = taken.get_mut(second) else { return taken };
        let records = fitting(500, cost(500, 0), pace.cost_max()).max(1);
        let failed = (0..records).filter(|_| rng.f64() < refused).count();
        let sent = cost(records, 0);
        pace.on_request(sent, now);
        let made_at = now;
        now = later(now, 12);
        pace.on_answer(made_at, (sent, sent * part(failed, records)), FULL_SHARD, now);
        *taken += sent * part(records - failed, records);
    }
}

/// What the first look of a shard says: it is full at its own limit.
const FULL_SHARD: f64 = 1.0;

/// Others fill the shard: whoever sends less is refused as much, so to slow down gains nothing.
#[test]
fn what_is_refused_however_little_is_sent_costs_little_goodput() {
    for percent in [5, 10, 20, 30, 40] {
        let refused = f64::from(percent) / 100.0;
        for seed in 0..20 {
            let taken = taken_while_refused_at_random(refused, seed, 60);
            let late: f64 = taken.iter().skip(20).sum::<f64>() / 40.0;
            let least = 0.4 * (1.0 - refused);
            assert!(late >= least, "{percent} % refused, seed {seed}: {late:.3} taken a second");
        }
    }
}
