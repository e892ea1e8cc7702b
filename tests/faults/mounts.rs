//! F18 with real mounts, where the test may make them: in a mount namespace of its own, so that
//! no other process sees any of it.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::oracle::judge;
use crate::support::wait::wait_until;

/// How often the file system goes and comes back.
const MOUNTS: usize = 15;

/// Mounts the logs, starts the agent, and takes them away and back again while it runs and while
/// an application writes. `$1`: how to mount; `$2`: how often; `$3`: the agent; `$4`: its
/// configuration. It ends the agent when a file `done` appears, or after a minute.
const SCRIPT: &str = r#"
set -e
kind=$1 rounds=$2 agent=$3 config=$4
mkdir -p lower upper work
mount_logs() {
    if [ "$kind" = bind ]; then
        mount --bind upper logs
    else
        mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay logs
    fi
}
write() {
    for file in 1 2 3; do
        for line in 1 2 3 4 5; do
            echo "$file.$1|$line|a line that fills the file somewhat"
        done >> logs/$file.log
    done
}
mount_logs
write 0
"$agent" run --config "$config" 2> agent.out &
pid=$!
trap 'kill $pid 2>/dev/null || true' EXIT
for round in $(seq "$rounds"); do
    stat -c %d logs >> devices
    umount -l logs
    sleep 0.$((round % 7))
    mount_logs
    write "$round"
    sleep 0.$((round % 3))
done
touch written
for wait in $(seq 600); do
    [ -e done ] && break
    sleep 0.1
done
trap - EXIT
kill $pid
wait $pid
"#;

/// F18. The file system of the logs is unmounted and mounted again, with the same device number or
/// another one: nothing lost, nothing sent again.
#[test]
fn f18_unmounted_and_mounted_again_while_it_is_followed() {
    for kind in ["bind", "overlay"] {
        if !can_mount(kind) {
            println!("NOT TESTED: this machine does not let the test make a mount ({kind})");
            continue;
        }
        blink(kind);
    }
}

fn blink(kind: &str) {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("*.log", ("kinesisStream", "s"), &json!({}));
    let config = home.write_config();
    let mut script = namespace();
    script.args(["sh", "-c", SCRIPT, "sh", kind, &MOUNTS.to_string()]);
    script.arg(env!("CARGO_BIN_EXE_kinetail")).arg(config);
    script.current_dir(home.root()).env("STATE_DIRECTORY", home.root().join("state"));
    let mut child = script.stdin(Stdio::null()).spawn().unwrap();
    let log = || fs::read_to_string(home.root().join("agent.out")).unwrap_or_default();
    let is_written = || {
        assert!(child.try_wait().unwrap().is_none(), "the script ended: {}", log());
        home.root().join("written").try_exists().unwrap()
    };
    wait_until("the end of the writing", 3 * SOON, is_written, log);
    let mut written = Vec::new();
    for file in ["1.log", "2.log", "3.log"] {
        let content = fs::read(home.root().join("upper").join(file)).unwrap();
        written.extend(content.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
    }
    assert_eq!(written.len(), 3 * 5 * (MOUNTS + 1));
    let stream = kinesis("s");
    endpoint.wait_for_all(&stream, &written, SOON, log);
    fs::write(home.root().join("done"), b"").unwrap();
    assert!(child.wait().unwrap().success(), "{}", log());
    let verdict = judge(&written, &endpoint.data(&stream));
    assert!(verdict.is_exact(), "{kind}: {verdict}\n{}", log());
    let devices = fs::read_to_string(home.root().join("devices")).unwrap();
    println!("{kind}: device numbers\n{devices}");
}

/// A command in a mount namespace of its own.
fn namespace() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]);
    command
}

fn can_mount(kind: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    for name in ["lower", "upper", "work", "logs"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    let mount = match kind {
        "bind" => "mount --bind upper logs",
        _ => "mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay logs",
    };
    let tried = namespace().args(["sh", "-c", mount]).current_dir(dir.path()).output();
    tried.is_ok_and(|output| output.status.success())
}
