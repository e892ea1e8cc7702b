//! The RPM: what it holds and asks for, and its scripts, in a tree.

use std::process::Command;

use super::machine::Machine;
use super::{can, package, run};

#[test]
fn rpm_installs_upgrades_and_leaves_state_behind() {
    if !can(&["rpmbuild", "rpm"]) {
        return;
    }
    let Some(machine) = Machine::new() else { return };
    let made = tempfile::tempdir().unwrap();
    let rpm = |arguments: &[&str]| {
        let mut command = Command::new("rpm");
        // The tree's own packages are Debian's.
        command.arg("--root").arg(machine.path("/")).args(["--nodeps", "--noplugins"]);
        run(command.args(arguments))
    };
    let (old, new) = (package("rpm", "0.9.0", made.path()), package("rpm", "0.9.1", made.path()));

    let said = rpm(&["--install", old.to_str().unwrap()]);
    assert!(said.contains("write what to ship into /etc/kinetail/kinetail.yaml"), "{said}");
    assert_eq!(machine.told(), ["daemon-reload", "enable --quiet kinetail.service"]);
    assert!(machine.run("kinetail", &["--version"]).starts_with("kinetail "));
    machine.write("/etc/kinetail/kinetail.yaml", "flows: []\n");
    machine.write("/var/lib/kinetail/checkpoints.db", "state");

    rpm(&["--upgrade", new.to_str().unwrap()]);
    assert_eq!(machine.told(), ["daemon-reload", "daemon-reload", "try-restart kinetail.service"]);
    assert_eq!(machine.read("/etc/kinetail/kinetail.yaml"), "flows: []\n");

    rpm(&["--erase", "kinetail"]);
    let told = machine.told();
    assert_eq!(
        told,
        ["stop kinetail.service", "disable --quiet kinetail.service", "daemon-reload"]
    );
    assert!(!machine.has("/usr/bin/kinetail"));
    assert_eq!(machine.read("/var/lib/kinetail/checkpoints.db"), "state");

    let query = |arguments: &[&str]| {
        run(Command::new("rpm").args(["--query", "--package"]).args(arguments).arg(&new))
    };
    let files = query(&["--list", "--verbose"]);
    let config = files.lines().find(|line| line.ends_with("/etc/kinetail/kinetail.yaml")).unwrap();
    assert!(config.starts_with("-rw-r-----") && config.contains(" kinetail "), "{config}");
    assert!(query(&["--configfiles"]).contains("/etc/kinetail/environment"));
    for file in ["sbom.cdx.json", "THIRD-PARTY-LICENSES"] {
        assert!(files.contains(&format!("/usr/share/doc/kinetail/{file}")), "{files}");
    }
}
