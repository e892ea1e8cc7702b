//! Partition keys of whole flows: from records, and from the logs that they are in.

use std::sync::Arc;
use std::time::Duration;

use kinetail::batch::key::template::{KeyTemplate, MissingKey, Surroundings};
use kinetail::config::{FlowConfig, PartitionKey};

use crate::support::world::World;

/// Enough for a file to be found, read and sent on the flow's clock.
const SOON: Duration = Duration::from_secs(3);

fn keyed(text: &str) -> impl FnOnce(&mut FlowConfig) {
    let surroundings = Surroundings { host: None, variable: &|_| None };
    let template = KeyTemplate::parse(text, None, MissingKey::Random, surroundings).unwrap();
    |config| config.partition_key = PartitionKey::Template(Arc::new(template))
}

#[test]
fn records_have_the_keys_that_they_name_and_the_others_are_counted() {
    let mut world = World::with("app.log", keyed("{record.user}"));
    world.append("app.log", b"{\"user\":\"ann\"}\n{\"user\":\"bob\"}\nno json\n");
    let long = "x".repeat(300);
    world.append("app.log", format!("{{\"user\":\"{long}\"}}\n").as_bytes());
    world.run(SOON);
    assert_eq!(world.keys[..2], ["ann", "bob"]);
    assert_eq!((world.keys[2].len(), world.keys[3].len(), world.keys.len()), (8, 256, 4));
    let metric = "kinetail_partition_keys_replaced_total";
    assert_eq!(world.counted(metric, "reason=\"missing\""), 1);
    assert_eq!(world.counted(metric, "reason=\"too_long\""), 1);
}

/// A log and its rotated generations have one key, through a rotation, a stop and a crash.
#[test]
fn the_path_of_a_log_does_not_change_when_it_is_rotated() {
    for (pattern, live, rotated, twice) in [
        ("app.log*", "app.log", "app.log.1", "app.log.2"),
        ("app.log", "app.log", "app.log.1", "app.log.2"),
        ("*", "app.log", "app-2026-11-28.log", "app-2026-11-29.log"),
        ("app.log", "app.log", "unattributed.name", "another.name"),
    ] {
        let mut world = World::with(pattern, keyed("{path}|{file}"));
        let key = format!("{}|{live}", world.path(live).display());
        world.append(live, b"1\n");
        world.run(SOON);
        // Rotated with unread lines in it.
        world.endpoint_down = true;
        world.append(live, b"2\n");
        world.rename(live, rotated);
        world.append(rotated, b"3\n");
        world.append(live, b"4\n");
        world.run(SOON);
        world.append(rotated, b"5\n");
        world.crash();
        world.endpoint_down = false;
        world.start();
        world.run(SOON);
        world.append(rotated, b"6\n");
        world.run(SOON);
        world.rename(rotated, twice);
        world.append(twice, b"7\n");
        world.append(live, b"8\n");
        world.run(SOON);
        let keys: Vec<&str> = world.keys.iter().map(String::as_str).collect();
        assert!(keys.len() >= 7, "{pattern}: {:?}", world.stream);
        assert!(keys.iter().all(|found| *found == key), "{pattern}, {rotated}: {keys:?}");
    }
}
