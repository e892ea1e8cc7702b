//! Two hundred rotations of each kind under load: every line arrives, once, and in order within
//! its generation.
//!
//! The endpoint is healthy, so nothing may be repeated. One request at a time keeps the order;
//! with more of them neither Kinesis nor the sandbox promises any.

use std::fs;
use std::io::Write as _;

use crate::support::shipment::Shipment;
use crate::support::world::{append, copy_truncate};

const ROTATIONS: usize = 200;

#[test]
fn renamed_and_recreated_two_hundred_times() {
    let mut shipment = Shipment::start("app.log*");
    for round in 0..ROTATIONS {
        let generation = format!("g{round}");
        shipment.write("app.log", &generation);
        let path = shipment.home.log("app.log");
        let mut open = fs::File::options().append(true).open(&path).unwrap();
        fs::rename(&path, shipment.home.log(&format!("app.log.{round}"))).unwrap();
        // The application keeps writing to the file that it has open.
        open.write_all(&shipment.lines.some(&generation, 5, &mut shipment.rng)).unwrap();
    }
    shipment.check();
}

#[test]
fn new_dated_names_two_hundred_times() {
    let mut shipment = Shipment::start("app-*.log");
    let name = |round: usize| format!("app-20261120-{:02}{:02}.log", round / 60, round % 60);
    for round in 0..ROTATIONS {
        shipment.write(&name(round), &format!("g{round}"));
        if round > 0 {
            // The last lines of the old file come after the first ones of the new.
            let late = shipment.lines.some(&format!("g{}", round - 1), 5, &mut shipment.rng);
            append(&shipment.home.log(&name(round - 1)), &late);
        }
    }
    shipment.check();
}

#[test]
fn copied_and_truncated_two_hundred_times_with_the_copies_in_the_pattern() {
    let mut shipment = Shipment::start("app.log*");
    for round in 0..ROTATIONS {
        shipment.write("app.log", &format!("g{round}"));
        copy_truncate(
            &shipment.home.log("app.log"),
            &shipment.home.log(&format!("app.log.{round}")),
        );
    }
    shipment.check();
}

/// The copies are not followed by themselves, so the agent must have read the beginning of what it
/// is to find the end of in a copy.
#[test]
fn copied_and_truncated_two_hundred_times_with_the_exact_name() {
    let mut shipment = Shipment::start("app.log");
    for round in 0..ROTATIONS {
        let generation = format!("g{round}");
        let known_before = shipment.endpoint.count(&shipment.stream);
        shipment.write("app.log", &generation);
        shipment.wait_for_a_line_of(&generation, known_before);
        // These are likely to be only in the copy when the agent looks again.
        let last = shipment.lines.some(&generation, 20, &mut shipment.rng);
        append(&shipment.home.log("app.log"), &last);
        copy_truncate(
            &shipment.home.log("app.log"),
            &shipment.home.log(&format!("app.log.{round}")),
        );
    }
    shipment.check();
}

/// A file that was renamed out of the pattern before it was opened is one of the windows that
/// docs/tailing.md names, so each generation is rotated when the agent is known to have it open.
#[test]
fn renamed_and_recreated_two_hundred_times_with_the_exact_name() {
    let mut shipment = Shipment::start("app.log");
    for round in 0..ROTATIONS {
        let generation = format!("g{round}");
        let known_before = shipment.endpoint.count(&shipment.stream);
        shipment.write("app.log", &generation);
        shipment.wait_for_a_line_of(&generation, known_before);
        let path = shipment.home.log("app.log");
        let mut open = fs::File::options().append(true).open(&path).unwrap();
        fs::rename(&path, shipment.home.log(&format!("app.log.{round}"))).unwrap();
        open.write_all(&shipment.lines.some(&generation, 5, &mut shipment.rng)).unwrap();
    }
    shipment.check();
}
