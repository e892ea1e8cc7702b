//! The Debian package: installed, started, upgraded, removed and purged.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::machine::Machine;
use super::package;
use crate::drop_in::java::{JavaDatabase, Row};
use crate::support::agent::SOON;
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::wait::wait_until;
use crate::support::world::append;

const LOG: &str = "/var/log/app/app.log";

/// A configuration that ships to a sandbox.
fn configuration(endpoint: &Endpoint) -> String {
    format!(
        "{{\"kinesis.endpoint\": \"{}\", \"kinesis.region\": \"us-east-1\", \
         \"awsAccessKeyId\": \"k\", \"awsSecretAccessKey\": \"k\", \
         \"cloudwatch.emitMetrics\": false, \"admin.address\": \"off\", \
         \"flows\": [{{\"filePattern\": \"/var/log/app/*.log\", \"kinesisStream\": \"s\", \
         \"initialPosition\": \"START_OF_FILE\", \"maxBufferAgeMillis\": 1000}}]}}\n",
        endpoint.handle.url()
    )
}

/// Runs the service until a number of lines has arrived, and stops it.
fn ship(machine: &Machine, endpoint: &Endpoint, count: usize) {
    let agent = machine.start();
    let stream = kinesis("s");
    wait_until("line", SOON, || endpoint.count(&stream) >= count, || agent.log());
    let log = agent.log();
    assert_eq!(agent.stop(SOON), Some(0), "{log}");
    assert_eq!(endpoint.count(&stream), count, "{log}");
}

#[test]
fn package_ships_a_file_keeps_its_state_through_an_upgrade_and_takes_it_with_a_purge() {
    let Some(machine) = Machine::new() else { return };
    let made = tempfile::tempdir().unwrap();
    let said = machine.install(&package("deb", "0.9.0", made.path()));
    assert!(said.contains("write what to ship into /etc/kinetail/kinetail.yaml"), "{said}");
    let told = machine.told();
    assert!(told.iter().any(|call| call.starts_with("enable ")), "{told:?}");
    assert!(!told.iter().any(|call| call.starts_with("start ")), "nothing to ship yet: {told:?}");
    let alias = "/etc/systemd/system/aws-kinesis-agent.service";
    assert!(machine.has(alias), "the old name leads to it");

    // The first steps of the README need nothing else.
    let first_steps = "cd /usr/share/kinetail && kinetail check --config config/quickstart.yaml";
    let said = machine.run("sh", &["-c", first_steps]);
    assert!(said.contains("samples/readings.csv") && said.contains("samples/access.log"), "{said}");

    let config = "/etc/kinetail/kinetail.yaml";
    let group = fs::metadata(machine.path(config)).unwrap().gid();
    let kinetail = machine.run("id", &["-g", "kinetail"]);
    assert_eq!(group.to_string(), kinetail.trim(), "its user may read its keys, others may not");
    assert_eq!(fs::metadata(machine.path(config)).unwrap().mode() & 0o777, 0o640);

    let endpoint = Endpoint::healthy();
    machine.write(config, &configuration(&endpoint));
    machine.write(LOG, "first\n");
    // Only the capability lets it read this.
    machine.mode(LOG, 0o600);
    ship(&machine, &endpoint, 1);

    append(&machine.path(LOG), b"second\n");
    machine.install(&package("deb", "0.9.1", made.path()));
    assert_eq!(machine.told(), ["daemon-reload", "try-restart kinetail.service"]);
    assert_eq!(machine.read(config), configuration(&endpoint), "what was changed is kept");
    ship(&machine, &endpoint, 2);

    machine.run("dpkg", &["--remove", "kinetail"]);
    let told = machine.told();
    assert_eq!(told.first().map(String::as_str), Some("stop kinetail.service"), "{told:?}");
    assert!(!machine.has("/usr/bin/kinetail") && !machine.has(alias));
    assert!(machine.has("/var/lib/kinetail/checkpoints.db") && machine.has(config));

    // A second installation continues where the first one ended.
    append(&machine.path(LOG), b"third\n");
    machine.install(&package("deb", "0.9.1", made.path()));
    ship(&machine, &endpoint, 3);
    assert_eq!(endpoint.data(&kinesis("s")), [&b"first\n"[..], b"second\n", b"third\n"]);

    machine.run("dpkg", &["--purge", "kinetail"]);
    assert!(!machine.has("/var/lib/kinetail") && !machine.has("/etc/kinetail"));
    assert!(machine.has(LOG), "logs are not its own");
}

#[test]
fn package_replaces_the_java_agent_at_its_byte() {
    let Some(machine) = Machine::new() else { return };
    let made = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::healthy();
    machine.write("/etc/aws-kinesis/agent.json", &configuration(&endpoint));
    machine.write("/etc/cron.d/aws-kinesis-agent", "* * * * * root babysit\n");
    machine.write("/etc/init.d/aws-kinesis-agent", "#!/bin/sh\n");
    machine.write(LOG, "sent\nsent\nnot sent\n");
    // Seen from outside, the link /var/run leads out of the tree.
    fs::create_dir_all(machine.path("/run/aws-kinesis-agent")).unwrap();
    let database = JavaDatabase::new(machine.path("/run/aws-kinesis-agent/checkpoints"));
    let mut row = Row::of(&machine.path(LOG), 10);
    row.path = LOG.into();
    database.save("kinesis:s:/var/log/app/*.log", &row);

    let said = machine.install(&package("deb", "0.9.0", made.path()));
    assert!(said.contains("/usr/lib/kinetail/take-over"), "{said}");
    assert!(!machine.told().iter().any(|call| call.starts_with("start ")), "both would ship");
    assert!(!machine.has("/etc/systemd/system/aws-kinesis-agent.service"), "that name is taken");

    let said = machine.run("/usr/lib/kinetail/take-over", &["--dry-run"]);
    assert!(said.contains("continued"), "{said}");
    assert!(machine.has("/etc/cron.d/aws-kinesis-agent") && machine.told().is_empty());

    machine.run("/usr/lib/kinetail/take-over", &[]);
    let told = machine.told();
    assert_eq!(told, ["disable --now aws-kinesis-agent", "enable --now kinetail"]);
    assert!(!machine.has("/etc/cron.d/aws-kinesis-agent"), "it would start that agent again");
    assert!(machine.has("/var/lib/kinetail-java-agent/checkpoints"), "the way back");
    ship(&machine, &endpoint, 1);
    assert_eq!(endpoint.data(&kinesis("s")), [b"not sent\n"]);
}
