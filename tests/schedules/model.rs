//! What must arrive: the reference that schedules are judged against.
//!
//! The model writes real files and remembers every line. A line must arrive once if the flow could
//! read it through a name or an open descriptor at any moment while it ran, or if it lies in a
//! file with a matching name when the flow is back. The model makes sure of one of them before it
//! destroys anything, and so needs no excuses: every line must arrive. Repeats are allowed only
//! after a crash, and only of records whose acknowledgement was not written down.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kinetail::tail::file::LOOK_EVERY_MAX;

use super::disk::Disk;
use super::operation::Operation;
use crate::support::world::World;

/// Rotated files keep their names up to this number.
const CHAIN: usize = 9;

/// The files of one schedule and the lines in them.
pub struct Model {
    world: World,
    disk: Disk,
    running: bool,
    written: Vec<Vec<u8>>,
    /// The first half of a line, if the live file ends with one.
    half: Option<Vec<u8>>,
    number: u64,
    generation: u64,
    copies: u64,
    moved: u64,
    /// Records that may arrive again because a crash forgot that they were acknowledged.
    repeats_allowed: usize,
    twin_started: bool,
}

impl Model {
    /// A world in a directory of its own within `parent`.
    pub fn new(seed: u64, parent: &Path) -> Self {
        // Half of the schedules use the exact name, which never shows rotated files.
        let exact = seed % 4 < 2;
        let pattern = if exact { "app.log" } else { "app.log*" };
        let mut world = World::within(tempfile::tempdir_in(parent).unwrap(), pattern, |_| {});
        // How old a stamp is depends on how busy the machine is; a schedule must not.
        world.wall_nanos = Some(0);
        Self {
            world,
            disk: Disk::new(tempfile::tempdir_in(parent).unwrap(), seed % 8 < 4, seed % 3 == 0),
            running: true,
            written: Vec::new(),
            half: None,
            number: 0,
            generation: 0,
            copies: 0,
            moved: 0,
            repeats_allowed: 0,
            twin_started: false,
        }
    }

    pub fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Append { lines } => self.append(*lines),
            Operation::AppendHalf => self.append_half(),
            Operation::RotateUnterminated => {
                self.start();
                self.append_half();
                self.rotate();
            }
            Operation::RotateByRename => self.rotate(),
            Operation::RotateByCopy => self.copy(false),
            Operation::RotateByCopySlowly => self.copy(true),
            Operation::MoveAway => self.move_away(),
            Operation::TruncateAndRegrow { lines } => {
                if self.arrive() {
                    self.disk.truncate(&self.live());
                    self.generation += 1;
                    self.append(*lines);
                }
            }
            Operation::Delete => {
                if self.arrive() {
                    self.remove_live();
                }
            }
            Operation::DeleteAndRecreate { lines } => {
                if self.arrive() {
                    self.remove_live();
                    self.append(*lines);
                }
            }
            Operation::DeleteAndRecreateStopped { lines } => {
                if self.arrive() {
                    self.stop();
                    self.remove_live();
                    self.append(*lines);
                }
            }
            Operation::ReuseInodes { reuse } => self.disk.reuse = *reuse,
            Operation::DeleteUnread { lines } => self.delete_unread(*lines),
            Operation::DeleteOldest => self.delete_oldest(),
            Operation::AppendToTwin { lines } => self.append_to_twin(*lines),
            Operation::HardLink => self.hard_link(),
            Operation::Wait { millis } => self.pass(Duration::from_millis(*millis)),
            Operation::EndpointDown => self.world.endpoint_down = true,
            Operation::EndpointUp => self.world.endpoint_down = false,
            Operation::Restart => {
                self.stop();
                self.start();
            }
            Operation::Stop => self.stop(),
            Operation::Start => self.start(),
            Operation::Crash => self.crash(),
            Operation::Hint => {
                if self.running {
                    self.world.hint();
                }
            }
        }
    }

    /// Lets everything arrive and judges it.
    pub fn finish(mut self) -> Result<Vec<Vec<u8>>, String> {
        self.start();
        self.world.endpoint_down = false;
        if self.half.is_some() {
            self.append(1);
        }
        self.run(Duration::from_secs(12));
        self.judge()?;
        Ok(self.world.stream)
    }

    fn judge(&self) -> Result<(), String> {
        let show = |line: &[u8]| String::from_utf8_lossy(line).trim_end().to_owned();
        let mut missing: HashMap<&[u8], i64> = HashMap::new();
        for line in &self.written {
            *missing.entry(line).or_default() += 1;
        }
        let mut repeats = 0;
        for record in &self.world.stream {
            let Some(left) = missing.get_mut(record.as_slice()) else {
                return Err(format!("nobody wrote {:?}", show(record)));
            };
            *left -= 1;
            if *left < 0 {
                repeats += 1;
                if repeats > self.repeats_allowed {
                    return Err(format!(
                        "{:?} came again, and {} repeats are allowed",
                        show(record),
                        self.repeats_allowed
                    ));
                }
            }
        }
        match missing.iter().find(|(_, left)| **left > 0) {
            Some((line, _)) => {
                let count = missing.values().filter(|left| **left > 0).count();
                Err(format!("{count} lines did not arrive, one is {:?}", show(line)))
            }
            None => Ok(()),
        }
    }

    /// Lets the flow step for this long.
    fn run(&mut self, time: Duration) {
        self.world.run(time);
        self.disk.pass(time);
    }

    fn live(&self) -> PathBuf {
        self.world.path("app.log")
    }

    fn line(&mut self) -> Vec<u8> {
        self.number += 1;
        let padding = "x".repeat(usize::try_from(self.number % 50).unwrap());
        format!("g{}|{}|{padding}\n", self.generation, self.number).into_bytes()
    }

    fn append(&mut self, lines: usize) {
        let mut bytes = Vec::new();
        if let Some(half) = self.half.take() {
            bytes.extend_from_slice(b"rest\n");
            self.written.push([half.as_slice(), b"rest\n"].concat());
        }
        for _ in 0..lines {
            let line = self.line();
            bytes.extend_from_slice(&line);
            self.written.push(line);
        }
        self.disk.append(&self.live(), &bytes);
    }

    /// Half a line; it counts as written once it is completed or its file is rotated away.
    fn append_half(&mut self) {
        if self.half.is_some() {
            return;
        }
        let mut line = self.line();
        line.pop();
        self.disk.append(&self.live(), &line);
        self.half = Some(line);
    }

    fn is_exact(&self) -> bool {
        self.world.config.pattern.text().ends_with("app.log")
    }

    /// With the exact name a file that is renamed must have been looked at under it.
    fn be_seen(&mut self) {
        if self.is_exact() {
            self.start();
            self.world.hint();
            self.run(LOOK_EVERY_MAX + Duration::from_millis(100));
        } else if self.running {
            self.world.hint();
        }
    }

    fn rotate(&mut self) {
        if !self.live().is_file() {
            return;
        }
        if self.half.is_some() {
            // Nobody can know of a content first seen after its rotation that it was rotated.
            self.start();
            self.run(LOOK_EVERY_MAX + Duration::from_millis(100));
        }
        self.end_half();
        self.be_seen();
        for number in (0..CHAIN).rev() {
            let from = self.rotated(number);
            if from.is_file() {
                fs::rename(from, self.rotated(number + 1)).unwrap();
            }
        }
        let last = self.rotated(CHAIN);
        if last.is_file() {
            // The chain never loses a file here: the last one moves on to a name of its own.
            self.moved += 1;
            fs::rename(last, self.world.path(&format!("app.log.old{}", self.moved))).unwrap();
        }
        self.generation += 1;
    }

    fn rotated(&self, number: usize) -> PathBuf {
        if number == 0 { self.live() } else { self.world.path(&format!("app.log.{number}")) }
    }

    /// A file that is rotated away with half a line keeps that as its last record.
    fn end_half(&mut self) {
        if let Some(half) = self.half.take() {
            self.written.push(half);
        } else if let Ok(bytes) = fs::read(self.live())
            && !bytes.is_empty()
            && !bytes.ends_with(b"\n")
        {
            let start = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            self.written.push(bytes[start..].to_vec());
        }
    }

    fn copy(&mut self, slowly: bool) {
        if !self.live().is_file() || self.half.is_some() {
            return;
        }
        // Outside the pattern a copy is found by what was acknowledged of its original.
        if self.is_exact() && (!self.running || !self.arrive()) {
            return;
        }
        self.be_seen();
        self.copies += 1;
        let copy = self.world.path(&format!("app.log.copy{}", self.copies));
        if slowly {
            self.disk.copy(&self.live(), &copy);
            self.pass(Duration::from_millis(400));
        } else {
            self.disk.copy(&self.live(), &copy);
        }
        self.disk.truncate(&self.live());
        self.generation += 1;
        // A copy is found only for as long as the old content is remembered.
        self.pass(Duration::from_millis(150));
    }

    fn move_away(&mut self) {
        if !self.live().is_file() || self.half.is_some() {
            return;
        }
        // After a crash nothing proves what the file holds if nobody looked at it.
        self.start();
        self.run(LOOK_EVERY_MAX + Duration::from_millis(100));
        self.be_seen();
        self.moved += 1;
        fs::rename(self.live(), self.world.path(&format!("moved{}", self.moved))).unwrap();
        self.generation += 1;
    }

    /// Lets everything that was written arrive. `false` if that cannot be waited for.
    fn arrive(&mut self) -> bool {
        if !self.running || self.world.endpoint_down || self.half.is_some() {
            return false;
        }
        self.run(Duration::from_secs(5));
        self.live().is_file()
    }

    fn remove_live(&mut self) {
        self.disk.remove(&self.live());
        self.generation += 1;
    }

    fn delete_unread(&mut self, lines: usize) {
        if !self.running || !self.live().is_file() || self.half.is_some() {
            return;
        }
        // It is open by now, so what is written before it is deleted can be read.
        self.world.hint();
        self.append(lines);
        self.remove_live();
        // Until it was read nothing may happen that closes it.
        let down = std::mem::replace(&mut self.world.endpoint_down, false);
        self.run(Duration::from_secs(1));
        self.world.endpoint_down = down;
    }

    fn delete_oldest(&mut self) {
        if !self.arrive() {
            return;
        }
        if let Some(number) = (1..=CHAIN).rev().find(|number| self.rotated(*number).is_file()) {
            self.disk.remove(&self.rotated(number));
        }
    }

    fn append_to_twin(&mut self, lines: usize) {
        if self.is_exact() {
            return;
        }
        let twin = self.world.path("app.log-twin");
        if !std::mem::replace(&mut self.twin_started, true) {
            // The twin begins like the live file, if that is long enough to be confusing.
            let head = fs::read(self.live()).unwrap_or_default();
            // Not all of it: a file that holds everything another one held is a copy of it.
            let last = head.iter().take(2000).rposition(|byte| *byte == b'\n').unwrap_or(0);
            let end = head[..last].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            self.disk.append(&twin, &head[..end]);
            let copied = head[..end].split_inclusive(|byte| *byte == b'\n');
            self.written.extend(copied.map(<[u8]>::to_vec));
        }
        let bytes: Vec<u8> = (0..lines)
            .flat_map(|_| {
                let line = self.line();
                self.written.push(line.clone());
                line
            })
            .collect();
        self.disk.append(&twin, &bytes);
    }

    fn hard_link(&mut self) {
        let link = self.world.path("app.log-link");
        if self.live().is_file() && fs::hard_link(self.live(), &link).is_ok() {
            self.pass(Duration::from_millis(250));
            fs::remove_file(link).unwrap();
        }
    }

    fn pass(&mut self, time: Duration) {
        if self.running {
            self.run(time);
        }
    }

    fn stop(&mut self) {
        if !self.running {
            return;
        }
        // A stop while the endpoint is down is a crash after the deadline.
        if self.world.endpoint_down {
            self.repeats_allowed += self.world.unwritten_records();
            self.world.crash();
        } else {
            self.world.stop();
        }
        self.running = false;
        self.disk.release(&mut self.world);
    }

    fn start(&mut self) {
        if !self.running {
            self.world.start();
            self.running = true;
            self.run(Duration::from_millis(200));
        }
    }

    fn crash(&mut self) {
        if self.running {
            self.repeats_allowed += self.world.unwritten_records();
            self.world.crash();
            self.running = false;
            self.disk.release(&mut self.world);
        }
        self.start();
    }
}
