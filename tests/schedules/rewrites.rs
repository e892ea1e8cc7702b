//! Files whose bytes change where they lie: their end is written over, they are destroyed, they are
//! in an encoding that is not read, or they are truncated outside the pattern.

use std::time::Duration;

use super::judge::lines_of;
use super::model::Model;
use super::rare::{Rest, Which};

/// What is written is read and in flight by then.
const IN_FLIGHT_WITHIN: Duration = Duration::from_secs(1);

/// Of what was read this share may be sent again when the end was written over: one in so many
/// bytes.
const AGAIN_SHARE: usize = 8;

impl Model {
    pub fn rewrite_end(&mut self, which: Which, lines: usize) {
        self.calm();
        self.make_known();
        let target = match which {
            Which::Live => Some(self.live_file()),
            Which::Rotated => {
                self.rotate();
                self.append(3);
                self.be_seen();
                self.newest_rotated()
            }
        };
        let Some(target) = target else { return };
        self.world.endpoint_down = true;
        let late = self.lines(lines);
        self.disk.append(&target, &late);
        self.run(IN_FLIGHT_WITHIN);
        let old = self.files().read(&target).unwrap();
        let last = lines_of(&old).last().unwrap().to_vec();
        self.judge.need_not_arrive(&last);
        self.disk.cut(&target, old.len() - last.len());
        let new = self.lines(2);
        self.disk.append(&target, &new);
        if self.options.multi_line {
            // No place in it is proven, so it is another file that begins with the same lines.
            self.judge.allow_again(&old);
            self.judge.allow_again(&old);
            self.nested |= which == Which::Live;
        } else {
            let proven = old.len() - old.len() / AGAIN_SHARE;
            let before: usize = lines_of(&old)
                .map(<[u8]>::len)
                .scan(0, |end, len| {
                    *end += len;
                    Some(*end)
                })
                .take_while(|end| *end <= proven)
                .last()
                .unwrap();
            self.judge.allow_again(&old[before..]);
        }
        self.run(IN_FLIGHT_WITHIN);
        self.world.endpoint_down = false;
        self.wait_for_all();
    }

    pub fn utf16(&mut self, rotate: bool, truncate: bool) {
        // What is closed for others and not read is not looked into again when it changes.
        let truncate = truncate && !self.options.few_descriptors;
        self.calm();
        self.append(1);
        self.rotate();
        let text = self.next_name().to_string() + "\n";
        let units =
            std::iter::once(0xfeff).chain(text.repeat(20).encode_utf16().collect::<Vec<_>>());
        let bytes: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
        if rotate {
            // Nothing of it is read until the file before it is read.
            self.world.endpoint_down = true;
            for _ in 0..4 {
                if let Some(rotated) = self.newest_rotated() {
                    let late = self.lines(20);
                    self.disk.append(&rotated, &late);
                }
                self.run(IN_FLIGHT_WITHIN);
            }
        }
        self.live_is_there();
        self.disk.append(&self.live(), &bytes);
        self.be_seen();
        if rotate {
            self.rotate_quietly();
            self.append(3);
            self.be_seen();
            self.world.endpoint_down = false;
            self.wait_for_all();
        }
        let target = if rotate { self.newest_rotated() } else { Some(self.live_file()) };
        let Some(target) = target else { return };
        if truncate {
            self.disk.truncate(&target);
            if !rotate {
                self.next_generation();
                self.append(5);
            }
            self.be_seen();
        }
        self.wait_for_all();
        self.disk.remove(&target);
        if !rotate {
            self.next_file();
        }
        self.be_seen();
        self.sleep(Rest::Days);
    }

    pub fn shred(&mut self, stopped: bool, keep: bool, found: bool) {
        self.calm();
        self.rotate_some(found);
        let Some(target) = self.newest_rotated() else { return };
        if stopped {
            self.stop();
        }
        let mut random = fastrand::Rng::with_seed(self.next_name());
        let len = self.files().read(&target).unwrap().len();
        let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(len).collect();
        self.disk.overwrite(&target, &bytes);
        self.be_seen();
        if keep {
            self.sleep(Rest::Hours);
            self.be_seen();
        }
        self.disk.remove(&target);
        self.be_seen();
        self.sleep(Rest::Minute);
    }

    /// A file is rotated and all is read. `found`: it is first seen under its rotated name.
    pub fn rotate_some(&mut self, found: bool) {
        if found {
            self.stop();
            self.rotate_quietly();
        }
        self.append(10);
        if found {
            self.rotate_quietly();
        } else {
            self.rotate();
        }
        self.append(3);
        self.be_seen();
        self.wait_for_all();
    }

    pub fn truncate_moved(&mut self, lines: usize) {
        if self.options.linked {
            return;
        }
        self.calm();
        self.append(5);
        self.wait_for_all();
        let name = format!("moved{}", self.next_name());
        let moved = self.log(&name);
        self.disk.rename(&self.live(), &moved);
        self.next_file();
        self.be_seen();
        self.disk.truncate(&moved);
        // What is written there then is none of the flow's business.
        let lines = "not followed\n".repeat(lines);
        self.disk.append(&moved, lines.as_bytes());
        self.be_seen();
        self.disk.remove(&moved);
    }

    pub fn rewrite_rotated(&mut self, lines: usize) {
        if !self.options.covers_rotated() {
            return;
        }
        self.calm();
        self.append(5);
        self.rotate();
        self.append(1);
        self.be_seen();
        self.wait_for_all();
        let Some(rotated) = self.newest_rotated() else { return };
        self.disk.truncate(&rotated);
        let lines = self.lines(lines);
        self.disk.append(&rotated, &lines);
        self.wait_for_all();
    }
}
