//! Everything that the database holds, in memory: what a load answers from, and what a database
//! that failed is written again from. Its size is bounded by the number of files. No clock and no
//! I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Change, Checkpoint};
use crate::checkpoint::store::{FlowTimes, Loaded};
use kinetail_base::identity::FileKey;

/// The content of the database, and which part of it still has to be written.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    flows: BTreeMap<Arc<str>, FlowRows>,
    dirty: Dirty,
}

/// One flow's row in `flows` and its rows in `checkpoints`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FlowRows {
    /// No generation has had this key or a greater one.
    pub(super) next_file_key: u64,
    /// When the flow first committed, in milliseconds since 1970.
    pub(super) first_started_millis: i64,
    /// The generations that are still of interest.
    /// Boxed: nodes of a map are half empty where keys grow.
    pub(super) rows: BTreeMap<FileKey, Box<Row>>,
}

/// One row of `checkpoints`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) checkpoint: Checkpoint,
    /// When it was last saved, in milliseconds since 1970.
    pub(super) updated_millis: i64,
}

/// What the next transaction has to write.
#[derive(Debug)]
pub(super) enum Dirty {
    /// All of it: after a failure the content of the file is unknown.
    Everything,
    /// These flows' own rows, and these checkpoints, with what the database holds alongside each;
    /// one that is not in the mirror is deleted.
    Only { flows: BTreeSet<Arc<str>>, rows: BTreeMap<(Arc<str>, FileKey), Extras> },
}

/// What the database holds of a checkpoint outside of its row. Most have nothing there, and are not
/// looked for in the tables of what only some have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extras {
    /// Holes or proven places.
    pub(super) details: bool,
    /// A real path.
    pub(super) real: bool,
}

impl Extras {
    /// Those of a checkpoint.
    pub(super) fn of(checkpoint: &Checkpoint) -> Self {
        let details = !(checkpoint.holes.is_empty() && checkpoint.places.is_empty());
        Self { details, real: checkpoint.real.is_some() }
    }
}

impl Default for Dirty {
    fn default() -> Self {
        Self::Only { flows: BTreeSet::new(), rows: BTreeMap::new() }
    }
}

impl Mirror {
    /// Takes one flow's changes. A commit without changes only makes the flow known.
    pub(super) fn apply(&mut self, flow: &Arc<str>, changes: Vec<Change>, now_millis: i64) {
        let known = self.flows.contains_key(flow);
        let rows = self.flows.entry(Arc::clone(flow)).or_insert_with(|| FlowRows {
            next_file_key: 0,
            first_started_millis: now_millis,
            rows: BTreeMap::new(),
        });
        let next_before = rows.next_file_key;
        for change in changes {
            let (file, before) = match change {
                Change::Forget(file) => match rows.rows.remove(&file) {
                    None => continue,
                    before => (file, before),
                },
                Change::Save(checkpoint) => {
                    let file = checkpoint.file;
                    rows.next_file_key = rows.next_file_key.max(file.0.saturating_add(1));
                    let row = Row { checkpoint, updated_millis: now_millis };
                    (file, rows.rows.insert(file, Box::new(row)))
                }
            };
            self.dirty.row(flow, file, before.as_deref());
        }
        if !known || rows.next_file_key != next_before {
            self.dirty.flow(flow);
        }
    }

    /// Takes out the flow's rows that are not in `keep` and were last saved before
    /// `older_than_millis`. Returns how many.
    pub(super) fn purge(
        &mut self,
        flow: &Arc<str>,
        keep: &[FileKey],
        older_than_millis: i64,
    ) -> usize {
        let Some(rows) = self.flows.get_mut(flow) else { return 0 };
        let keep: BTreeSet<FileKey> = keep.iter().copied().collect();
        let is_gone = |file: &FileKey, row: &mut Box<Row>| {
            row.updated_millis < older_than_millis && !keep.contains(file)
        };
        let gone = rows.rows.extract_if(.., is_gone).map(|(file, row)| {
            self.dirty.row(flow, file, Some(&row));
        });
        gone.count()
    }

    /// What the flow resumes from.
    pub(super) fn load(&self, flow: &str) -> Loaded {
        let Some(rows) = self.flows.get(flow) else {
            return Loaded { known_flow: false, times: None, next_file_key: 0, rows: Vec::new() };
        };
        let saved = rows.rows.values().map(|row| row.updated_millis).max();
        Loaded {
            known_flow: true,
            times: Some(FlowTimes {
                first_started_millis: rows.first_started_millis,
                last_saved_millis: saved.unwrap_or(rows.first_started_millis),
            }),
            next_file_key: rows.next_file_key,
            rows: rows.rows.values().map(|row| row.checkpoint.clone()).collect(),
        }
    }

    /// Puts in what a database held. Nothing becomes dirty.
    pub(super) fn restore(&mut self, flow: Arc<str>, rows: FlowRows) {
        self.flows.insert(flow, rows);
    }

    pub(super) fn flows(&self) -> impl Iterator<Item = (&Arc<str>, &FlowRows)> {
        self.flows.iter()
    }

    pub(super) fn flow(&self, flow: &str) -> Option<&FlowRows> {
        self.flows.get(flow)
    }

    pub(super) fn flow_mut(&mut self, flow: &str) -> Option<&mut FlowRows> {
        self.flows.get_mut(flow)
    }

    pub(super) fn dirty(&self) -> &Dirty {
        &self.dirty
    }

    /// The database holds all of it.
    pub(super) fn mark_clean(&mut self) {
        self.dirty = Dirty::default();
    }

    /// Nobody knows what the database holds.
    pub(super) fn mark_all_dirty(&mut self) {
        self.dirty = Dirty::Everything;
    }
}

impl Dirty {
    /// Whether a transaction would have nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Everything => false,
            Self::Only { flows, rows } => flows.is_empty() && rows.is_empty(),
        }
    }

    fn flow(&mut self, flow: &Arc<str>) {
        if let Self::Only { flows, .. } = self {
            flows.insert(Arc::clone(flow));
        }
    }

    /// Notes a row, which was `before` until now. What the database holds of it is what it was when
    /// it was noted first: a file that had no row has nothing there.
    fn row(&mut self, flow: &Arc<str>, file: FileKey, before: Option<&Row>) {
        if let Self::Only { rows, .. } = self {
            let held = || before.map(|row| Extras::of(&row.checkpoint)).unwrap_or_default();
            rows.entry((Arc::clone(flow), file)).or_insert_with(held);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use kinetail_base::holes::{Hole, Holes};
    use kinetail_base::identity::{Anchor, Digest128, Head, Inode, Position};

    /// A directory for a database; in memory where that is possible, because these tests make
    /// hundreds of databases and each waits for the disk.
    pub(in crate::checkpoint) fn scratch() -> tempfile::TempDir {
        tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
    }

    /// A checkpoint in which every field depends on `file` and `offset`.
    pub(in crate::checkpoint) fn checkpoint(file: u64, offset: u64) -> Checkpoint {
        let mut holes = Holes::default();
        holes.insert(Hole { start: offset / 2, end: offset });
        Checkpoint {
            file: FileKey(file),
            inode: Inode { device: file ^ 0xfd00, number: file.wrapping_mul(31) },
            path: format!("/var/log/app-{file}.log").into(),
            real: Some(format!("/data/app-{file}.log").into()),
            head: Head { len: 1024, digest: Digest128::of(&file.to_le_bytes()) },
            offset,
            anchor: Anchor(Digest128::of(&offset.to_le_bytes())),
            life: crate::checkpoint::Life::of_rotated(offset % 2 == 1),
            holes,
            places: vec![Position { offset: offset / 2, anchor: Anchor(Digest128([7; 16])) }],
            cursor: Some("s=1;i=2".into()),
        }
    }

    fn save(file: u64, offset: u64) -> Change {
        Change::Save(checkpoint(file, offset))
    }

    #[test]
    fn a_key_is_never_handed_out_again_after_its_file_is_forgotten() {
        let flow: Arc<str> = "f".into();
        let mut mirror = Mirror::default();
        mirror.apply(&flow, vec![save(4, 10)], 1);
        mirror.apply(&flow, vec![Change::Forget(FileKey(4))], 2);
        let loaded = mirror.load("f");
        assert_eq!((loaded.next_file_key, loaded.rows.len()), (5, 0));
    }

    #[test]
    fn an_empty_commit_makes_the_flow_known() {
        let flow: Arc<str> = "f".into();
        let mut mirror = Mirror::default();
        assert!(!mirror.load("f").known_flow);
        mirror.apply(&flow, Vec::new(), 1);
        assert!(mirror.load("f").known_flow);
        assert!(!mirror.dirty().is_empty());
    }

    #[test]
    fn the_latest_change_of_a_file_wins() {
        let flow: Arc<str> = "f".into();
        let mut mirror = Mirror::default();
        mirror.apply(&flow, vec![save(1, 10), save(1, 20)], 1);
        mirror.apply(&flow, vec![save(1, 30)], 2);
        assert_eq!(mirror.load("f").rows, vec![checkpoint(1, 30)]);
    }

    #[test]
    fn purging_spares_files_that_exist_and_rows_that_are_young() {
        let flow: Arc<str> = "f".into();
        let mut mirror = Mirror::default();
        mirror.apply(&flow, vec![save(1, 1), save(2, 2)], 100);
        mirror.apply(&flow, vec![save(3, 3)], 200);
        assert_eq!(mirror.purge(&flow, &[FileKey(2)], 150), 1);
        let left: Vec<u64> = mirror.load("f").rows.iter().map(|row| row.file.0).collect();
        assert_eq!(left, vec![2, 3]);
        assert_eq!(mirror.purge(&"unknown".into(), &[], i64::MAX), 0);
    }

    #[test]
    fn a_long_failure_does_not_pile_up_forgotten_files() {
        let flow: Arc<str> = "f".into();
        let mut mirror = Mirror::default();
        mirror.mark_all_dirty();
        for file in 0..1000 {
            mirror.apply(&flow, vec![save(file, 1), Change::Forget(FileKey(file))], 1);
        }
        assert!(matches!(mirror.dirty(), Dirty::Everything));
        assert!(mirror.load("f").rows.is_empty());
    }
}
