//! What a stranger may write, changed at random: none of it may panic, and what is read from it has
//! to be true.
//!
//! Each target runs for about a second from a fixed seed. `KINETAIL_FUZZ_SECONDS` asks for longer,
//! `KINETAIL_FUZZ_SEED` for other inputs. A failure prints the seed and the input; put it into the
//! target's seeds, which are tried as they are before any is changed.

mod checkpoints;
mod compressed;
mod configuration;
mod glob;
mod patterns;
mod responses;

use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

/// How long a target runs in `cargo test`.
const USUAL: Duration = Duration::from_secs(1);

const SEED: u64 = 1;

/// Changes to one input, at most.
const CHANGES_MAX: usize = 6;

/// An input grows to this many bytes, and no more.
const INPUT_BYTES_MAX: usize = 64 * 1024;

/// A copied part has at most this many bytes.
const PART_BYTES_MAX: usize = 40;

/// Tries the seeds, and then what random changes make of them.
fn fuzz(seeds: &[&[u8]], words: &[&[u8]], mut check: impl FnMut(&[u8])) {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let time = number("KINETAIL_FUZZ_SECONDS").map_or(USUAL, Duration::from_secs);
    let seed = number("KINETAIL_FUZZ_SEED").unwrap_or(SEED);
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut tried = 0_u64;
    let mut one = |input: &[u8]| {
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| check(input))) {
            eprintln!("KINETAIL_FUZZ_SEED={seed}, the input is b\"{}\"", input.escape_ascii());
            panic::resume_unwind(panic);
        }
    };
    for seed in seeds {
        one(seed);
    }
    let begin = Instant::now();
    while tried < 10 || begin.elapsed() < time {
        let mut input = rng.choice(seeds).map_or_else(Vec::new, |seed| seed.to_vec());
        for _ in 0..rng.usize(1..=CHANGES_MAX) {
            change(&mut input, words, &mut rng);
        }
        one(&input);
        tried += 1;
    }
    println!("{tried} inputs");
}

/// One change: a bit, a byte, a word, a part that is copied, moved or taken away.
fn change(input: &mut Vec<u8>, words: &[&[u8]], rng: &mut fastrand::Rng) {
    let at = rng.usize(0..=input.len());
    let end = (at + rng.usize(1..=PART_BYTES_MAX)).min(input.len());
    match rng.u8(0..7) {
        0 if at < input.len() => input[at] ^= 1 << rng.u8(0..8),
        1 if at < input.len() => input[at] = rng.u8(..),
        2 => drop(input.drain(at..end)),
        3 if input.len() < INPUT_BYTES_MAX => {
            let part = input[at..end].to_vec();
            let to = rng.usize(0..=input.len());
            input.splice(to..to, part);
        }
        4 => input.truncate(at),
        _ if input.len() < INPUT_BYTES_MAX => {
            let word = rng.choice(words).copied().unwrap_or(b"\0");
            input.splice(at..at, word.iter().copied());
        }
        _ => {}
    }
}
