//! What can happen, and a seeded generator of it.

use super::rare::{self, Rare};
use super::strange;

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Complete lines are appended to the live file, which is made if it is not there.
    Append { lines: usize },
    /// Half a line is appended; the next append completes it.
    AppendHalf,
    /// A line is written in pieces with pauses between them.
    AppendPieces { pieces: usize, millis: u64 },
    /// A line without its end is written and the live file is rotated away.
    RotateUnterminated,
    /// `app.log` becomes `app.log.1`, `app.log.1` becomes `app.log.2`, and so on. Where the live
    /// name is a symbolic link, it leads to a new file from then on.
    RotateByRename,
    /// The live file is copied to a new name, and truncated.
    RotateByCopy,
    /// The live file is copied to a new name; some time passes before it is truncated.
    RotateByCopySlowly,
    /// The live file is moved to another directory.
    RotateToDirectory,
    /// The oldest rotated file is compressed, and removed while the flow runs.
    Compress,
    /// The same while the flow is down, which it is from then on.
    CompressStopped,
    /// The live file is moved to a name that does not match.
    MoveAway,
    /// The directory is moved away; its live file grows; it is moved back.
    MoveDirectory { lines: usize, millis: u64, restart: bool },
    /// The live file may not be read for a while, in which it grows.
    Forbid { lines: usize, millis: u64, restart: bool },
    /// A longer file with what the live one holds, or all but its first line, is renamed over it.
    Replace { lines: usize, cut: bool },
    /// Everything arrives, then the live file is truncated to nothing and grows at once.
    TruncateAndRegrow { lines: usize },
    /// Several rotations, each with lines before it, without a look in between.
    RotateUnseen { rotations: usize },
    /// Everything arrives, then the live file is deleted.
    Delete,
    /// Everything arrives, then the live file is deleted and made again.
    DeleteAndRecreate { lines: usize },
    /// The same while the flow is down, which it is from then on.
    DeleteAndRecreateStopped { lines: usize },
    /// New files get the inode numbers of removed ones from now on, or new ones.
    ReuseInodes { reuse: bool },
    /// An unread rest is in the live file when it is deleted while it is open.
    DeleteUnread { lines: usize },
    /// The oldest rotated file is deleted after everything arrived.
    DeleteOldest,
    /// A second live file with the same first kilobytes gets lines.
    AppendToTwin { lines: usize },
    /// A hard link to the live file appears and vanishes.
    HardLink,
    /// Time passes, in milliseconds.
    Wait { millis: u64 },
    /// No request is acknowledged until `EndpointUp`.
    EndpointDown,
    /// Requests are acknowledged again.
    EndpointUp,
    /// A clean stop, and a start right after it.
    Restart,
    /// A clean stop; what follows happens while the flow is down, until `Start`.
    Stop,
    /// Starts a flow that is down.
    Start,
    /// The process dies and is started again.
    Crash,
    /// Somebody says that names changed.
    Hint,
    /// Something that only every fourth schedule has.
    Rare(Rare),
}

/// The schedule of a seed, of this many operations.
pub fn generate(seed: u64, count: usize) -> Vec<Operation> {
    let mut random = fastrand::Rng::with_seed(seed);
    let one = match (rare::is_strange(seed), rare::is_eventful(seed)) {
        (true, _) => strange::one,
        (false, true) => rare::one,
        (false, false) => common,
    };
    (0..count).map(|_| one(&mut random)).collect()
}

/// What every schedule has.
pub fn common(random: &mut fastrand::Rng) -> Operation {
    if random.u32(0..3) == 0 {
        return Operation::Append { lines: random.usize(1..40) };
    }
    match random.u32(0..3) {
        0 => writing(random),
        1 => rotation(random),
        _ => around(random),
    }
}

fn writing(random: &mut fastrand::Rng) -> Operation {
    let lines = random.usize(1..40);
    let (millis, restart) = (random.u64(10..1500), random.bool());
    match random.u32(0..10) {
        0..=1 => Operation::AppendHalf,
        2 => Operation::AppendPieces { pieces: random.usize(2..5), millis },
        3 => Operation::TruncateAndRegrow { lines },
        4 => Operation::AppendToTwin { lines },
        5 => Operation::Forbid { lines, millis, restart },
        6 => Operation::MoveDirectory { lines, millis, restart },
        7 => Operation::Replace { lines, cut: random.u32(0..3) > 0 },
        8 => Operation::DeleteUnread { lines },
        _ => Operation::HardLink,
    }
}

fn rotation(random: &mut fastrand::Rng) -> Operation {
    let lines = random.usize(1..40);
    match random.u32(0..23) {
        0..=4 => Operation::RotateByRename,
        20..=22 => Operation::RotateUnseen { rotations: random.usize(1..=5) },
        5..=8 => Operation::RotateByCopy,
        9..=10 => Operation::RotateByCopySlowly,
        11 => Operation::RotateUnterminated,
        12 => Operation::RotateToDirectory,
        13 => Operation::Compress,
        14 => Operation::CompressStopped,
        15 => Operation::MoveAway,
        16 => Operation::Delete,
        17 => Operation::DeleteOldest,
        18 => Operation::DeleteAndRecreate { lines },
        _ => Operation::DeleteAndRecreateStopped { lines },
    }
}

fn around(random: &mut fastrand::Rng) -> Operation {
    match random.u32(0..13) {
        0..=3 => Operation::Wait { millis: random.u64(10..1500) },
        4 => Operation::EndpointDown,
        5 => Operation::EndpointUp,
        6 => Operation::Restart,
        7 => Operation::Stop,
        8 => Operation::Start,
        9 => Operation::Crash,
        10 => Operation::ReuseInodes { reuse: random.bool() },
        _ => Operation::Hint,
    }
}
