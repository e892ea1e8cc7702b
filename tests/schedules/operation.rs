//! What can happen, and a seeded generator of it.

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Complete lines are appended to the live file, which is made if it is not there.
    Append { lines: usize },
    /// Half a line is appended; the next append completes it.
    AppendHalf,
    /// A line without its end is written and the live file is rotated away.
    RotateUnterminated,
    /// `app.log` becomes `app.log.1`, `app.log.1` becomes `app.log.2`, and so on.
    RotateByRename,
    /// The live file is copied to a new name that matches, and truncated.
    RotateByCopy,
    /// The live file is copied to a new name; some time passes before it is truncated.
    RotateByCopySlowly,
    /// The live file is moved to a name that does not match.
    MoveAway,
    /// Everything arrives, then the live file is truncated to nothing and grows at once.
    TruncateAndRegrow { lines: usize },
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
}

/// A schedule of this many operations.
pub fn generate(random: &mut fastrand::Rng, count: usize) -> Vec<Operation> {
    (0..count).map(|_| one(random)).collect()
}

fn one(random: &mut fastrand::Rng) -> Operation {
    let lines = random.usize(1..40);
    match random.u32(0..42) {
        0..=9 => Operation::Append { lines },
        10 => Operation::AppendHalf,
        11 => Operation::RotateUnterminated,
        12..=15 => Operation::RotateByRename,
        16..=18 => Operation::RotateByCopy,
        19 => Operation::RotateByCopySlowly,
        20 => Operation::MoveAway,
        21 => Operation::TruncateAndRegrow { lines },
        22 => Operation::Delete,
        23 => Operation::DeleteAndRecreate { lines },
        24 => Operation::DeleteUnread { lines },
        25 => Operation::DeleteOldest,
        26 => Operation::AppendToTwin { lines },
        27 => Operation::HardLink,
        28..=31 => Operation::Wait { millis: random.u64(10..1500) },
        32 => Operation::EndpointDown,
        33 => Operation::EndpointUp,
        34 => Operation::Restart,
        35 => Operation::Stop,
        36 => Operation::Start,
        37 => Operation::Crash,
        38 => Operation::DeleteAndRecreateStopped { lines },
        39 => Operation::ReuseInodes { reuse: random.bool() },
        _ => Operation::Hint,
    }
}
