//! What services that are not here accept, from their public references: subcommands, options, and
//! which of these must be there.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::packages::root;

/// One subcommand.
struct Accepted {
    program: &'static str,
    /// The first arguments that are no options.
    words: &'static [&'static str],
    /// Options with a value.
    values: &'static [&'static str],
    /// Options without one.
    flags: &'static [&'static str],
    /// Those of them that must be there.
    required: &'static [&'static str],
    /// How many arguments follow the words.
    rest: std::ops::RangeInclusive<usize>,
}

const ACCEPTED: &[Accepted] = &[
    Accepted {
        program: "kubectl",
        words: &["apply"],
        values: &["-f", "-n", "--dry-run"],
        flags: &[],
        required: &["-f"],
        rest: 0..=0,
    },
    Accepted {
        program: "kubectl",
        words: &["rollout", "status"],
        values: &["-n", "--timeout"],
        flags: &[],
        required: &[],
        rest: 1..=1,
    },
    Accepted {
        program: "kubectl",
        words: &["logs"],
        values: &["-n", "--tail", "-c"],
        flags: &["-f"],
        required: &[],
        rest: 1..=1,
    },
    Accepted {
        program: "kubectl",
        words: &["exec"],
        values: &["-n", "-c"],
        flags: &["-it"],
        required: &["--"],
        rest: 1..=1,
    },
    Accepted {
        program: "aws",
        words: &["eks", "create-pod-identity-association"],
        values: &["--cluster-name", "--namespace", "--service-account", "--role-arn"],
        flags: &[],
        required: &["--cluster-name", "--namespace", "--service-account", "--role-arn"],
        rest: 0..=0,
    },
    Accepted {
        program: "aws",
        words: &["ecs", "register-task-definition"],
        values: &["--cli-input-json"],
        flags: &[],
        required: &["--cli-input-json"],
        rest: 0..=0,
    },
    Accepted {
        program: "skopeo",
        words: &["copy"],
        values: &["--dest-creds"],
        flags: &["--all"],
        required: &[],
        rest: 2..=2,
    },
    Accepted {
        program: "podman",
        words: &["load"],
        values: &["--input"],
        flags: &["--quiet"],
        required: &["--input"],
        rest: 0..=0,
    },
    Accepted {
        program: "podman",
        words: &["run"],
        values: &["-v", "--name", "--env"],
        flags: &["--read-only", "--rm", "--detach"],
        required: &["--read-only"],
        rest: 1..=1,
    },
    Accepted {
        program: "yum",
        words: &["install"],
        values: &[],
        flags: &["-y"],
        required: &[],
        rest: 1..=1,
    },
    Accepted {
        program: "cargo",
        words: &["build"],
        values: &["--profile"],
        flags: &["--release"],
        required: &[],
        rest: 0..=0,
    },
    Accepted {
        program: "cargo",
        words: &["run"],
        values: &[],
        flags: &["--release"],
        required: &[],
        rest: 0..=0,
    },
    Accepted {
        program: "cargo",
        words: &["test"],
        values: &["--profile", "--test", "--package"],
        flags: &[],
        required: &[],
        rest: 0..=1,
    },
    Accepted {
        program: "cargo",
        words: &["bench"],
        values: &["--profile", "--bench"],
        flags: &[],
        required: &["--bench"],
        rest: 0..=0,
    },
    Accepted {
        program: "go",
        words: &["install"],
        values: &["-tags"],
        flags: &[],
        required: &[],
        rest: 1..=1,
    },
    Accepted { program: "run", words: &[], values: &[], flags: &[], required: &[], rest: 0..=0 },
    Accepted {
        program: "compare.py",
        words: &[],
        values: &["--kinetail", "--agent", "--only", "--jobs"],
        flags: &["--strict", "--list", "--keep", "--without-kinetail"],
        required: &["--kinetail"],
        rest: 0..=0,
    },
];

/// A call of a program that stands in.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) program: String,
    pub(super) directory: String,
    pub(super) arguments: Vec<String>,
}

impl Call {
    /// The calls that were recorded.
    pub(super) fn parse(text: &str) -> Vec<Self> {
        let rows = text.lines().map(|row| row.trim_end_matches('\u{1f}').split('\u{1f}'));
        rows.map(|mut words| Self {
            program: words.next().unwrap().to_owned(),
            directory: words.next().unwrap().to_owned(),
            arguments: words.map(str::to_owned).collect(),
        })
        .collect()
    }

    /// What the service would refuse. `machine` is where the call's directory is.
    pub(super) fn refused(&self, machine: &Path) -> Option<String> {
        if self.program == "build" {
            return self.refused_by_itself();
        }
        let reasons = ACCEPTED.iter().filter(|one| one.program == self.program);
        let mut reasons: Vec<_> = reasons.map(|one| self.refused_by(one, machine)).collect();
        if reasons.contains(&None) {
            return None;
        }
        // The reason of the subcommand that is meant, if one is.
        reasons.sort_by_key(|reason| reason.as_deref().is_some_and(|text| text == OTHER));
        Some(reasons.into_iter().flatten().next().unwrap_or_else(|| "unknown program".to_owned()))
    }

    /// `packaging/build` can be asked itself: it reads all arguments before it helps.
    fn refused_by_itself(&self) -> Option<String> {
        let mut build = Command::new(root().join("packaging/build"));
        let output = build.args(&self.arguments).arg("--help").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (!output.status.success()).then_some(said)
    }

    fn refused_by(&self, accepted: &Accepted, machine: &Path) -> Option<String> {
        let mut left = self.arguments.iter().map(String::as_str);
        let (mut words, mut given, mut values) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(argument) = left.next() {
            let (name, joined) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with('-') => (name, Some(value)),
                _ => (argument, None),
            };
            if argument == "--" {
                given.push(argument);
                break;
            }
            if accepted.values.contains(&name) {
                let Some(value) = joined.or_else(|| left.next()) else {
                    return Some(format!("{name} needs a value"));
                };
                values.push((name, value));
                given.push(name);
            } else if accepted.flags.contains(&argument) {
                given.push(argument);
            } else {
                words.push(argument);
            }
        }
        if !words.starts_with(accepted.words) {
            return Some(OTHER.to_owned());
        }
        let rest = &words[accepted.words.len()..];
        if let Some(option) = rest.iter().find(|word| word.starts_with('-')) {
            return Some(format!("unknown option {option}"));
        }
        if !accepted.rest.contains(&rest.len()) {
            return Some(format!("too many or too few arguments: {rest:?}"));
        }
        if let Some(missing) = accepted.required.iter().find(|name| !given.contains(*name)) {
            return Some(format!("{missing} is missing"));
        }
        let directory = machine.join(self.directory.trim_start_matches('/'));
        self.missing_file(rest, &values, &directory).or_else(|| {
            if self.program == "cargo" { Self::unknown_target(rest, &values) } else { None }
        })
    }

    /// A file that is named and is not there.
    fn missing_file(
        &self,
        rest: &[&str],
        values: &[(&str, &str)],
        directory: &Path,
    ) -> Option<String> {
        let of_values = values.iter().filter_map(|(name, value)| match *name {
            "-f" | "--input" => Some(*value),
            _ => value.strip_prefix("file://"),
        });
        let of_rest = rest.iter().filter_map(|word| match self.program.as_str() {
            "yum" => Some(*word),
            _ => word.strip_prefix("oci-archive:"),
        });
        let mut named = of_values.chain(of_rest);
        let missing = named.find(|name| !directory.join(name).is_file());
        missing.map(|name| format!("there is no {name} in {}", self.directory))
    }

    /// A profile, a package, a benchmark or a test that cargo does not have.
    fn unknown_target(rest: &[&str], values: &[(&str, &str)]) -> Option<String> {
        let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        for (name, value) in values {
            let is_known = match *name {
                "--profile" => manifest.contains(&format!("[profile.{value}]")),
                "--package" => {
                    let member = value.strip_prefix("kinetail-").unwrap_or(value);
                    ["crates", "crates/core"]
                        .iter()
                        .any(|dir| root().join(dir).join(member).join("Cargo.toml").is_file())
                }
                _ => manifest.contains(&format!("name = \"{value}\"")),
            };
            if !is_known {
                return Some(format!("there is no {value} for {name}"));
            }
        }
        let filter = rest.first()?;
        let tests = Command::new(std::env::current_exe().unwrap()).arg("--list").output().unwrap();
        let tests = String::from_utf8(tests.stdout).unwrap();
        let has = tests.lines().any(|line| line.contains(filter));
        (!has).then(|| format!("no test has '{filter}' in its name"))
    }
}

/// Another subcommand is meant.
const OTHER: &str = "no such subcommand";

#[test]
fn what_a_service_would_refuse_is_refused() {
    let refused = |text: &str| {
        let mut words = text.split(' ').map(str::to_owned);
        let program = words.next().unwrap();
        let call = Call { program, directory: String::new(), arguments: words.collect() };
        call.refused(root())
    };
    for (text, reason) in [
        ("kubectl apply -f README.md", None),
        ("kubectl apply -f nothing.md", Some("there is no nothing.md in ")),
        ("kubectl apply --file README.md", Some("unknown option --file")),
        ("kubectl aply -f README.md", Some(OTHER)),
        ("kubectl -n kinetail logs", Some("too many or too few arguments: []")),
        ("kubectl -n k exec daemonset/k kinetail check", Some("too many or too few")),
        ("kubectl logs daemonset/k --tail", Some("--tail needs a value")),
        ("aws ecs register-task-definition", Some("--cli-input-json is missing")),
        ("cargo bench --profile fasd --bench throughput", Some("there is no fasd for --profile")),
        ("cargo test schedules::randum", Some("no test has 'schedules::randum' in its name")),
        ("cargo test schedules::random -- --nocapture", None),
        ("gcloud run", Some("unknown program")),
        ("build --arch amd64 --format deb", None),
        ("build --arch amd63", Some("usage: ")),
    ] {
        let said = refused(text);
        match (said.as_deref(), reason) {
            (None, None) => {}
            (Some(said), Some(reason)) if said.starts_with(reason) => {}
            _ => panic!("{text}: {said:?}, not {reason:?}"),
        }
    }
}
