//! Machines in the state in which a reader begins with a page, and what shows at the end that the
//! page did what it says.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;

use super::blocks::page;
use super::stand_ins;
use crate::packages::machine::{Machine, booted};
use crate::packages::{can, package};

/// Where everything is that the reader does not see.
const PAGES: &str = "/pages";
/// Where the reader is.
const HOME: &str = "/root/kinetail";

const BEGIN: &str = include_str!("begin");
const KINETAIL: &str = include_str!("kinetail");
const TAIL: &str = include_str!("tail");
const JOURNALCTL: &str = include_str!("journalctl");
const SERVICE_OF_THE_SANDBOX: &str = "[Service]
ExecStart=/pages/real sandbox --listen 127.0.0.1:4567 --output /pages/arrived
[Install]
WantedBy=multi-user.target
";
/// What the unit needs to reach the sandbox in the place of AWS.
const DROP_IN: &str = "[Service]
Environment=AWS_ENDPOINT_URL=http://127.0.0.1:4567 AWS_REGION=eu-west-1
Environment=AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox
";
/// A reader's editor is a program that writes what the page says.
const EDITOR: &str = "#!/bin/sh
case $1 in
    *kinetail.service*) cat /pages/drop-in >\"$1\" ;;
    *) cat /pages/kinetail.yaml >\"$1\" ;;
esac
";
const CONFIGURATION: &str = "region: eu-west-1
flows:
  - filePattern: /var/log/app/*.log
    kinesisStream: app-logs
";
/// Nothing of the Java agent runs here but its name.
const JAVA_SERVICE: &str = "[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
";

/// Pages that begin in the same state.
pub(super) struct World {
    pub(super) parts: &'static [Part],
    /// What happens before.
    before: &'static str,
    /// What must be true after, as commands that fail if it is not.
    after: &'static str,
}

/// A page, or the part of it that is for this machine.
pub(super) struct Part {
    pub(super) page: &'static str,
    headings: Headings,
}

enum Headings {
    All,
    Only(&'static str),
    AllBut(&'static str),
}

impl Part {
    const fn whole(page: &'static str) -> Self {
        Self { page, headings: Headings::All }
    }

    /// Whether what is under a heading is of it.
    pub(super) fn has(&self, heading: &str) -> bool {
        match self.headings {
            Headings::All => true,
            Headings::Only(only) => heading == only,
            Headings::AllBut(other) => heading != other,
        }
    }
}

/// What another machine than a fresh one is needed for.
const TAKE_OVER: &str = "In place of the Java Kinesis Agent";

/// Installs, and has lines in the logs of two programs.
const INSTALL: &str = "dpkg --install target/packages/*.deb\n";
const RUNS_WELL: &str = "dpkg --install target/packages/*.deb
cp /pages/kinetail.yaml /etc/kinetail/kinetail.yaml
systemctl start kinetail
cp /pages/kinetail.yaml .
";
/// The same, with records that could not be delivered.
const RUNS: &str = "dpkg --install target/packages/*.deb
cp /pages/letters.yaml /etc/kinetail/kinetail.yaml
systemctl start kinetail
until ls /var/lib/kinetail/dead-letters/*.ndjson; do sleep 0.2; done
cp /pages/kinetail.yaml /etc/kinetail/kinetail.yaml
systemctl reload kinetail
cp /pages/kinetail.yaml .
# What was written a moment ago is left to the service.
touch -d '-1 minute' /var/lib/kinetail/dead-letters/*.ndjson
";
const JAVA: &str = "useradd --system aws-kinesis-agent-user
cp /pages/agent.service /etc/systemd/system/aws-kinesis-agent.service
systemctl daemon-reload
systemctl enable --now aws-kinesis-agent
mkdir -p /etc/aws-kinesis /etc/cron.d /var/run/aws-kinesis-agent
echo '# * * * * * root babysit' >/etc/cron.d/aws-kinesis-agent
cat >/etc/aws-kinesis/agent.json <<'END'
{\"cloudwatch.emitMetrics\": false,
 \"flows\": [{\"filePattern\": \"/var/log/app/app.log*\", \"kinesisStream\": \"app-logs\"}]}
END
/pages/java-checkpoints
dpkg --install target/packages/*.deb
";

pub(super) const ALL: &[World] = &[
    World {
        parts: &[Part::whole("README.md")],
        before: INSTALL,
        after: "arrived 'hello, ' kinesis-quickstart-my-logs\nsystemctl is-active kinetail\n",
    },
    World {
        parts: &[Part { page: "docs/install.md", headings: Headings::AllBut(TAKE_OVER) }],
        before: "",
        after: "systemctl is-active kinetail\necho installed >>/var/log/app/app.log\n\
                arrived installed kinesis-app-logs\n",
    },
    World {
        parts: &[
            Part::whole("docs/migrating.md"),
            Part { page: "docs/install.md", headings: Headings::Only(TAKE_OVER) },
        ],
        before: JAVA,
        after: "systemctl is-active kinetail\nnot systemctl is-active aws-kinesis-agent\n\
                arrived 'not sent' kinesis-app-logs\nnot arrived_already 'sent before'\n",
    },
    World {
        parts: &[Part::whole("docs/operations.md")],
        before: RUNS_WELL,
        after: "systemctl is-active kinetail\n",
    },
    World {
        parts: &[
            Part::whole("docs/delivery.md"),
            Part::whole("docs/cost.md"),
            Part::whole("docs/iam.md"),
            Part::whole("docs/tailing.md"),
        ],
        before: RUNS,
        after: "systemctl show --property=ReadWritePaths kinetail | grep /var/spool/app\n",
    },
    World {
        parts: &[Part::whole("docs/inputs.md")],
        before: INSTALL,
        after: "arrived 'from a pipe' kinesis-app\n",
    },
];

impl World {
    /// Runs all of it.
    fn run(&self) {
        if !can(&["systemd-nspawn", "rpmbuild"]) {
            return;
        }
        let Some(machine) = booted() else { return };
        self.prepare(&machine);
        let options = ["--private-network"];
        let Some(said) = machine.boot("/pages/script", &options, &[]) else { return };
        println!("{said}");
        assert!(said.contains("ALL WAS DONE"), "{said}");
        let calls = fs::read_to_string(machine.path("/pages/calls")).unwrap_or_default();
        stand_ins::verify(&calls, &machine.path("/"));
    }

    fn prepare(&self, machine: &Machine) {
        let write = |name: &str, text: &str| {
            machine.write(&format!("{PAGES}/{name}"), text);
            machine.mode(&format!("{PAGES}/{name}"), 0o755);
        };
        fs::create_dir_all(machine.path("/pages/bin")).unwrap();
        stand_ins::install(&machine.path("/pages/bin"), &machine.path(HOME));
        fs::copy(env!("CARGO_BIN_EXE_kinetail"), machine.path("/pages/real")).unwrap();
        write("bin/kinetail", KINETAIL);
        write("bin/tail", TAIL);
        write("bin/journalctl", JOURNALCTL);
        write("editor", EDITOR);
        write("kinetail.yaml", CONFIGURATION);
        write("agent.service", JAVA_SERVICE);
        let letters = "    dataProcessingOptions:\n      - optionName: PARSEJSON\n        \
                       onUnparsable: deadLetter\n    initialPosition: START_OF_FILE\n";
        let keep = "    deadLetterDirectory: /var/lib/kinetail/dead-letters\n";
        write("letters.yaml", &format!("{CONFIGURATION}{keep}{letters}"));
        if self.before == RUNS {
            write("kinetail.yaml", &format!("{CONFIGURATION}{keep}"));
        }
        write("bin/app", "#!/bin/sh\necho 'from a pipe'\n");
        machine.write("/etc/systemd/system/sandbox.service", SERVICE_OF_THE_SANDBOX);
        machine.write("/etc/systemd/system/kinetail.service.d/endpoint.conf", DROP_IN);
        machine.write("/etc/apt/apt.conf.d/pages", "Dpkg::Options { \"--force-confold\"; };\n");
        machine.write("/etc/sudoers.d/pages", "Defaults !env_reset, !secure_path\n");
        machine.mode("/etc/sudoers.d/pages", 0o440);
        machine.write("/etc/hostname", "reader\n");
        machine.write("/etc/hosts", "127.0.0.1 localhost reader\n");
        machine.write("/var/log/app/app.log", "sent before\nnot sent\n");
        machine.write("/var/log/nginx/access.log", "a request\n");
        self.packages(machine);
        let mut script = BEGIN.to_owned() + self.before;
        for part in self.parts {
            let page = page(part.page);
            if let Some(drop_in) = page.blocks.iter().find(|block| block.language == "ini") {
                machine.write("/pages/drop-in", &drop_in.text);
            }
            let commands = page.script_of(|heading| part.has(heading));
            write!(script, "cd {HOME}\n{commands}").unwrap();
        }
        write("script", &format!("{script}cd {HOME}\nplace=after\n{}finish\n", self.after));
        java_checkpoints(machine);
    }

    /// What `packaging/build` builds, and a program that only says so in its place.
    fn packages(&self, machine: &Machine) {
        let made = tempfile::tempdir().unwrap();
        let formats: &[&str] =
            if self.before.is_empty() { &["deb", "rpm", "tar", "image"] } else { &["deb"] };
        let at = machine.path(&format!("{HOME}/target/packages"));
        fs::create_dir_all(&at).unwrap();
        for format in formats {
            let path = package(format, env!("CARGO_PKG_VERSION"), made.path());
            fs::copy(&path, at.join(path.file_name().unwrap())).unwrap();
        }
        let build = machine.path(&format!("{HOME}/packaging/build"));
        symlink("/pages/bin/stand-in", build).unwrap();
    }
}

/// A program that writes the checkpoints of a Java agent that has read one line, in the machine:
/// only there the device and the inode are those of the file.
fn java_checkpoints(machine: &Machine) {
    machine.write("/pages/java-checkpoints", include_str!("java_checkpoints"));
    machine.mode("/pages/java-checkpoints", 0o755);
}

#[test]
fn the_readme_does_what_it_says_from_top_to_bottom() {
    ALL[0].run();
}

#[test]
fn packages_and_the_tarball_install_as_the_page_says() {
    ALL[1].run();
}

#[test]
fn the_way_from_the_java_agent_and_back_is_as_the_page_says() {
    ALL[2].run();
}

#[test]
fn commands_for_a_running_service_run() {
    ALL[3].run();
}

#[test]
fn commands_for_records_that_were_not_delivered_run() {
    ALL[4].run();
}

#[test]
fn a_pipe_is_shipped_as_the_page_says() {
    ALL[5].run();
}
