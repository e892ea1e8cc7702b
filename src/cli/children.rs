//! Programs that were started to get credentials (`credential_process`) or to read the journal:
//! they end with kinetail, also one that hangs, and what it has started.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// Children that this process had before it started any: a shell that did something in the
/// background and became kinetail leaves it some, and they are not kinetail's to end.
#[derive(Debug)]
pub(super) struct Inherited(Vec<i32>);

impl Inherited {
    /// To be asked before anything is started.
    pub(super) fn at_start() -> Self {
        let children = parents().into_iter().filter(|(_, parent)| *parent == own());
        Self(children.map(|(pid, _)| pid).collect())
    }
}

fn own() -> i32 {
    i32::try_from(std::process::id()).unwrap_or_default()
}

/// Ends every child of this process that it started, and their children.
pub(super) fn end_all(inherited: &Inherited) {
    let mut processes = parents();
    processes.retain(|(pid, _)| !inherited.0.contains(pid));
    for pid in beneath(own(), &processes) {
        let Some(target) = Pid::from_raw(pid) else { continue };
        match kill_process(target, Signal::KILL) {
            Ok(()) => tracing::info!(name: "child_ended",
                pid, "ended a program that kinetail had started"),
            Err(error) => tracing::debug!(pid, %error, "child process exited"),
        }
    }
}

/// Every process and its parent.
fn parents() -> Vec<(i32, i32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter_map(|pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parent_in(&stat)?))
    })
    .collect()
}

/// The parent in a line of `/proc/<pid>/stat`, in which the second field may hold anything.
fn parent_in(stat: &str) -> Option<i32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// All that descend from a process, parents first.
fn beneath(ancestor: i32, processes: &[(i32, i32)]) -> Vec<i32> {
    let mut found = vec![ancestor];
    let mut looked_at = 0;
    while let Some(parent) = found.get(looked_at).copied() {
        let children = processes.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid);
        let new: Vec<i32> = children.filter(|pid| !found.contains(pid)).collect();
        found.extend(new);
        looked_at += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_follows_the_name_whatever_that_is() {
        assert_eq!(parent_in("12 (a) b) S 7 12 12 0 -1"), Some(7));
        assert_eq!(parent_in("12 (sh) S 7 12"), Some(7));
        assert_eq!(parent_in("nonsense"), None);
    }

    #[test]
    fn only_children_of_children_are_found() {
        let processes = [(1, 0), (5, 1), (6, 5), (7, 6), (8, 5), (9, 1), (10, 9)];
        assert_eq!(beneath(5, &processes), [6, 8, 7]);
        assert_eq!(beneath(7, &processes), Vec::<i32>::new());
        // One that was there before is skipped, with its own.
        let others: Vec<_> = processes.into_iter().filter(|(pid, _)| *pid != 6).collect();
        assert_eq!(beneath(5, &others), [8]);
    }
}
