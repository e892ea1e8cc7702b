//! What is too rare or takes too long to be a part of every schedule: every fourth one has it.
//!
//! Each of these is a short story of its own, for it needs what happens in a certain order. What
//! happened before it, the world that it runs in, and what follows are drawn like everything else.

use std::env;

use super::model::Model;
use super::operation::{Operation, common};
use super::strange::Strange;
use super::trouble::FAULTS;

/// Of so many operations of an eventful schedule one is rare.
const ONE_IN: u32 = 3;

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rare {
    /// The live file is copied to a new name piece by piece, and something becomes of the copy.
    CopyInSteps { steps: usize, millis: u64, fate: CopyFate },
    /// Several rotations without a look, each compressed at once.
    RotateCompressed { rotations: usize, lines: usize, stopped: bool },
    /// A file that is not read to its end is compressed while the flow is down, and the compressed
    /// file is damaged.
    CompressDamaged { lines: usize },
    /// A compressed file that is being read is cut off for a while.
    CutArchive { lines: usize },
    /// A finished file comes back with more lines, and is rotated and compressed without a look.
    ComesBack { lines: usize },
    /// The last line of a file is written over, with lines in flight.
    RewriteEnd { which: Which, lines: usize },
    /// A file in UTF-16, and what becomes of it.
    Utf16 { rotate: bool, truncate: bool },
    /// A rotated file is destroyed. It is first seen under its rotated name, or before that.
    Shred { stopped: bool, keep: bool, found: bool },
    /// A file that was moved out of the pattern is truncated and written to.
    TruncateMoved { lines: usize },
    /// A rotated file that matches is truncated and gets lines of its own.
    RewriteRotated { lines: usize },
    /// The live file is truncated and grows, twice; a call fails when it is seen the first time.
    RegrowTwice { lines: usize, failing: u64 },
    /// A generation that may not be read comes and goes between two looks. It is deleted, or may
    /// be read later.
    RotateUnreadable { stopped: bool, delete: bool },
    /// The live file is empty when it is deleted; time passes, or it is made again while the flow
    /// is down.
    DeleteEmpty { recreate: bool },
    /// The machine sleeps.
    Sleep { rest: Rest },
    /// The disk is nearly full for a while.
    DiskFills { critical: bool, millis: u64 },
    /// Calls to the disk fail during something common.
    CallsFail { first: u64, every: u64, fault: usize, during: Box<Operation> },
    /// What few programs do.
    Strange(Strange),
}

/// What becomes of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyFate {
    /// Its original is truncated.
    Completed,
    /// Its original stays as it is.
    Kept,
    /// The same, and the copy gets another name that matches.
    Renamed,
    /// The same, and the copy gets one that does not.
    MovedAway,
    /// The same, and the copy is deleted.
    Deleted,
    /// It is written over with lines of its own.
    Rewritten,
    /// It gets a name that does not match, and its original is truncated.
    MovedAndCompleted,
}

/// A file of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Live,
    /// The last one that was rotated.
    Rotated,
}

/// How long the machine sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Longer than what is read to its end and deleted is held.
    Minute,
    /// Longer than what is finished is known.
    Minutes,
    /// Longer than what was moved away is held.
    Hours,
    /// Longer than anything is held.
    Days,
}

/// Whether a schedule has rare operations. `KINETAIL_COMMON` leaves them out.
pub fn is_eventful(seed: u64) -> bool {
    (seed.is_multiple_of(4) || is_strange(seed)) && env::var_os("KINETAIL_COMMON").is_none()
}

/// Whether they are strange ones.
pub fn is_strange(seed: u64) -> bool {
    seed % 8 == 2 && env::var_os("KINETAIL_COMMON").is_none()
}

/// A common operation or a rare one.
pub fn one(random: &mut fastrand::Rng) -> Operation {
    if random.u32(0..ONE_IN) > 0 { common(random) } else { Operation::Rare(rare(random)) }
}

fn rare(random: &mut fastrand::Rng) -> Rare {
    let lines = random.usize(1..40);
    let (one, other) = (random.bool(), random.bool());
    match random.u32(0..24) {
        0..=3 => Rare::CopyInSteps {
            steps: random.usize(1..4),
            millis: random.u64(10..700),
            fate: copy_fate(random),
        },
        4..=5 => {
            Rare::RotateCompressed { rotations: random.usize(1..4), lines, stopped: random.bool() }
        }
        6 => Rare::CompressDamaged { lines },
        7 => Rare::CutArchive { lines: 500 + lines },
        8 => Rare::ComesBack { lines },
        9..=10 => Rare::RewriteEnd { which: if one { Which::Live } else { Which::Rotated }, lines },
        11..=12 => Rare::Utf16 { rotate: one, truncate: other },
        13 => Rare::Shred { stopped: one, keep: other, found: lines.is_multiple_of(2) },
        14 => Rare::TruncateMoved { lines },
        15 => Rare::RotateUnreadable { stopped: one, delete: other },
        16 => Rare::DeleteEmpty { recreate: one },
        17 => Rare::Sleep { rest: rest(random) },
        18 => Rare::DiskFills { critical: one, millis: random.u64(500..5000) },
        19..=21 => Rare::RegrowTwice { lines, failing: random.u64(1..16) },
        22 => Rare::RewriteRotated { lines },
        _ => Rare::CallsFail {
            first: random.u64(1..200),
            every: random.u64(1..400),
            fault: random.usize(..FAULTS.len()),
            during: Box::new(bearable(random)),
        },
    }
}

/// What destroys nothing that was not read, however long the reading takes.
fn bearable(random: &mut fastrand::Rng) -> Operation {
    let lines = random.usize(1..40);
    match random.u32(0..9) {
        0 => Operation::Append { lines },
        1 => Operation::RotateByRename,
        2 => Operation::RotateUnseen { rotations: random.usize(1..=5) },
        3 => Operation::TruncateAndRegrow { lines },
        4 => Operation::RotateToDirectory,
        5 => Operation::CompressStopped,
        6 => Operation::HardLink,
        7 => Operation::Restart,
        _ => Operation::Rare(Rare::RotateCompressed { rotations: 2, lines, stopped: true }),
    }
}

fn copy_fate(random: &mut fastrand::Rng) -> CopyFate {
    match random.u32(0..10) {
        0..=2 => CopyFate::Completed,
        3 => CopyFate::Kept,
        4 => CopyFate::Renamed,
        5 => CopyFate::MovedAway,
        6..=7 => CopyFate::Deleted,
        8 => CopyFate::Rewritten,
        _ => CopyFate::MovedAndCompleted,
    }
}

fn rest(random: &mut fastrand::Rng) -> Rest {
    match random.u32(0..6) {
        0..=1 => Rest::Minute,
        2..=3 => Rest::Minutes,
        4 => Rest::Hours,
        _ => Rest::Days,
    }
}

impl Model {
    pub fn apply_rare(&mut self, rare: &Rare) {
        match rare {
            Rare::CopyInSteps { steps, millis, fate } => {
                self.copy_in_steps(*steps, *millis, *fate);
            }
            Rare::RotateCompressed { rotations, lines, stopped } => {
                self.rotate_compressed(*rotations, *lines, *stopped);
            }
            Rare::CompressDamaged { lines } => self.compress_damaged(*lines),
            Rare::CutArchive { lines } => self.cut_archive(*lines),
            Rare::ComesBack { lines } => self.come_back(*lines),
            Rare::RewriteEnd { which, lines } => self.rewrite_end(*which, *lines),
            Rare::Utf16 { rotate, truncate } => self.utf16(*rotate, *truncate),
            Rare::Shred { stopped, keep, found } => self.shred(*stopped, *keep, *found),
            Rare::RewriteRotated { lines } => self.rewrite_rotated(*lines),
            Rare::RegrowTwice { lines, failing } => self.regrow_twice(*lines, *failing),
            Rare::TruncateMoved { lines } => self.truncate_moved(*lines),
            Rare::RotateUnreadable { stopped, delete } => {
                self.rotate_unreadable(*stopped, *delete);
            }
            Rare::DeleteEmpty { recreate } => self.delete_empty(*recreate),
            Rare::Sleep { rest } => self.sleep(*rest),
            Rare::DiskFills { critical, millis } => self.disk_fills(*critical, *millis),
            Rare::Strange(strange) => self.apply_strange(strange),
            Rare::CallsFail { first, every, fault, during } => {
                self.calls_fail((*first, *every), *fault, during);
            }
        }
    }
}
