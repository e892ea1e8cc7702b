//! What becomes of files: rotated, copied, moved, compressed, replaced, truncated, deleted.
//!
//! Before anything is destroyed it was readable for long enough, as `docs/tailing.md` says how long
//! that is. What is lost by the windows named there is not generated.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::model::{Model, SEEN_WITHIN};

/// Rotated files keep their names up to this number.
const CHAIN: usize = 9;

/// Files that leave the chain get numbers from here down: a greater one is an older file.
const NUMBER_MAX: u64 = 999;

/// Files with such numbers have left it.
const LEFT_FROM: usize = 500;

/// Whether a file that is compressed while the flow is down is continued at its byte.
const COMPRESSED_IS_READ: bool = false;

/// What could not be opened is tried again by then.
pub const OPENED_AGAIN_WITHIN: Duration = Duration::from_secs(11);

/// A truncated file is looked at within this time.
const LOOKED_WITHIN: Duration = Duration::from_millis(150);

/// How long a slow tool takes between copying and truncating.
const SLOW_COPY: Duration = Duration::from_millis(400);

impl Model {
    /// Where the live name is a link, it leads somewhere.
    pub fn live_is_there(&mut self) {
        if self.options.linked && !self.files().is_file(&self.live()) {
            self.swap_link();
        }
    }

    fn swap_link(&mut self) {
        let dated = self.next_name();
        let dated = self.log(&format!("app.log-{dated:04}"));
        self.disk.append(&dated, b"");
        self.disk.link(&dated, &self.live());
    }

    /// The live file itself, also where its name is a link.
    pub fn live_file(&self) -> PathBuf {
        self.files().real_path(&self.live()).unwrap()
    }

    pub fn rotate_unterminated(&mut self) {
        self.start();
        self.append_half();
        self.rotate();
    }

    pub fn rotate(&mut self) {
        if !self.files().is_file(&self.live()) {
            return;
        }
        if self.half.is_some() {
            // Nobody can know of a content first seen after its rotation that it was rotated.
            self.be_seen();
        } else {
            self.hint();
        }
        if let Some(half) = self.half.take() {
            // A file that is rotated away with half a line keeps that as its last record.
            self.judge.wrote(&half);
        }
        if self.options.linked {
            self.swap_link();
        } else {
            self.rename_chain();
        }
        self.next_file();
    }

    /// Generations come and go without a scan: the flow is paused, stopped or between two looks.
    pub fn rotate_unseen(&mut self, rotations: usize) {
        for _ in 0..rotations {
            self.append(3);
            self.rotate_quietly();
        }
        self.append(3);
    }

    /// Rotates the live file, which ends with a whole line, without a look. Says where it is.
    pub fn rotate_quietly(&mut self) -> PathBuf {
        let led_to = self.live_file();
        self.next_file();
        if self.options.linked {
            self.swap_link();
            return led_to;
        }
        self.rename_chain();
        self.log(&rotated(1, ""))
    }

    fn rename_chain(&mut self) {
        let leaves = self.files().is_file(&self.log(&rotated(CHAIN, "")));
        // Greater numbers of younger archives would tell that these count up. What is older than
        // the file that leaves the chain has left it before.
        let packed = self.packed_numbers().into_iter().rev();
        for number in packed.filter(|number| *number < LEFT_FROM) {
            let next = if leaves && number > CHAIN {
                format!("app.log.{}.gz", NUMBER_MAX - self.next_name())
            } else {
                rotated(number + 1, ".gz")
            };
            self.disk.rename(&self.log(&rotated(number, ".gz")), &self.log(&next));
        }
        for number in (0..=CHAIN).rev() {
            let from = self.log(&rotated(number, ""));
            if self.files().is_file(&from) {
                // The chain never loses a file here: the last one gets a name of its own.
                let next = if number == CHAIN {
                    format!("app.log.{}", NUMBER_MAX - self.next_name())
                } else {
                    rotated(number + 1, "")
                };
                self.disk.rename(&from, &self.log(&next));
            }
        }
    }

    /// The numbers in the names of compressed files.
    fn packed_numbers(&self) -> BTreeSet<usize> {
        let names = self.files().names(&self.log("")).into_iter();
        let number = |name: OsString| {
            let middle = name.to_str()?.strip_prefix("app.log.")?.strip_suffix(".gz")?;
            middle.parse::<usize>().ok()
        };
        names.filter_map(number).collect()
    }

    /// The oldest rotated file that is not compressed.
    fn oldest(&self) -> Option<PathBuf> {
        if self.options.linked {
            return self.dated().into_iter().min();
        }
        let mut names = (1..=CHAIN).rev().map(|number| self.log(&rotated(number, "")));
        names.find(|path| self.files().is_file(path))
    }

    /// The file that was rotated last, if it is not compressed.
    pub fn newest_rotated(&self) -> Option<PathBuf> {
        if self.options.linked {
            return self.dated().into_iter().max();
        }
        Some(self.log(&rotated(1, ""))).filter(|path| self.files().is_file(path))
    }

    /// The files that the link led to before.
    fn dated(&self) -> Vec<PathBuf> {
        let is_dated = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.strip_prefix("app.log-").is_some_and(|date| date.parse::<u64>().is_ok())
        };
        let live = self.files().real_path(&self.live());
        let names = self.files().names(&self.log("")).into_iter();
        let paths = names.map(|name| self.log("").join(name));
        paths.filter(|path| is_dated(path) && Some(path) != live.as_ref()).collect()
    }

    pub fn copy(&mut self, slowly: bool) {
        if !self.is_whole() {
            return;
        }
        // Outside the pattern a copy is found by what was acknowledged of its original.
        if !self.options.covers_rotated() {
            if !self.arrive() {
                return;
            }
            self.be_seen();
        }
        self.hint();
        let copy = format!("app.log.copy{}", self.next_name());
        self.disk.copy(&self.live(), &self.log(&copy));
        if slowly {
            self.run(SLOW_COPY);
        }
        self.disk.truncate(&self.live());
        self.next_generation();
        // A copy is found only for as long as the old content is remembered, and only after the
        // truncation was seen: what is closed for others is looked at by its name.
        let looked = if self.options.few_descriptors { SEEN_WITHIN } else { LOOKED_WITHIN };
        self.run(self.patience(looked));
    }

    pub fn rotate_to_directory(&mut self) {
        if !self.is_whole() || self.options.linked {
            return;
        }
        // A copy that is made while the flow is down is known by its original alongside it.
        self.start();
        // In a directory that the pattern does not cover it is not looked for after a start.
        if !self.options.covers_directories() && !self.arrive() {
            return;
        }
        let old = self.log("old");
        if !self.files().is_dir(&old) {
            self.files().create_dir(&old);
        }
        let name = format!("app.log.{}", self.next_name());
        self.disk.rename(&self.live(), &old.join(name));
        self.next_file();
    }

    pub fn move_away(&mut self) {
        if !self.is_whole() || self.options.linked {
            return;
        }
        self.be_seen();
        // A file that is closed for others cannot be opened any more when it is gone.
        if self.options.few_descriptors && !self.arrive() {
            return;
        }
        let name = format!("moved{}", self.next_name());
        self.disk.rename(&self.live(), &self.log(&name));
        self.next_file();
    }

    pub fn compress(&mut self) {
        let Some(oldest) = self.oldest() else { return };
        self.start();
        let down = std::mem::replace(&mut self.world.endpoint_down, false);
        // It has to be open when it is removed, and to be read before the flow is killed.
        self.be_seen();
        if self.options.few_descriptors {
            self.wait_for_all();
        }
        self.gzip(&oldest);
        self.wait_for_all();
        self.world.endpoint_down = down;
    }

    pub fn compress_stopped(&mut self) {
        let Some(oldest) = self.oldest() else { return };
        if !COMPRESSED_IS_READ && !self.arrive() {
            return;
        }
        self.stop();
        self.gzip(&oldest);
    }

    fn gzip(&mut self, path: &Path) {
        self.compressed = true;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&self.files().read(path).unwrap()).unwrap();
        let mut name = path.to_path_buf().into_os_string();
        name.push(".gz");
        self.disk.pack(path, &PathBuf::from(name), &encoder.finish().unwrap());
    }

    pub fn move_directory(&mut self, lines: usize, millis: u64, restart: bool) {
        if !self.is_whole() || self.options.linked {
            return;
        }
        // What is followed there under a name that does not match is looked for there only.
        if restart && self.options.covers_directories() && !self.arrive() {
            return;
        }
        // It has another name for a while, or none, and counts as rotated from then on.
        self.counts_as_rotated = true;
        let (here, away) = (self.world.path("logs"), self.world.path("away"));
        let writer = self.disk.open(&self.live());
        self.disk.rename(&here, &away);
        self.run(Duration::from_millis(millis));
        if restart && self.running {
            self.restart();
        }
        let bytes = self.lines(lines);
        self.disk.write(&writer, &bytes);
        self.run(Duration::from_millis(millis));
        self.disk.rename(&away, &here);
    }

    pub fn forbid(&mut self, lines: usize, millis: u64, restart: bool) {
        if !self.is_whole() {
            return;
        }
        let live = self.live_file();
        let writer = self.disk.open(&live);
        self.files().set_mode(&live, 0o000);
        if restart && self.running {
            self.restart();
        }
        let bytes = self.lines(lines);
        self.disk.write(&writer, &bytes);
        self.run(Duration::from_millis(millis));
        self.files().set_mode(&live, 0o644);
        // Nothing tells that it may be read now.
        self.run(OPENED_AGAIN_WITHIN);
    }

    pub fn replace(&mut self, lines: usize, cut: bool) {
        // What is cut off has to be acknowledged before, or a crash forgets it.
        if !self.is_whole() || (cut && !self.arrive()) {
            return;
        }
        // A copy whose original is gone before anybody saw it truncated is a file of its own.
        self.be_seen();
        let live = self.live_file();
        let old = self.files().read(&live).unwrap();
        // What both files hold is sent twice.
        self.judge.allow_again(&old);
        let kept = old.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.counts_as_rotated = false;
        if cut {
            self.next_generation();
        } else {
            // A file that holds what an earlier one held may be taken for that again, and for a
            // copy of that.
            self.judge.allow_again(&old);
            self.nested = true;
        }
        let mut bytes = old[if cut { kept } else { 0 }..].to_vec();
        bytes.extend_from_slice(&self.lines(lines));
        let name = format!("new{}", self.next_name());
        let new = self.log(&name);
        self.disk.append(&new, &bytes);
        self.disk.replace(&new, &live);
    }

    pub fn truncate_and_regrow(&mut self, lines: usize) {
        if self.arrive() && self.is_whole() {
            self.disk.truncate(&self.live());
            self.next_generation();
            self.append(lines);
        }
    }

    /// Deletes the live file after everything arrived. With lines it is made again.
    pub fn delete(&mut self, lines: usize, stopped: bool) {
        if !self.arrive() || !self.files().is_file(&self.live()) {
            return;
        }
        if stopped {
            self.stop();
        }
        self.remove_live();
        if lines > 0 {
            self.append(lines);
        }
    }

    pub fn remove_live(&mut self) {
        let file = self.live_file();
        self.disk.remove(&file);
        self.next_file();
    }

    pub fn delete_unread(&mut self, lines: usize) {
        if !self.running || !self.is_whole() || self.options.few_descriptors {
            return;
        }
        // It is open by now, so what is written before it is deleted can be read.
        self.hint();
        self.append(lines);
        self.remove_live();
        // Until it was read nothing may happen that closes it.
        let down = std::mem::replace(&mut self.world.endpoint_down, false);
        self.wait_for_all();
        self.world.endpoint_down = down;
    }

    pub fn delete_oldest(&mut self) {
        if let Some(oldest) = self.oldest()
            && self.arrive()
        {
            self.disk.remove(&oldest);
        }
    }

    pub fn hard_link(&mut self) {
        if self.files().is_file(&self.live()) {
            let (live, link) = (self.live_file(), self.log("app.log-link"));
            self.disk.hard_link(&live, &link, true);
            self.run(SEEN_WITHIN);
            self.disk.hard_link(&live, &link, false);
        }
    }
}

fn rotated(number: usize, ending: &str) -> String {
    if number == 0 { format!("app.log{ending}") } else { format!("app.log.{number}{ending}") }
}
