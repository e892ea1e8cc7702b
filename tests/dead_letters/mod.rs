//! Records that cannot be delivered are kept, and can be sent again.

mod commands;
mod flow;
mod live;

use std::fs;
use std::path::{Path, PathBuf};

use kinetail::batch::dead_letter::{Letter, decode};

/// The files of dead letters in a directory, in order; none if there is no directory.
pub fn files_in(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "ndjson"));
    files.sort();
    files
}

/// All letters in a directory whose lines are complete.
pub fn letters_in(directory: &Path) -> Vec<Letter> {
    let mut letters = Vec::new();
    for file in files_in(directory) {
        let Ok(bytes) = fs::read(&file) else { continue };
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines = bytes[..whole].split_inclusive(|byte| *byte == b'\n');
        letters.extend(lines.map(|line| decode(line).unwrap()));
    }
    letters
}

/// The data of all letters in a directory.
pub fn data_in(directory: &Path) -> Vec<Vec<u8>> {
    letters_in(directory).into_iter().map(|letter| letter.data).collect()
}
