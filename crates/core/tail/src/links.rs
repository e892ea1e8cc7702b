//! Which symbolic links are followed on the way to a file.
//!
//! Who may make a name in a directory that is watched may make a link there to a file that only the
//! daemon can read, and would have it shipped. So a link counts only if its owner could have given
//! the file away without it: if root made it, or whoever owns what it leads to. This holds for each
//! link on a path by itself, for directories as for the file's name.

use std::path::PathBuf;

/// Which symbolic links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FollowLinks {
    /// Every link.
    Always,
    /// None, in whatever part of the path.
    Never,
    /// Links of root, and of the owner of what they lead to.
    #[default]
    Owner,
}

/// Why a link is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its owner does not own what it leads to.
    #[error(
        "symbolic link {} of uid {owner} to a target of uid {target_owner} is not followed; let \
         root or that user create it, or set followLinks: always", link.display()
    )]
    Foreign {
        /// The link.
        link: PathBuf,
        /// Who made it.
        owner: u32,
        /// Whose is what it leads to.
        target_owner: u32,
    },
    /// No link is followed.
    #[error("symbolic link {} is not followed (followLinks: never)", link.display())]
    Any {
        /// The link.
        link: PathBuf,
    },
}
