//! Where the content that the Java agent was reading is, if it is not in its file any more: in a
//! copy or in a compressed file. Part of the planner; what speaks for a file is weighed in
//! `evidence`.

use std::path::PathBuf;

use super::{Decision, Kind, Planner};
use crate::checkpoint::{Checkpoint, Life};
use crate::import::compressed::{self, Content};
use crate::import::evidence::{Doubt, Facts, doubt};
use crate::import::files::{Found, Opened, is_compressed, modified_millis};
use crate::tail::holes::Holes;
use crate::tail::identity::{Anchor, Head};

impl Planner<'_> {
    /// Names the compressed files that were written to after what the Java agent saw last, and that
    /// are not what it was reading: their lines were never sent.
    pub(super) fn compressed_since(&mut self) {
        let descendants = self.listing.descendants_of(self.last);
        let unread: Vec<PathBuf> = descendants
            .into_iter()
            .filter(|found| is_compressed(&found.path) && !self.settled.contains(&found.inode))
            .filter(|found| {
                let modified = modified_millis(&found.path);
                modified.is_some_and(|at| at / 1_000 > self.last.seen_millis() / 1_000)
            })
            .map(|found| found.path.clone())
            .collect();
        for path in unread {
            let note = "newer than the last file the Java agent read; to send it, decompress it to \
                        a new name that matches filePattern";
            self.line(Kind::NotRead, &path, 0, note);
        }
    }

    /// The content that the Java agent was reading is not in its file any more. A copy was made
    /// of it, or it was compressed: that is the oldest file of its name that is not older than it,
    /// and large enough.
    pub(super) fn find_elsewhere(&mut self, reason: Option<Doubt>) {
        let offset = self.last.offset.unwrap_or(0);
        let mut candidates: Vec<(i64, Found)> = self
            .listing
            .descendants_of(self.last)
            .into_iter()
            .filter(|found| Some(found.inode) != self.last.inode)
            .filter_map(|found| Some((modified_millis(&found.path)?, found.clone())))
            .collect();
        // A copy shows when it was made, a compressed file does not.
        candidates.sort_by_key(|(modified, found)| {
            (is_compressed(&found.path), *modified, found.path.clone())
        });
        let emptied = matches!(reason, Some(Doubt::Shorter | Doubt::NoLineEnd));
        for (modified, found) in candidates {
            if is_compressed(&found.path) {
                // The tools keep the time of the file, some of them only to the second.
                if modified / 1_000 >= self.last.seen_millis() / 1_000
                    && self.take_compressed(&found)
                {
                    return;
                }
            } else if emptied && self.take_copy(&found) {
                return;
            }
        }
        let why = reason.map_or_else(
            || "no file in its directory or below it has its inode".to_owned(),
            |d| d.to_string(),
        );
        let note = format!("{why}; data after the offset will not be sent");
        self.line(Kind::NotFound, &self.last.path.clone(), offset, &note);
    }

    fn take_copy(&mut self, found: &Found) -> bool {
        let last = self.last;
        let Ok(opened) = Opened::open(&found.path) else { return false };
        let made_since = match (opened.born_millis(), last.updated_millis) {
            (Some(born), Some(updated)) => born > updated,
            _ => true,
        };
        let offset = last.offset.unwrap_or(0);
        // As if it had been made before: everything else that speaks for the original has to
        // speak for the copy.
        let fits = opened.facts(offset).is_ok_and(|facts| {
            let facts = Facts { born_millis: None, ..facts };
            doubt(last, &facts).is_none()
        });
        if !(made_since && fits && offset > 0) {
            return false;
        }
        let note = format!(
            "copy of truncated {} (by name, size and modification time)",
            last.path.display()
        );
        self.continue_with(last, &opened, Decision { kind: Kind::Copy, offset, note });
        true
    }

    fn take_compressed(&mut self, found: &Found) -> bool {
        let last = self.last;
        let Some((offset, inode)) = last.offset.filter(|at| *at > 0).zip(last.inode) else {
            return false;
        };
        let wanted = offset.max(last.size);
        // One byte more tells whether there is anything left to send.
        let Ok(Some(content)) = compressed::look(&found.path, offset, wanted + 1) else {
            return false;
        };
        if content.len < wanted || content.before.last() != Some(&b'\n') {
            return false;
        }
        self.settled.insert(found.inode);
        if content.len == offset {
            let note =
                format!("contains {} (by name, size and modification time)", last.path.display());
            self.line(Kind::Finished, &found.path, offset, &note);
            return true;
        }
        let Content { head, before, .. } = content;
        let row = Checkpoint {
            file: self.next_key(),
            inode,
            path: last.path.clone(),
            real: None,
            head: Head::of(&head),
            offset,
            anchor: Anchor::of(&before),
            life: Life::Rotated,
            holes: Holes::NONE,
            places: Vec::new(),
            cursor: None,
        };
        self.plan.checkpoints.push(row);
        let note =
            format!("contains {} (by name, size and modification time)", last.path.display());
        self.line(Kind::Compressed, &found.path, offset, &note);
        true
    }
}
