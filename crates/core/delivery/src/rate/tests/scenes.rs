//! Caps, an outage and a slow link.

use std::collections::BinaryHeap;

use super::*;

#[test]
fn caps_hold_whatever_is_taken() {
    let start = some_time();
    for (caps, most) in [
        (Caps { records: Some(200), bytes: None }, 200.0),
        (Caps { records: None, bytes: Some(1_100) }, 100.0),
        (Caps { records: Some(1), bytes: None }, 1.0),
    ] {
        let mut stream = Stream::new(&[10_000.0], start);
        let mut agent = Agent::new(1, caps, start);
        let mut rng = fastrand::Rng::with_seed(2);
        let mut now = start;
        let mut seconds: BTreeMap<u64, usize> = BTreeMap::new();
        while now < start + Duration::from_secs(20) {
            while agent.deliveries.len() < 8 {
                agent.submit(body(None, 500, &mut rng), now);
            }
            agent.step(now, |records| {
                let second = now.saturating_duration_since(start).as_secs();
                *seconds.entry(second).or_default() += records.len();
                Some(stream.put(records, now))
            });
            now = agent.due().unwrap_or(now).max(now);
        }
        let second = number(stream.taken()) / 20.0;
        assert!(second <= most * 1.1 && second >= most * 0.9, "{second} of {most}");
        let peak = seconds.values().max().copied().map_or(0.0, number);
        assert!(peak <= most * 1.2 + 1.0, "{peak} in one second of {most}");
    }
}

/// Agents of which each has ten lines a second, a stream that takes 1.3 times as much, and ten
/// minutes without it.
#[test]
#[expect(clippy::too_many_lines, reason = "one scene")]
fn ten_thousand_agents_make_no_storm_after_an_outage() {
    const AGENTS: usize = 10_000;
    const LINES_A_SECOND: f64 = 10.0;
    const BEFORE: u64 = 10;
    const OUTAGE: u64 = 600;
    const AFTER: u64 = 300;
    let start = some_time();
    let capacity = 1.3 * LINES_A_SECOND * number(AGENTS);
    let second = |now: Instant| now.saturating_duration_since(start).as_secs();
    let is_out = |now: Instant| (BEFORE..BEFORE + OUTAGE).contains(&second(now));
    let mut rng = fastrand::Rng::with_seed(7);
    let mut level = capacity;
    let mut level_at = start;
    let mut agents: Vec<(Agent, f64, Instant)> = (0..AGENTS)
        .map(|at| {
            let born = start + Duration::from_millis(rng.u64(0..1_000));
            (Agent::new(at as u64, Caps::default(), start), 0.0, born)
        })
        .collect();
    let mut queue: BinaryHeap<std::cmp::Reverse<(Instant, usize)>> = BinaryHeap::new();
    agents.iter().enumerate().for_each(|(at, agent)| queue.push(std::cmp::Reverse((agent.2, at))));
    let mut offered: BTreeMap<u64, usize> = BTreeMap::new();
    let mut taken: BTreeMap<u64, usize> = BTreeMap::new();
    let end = start + Duration::from_secs(BEFORE + OUTAGE + AFTER);
    while let Some(std::cmp::Reverse((now, at))) = queue.pop() {
        if now >= end {
            break;
        }
        let Some((agent, lines, read_at)) = agents.get_mut(at) else { continue };
        *lines += now.saturating_duration_since(*read_at).as_secs_f64() * LINES_A_SECOND;
        *read_at = now;
        if agent.deliveries.is_empty() && *lines >= LINES_A_SECOND {
            let records = (0..100).take_while(|line| f64::from(*line) < *lines - 0.5).count();
            *lines -= number(records);
            let body = body(None, records, &mut agent.rng.clone());
            agent.submit(body, now);
        }
        agent.step(now, |records| {
            *offered.entry(second(now)).or_default() += records.len();
            if is_out(now) {
                return None;
            }
            level += capacity * now.saturating_duration_since(level_at).as_secs_f64();
            (level, level_at) = (level.min(capacity), now);
            let mut answer = PutResponse::default();
            for index in 0..records.len() {
                if level >= 1.0 {
                    level -= 1.0;
                    *taken.entry(second(now)).or_default() += 1;
                } else {
                    let code = "ProvisionedThroughputExceededException".to_owned();
                    answer.failed.push(FailedEntry { index, code, message: String::new() });
                }
            }
            Some(answer)
        });
        let next = agent.due().unwrap_or(now + Duration::from_secs(1)).max(now);
        queue.push(std::cmp::Reverse((next, at)));
    }
    let after: Vec<(u64, usize)> =
        offered.iter().filter(|(s, _)| **s >= BEFORE + OUTAGE).map(|(s, n)| (*s, *n)).collect();
    let (at, peak) = after.iter().max_by_key(|(_, count)| *count).copied().expect("some");
    let share = number(peak) / capacity;
    let late: Vec<usize> =
        taken.iter().filter(|(s, _)| **s >= BEFORE + OUTAGE + 10).map(|(_, n)| *n).collect();
    let goodput = number(late.iter().sum::<usize>()) / number(late.len()) / capacity;
    let during = offered.iter().filter(|(s, _)| (BEFORE + 20..BEFORE + OUTAGE).contains(*s));
    let during = during.map(|(_, count)| *count).max().expect("they keep trying");
    println!(
        "peak {share:.3} of what is taken, {} s after the outage; {:.3} during it; later {:.1} % \
         is used",
        at - BEFORE - OUTAGE,
        number(during) / capacity,
        goodput * 100.0
    );
    assert!(share <= 1.5, "{share:.2}");
    assert!(goodput >= 0.9, "{goodput:.2}");
}

/// A link of one Mbit/s, and batches that take longer on it than a call may: four MiB each.
#[test]
fn f62_requests_that_a_slow_link_cannot_carry_in_time_become_smaller() {
    const LINK: f64 = 125_000.0;
    const DEADLINE: Duration = Duration::from_secs(30);
    let start = some_time();
    let mut rate = Rate::new(Caps::default(), start);
    let mut rng = fastrand::Rng::with_seed(3);
    let (mut now, mut delivered, mut attempts) = (start, 0, 0);
    for batch in 1..=8 {
        let mut body = Body::new(&Envelope::kinesis("s"));
        let line = vec![b'x'; 8_000];
        (0..500).for_each(|number| body.push_with_random_key(&line, RandomKey::of(number)));
        let mut delivery = Delivery::new(Submission { batch, body });
        while !delivery.is_done() {
            match rate.take_turn(&mut delivery, &mut rng, now) {
                Turn::Now => {}
                Turn::At(at) => {
                    now = at;
                    continue;
                }
                Turn::AfterAnother => panic!("there is no other"),
            }
            let (records, bytes) = delivery.next_size().expect("not done");
            let sent = Sent { at: now, records, bytes };
            let takes = Duration::from_secs_f64(number(bytes) / LINK);
            attempts += 1;
            if takes > DEADLINE {
                now += DEADLINE;
                let error = CallError::Deadline(DEADLINE);
                rate.learn_from_error(&error, sent, now);
                delivery.on_failure(classify(&error));
            } else {
                now += takes;
                rate.learn(&mut delivery, &PutResponse::default(), sent, (&mut rng, now));
                delivered += bytes;
            }
        }
        rate.forget(batch);
    }
    let time = now.saturating_duration_since(start).as_secs_f64();
    let share = number(delivered) / time / LINK;
    println!("{:.0} % of the link, {attempts} requests", share * 100.0);
    assert!(share >= 0.8, "{delivered} bytes in {time:.0} s");
}
