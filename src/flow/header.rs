//! Lines that say what the columns of a file are called, found again where reading begins behind
//! them: after a restart, or where they were not seen.

use super::Flow;
use crate::process::steps::Header;
use crate::tail::disk::Disk;
use crate::tail::identity::FileKey;

/// It is remembered of so many files that they have no such line.
const HEADERLESS_FILES_MAX: usize = 4096;

impl<D: Disk> Flow<D> {
    /// Looks for the line that the chain needs before it takes records of a file from `offset` on.
    pub(super) fn find_header(&mut self, key: FileKey, offset: u64) {
        if offset == 0 || self.headerless.contains(&key) {
            return;
        }
        let Some(wanted) = self.packer.header(key) else { return };
        let found = match wanted {
            Header::First => self.tailer.reader().first_line(key),
            Header::Last(mark) => self.tailer.reader().last_line(key, mark.as_bytes(), offset),
        };
        if let Some(line) = found {
            self.packer.learn_header(&line, key);
        }
        if self.packer.header(key).is_some() {
            if self.headerless.len() >= HEADERLESS_FILES_MAX {
                self.headerless.clear();
            }
            self.headerless.insert(key);
        }
    }
}
