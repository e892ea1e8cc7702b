//! Which programs a block runs, and what each of them needs.

use regex::Regex;

/// What a program needs to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any Linux.
    Anywhere,
    /// A machine with a service manager, a package manager, or an installed kinetail.
    Machine,
    /// A cluster, an account, a registry or a long build: a program with its name takes its place.
    Service,
}

const KINDS: &[(&str, Kind)] = &[
    (".ci/run", Kind::Service),
    ("[", Kind::Anywhere),
    ("app", Kind::Machine),
    ("apt-get", Kind::Machine),
    ("aws", Kind::Service),
    ("cargo", Kind::Service),
    ("cd", Kind::Anywhere),
    ("chgrp", Kind::Machine),
    ("cp", Kind::Anywhere),
    ("curl", Kind::Anywhere),
    ("echo", Kind::Anywhere),
    ("go", Kind::Service),
    ("grep", Kind::Anywhere),
    ("install", Kind::Anywhere),
    ("journalctl", Kind::Machine),
    ("kinetail", Kind::Machine),
    ("kubectl", Kind::Service),
    ("mv", Kind::Anywhere),
    ("packaging/build", Kind::Machine),
    ("podman", Kind::Service),
    ("skopeo", Kind::Service),
    ("sudoedit", Kind::Machine),
    ("systemctl", Kind::Machine),
    ("systemd-sysusers", Kind::Machine),
    ("tail", Kind::Anywhere),
    ("take-over", Kind::Machine),
    ("tar", Kind::Anywhere),
    ("tests/compare/compare.py", Kind::Service),
    ("yum", Kind::Machine),
];

/// What a program needs, if it is known.
pub(super) fn kind(name: &str) -> Option<Kind> {
    KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// All known programs.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(name, _)| *name)
}

/// The programs that a block runs: the first word of each simple command. Pages have no other
/// shell than lists, pipes, redirections, variables and quotes.
pub(super) fn names(text: &str) -> Vec<String> {
    let quoted = Regex::new(r#""[^"]*"|'[^']*'"#).unwrap();
    let comment = Regex::new(r"(?m)(^|\s)#.*$").unwrap();
    let assignment = Regex::new(r"^\w+=\S*$").unwrap();
    let text = text.replace("\\\n", " ");
    let text = quoted.replace_all(&text, "QUOTED");
    let text = comment.replace_all(&text, "");
    let mut found = Vec::new();
    for command in text.split(['\n', ';', '|', '&']) {
        let mut words = command.split_whitespace().peekable();
        while words.next_if(|word| assignment.is_match(word) || *word == "sudo").is_some() {}
        if words.next_if_eq(&"-u").is_some() {
            words.next();
        }
        let Some(word) = words.next() else { continue };
        let name = match word {
            "target/release/kinetail" | "target/debug/kinetail" => "kinetail",
            "/usr/lib/kinetail/take-over" => "take-over",
            other => other,
        };
        found.push(name.to_owned());
    }
    found
}

/// The variables of the project's own that a block sets.
pub(super) fn variables(text: &str) -> Vec<String> {
    let variable = Regex::new(r"\b(KINETAIL_[A-Z_]+)=").unwrap();
    variable.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn programs_are_found() {
    let text = "# a comment\nA=1 sudo -u me kinetail x | grep 'a; b' # c; d\ncd x && ls \\\n  y\n";
    assert_eq!(names(text), ["kinetail", "grep", "cd", "ls"]);
    assert_eq!(variables("KINETAIL_SEED=1 cargo"), ["KINETAIL_SEED"]);
}
