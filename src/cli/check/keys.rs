//! The partition keys that the first records of real files get.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use crate::batch::key::KeyMaker;
use crate::config::diagnostics::quote;
use crate::config::{FlowConfig, PartitionKey};
use crate::shown::counted;
use crate::tail::identity::FileKey;

/// So many different keys are shown.
const KEYS_SHOWN_MAX: usize = 5;

/// The keys of the records that were tried.
#[derive(Debug)]
pub(super) struct Keys {
    maker: KeyMaker,
    files: u64,
    records: u64,
    /// How many records have which key; those for which another key stands in are not among them.
    found: BTreeMap<String, u64>,
    missing: u64,
    too_long: u64,
}

impl Keys {
    /// Nothing where keys do not come from a template.
    pub(super) fn of(flow: &FlowConfig) -> Option<Self> {
        matches!(flow.partition_key, PartitionKey::Template(_)).then(|| Self {
            maker: KeyMaker::new(&flow.partition_key, 0),
            files: 0,
            records: 0,
            found: BTreeMap::new(),
            missing: 0,
            too_long: 0,
        })
    }

    /// The next records are of this file.
    pub(super) fn begin(&mut self, path: &Path) {
        self.files += 1;
        self.maker.set_log(FileKey(self.files), &path.to_string_lossy());
    }

    /// Takes a record as it would be sent.
    pub(super) fn take(&mut self, data: &[u8]) {
        let key = self.maker.make(data).as_str().to_owned();
        self.maker.count();
        let counts = self.maker.take_counts();
        self.records += 1;
        self.missing += counts.missing;
        self.too_long += counts.too_long;
        if counts.missing == 0 {
            *self.found.entry(key).or_default() += 1;
        }
    }

    /// Shows the most frequent keys. Gives how many things cannot work.
    pub(super) fn tell(&self, out: &mut dyn Write) -> io::Result<usize> {
        if self.records == 0 {
            return Ok(0);
        }
        let (keyed, records) = (self.records - self.missing, self.records);
        let word = if keyed == 0 { "error: partitionKey" } else { "partitionKey" };
        write!(out, "  {word} yields a key for {keyed} of {}", counted(records, "record"))?;
        let mut found: Vec<(&String, &u64)> = self.found.iter().collect();
        found.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (index, (key, count)) in found.iter().take(KEYS_SHOWN_MAX).enumerate() {
            let mark = if index == 0 { ":" } else { "," };
            write!(out, "{mark} {} ({count})", quote(key))?;
        }
        if found.len() > KEYS_SHOWN_MAX {
            write!(out, " and {} more", found.len() - KEYS_SHOWN_MAX)?;
        }
        writeln!(out)?;
        if self.too_long > 0 {
            writeln!(out, "  {} keys are cut at 256 characters", self.too_long)?;
        }
        Ok(usize::from(keyed == 0))
    }
}
