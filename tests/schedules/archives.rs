//! Compressed files: of generations that were not seen, damaged, changed while they are read, and
//! of what was known to be finished.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::model::Model;
use super::rare::Rest;
use super::rotate::OPENED_AGAIN_WITHIN;

/// Behind the compressed bytes are a checksum and a length.
const CHECKSUM_FROM_END: usize = 8;

/// By so many bytes at its beginning a file is known for sure.
pub const KNOWN_BYTES: usize = 3000;

/// How long a flow is down at least: longer than there is doubt about when files were born.
const DOWN_FOR: Duration = Duration::from_secs(1);

/// A large archive is read in so many turns that it can change meanwhile.
const LARGE_BYTES: usize = 700_000;

impl Model {
    pub fn rotate_compressed(&mut self, rotations: usize, lines: usize, stopped: bool) {
        if self.files().read(&self.live()).is_none_or(|bytes| bytes.is_empty()) {
            // An empty file is known by its inode number only, which another one may get.
            self.append(1);
            self.be_seen();
        }
        if stopped {
            self.stop();
            self.disk.pass(DOWN_FOR);
        }
        for rotation in 0..rotations {
            self.append(lines);
            if self.options.few_descriptors && rotation == 0 {
                // What is closed for others is known by its bytes only, and a short file by none:
                // the archive is read as a generation, and once more for what was known.
                let known = self.files().read(&self.live()).unwrap();
                self.judge.allow_again(&known);
            }
            self.rotate_and_pack();
        }
        self.append(3);
    }

    /// Rotates the live file without a look, and compresses it at once.
    pub fn rotate_and_pack(&mut self) {
        let rotated = self.rotate_quietly();
        let bytes = gzip(&self.files().read(&rotated).unwrap());
        self.disk.pack(&rotated, &packed(&rotated), &bytes);
    }

    pub fn compress_damaged(&mut self, lines: usize) {
        self.calm();
        self.append(1);
        self.wait_for_all();
        self.stop();
        let unread = self.lines(lines);
        self.judge.need_not_arrive(&unread);
        self.disk.append(&self.live(), &unread);
        let rotated = self.rotate_quietly();
        let mut bytes = gzip(&self.files().read(&rotated).unwrap());
        let checksum = bytes.len() - CHECKSUM_FROM_END;
        bytes[checksum] ^= 1;
        self.disk.pack(&rotated, &packed(&rotated), &bytes);
        self.append(3);
        self.start();
        self.wait_for_all();
    }

    pub fn cut_archive(&mut self, lines: usize) {
        if !self.options.slow {
            return;
        }
        self.calm();
        self.append(1);
        self.wait_for_all();
        self.stop();
        let large = self.large_lines(lines);
        self.disk.append(&self.live(), &large);
        let rotated = self.rotate_quietly();
        let bytes = gzip(&self.files().read(&rotated).unwrap());
        let packed = packed(&rotated);
        self.disk.pack(&rotated, &packed, &bytes);
        self.append(3);
        self.world.endpoint_down = true;
        self.start();
        self.run(Duration::from_secs(2));
        self.disk.cut(&packed, bytes.len() / 2);
        self.world.endpoint_down = false;
        self.run(OPENED_AGAIN_WITHIN);
        let rest = &bytes[bytes.len() / 2..];
        self.disk.append(&packed, rest);
        self.run(OPENED_AGAIN_WITHIN);
        self.wait_for_all();
    }

    /// Lines that hardly get shorter when they are compressed.
    fn large_lines(&mut self, lines: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(lines as u64);
        let mut bytes = Vec::new();
        let number = self.next_name();
        for line in 0..lines {
            bytes.extend_from_slice(format!("g large {number} {line} ").as_bytes());
            let filling = std::iter::repeat_with(|| u8::try_from(random.alphanumeric()).unwrap());
            bytes.extend(filling.take(LARGE_BYTES / lines));
            bytes.push(b'\n');
        }
        self.judge.wrote(&bytes);
        bytes
    }

    pub fn come_back(&mut self, lines: usize) {
        self.calm();
        self.make_known();
        self.rotate();
        self.append(3);
        self.wait_for_all();
        let Some(rotated) = self.newest_rotated() else { return };
        let mut bytes = self.files().read(&rotated).unwrap();
        self.disk.remove(&rotated);
        self.be_seen();
        self.sleep(Rest::Minute);
        self.be_seen();
        // Nobody looks from here on.
        self.append(3);
        self.rotate_quietly();
        bytes.extend_from_slice(&self.lines(lines));
        self.disk.append(&self.live(), &bytes);
        let rotated = self.rotate_quietly();
        self.disk.pack(&rotated, &packed(&rotated), &gzip(&bytes));
        // It is known as the older one that it was, and for two minutes: its number says that it is
        // younger than what was rotated before it.
        self.judge.allow_again(&bytes);
        self.append(3);
        self.hint();
        self.wait_for_all();
    }

    /// The live file gets so long that its beginning tells it from any other one.
    pub fn make_known(&mut self) {
        while self.files().read(&self.live()).is_none_or(|bytes| bytes.len() < KNOWN_BYTES) {
            self.append(20);
        }
        self.wait_for_all();
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn packed(path: &Path) -> PathBuf {
    let mut name = path.to_path_buf().into_os_string();
    name.push(".gz");
    name.into()
}
