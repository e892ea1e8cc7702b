//! What a local user can try, and what comes of it.

mod commands;
mod keys;
mod links;
mod names;

/// Whether this process may give files to others.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
