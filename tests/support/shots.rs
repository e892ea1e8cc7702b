//! One-shot notifications of writes to the files of a test, as inotify gives them.

use std::collections::BTreeMap;

use kinetail::disk::writes::{WriteWatch, Written};
use kinetail::tail::disk::Stat;
use kinetail::tail::identity::FileKey;

use super::test_disk::TestFile;

/// Armed files, and what they looked like then.
#[derive(Default)]
pub struct Shots {
    armed: BTreeMap<FileKey, (TestFile, Option<Stat>)>,
    /// The kernel's queue overflows: a shot says no more than that.
    pub overflows: bool,
    /// No file can be armed.
    pub refuses: bool,
    /// What happens right before the next file is armed.
    pub before: Option<Box<dyn FnOnce()>>,
    /// Nothing is notified: another host writes, of which the kernel does not know.
    pub is_blind: bool,
}

impl Shots {
    /// The files that changed since they were armed. They are not armed any more.
    pub fn fire(&mut self) -> Written {
        let changed = |(file, then): &(TestFile, Option<Stat>)| file.stat_unseen().ok() != *then;
        let armed = self.armed.iter().filter(|(_, armed)| !self.is_blind && changed(armed));
        let mut files: Vec<FileKey> = armed.map(|(key, _)| *key).collect();
        self.armed.retain(|key, _| !files.contains(key));
        let is_incomplete = self.overflows && !files.is_empty();
        if is_incomplete {
            files.clear();
        }
        Written { files, is_incomplete }
    }

    /// How many files are armed.
    pub fn len(&self) -> usize {
        self.armed.len()
    }
}

impl WriteWatch<TestFile> for Shots {
    fn arm(&mut self, key: FileKey, file: &TestFile) -> bool {
        if self.refuses {
            return false;
        }
        if let Some(before) = self.before.take() {
            before();
        }
        self.armed.insert(key, (file.clone(), file.stat_unseen().ok()));
        true
    }

    fn retain(&mut self, keep: impl Fn(FileKey) -> bool) {
        self.armed.retain(|key, _| keep(*key));
    }
}
