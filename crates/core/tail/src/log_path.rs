//! Under which name the log of a file is matched: that of the live file, whatever the file itself
//! is called since it was rotated. Part of [`Tailer`].

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::disk::Disk;
use super::identity::FileKey;
use super::rotated::Rank;
use super::tailer::Tailer;

impl<D: Disk> Tailer<D> {
    /// The path under which the log of a content is matched. It is the same before and after a
    /// rotation, as long as the rotated name is one of `rotatedNames`.
    #[must_use]
    pub fn log_path(&self, key: FileKey) -> Option<Arc<Path>> {
        let path = self.path_of(key)?;
        if let Some(exact) = self.options.pattern.exact_path() {
            return Some(Arc::from(exact));
        }
        if self.logs.contains(path) {
            return Some(Arc::clone(path));
        }
        Some(self.live_of(path).map_or_else(|| Arc::clone(path), Arc::from))
    }

    /// The live name that a path is a rotated one of.
    fn live_of(&self, path: &Path) -> Option<PathBuf> {
        let (directory, name) = (path.parent()?, path.file_name()?);
        let names = &self.options.rotated_names;
        let readings = names.readings(name.as_bytes());
        let mut numbered = None;
        for reading in &readings {
            let live_name = OsStr::from_bytes(&reading.live);
            let live = directory.join(live_name);
            if self.logs.contains(&live) {
                return Some(live);
            }
            let beside = |log: &&Arc<Path>| {
                let place = |below: &str| log.parent().map(|home| normal(&home.join(below)));
                log.file_name() == Some(live_name)
                    && names.directories().any(|below| place(below).as_deref() == Some(directory))
            };
            if names.directories().next().is_some()
                && let Some(log) = self.logs.names().find(beside)
            {
                return Some(log.to_path_buf());
            }
            // A small number behind the whole name is nobody's live file, though the live one may
            // not be there now. A date may be.
            let is_number = matches!(reading.rank, Rank::Index(_));
            if numbered.is_none() && is_number && self.options.pattern.matches_path(&live) {
                numbered = Some(live);
            }
        }
        numbered
    }
}

/// A path without `.` and `..`, as far as its text tells.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}
