//! The real binary against shards that accept a thousand records a second. How fast that is
//! depends on the machine; how much more is sent than is accepted does not, and neither does what
//! arrives. Goodput against a limit is measured in virtual time: `rate` and `throttle_tests`.

use kinetail::sandbox::SandboxOptions;
use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::Lines;
use crate::support::oracle::judge;
use crate::support::wait::wait_until;
use crate::support::world::append;

/// Each shard is busy for about so many seconds.
const SECONDS: usize = 8;

#[test]
fn little_more_is_sent_than_one_four_and_sixteen_shards_accept_and_a_split_is_followed() {
    for shards in [1, 4, 16] {
        let options =
            SandboxOptions { shards, simulate_shard_limits: true, ..SandboxOptions::default() };
        let endpoint = Endpoint::start(options);
        let stream = kinesis("s");
        let mut home = Home::new(&endpoint.handle.url());
        home.flow("a.log", ("kinesisStream", "s"), &json!({}));
        let mut lines = Lines::default();
        let count = usize::try_from(shards).unwrap() * 1_000 * SECONDS;
        let bytes: Vec<u8> = (0..count).flat_map(|_| lines.one("a", 20)).collect();
        append(&home.log("a.log"), &bytes);
        let agent = home.start();
        let half = || endpoint.count(&stream) >= count / 2;
        wait_until("half of the lines", 2 * SOON, half, || agent.log());
        assert!(endpoint.handle.split_shard(&stream, "shardId-000000000000", 1 << 100));
        endpoint.wait_for_all(&stream, &lines.written, 2 * SOON, || agent.log());
        assert_eq!(agent.stop(SOON), Some(0));
        let verdict = judge(&lines.written, &endpoint.data(&stream));
        assert!(verdict.lost.is_empty() && verdict.repeated.is_empty(), "{verdict}");
        let stats = endpoint.handle.stats().stream(&stream);
        let sent = stats.records + stats.throttled_records;
        assert!(stats.throttled_records > 0, "the limit was met: {stats:?}");
        assert!(sent * 10 <= stats.records * 12, "{shards} shards: {stats:?}");
    }
}
