//! The life of files around their contents: directories that come and go, permissions, patterns,
//! descriptors, disks, and turns.

mod descriptors;
mod directories;
mod fairness;
mod names;
mod notice;
mod problems;
mod start;

use crate::support::oracle::judge;
use crate::support::world::World;

/// Numbered lines of several generations, all of which are expected.
#[derive(Default)]
struct Lines {
    written: Vec<Vec<u8>>,
    number: u64,
}

impl Lines {
    fn some(&mut self, generation: &str, count: usize) -> Vec<u8> {
        let first = self.written.len();
        for _ in 0..count {
            self.number += 1;
            let line = format!("{generation}|{}|some text to fill the line\n", self.number);
            self.written.push(line.into_bytes());
        }
        self.written[first..].concat()
    }

    fn assert_exact(&self, world: &World) {
        let verdict = judge(&self.written, &world.stream);
        assert!(verdict.is_exact(), "{verdict}");
    }
}

/// Whether this process may do what only root may: mount, and read everything.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
