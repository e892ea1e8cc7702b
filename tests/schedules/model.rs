//! What must arrive: the reference that schedules are judged against.
//!
//! The model writes real files and remembers every line. A line must arrive once if the flow could
//! read it through a name or an open descriptor at any moment while it ran, or if it lies in a
//! file with a matching name when the flow is back. The model makes sure of one of them before it
//! destroys anything, and so needs no excuses: every line must arrive. Only lines whose
//! acknowledgement was not checkpointed before a crash, and those that `docs/tailing.md` names,
//! may arrive again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use kinetail::tail::pace::LOOK_EVERY_MAX;

use super::disk::Disk;
use super::judge::{Judge, lines_of};
use super::operation::Operation;
use super::options::Options;
use super::rotate::OPENED_AGAIN_WITHIN;
use crate::support::ground::{Files, Ground};
use crate::support::world::{TICK, World};

/// By then every file that was there was looked at, and what lay in it was read if it could be.
pub const SEEN_WITHIN: Duration = Duration::from_millis(100).saturating_add(LOOK_EVERY_MAX);

/// What takes longest of all that a line may wait for: a file that equals another one.
const ARRIVES_WITHIN: Duration = Duration::from_secs(5);

/// What lies in compressed files is found by then, one file after the other.
const SEARCHED_WITHIN: Duration = Duration::from_secs(45);

/// While nothing happens the flow is stepped late, as on a busy machine: by this share of the time
/// since something did, and by no more than `REST_MAX`. Most of a schedule is waiting.
const REST_SHARE: u32 = 2;
const REST_MAX: Duration = Duration::from_secs(4);

/// While lines keep arriving more may come.
const ARRIVES_STILL: Duration = Duration::from_millis(500);

/// The files of one schedule and the lines in them.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that others do not imply")]
pub struct Model {
    pub options: Options,
    pub world: World,
    pub disk: Disk,
    pub judge: Judge,
    pub running: bool,
    /// The first half of a line, if the live file ends with one.
    pub half: Option<Vec<u8>>,
    number: u64,
    generation: u64,
    /// For names that nothing had before.
    names: u64,
    twin_started: bool,
    /// The live file begins with all that another file held.
    pub nested: bool,
    /// The last line of the live file does not wait for its end, for the file was renamed.
    pub counts_as_rotated: bool,
    /// Calls to the disk fail: what could not be opened or read is tried again later.
    pub troubled: bool,
    /// There are compressed files, in which may lie what lines wait for.
    pub compressed: bool,
}

impl Model {
    /// A world on this ground.
    pub fn new(seed: u64, ground: Ground) -> Self {
        let options = Options::of(seed);
        let mut world = options.world(ground);
        world.files.create_dir(&world.path("logs"));
        let disk = Disk::new(&mut world, &options);
        let mut model = Self {
            disk,
            options,
            world,
            judge: Judge::default(),
            running: true,
            half: None,
            number: 0,
            generation: 0,
            names: 0,
            twin_started: false,
            nested: false,
            counts_as_rotated: false,
            troubled: false,
            compressed: false,
        };
        if model.options.at_end {
            model.live_is_there();
            model.disk.append(&model.live(), b"");
        }
        // It counts from the next start on.
        model.world.crash();
        model.world.start();
        // Of what came and went before a flow looked for the first time nothing is promised.
        model.world.step();
        if model.options.at_end && seed.is_multiple_of(8) {
            model.delete_empty(false);
        }
        model
    }

    pub fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Append { lines } => self.append(*lines),
            Operation::AppendHalf => self.append_half(),
            Operation::AppendPieces { pieces, millis } => self.append_pieces(*pieces, *millis),
            Operation::AppendToTwin { lines } => self.append_to_twin(*lines),
            Operation::RotateUnterminated => self.rotate_unterminated(),
            Operation::RotateByRename => self.rotate(),
            Operation::RotateUnseen { rotations } => self.rotate_unseen(*rotations),
            Operation::RotateByCopy => self.copy(false),
            Operation::RotateByCopySlowly => self.copy(true),
            Operation::RotateToDirectory => self.rotate_to_directory(),
            Operation::Compress => self.compress(),
            Operation::CompressStopped => self.compress_stopped(),
            Operation::MoveAway => self.move_away(),
            Operation::MoveDirectory { lines, millis, restart } => {
                self.move_directory(*lines, *millis, *restart);
            }
            Operation::Forbid { lines, millis, restart } => self.forbid(*lines, *millis, *restart),
            Operation::Replace { lines, cut } => self.replace(*lines, *cut),
            Operation::TruncateAndRegrow { lines } => self.truncate_and_regrow(*lines),
            Operation::Delete => self.delete(0, false),
            Operation::DeleteAndRecreate { lines } => self.delete(*lines, false),
            Operation::DeleteAndRecreateStopped { lines } => self.delete(*lines, true),
            Operation::DeleteUnread { lines } => self.delete_unread(*lines),
            Operation::DeleteOldest => self.delete_oldest(),
            Operation::HardLink => self.hard_link(),
            Operation::ReuseInodes { reuse } => self.disk.reuse = *reuse,
            Operation::Wait { millis } => self.run(Duration::from_millis(*millis)),
            Operation::EndpointDown => self.world.endpoint_down = true,
            Operation::EndpointUp => self.world.endpoint_down = false,
            Operation::Restart => self.restart(),
            Operation::Stop => self.stop(),
            Operation::Start => self.start(),
            Operation::Crash => self.crash(),
            Operation::Hint => self.hint(),
            Operation::Rare(rare) => self.apply_rare(rare),
        }
    }

    /// Lets everything arrive and judges it. Gives back the records in order, and behind them what
    /// happened to files.
    pub fn finish(mut self) -> Result<Vec<Vec<u8>>, String> {
        self.start();
        self.world.endpoint_down = false;
        if self.half.is_some() {
            self.append(1);
        }
        // What was rotated away without a line end waits, and what equals another file does.
        self.wait_for_all();
        self.wait_for_all();
        self.judge.judge(&self.world.stream)?;
        let transitions = self.world.all_transitions().into_bytes();
        let mut trace = self.world.stream;
        trace.push(transitions);
        Ok(trace)
    }

    /// The files, as they are seen without the flow's eyes.
    pub fn files(&self) -> Files {
        self.world.files.clone()
    }

    pub fn live(&self) -> PathBuf {
        self.log("app.log")
    }

    /// A file in the directory of the live one.
    pub fn log(&self, name: &str) -> PathBuf {
        self.world.path("logs").join(name)
    }

    /// A number that no name has yet.
    pub fn next_name(&mut self) -> u64 {
        self.names += 1;
        self.names
    }

    /// What is written to the live name from now on is another content.
    pub fn next_generation(&mut self) {
        self.generation += 1;
        self.nested = false;
    }

    /// The live name leads to another file from now on.
    pub fn next_file(&mut self) {
        self.next_generation();
        self.counts_as_rotated = false;
    }

    /// Whether there is a live file that ends with a whole line.
    pub fn is_whole(&self) -> bool {
        self.files().is_file(&self.live()) && self.half.is_none()
    }

    fn line(&mut self) -> Vec<u8> {
        self.number += 1;
        let padding = "x".repeat(usize::try_from(self.number % 50).unwrap());
        // Where records have several lines, every third begins one.
        let start =
            if self.options.multi_line && !self.number.is_multiple_of(3) { " " } else { "" };
        format!("{start}g{}|{}|{padding}\n", self.generation, self.number).into_bytes()
    }

    /// What completes half a line, if there is one, and whole lines.
    pub fn lines(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let half = self.half.take();
        if let Some(half) = &half {
            bytes.extend_from_slice(half);
            bytes.extend_from_slice(b"rest\n");
        }
        for _ in 0..count {
            bytes.extend_from_slice(&self.line());
        }
        self.judge.wrote(&bytes);
        if self.nested {
            self.judge.allow_again(&bytes);
        }
        bytes.split_off(half.map_or(0, |half| half.len()))
    }

    pub fn append(&mut self, lines: usize) {
        self.live_is_there();
        let bytes = self.lines(lines);
        self.disk.append(&self.live(), &bytes);
    }

    /// Half a line; it counts as written once it is completed or its file is rotated away.
    pub fn append_half(&mut self) {
        if self.half.is_none() && !self.counts_as_rotated {
            self.live_is_there();
            let mut line = self.line();
            line.pop();
            self.disk.append(&self.live(), &line);
            self.half = Some(line);
        }
    }

    fn append_pieces(&mut self, pieces: usize, millis: u64) {
        if self.counts_as_rotated {
            return;
        }
        self.live_is_there();
        let bytes = self.lines(1);
        for piece in bytes.chunks(bytes.len().div_ceil(pieces)) {
            self.disk.append(&self.live(), piece);
            self.run(Duration::from_millis(millis));
        }
    }

    fn append_to_twin(&mut self, lines: usize) {
        if !self.options.covers_rotated() {
            return;
        }
        let twin = self.log("app.log-twin");
        if !self.twin_started {
            // A file that begins with all that was read of another one is a copy of it.
            if !self.arrive() {
                return;
            }
            self.twin_started = true;
            // The twin begins like the live file, if that is long enough to be confusing.
            let head = self.files().read(&self.live()).unwrap_or_default();
            let head: Vec<&[u8]> = lines_of(head.get(..2000).unwrap_or(&head)).collect();
            let head = head[..head.len().saturating_sub(2)].concat();
            self.judge.wrote(&head);
            self.disk.append(&twin, &head);
        }
        let half = self.half.take();
        let bytes = self.lines(lines);
        self.half = half;
        self.disk.append(&twin, &bytes);
    }

    /// Lets the flow run for this long, if it does.
    pub fn run(&mut self, time: Duration) {
        self.run_quiet_since(self.world.now(), time);
    }

    /// The same after nothing happened since a time. Says since when nothing happens now.
    fn run_quiet_since(&mut self, since: Instant, time: Duration) -> Instant {
        if !self.running {
            self.disk.pass(time);
            return since;
        }
        let mut since = since;
        let end = self.world.now() + time;
        // What is due by the end is done by then.
        let last = end.checked_sub(TICK).unwrap();
        while self.world.now() < end {
            let before = self.world.now();
            let quiet = before.saturating_duration_since(since);
            let rest = if self.options.prompt { Duration::ZERO } else { quiet / REST_SHARE };
            if self.world.step_and_rest(rest.min(REST_MAX), last) {
                since = self.world.now();
            }
            // The clock of the files follows that of the flow.
            self.disk.pass(self.world.now() - before);
        }
        since
    }

    /// How long something takes that takes this long when no call fails.
    pub fn patience(&self, usual: Duration) -> Duration {
        if self.troubled { usual + OPENED_AGAIN_WITHIN } else { usual }
    }

    /// How long lines may wait for others, of which some may lie in a compressed file.
    fn search(&self, usual: Duration) -> Duration {
        let compressed = self.options.eventful || self.compressed;
        if compressed { usual + SEARCHED_WITHIN } else { self.patience(usual) }
    }

    /// Everything arrives, whatever happened before.
    pub fn calm(&mut self) {
        self.start();
        self.world.endpoint_down = false;
        if self.half.is_some() || !self.files().is_file(&self.live()) {
            self.append(1);
        }
        self.wait_for_all();
    }

    /// Runs until what is in the files has arrived, if it can.
    pub fn wait_for_all(&mut self) {
        let mut since = self.run_quiet_since(self.world.now(), self.search(ARRIVES_WITHIN));
        let still = self.search(ARRIVES_STILL);
        while self.running && self.world.now() - since < still {
            let quiet = self.world.now() - since;
            since = self.run_quiet_since(since, still.saturating_sub(quiet));
        }
    }

    /// Lets everything that was written arrive. `false` if that cannot be waited for.
    pub fn arrive(&mut self) -> bool {
        let can = self.running && !self.world.endpoint_down && self.half.is_none();
        if can {
            self.wait_for_all();
        }
        can
    }

    /// Everything that is in a file by now is read, if only through an open descriptor.
    pub fn be_seen(&mut self) {
        self.start();
        self.hint();
        self.run(self.patience(SEEN_WITHIN));
    }

    pub fn hint(&mut self) {
        if self.running {
            self.world.hint();
        }
    }

    pub fn stop(&mut self) {
        if !self.running {
            return;
        }
        // A stop while the endpoint is down is a crash after the deadline.
        if self.world.endpoint_down {
            return self.die();
        }
        self.world.stop();
        self.running = false;
        self.disk.release(&mut self.world);
    }

    pub fn start(&mut self) {
        if !self.running {
            self.world.start();
            self.running = true;
            self.run(Duration::from_millis(200));
        }
    }

    pub fn restart(&mut self) {
        self.stop();
        self.start();
    }

    fn crash(&mut self) {
        if self.running {
            self.die();
        }
        self.start();
    }

    fn die(&mut self) {
        for record in self.world.unwritten_records() {
            self.judge.allow_again(record);
        }
        self.world.crash();
        self.running = false;
        self.disk.release(&mut self.world);
    }
}
