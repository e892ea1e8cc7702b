//! Shows that every line arrives, and arrives once.

use std::collections::HashMap;
use std::fs;
use std::future::Future;
use std::path::Path;

use kinetail::sandbox::{
    Sandbox, SandboxHandle, SandboxOptions, Store, StoredRecord, user_records,
};

use crate::error::BenchError;

/// A sandbox that keeps what it takes.
pub(super) async fn keeping() -> Result<(SandboxHandle, impl Future<Output = ()>), BenchError> {
    let options = SandboxOptions { store: Store::Memory, ..SandboxOptions::default() };
    let sandbox = Sandbox::bind(options).await?;
    Ok((sandbox.handle(), sandbox.serve(std::future::pending())))
}

/// Whether the records are the lines of the file, whatever they are packed in, and each of them
/// once. The lines are all different.
pub(super) fn each_line_once(
    row: &str,
    file: &Path,
    records: &[StoredRecord],
) -> Result<(), BenchError> {
    let text = fs::read(file).map_err(BenchError::io("read the lines"))?;
    let mut missing: HashMap<&[u8], i64> = lines(&text).map(|line| (line, 1)).collect();
    let mut extra = 0;
    for record in records {
        let key = record.partition_key.as_deref().unwrap_or_default();
        for part in user_records(key, &record.data) {
            for line in lines(&part.data) {
                match missing.get_mut(line) {
                    Some(left) => *left -= 1,
                    None => extra += 1,
                }
            }
        }
    }
    let lost = missing.values().filter(|left| **left > 0).count();
    extra += missing.values().filter(|left| **left < 0).count();
    if lost == 0 && extra == 0 {
        return Ok(());
    }
    Err(BenchError::NotEachOnce { row: row.to_owned(), lost, extra })
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}
