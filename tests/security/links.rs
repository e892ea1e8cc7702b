//! Links that others made in a directory that is watched.

use std::fs;
use std::os::unix::fs::{chown, lchown, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kinetail::disk::links;
use kinetail::tail::links::FollowLinks;
use serde_json::json;

use super::is_root;
use crate::support::agent::Home;
use crate::support::world::World;

/// Somebody with an account.
const MALLORY: u32 = 12_345;

/// Somebody else with one.
const ALICE: u32 = 12_346;

/// Makes a link that belongs to another user.
fn link(target: &str, path: &Path, owner: u32) {
    symlink(target, path).unwrap();
    lchown(path, Some(owner), Some(owner)).unwrap();
}

fn world(pattern: &str, links: FollowLinks) -> World {
    let world = World::with(pattern, |config| {
        config.pattern = config.pattern.clone().following(links);
    });
    fs::create_dir(world.path("private")).unwrap();
    fs::write(world.path("private/secret.log"), "root's secret\n").unwrap();
    fs::create_dir(world.path("app")).unwrap();
    chown(world.path("app"), Some(MALLORY), Some(MALLORY)).unwrap();
    world
}

fn records(world: &mut World) -> Vec<String> {
    world.run(Duration::from_secs(3));
    let mut records: Vec<String> =
        world.stream.iter().map(|record| String::from_utf8(record.clone()).unwrap()).collect();
    records.sort();
    records
}

#[test]
fn somebodys_link_to_a_file_of_root_is_not_followed_and_is_named_once() {
    if !is_root() {
        return println!("SKIPPED: only root can give files away");
    }
    let mut world = world("app/*.log", FollowLinks::Owner);
    link("../private/secret.log", &world.path("app/a.log"), MALLORY);
    symlink("a.log", world.path("app/roots-link-to-a-link.log")).unwrap();
    world.append("app/b.log", b"mine\n");
    assert_eq!(records(&mut world), ["mine\n"]);
    assert_eq!(world.transitions("problem"), 2);
    // Root takes the link over: that leaves a trace in no directory.
    lchown(world.path("app/a.log"), Some(0), Some(0)).unwrap();
    assert_eq!(records(&mut world), ["mine\n", "root's secret\n"]);
    assert_eq!(world.transitions("recovered"), 2);
}

#[test]
fn links_of_root_and_of_the_target_s_owner_are_followed() {
    if !is_root() {
        return println!("SKIPPED: only root can give files away");
    }
    let mut world = world("app/*.log", FollowLinks::Owner);
    fs::create_dir(world.path("pods")).unwrap();
    fs::write(world.path("pods/0.log"), "pod\n").unwrap();
    chown(world.path("pods/0.log"), Some(ALICE), Some(ALICE)).unwrap();
    // As in /var/log/containers: a link of root to a link of root.
    symlink("0.log", world.path("pods/current")).unwrap();
    symlink("../pods/current", world.path("app/container.log")).unwrap();
    fs::write(world.path("pods/own"), "own\n").unwrap();
    chown(world.path("pods/own"), Some(MALLORY), Some(MALLORY)).unwrap();
    link("../pods/own", &world.path("app/own.log"), MALLORY);
    assert_eq!(records(&mut world), ["own\n", "pod\n"]);
    assert_eq!(world.transitions("problem"), 0);
}

#[test]
fn always_follows_every_link_and_never_none() {
    if !is_root() {
        return println!("SKIPPED: only root can give files away");
    }
    for (links, wanted, problems) in
        [(FollowLinks::Always, &["root's secret\n"][..], 0), (FollowLinks::Never, &[], 2)]
    {
        let mut world = world("app/*.log", links);
        link("../private/secret.log", &world.path("app/a.log"), MALLORY);
        symlink("../private/secret.log", world.path("app/b.log")).unwrap();
        assert_eq!(records(&mut world), wanted, "{links:?}");
        assert_eq!(world.transitions("problem"), problems, "{links:?}");
    }
}

#[test]
fn a_link_in_place_of_a_directory_is_judged_like_one_in_place_of_a_file() {
    if !is_root() {
        return println!("SKIPPED: only root can give files away");
    }
    for pattern in ["app/logs/*.log", "app/l*/secret.log", "*pp/logs/secret.log", "app/**/*.log"] {
        let mut world = world(pattern, FollowLinks::Owner);
        link("../private", &world.path("app/logs"), MALLORY);
        assert_eq!(records(&mut world), [""; 0], "{pattern}");
        // `**` enters no link, so that there is nothing to tell.
        let told = u64::from(!pattern.contains("**"));
        assert_eq!(world.transitions("problem"), told, "{pattern}");
    }
    for pattern in ["app/logs/*.log", "app/l*/secret.log", "*pp/logs/secret.log"] {
        let mut world = world(pattern, FollowLinks::Owner);
        link("../private", &world.path("app/logs"), 0);
        assert_eq!(records(&mut world), ["root's secret\n"], "{pattern}");
    }
}

#[test]
fn a_directory_that_was_followed_and_becomes_a_link_is_not_followed_there() {
    if !is_root() {
        return println!("SKIPPED: only root can give files away");
    }
    let mut world = world("app/logs/*.log", FollowLinks::Owner);
    fs::create_dir(world.path("app/logs")).unwrap();
    world.append("app/logs/a.log", b"one\n");
    assert_eq!(records(&mut world), ["one\n"]);
    world.rename("app/logs", "app/old");
    link("../private", &world.path("app/logs"), MALLORY);
    world.append("app/old/a.log", b"two\n");
    assert_eq!(records(&mut world), ["one\n", "two\n"]);
    assert_eq!(world.transitions("problem"), 1);
}

#[test]
fn a_link_that_is_renamed_out_of_the_pattern_is_not_followed_by_its_rename() {
    if !is_root() {
        return println!("SKIPPED: only root can give files away");
    }
    let mut world = world("app/*.log", FollowLinks::Owner);
    world.append("app/a.log", b"mine\n");
    records(&mut world);
    link("../private/secret.log", &world.path("app/x"), MALLORY);
    world.tell_renamed("app/b.log", "app/x");
    assert_eq!(records(&mut world), ["mine\n"]);
}

/// How often the swapped names are opened.
const ROUNDS: usize = 3_000;

/// The name leads now to a file of one's own, now to root's: whatever is opened is never root's.
#[test]
fn a_name_that_is_swapped_all_the_time_never_opens_what_it_may_not() {
    if !is_root() {
        return println!("SKIPPED: only root can give files away");
    }
    let world = world("app/*.log", FollowLinks::Owner);
    let app = world.path("app");
    let over = AtomicBool::new(false);
    fs::create_dir(app.join("mine")).unwrap();
    fs::write(app.join("mine/secret.log"), "mine\n").unwrap();
    for path in [app.join("mine"), app.join("mine/secret.log")] {
        chown(path, Some(MALLORY), Some(MALLORY)).unwrap();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for target in ["mine", "../private"] {
                    link(target, &app.join("next"), MALLORY);
                    fs::rename(app.join("next"), app.join("logs")).unwrap();
                    link(&format!("{target}/secret.log"), &app.join("next.log"), MALLORY);
                    fs::rename(app.join("next.log"), app.join("a.log")).unwrap();
                }
            }
        });
        let mut opened = 0;
        for _ in 0..ROUNDS {
            for path in [app.join("logs/secret.log"), app.join("a.log")] {
                let Ok(file) = links::open(&path, FollowLinks::Owner) else { continue };
                let text = std::io::read_to_string(file).unwrap();
                if text != "mine\n" {
                    over.store(true, Ordering::Relaxed);
                }
                assert_eq!(text, "mine\n");
                opened += 1;
            }
        }
        over.store(true, Ordering::Relaxed);
        println!("opened {opened} of {}", 2 * ROUNDS);
        assert!(opened > 0, "the own file is never opened either");
    });
}

#[test]
fn check_names_the_link_and_what_to_do_and_fails() {
    if !is_root() {
        return println!("SKIPPED: only root can give files away");
    }
    for (links, status) in [("owner", 1), ("never", 1), ("always", 0)] {
        let mut home = Home::new("http://127.0.0.1:9");
        home.set("followLinks", json!(links));
        home.flow("*.log", ("kinesisStream", "s"), &json!({}));
        fs::write(home.root().join("secret"), "x\n").unwrap();
        link("../secret", &home.log("a.log"), MALLORY);
        let output = home.command("check").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(status), "{text}");
        let named = text.contains(&format!("{} ", home.log("a.log").display()))
            && text.contains("is not followed");
        assert_eq!(named, status == 1, "{text}");
    }
}

#[test]
fn a_flow_may_follow_other_links_than_the_rest() {
    if !is_root() {
        return println!("SKIPPED: only root can give files away");
    }
    let mut home = Home::new("http://127.0.0.1:9");
    home.set("followLinks", json!("never"));
    home.flow("*.log", ("kinesisStream", "s"), &json!({ "followLinks": "always" }));
    fs::write(home.root().join("secret"), "x\n").unwrap();
    link("../secret", &home.log("a.log"), MALLORY);
    let output = home.command("check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
