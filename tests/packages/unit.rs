//! The unit: how exposed it is, and that it does everything under a real systemd.

use std::fs;
use std::process::Command;

use super::machine::booted;
use super::{can, has, package, root, run, skip};
use crate::support::endpoint::{Endpoint, kinesis};

/// Tenths of `systemd-analyze security`'s exposure.
const EXPOSURE_MAX: &str = "15";

/// What happens in the machine, once it runs.
const SCRIPT: &str = "#!/bin/sh
set -x
exec >/result 2>&1
mkdir -p /home/someone /srv/logs
for place in /tmp /var/tmp /home/someone /root /srv/logs; do
    echo \"in $place\" > $place/app.log
    chmod 600 $place/app.log
done
dpkg --install /package.deb
cp /kinetail.yaml /etc/kinetail/kinetail.yaml
install -D -m 0644 /usr/share/doc/kinetail/credentials.conf \\
    /etc/systemd/system/kinetail.service.d/credentials.conf
printf '[default]\\naws_access_key_id = from-a-credential\\naws_secret_access_key = k\\n' \\
    > /etc/kinetail/aws-credentials
chmod 600 /etc/kinetail/aws-credentials
systemctl daemon-reload
systemctl start kinetail.service
systemctl show --property=ActiveState --property=SubState kinetail.service
until_done() { timeout 60 sh -c \"until [ -e /done-$1 ]; do sleep 0.1; done\"; }
until_done 1
cp /etc/kinetail/kinetail.yaml /good.yaml
sed 's/^flows:/flowz:/' /good.yaml > /etc/kinetail/kinetail.yaml
systemctl reload kinetail.service
echo \"EXIT OF A RELOAD WITH A MISTAKE: $?\"
systemctl show --property=ActiveState --property=SubState kinetail.service
echo 'after the mistake' >> /srv/logs/app.log
until_done 2
echo 'in a new flow' > /srv/logs/new.log
cat /good.yaml /more.yaml > /etc/kinetail/kinetail.yaml
systemctl reload kinetail.service
echo \"EXIT OF A RELOAD: $?\"
until_done 3
systemctl show --property=ActiveState --property=SubState --property=NRestarts kinetail.service
systemctl stop kinetail.service
systemctl show --property=Result --property=ExecMainStatus kinetail.service
journalctl --unit kinetail.service --no-pager --output cat
journalctl --no-pager --output cat KINETAIL_EVENT=flow_started | sed 's/^/BY ITS EVENT: /'
echo END
systemctl poweroff
";

#[test]
fn unit_is_exposed_no_more_than_its_functions_need() {
    if !has("systemd-analyze") {
        skip("no systemd-analyze here");
        return;
    }
    let unit = root().join("systemd/kinetail.service");
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE_MAX]);
    let said = run(command.arg(unit));
    assert!(said.contains("Overall exposure level"), "{said}");
}

#[test]
fn unit_ships_logs_from_everywhere_and_reloads_under_a_real_systemd() {
    if !can(&["systemd-nspawn"]) {
        return;
    }
    let Some(machine) = booted() else { return };
    let made = tempfile::tempdir().unwrap();
    fs::copy(package("deb", "0.9.0", made.path()), machine.path("/package.deb")).unwrap();
    let endpoint = Endpoint::healthy();
    let places = ["/tmp", "/var/tmp", "/home/someone", "/root", "/srv/logs"];
    let flow = |pattern: &str| {
        format!(
            "  - filePattern: {pattern}\n    kinesisStream: s\n    \
             initialPosition: START_OF_FILE\n"
        )
    };
    let flows = places.map(|place| flow(&format!("{place}/app.log")));
    // A name, so that it is looked up.
    let url = endpoint.handle.url().replace("127.0.0.1", "localhost");
    let text = format!(
        "kinesis.endpoint: {url}\nregion: us-east-1\ncloudwatch.emitMetrics: false\n\
         admin.address: \"off\"\nflows:\n{}",
        flows.concat()
    );
    machine.write("/etc/hosts", "127.0.0.1 localhost\n");
    machine.write("/kinetail.yaml", &text);
    machine.write("/more.yaml", &flow("/srv/logs/new.log"));
    machine.write("/script", SCRIPT);
    machine.mode("/script", 0o755);

    let stream = kinesis("s");
    let all = |more: usize| endpoint.count(&stream) == places.len() + more;
    let things: &[&dyn Fn() -> bool] = &[&|| all(0), &|| all(1), &|| all(2)];
    let Some(said) = machine.boot("/script", &[], things) else { return };
    let mut records = endpoint.data(&stream);
    records.sort();
    let mut wanted: Vec<_> =
        places.iter().map(|place| format!("in {place}\n").into_bytes()).collect();
    wanted.extend([b"after the mistake\n".to_vec(), b"in a new flow\n".to_vec()]);
    wanted.sort();
    assert_eq!(records, wanted, "{said}");
    for line in [
        "BY ITS EVENT:  INFO flow started flow=kinesis:s:",
        "EXIT OF A RELOAD WITH A MISTAKE: 1",
        "reload rejected; keeping the active configuration",
        "EXIT OF A RELOAD: 0",
        "NRestarts=0",
        "Result=success",
        "ExecMainStatus=0",
    ] {
        assert!(said.contains(line), "{line} is not in\n{said}");
    }
    let active = said.matches("ActiveState=active\nSubState=running").count();
    assert_eq!(active, 3, "before and after each reload: {said}");
}
