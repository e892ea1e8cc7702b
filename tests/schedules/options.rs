//! What kind of world a schedule runs in: drawn from the seed, apart from the operations, so that
//! leaving operations out does not change it.

use std::env;

use kinetail::budget::Budget;
use kinetail::config::{FlowConfig, InitialPosition};
use kinetail::tail::space::SpaceGuard;

use super::rare::is_eventful;
use super::trouble::ROOM;
use crate::support::ground::Ground;
use crate::support::world::World;

/// So few files may be open in worlds with few descriptors.
const FEW_DESCRIPTORS: usize = 3;

/// A slow world ships at most this many records in a request, and one request in a step.
const SLOW_RECORDS: usize = 7;

/// One schedule in so many steps the flow on time always, which takes many times as long.
const PROMPT_ONE_IN: u32 = 64;

/// What the batches of a slow world may hold.
const SLOW_BUDGET_BYTES: usize = 4096;

/// A wall clock this far behind every stamp: each change may hide another one behind its stamp.
const NEVER_SETTLED: i128 = 0;

/// A wall clock this far ahead of every stamp: stamps tell everything.
const ALWAYS_SETTLED: i128 = i128::MAX / 2;

/// Names that the flow follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// `logs/app.log`: rotated files never match.
    Exact,
    /// `l*s/app.log`: the same, found by listing.
    ExactBelowGlob,
    /// `logs/app.log*`: rotated files match.
    Rotated,
    /// `**/app.log*`: rotated files match in any directory.
    AnyDepth,
}

/// What does not change during a schedule.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn apart from the others")]
pub struct Options {
    pub names: Names,
    /// The live name is a symbolic link to a dated file; a rotation swaps it.
    pub linked: bool,
    /// Records are several lines.
    pub multi_line: bool,
    pub few_descriptors: bool,
    /// The endpoint takes little at a time, and there is little memory.
    pub slow: bool,
    /// Stamps are old enough to be believed.
    settled: bool,
    /// Changes without a pause between them get the same stamp.
    pub coarse: bool,
    /// The next writes to quiet files are notified.
    pub notified: bool,
    /// The file system tells when files were born.
    pub births: bool,
    /// New files begin with the numbers of removed ones.
    pub reuse: bool,
    /// Rare things happen, some of which take long.
    pub eventful: bool,
    /// The flow begins at the end of an empty file.
    pub at_end: bool,
    /// Files without a name are held only while there is room on the disk.
    guarded: bool,
    /// The flow is stepped whenever it asks for it, also while nothing happens. `KINETAIL_PROMPT`
    /// has that in all schedules.
    pub prompt: bool,
}

impl Options {
    pub fn of(seed: u64) -> Self {
        // Another generator than that of the operations, which has the seed itself.
        let mut random = fastrand::Rng::with_seed(!seed);
        let names = match random.u32(0..8) {
            0..=2 => Names::Exact,
            3 => Names::ExactBelowGlob,
            4..=6 => Names::Rotated,
            _ => Names::AnyDepth,
        };
        let mut one_in = |count: u32| random.u32(0..count) == 0;
        let mut options = Self {
            names,
            linked: one_in(6),
            multi_line: one_in(5),
            few_descriptors: one_in(5),
            slow: one_in(5),
            settled: !one_in(3),
            coarse: one_in(2),
            reuse: one_in(2),
            births: !one_in(3),
            notified: one_in(2),
            eventful: is_eventful(seed),
            at_end: is_eventful(seed) && one_in(4),
            guarded: is_eventful(seed) && one_in(2),
            prompt: one_in(PROMPT_ONE_IN) || env::var_os("KINETAIL_PROMPT").is_some(),
        };
        // What is renamed out of the pattern while it is closed is lost; `docs/tailing.md` says so.
        options.few_descriptors &= options.covers_rotated();
        // Where descriptors are short it depends on the kernel's clock what is opened when.
        options.settled &= !options.few_descriptors;
        // Stamps that are believed have to tell changes apart.
        options.coarse &= !options.settled;
        options
    }

    /// Whether names of rotated files match.
    pub fn covers_rotated(&self) -> bool {
        matches!(self.names, Names::Rotated | Names::AnyDepth)
    }

    /// Whether they do in every directory.
    pub fn covers_directories(&self) -> bool {
        self.names == Names::AnyDepth
    }

    /// The flow, in a directory of its own. The files are in `logs` within that.
    pub fn world(&self, dir: Ground) -> World {
        let pattern = match self.names {
            Names::Exact => "logs/app.log",
            Names::ExactBelowGlob => "l*s/app.log",
            Names::Rotated => "logs/app.log*",
            Names::AnyDepth => "**/app.log*",
        };
        let mut world = World::within(dir, pattern, |config| self.configure(config));
        // How old a stamp is depends on how busy the machine is; a schedule must not.
        world.wall_nanos = Some(if self.settled { ALWAYS_SETTLED } else { NEVER_SETTLED });
        if self.slow {
            world.acks_per_step = 1;
            world.budget = Budget::new(SLOW_BUDGET_BYTES, 1);
        }
        if self.few_descriptors {
            world.descriptors_max = FEW_DESCRIPTORS;
        }
        if self.guarded {
            world.space = SpaceGuard::default();
            world.disk.script.borrow_mut().space = Some(ROOM);
        }
        world.notifies_writes = self.notified;
        // Limits count from the next start on.
        world.crash();
        world.start();
        world
    }

    fn configure(&self, config: &mut FlowConfig) {
        if self.at_end {
            config.initial_position = InitialPosition::EndOfFile;
        }
        if self.slow {
            config.max_buffer_records = SLOW_RECORDS;
        }
        if self.multi_line {
            config.multi_line_start = Some(kinetail::process::LineStart::compile("g").unwrap());
        }
    }
}
