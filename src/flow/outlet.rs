//! Where a flow hands things on.

use std::path::PathBuf;

use crate::checkpoint::Change;
use crate::checkpoint::store::Refused;
use crate::disk::disposal::{self, Disposal, DisposalError};
use crate::send::Submission;
use crate::tail::done::DoneFile;
use crate::tail::identity::FileKey;

/// Takes what a flow hands on. The real one feeds the sender and the store; tests keep it.
pub trait Outlet {
    /// Takes a batch to send. There is always room: a flow never has more batches unsettled than
    /// `maxInFlightRequests`. `false` if the sender is gone.
    fn submit(&mut self, submission: Submission) -> bool;

    /// Takes changes for the checkpoints; [`Message::Written`] with the same `token` answers.
    ///
    /// # Errors
    /// The changes, if they are not taken: the flow keeps them.
    ///
    /// [`Message::Written`]: super::Message::Written
    fn commit(&mut self, changes: Vec<Change>, token: u64) -> Result<(), Refused>;

    /// Nothing that is in flight need wait for a destination that is paused: whoever has such a
    /// batch may give it up, with [`SenderEvent::GivenUp`]. Called whenever it is true.
    ///
    /// [`SenderEvent::GivenUp`]: crate::send::SenderEvent::GivenUp
    fn stop_waiting_for_paused(&mut self) {}

    /// Removes a file that is delivered completely, if it is still that file; says where it is
    /// now, if it is anywhere.
    ///
    /// # Errors
    ///
    /// Why it stays.
    fn dispose(
        &mut self,
        file: &DoneFile,
        how: &Disposal,
    ) -> Result<Option<PathBuf>, DisposalError> {
        disposal::dispose(&file.path, file.seen.inode, file.seen.size, how)
    }

    /// Deletes old rows, but not those of these files: they were found. `false` if there is no room
    /// for the request now.
    fn purge(&mut self, keep: Vec<FileKey>) -> bool;
}
