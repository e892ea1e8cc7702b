//! The disk of this machine: the one behind [`Disk`](crate::tail::disk::Disk), and what says that
//! names came or went.

pub mod disposal;
pub mod links;
pub(crate) mod regular;
pub mod watch;
pub mod writes;

mod os;

pub(crate) use os::is_file_system_of_the_kernel;
pub use os::{OsDisk, OsFile};
