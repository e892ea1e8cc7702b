//! Copies that take time, and what becomes of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kinetail::tail::identity::HEAD_BYTES_MAX;

use super::model::{Model, SEEN_WITHIN};
use super::rare::{CopyFate, Rest};

/// A file that equals another one is a file of its own after this time.
const OWN_AFTER: Duration = Duration::from_secs(4);

impl Model {
    pub fn copy_in_steps(&mut self, steps: usize, millis: u64, fate: CopyFate) {
        if !self.options.covers_rotated() || !self.is_whole() {
            return;
        }
        self.calm();
        let live = self.live_file();
        let bytes = self.files().read(&live).unwrap();
        if bytes.is_empty() {
            return;
        }
        let name = format!("app.log.copy{}", self.next_name());
        let copy = self.log(&name);
        let writer = self.disk.open(&copy);
        self.hint();
        // Tools write this much at once; less of a short file would not be known as a copy.
        for piece in bytes.chunks(bytes.len().div_ceil(steps).max(HEAD_BYTES_MAX)) {
            self.run(Duration::from_millis(millis));
            self.disk.write(&writer, piece);
        }
        // It is followed before anything becomes of it, or not yet.
        if !millis.is_multiple_of(3) {
            self.be_seen();
        }
        drop(writer);
        match fate {
            CopyFate::Completed => self.complete(&live),
            CopyFate::Rewritten => self.rewrite(&copy),
            CopyFate::MovedAndCompleted => {
                self.be_seen();
                let moved = self.move_copy("moved", &copy);
                self.hint();
                self.complete(&live);
                self.wait_for_all();
                self.disk.remove(&moved);
            }
            CopyFate::Kept | CopyFate::Renamed | CopyFate::MovedAway | CopyFate::Deleted => {
                self.leave(&copy, &bytes, fate);
            }
        }
    }

    /// The original is truncated.
    fn complete(&mut self, live: &Path) {
        self.disk.truncate(live);
        self.next_generation();
        self.run(SEEN_WITHIN);
    }

    /// The copy gets lines of its own.
    fn rewrite(&mut self, copy: &Path) {
        self.disk.truncate(copy);
        let lines = self.lines(30);
        self.disk.append(copy, &lines);
        self.wait_for_all();
    }

    /// The original stays: all of the copy is sent again.
    fn leave(&mut self, copy: &Path, bytes: &[u8], fate: CopyFate) {
        self.judge.allow_again(bytes);
        // Of short files that hold the same nothing tells which one an archive is of.
        self.judge.allow_again(bytes);
        let copy = match fate {
            CopyFate::Renamed => Some(self.move_copy("app.log.copy", copy)),
            CopyFate::MovedAway => Some(self.move_copy("moved", copy)),
            CopyFate::Deleted => {
                self.disk.remove(copy);
                None
            }
            _ => Some(copy.to_owned()),
        };
        self.hint();
        self.run(OWN_AFTER);
        self.wait_for_all();
        if let Some(copy) = copy {
            self.disk.remove(&copy);
        }
        // While it is held it would be the original of the next copy.
        self.be_seen();
        self.sleep(Rest::Minute);
    }

    fn move_copy(&mut self, name: &str, copy: &Path) -> PathBuf {
        let name = format!("{name}{}", self.next_name());
        let moved = self.log(&name);
        self.disk.rename(copy, &moved);
        moved
    }
}
