//! Records whose lines are entries of several: each is appended once, also where not all fit.

use std::collections::BTreeSet;
use std::time::Instant;

use super::joined::{self, Before};
use super::{Packer, SPARE_BYTES_MAX};
use kinetail_base::identity::FileKey;

impl Packer {
    /// Appends the entries that some lines are, or the record that they are if entries do not take
    /// several lines. `false` if there is no room for all of them: those that are in a batch are
    /// skipped the next time. The lines begin with those `earlier`, if there are any.
    pub(super) fn append_entries(
        &mut self,
        at: (FileKey, u64),
        earlier: &[Before],
        lines: &[u8],
        now: Instant,
    ) -> bool {
        let first = joined::place(earlier, at, 0);
        let Some(framing) = self.splitter.framing() else { return self.append(first, lines, now) };
        let one_line = memchr::memchr(b'\n', lines).is_none_or(|end| end + 1 == lines.len());
        if one_line {
            return self.append(first, lines, now);
        }
        let entries = if self.splitter.joins_entries() {
            framing.joined_entries(lines)
        } else {
            framing.entries(lines)
        };
        let before = self.emitted.remove(&at.0).filter(|(offset, _)| *offset == at.1);
        let mut done = before.map_or_else(BTreeSet::new, |(_, done)| done);
        let mut entry = std::mem::take(&mut self.entry);
        let mut has_room = true;
        for ranges in &entries {
            // Where it begins stays the same, whatever is written behind the lines meanwhile.
            let start = ranges.first().map_or(0, |range| range.start);
            if done.contains(&start) {
                continue;
            }
            entry.clear();
            for range in ranges {
                entry.extend_from_slice(lines.get(range.clone()).unwrap_or_default());
            }
            if !self.append(joined::place(earlier, at, start), &entry, now) {
                has_room = false;
                break;
            }
            done.insert(start);
        }
        self.entry = if entry.capacity() > SPARE_BYTES_MAX { Vec::new() } else { entry };
        if !has_room {
            if !done.is_empty() {
                // No batch behind this one may be acknowledged over what is in it.
                self.keep_place(at.0, at.1);
            }
            self.emitted.insert(at.0, (at.1, done));
        }
        has_room
    }
}
