//! What `/status` says, as far as a person wants to see it.

use crate::admin::page::model::{File, Flow, Page};
use crate::shown::counted;

impl Page {
    /// Nothing is wrong.
    pub(super) fn is_well(&self) -> bool {
        self.healthy
            && self.ready
            && self.checkpoints.health == "ok"
            && !self.is_reload("refused")
            && self.flows.iter().all(Flow::is_well)
    }

    /// What is wrong, in a line for the top of the screen.
    pub(super) fn verdict(&self) -> String {
        let ill = self.flows.iter().filter(|flow| !flow.is_well()).count();
        let mut parts = Vec::new();
        if ill > 0 {
            parts.push(format!("trouble in {ill} of {}", counted(self.flows.len(), "flow")));
        }
        if self.checkpoints.health != "ok" {
            parts.push(format!("checkpoints: {}", self.checkpoints.health));
        }
        if parts.is_empty() && !(self.healthy && self.ready) {
            parts.push("not ready".to_owned());
        }
        if self.is_reload("refused") {
            parts.push("the last reload was rejected".to_owned());
        }
        if parts.is_empty() {
            parts.push("all is well".to_owned());
        }
        if self.is_reload("partly") {
            parts.push("the last reload is done in part".to_owned());
        }
        parts.join("; ")
    }

    fn is_reload(&self, outcome: &str) -> bool {
        self.reload.as_ref().is_some_and(|reload| reload.outcome == outcome)
    }

    /// The flows with this in their name, destination or files; those with trouble first.
    pub(super) fn matching(&self, filter: &str) -> Vec<&Flow> {
        let has = |flow: &&Flow| {
            let named = flow.id.contains(filter) || flow.destination.contains(filter);
            named || flow.files.iter().any(|file| file.name().contains(filter))
        };
        let mut flows: Vec<&Flow> = self.flows.iter().filter(has).collect();
        flows.sort_by_key(|flow| flow.is_well());
        flows
    }
}

impl File {
    /// The name that it has now, with the one of its log and its identity if that is another.
    pub(super) fn name(&self) -> String {
        match &self.name_now {
            Some(now) => {
                let Self { path, device, inode, .. } = self;
                format!("{now} (was {path}; device {device}, inode {inode})")
            }
            None => self.path.clone(),
        }
    }
}

impl Flow {
    pub(super) fn is_well(&self) -> bool {
        self.health == "ok" && self.alive && self.hung.is_none()
    }

    /// Its state in one word.
    pub(super) fn word(&self) -> &str {
        match self {
            Self { alive: false, draining: false, .. } => "ended",
            Self { hung: Some(_), .. } => "hangs",
            Self { draining: true, .. } => "draining",
            _ => &self.health,
        }
    }
}

/// Bytes for people.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1_000 {
        return format!("{count} B");
    }
    let mut tenths = u128::from(count) * 10 / 1_000;
    let mut unit = "kB";
    for next in UNITS.iter().skip(1) {
        if tenths < 10_000 {
            break;
        }
        tenths /= 1_000;
        unit = next;
    }
    if tenths >= 1_000 {
        format!("{} {unit}", tenths / 10)
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

/// Seconds for people.
pub(super) fn time(seconds: f64) -> String {
    let seconds = std::time::Duration::try_from_secs_f64(seconds).map_or(0, |time| time.as_secs());
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::page::model::{Checkpoints, Reload};

    #[test]
    fn numbers_are_short() {
        for (count, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (99_949, "99.9 kB"),
            (123_456, "123 kB"),
            (1_500_000, "1.5 MB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(bytes(count), expected);
        }
        for (seconds, expected) in [
            (0.4, "0 s"),
            (119.0, "119 s"),
            (150.0, "2 min"),
            (7_260.0, "2 h 1 min"),
            (200_000.0, "2 d 7 h"),
            (f64::INFINITY, "0 s"),
        ] {
            assert_eq!(time(seconds), expected);
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_a_line() {
        let flow = |health: &str| Flow {
            id: health.to_owned(),
            health: health.to_owned(),
            alive: true,
            ..Flow::default()
        };
        let mut page = Page {
            healthy: true,
            ready: true,
            checkpoints: Checkpoints { health: "ok".to_owned(), ..Checkpoints::default() },
            flows: vec![flow("ok"), flow("ok")],
            ..Page::default()
        };
        assert!(page.is_well());
        assert_eq!(page.verdict(), "all is well");
        page.flows.push(flow("paused"));
        page.checkpoints.health = "failing".to_owned();
        assert!(!page.is_well());
        assert_eq!(page.verdict(), "trouble in 1 of 3 flows; checkpoints: failing");
        assert_eq!(page.matching("")[0].id, "paused", "trouble comes first");
        assert_eq!(page.matching("pause").len(), 1);
        page.reload = Some(Reload { outcome: "refused".to_owned(), ..Reload::default() });
        assert!(page.verdict().ends_with("; the last reload was rejected"), "{}", page.verdict());
    }

    #[test]
    fn a_reload_that_was_rejected_is_not_well_and_one_that_is_done_in_part_is_told() {
        let ok = Checkpoints { health: "ok".to_owned(), ..Checkpoints::default() };
        let mut page = Page { healthy: true, ready: true, checkpoints: ok, ..Page::default() };
        for (outcome, is_well, verdict) in [
            ("done", true, "all is well"),
            ("partly", true, "all is well; the last reload is done in part"),
            ("refused", false, "the last reload was rejected"),
        ] {
            page.reload = Some(Reload { outcome: outcome.to_owned(), ..Reload::default() });
            assert_eq!((page.is_well(), page.verdict().as_str()), (is_well, verdict));
        }
    }
}
