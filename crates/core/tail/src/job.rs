//! Work that polls lead to. A job does its part, and hands the rest on as further jobs: what one
//! file needs of another one is never a call in the middle of a poll.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use crate::candidate::Candidate;
use crate::identity::{FileKey, Inode};

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Job<F> {
    /// Poll a file.
    Poll(FileKey),
    /// Compare the bytes of a file that changed.
    Verify(FileKey),
    /// The size and the bytes of a file are known.
    Polled(FileKey),
    /// Everything about a polled file is decided.
    Finish(FileKey),
    /// Have a file read if it has something to read.
    Queue(FileKey),
    /// Identify the generation that a file holds whose bytes were not compared yet.
    Identify(FileKey, Then),
    /// The same; it is open if it can be.
    IdentifyOpen(FileKey, Then),
    /// The same; the files that begin like it are polled again.
    IdentifyAgain(Alike),
    /// Decide whether a pending copy is one.
    Judge(FileKey),
    /// The same; its original was polled again.
    JudgeAgain(FileKey, FileKey),
    /// The original of a pending copy is gone.
    Settle(FileKey, FileKey),
    /// The same; the copy is open if it can be.
    SettleOpen(FileKey, FileKey),
    /// Look for a copy of a generation in its directory.
    FindCopy(FileKey),
    /// Show the files of a directory to the missing generations.
    Search(Search),
    /// Show one file to them.
    Match(Box<Candidate<F>>, Seek),
}

/// What follows when a file is identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The poll goes its way.
    Poll,
    /// It is read.
    Queue,
}

/// A file, and the followed files that begin like it.
#[derive(Debug)]
pub(crate) struct Alike {
    pub(crate) key: FileKey,
    pub(crate) then: Then,
    /// Its first bytes.
    pub(crate) head: Vec<u8>,
    /// Those that are still to be polled.
    pub(crate) left: VecDeque<FileKey>,
    /// The one that was polled last.
    pub(crate) polled: Option<FileKey>,
    /// One of them holds another generation now.
    pub(crate) changed: bool,
}

/// A directory that is searched.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) directory: PathBuf,
    /// What is still to be opened.
    pub(crate) paths: VecDeque<PathBuf>,
    /// All files so far could be opened.
    pub(crate) complete: bool,
    pub(crate) seek: Seek,
}

/// What a directory is searched for.
#[derive(Debug, Clone)]
pub(crate) enum Seek {
    /// A missing generation, wherever it lay.
    Any,
    /// The same after a stop, in which the file may also have been written to and renamed.
    AfterStop,
    /// A missing generation in its own inode. Files with these inodes are the scan's.
    InPlace(Arc<BTreeSet<Inode>>),
}

/// The jobs that are left, the next one last.
#[derive(Debug)]
pub(crate) struct Work<F> {
    jobs: Vec<Job<F>>,
}

impl<F> Default for Work<F> {
    fn default() -> Self {
        Self { jobs: Vec::new() }
    }
}

impl<F> Work<F> {
    /// Adds a job, to be done before those that are there.
    pub(crate) fn push(&mut self, job: Job<F>) {
        self.jobs.push(job);
    }

    /// The next job.
    pub(crate) fn next(&mut self) -> Option<Job<F>> {
        self.jobs.pop()
    }
}
