//! The container image and the tarball: unpacked by what they say of themselves, and run.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{can, package, root, run};
use crate::support::agent::{Agent, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::wait::wait_until;

/// Reads a blob of a layout, and checks that it is what its name says.
fn blob(layout: &Path, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let bytes = fs::read(layout.join("blobs/sha256").join(digest)).unwrap();
    assert_eq!(hex(&bytes), digest);
    assert_eq!(descriptor["size"].as_u64(), Some(bytes.len() as u64));
    bytes
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// Unpacks the image into a root, and gives its configuration.
fn unpack(image: &Path, layout: &Path, root: &Path) -> Value {
    fs::create_dir_all(layout).unwrap();
    fs::create_dir_all(root).unwrap();
    run(Command::new("tar").arg("-xf").arg(image).arg("-C").arg(layout));
    let index = json(&fs::read(layout.join("index.json")).unwrap());
    let manifest = json(&blob(layout, &index["manifests"][0]));
    let config = json(&blob(layout, &manifest["config"]));
    let packed = blob(layout, &manifest["layers"][0]);
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut plain).unwrap();
    let diff = config["rootfs"]["diff_ids"][0].as_str().unwrap();
    assert_eq!(diff, format!("sha256:{}", hex(&plain)));
    let tar = layout.join("layer.tar");
    fs::write(&tar, plain).unwrap();
    run(Command::new("tar").args(["--numeric-owner", "-pxf"]).arg(tar).arg("-C").arg(root));
    config["config"].clone()
}

#[test]
fn image_ships_a_file_as_process_1_and_stops_on_its_signal() {
    if !can(&["unshare", "setpriv", "chroot"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let image = package("image", "0.9.0", dir.path());
    let root = dir.path().join("root");
    let config = unpack(&image, &dir.path().join("layout"), &root);
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["StopSignal"], "SIGTERM");
    let words = |key: &str| {
        let words = config[key].as_array().unwrap().iter();
        words.map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };

    let endpoint = Endpoint::healthy();
    fs::create_dir_all(root.join("logs")).unwrap();
    fs::write(root.join("logs/app.log"), "a line\n").unwrap();
    let text = format!(
        "kinesis.endpoint: {}\nregion: us-east-1\nawsAccessKeyId: k\nawsSecretAccessKey: k\n\
         cloudwatch.emitMetrics: false\nadmin.address: \"off\"\nflows:\n  - filePattern: \
         /logs/*.log\n    kinesisStream: s\n    initialPosition: START_OF_FILE\n",
        endpoint.handle.url()
    );
    fs::write(root.join("etc/kinetail/kinetail.yaml"), text).unwrap();

    // Only its state can be written, as with a read-only root.
    let script = "mount --bind \"$0\" \"$0\" && mount --bind \"$0/var/lib/kinetail\" \
                  \"$0/var/lib/kinetail\" && mount -o remount,bind,ro \"$0\" && \
                  exec unshare --pid --fork --kill-child \
                  chroot --userspec 65532:65532 \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script]).arg(&root);
    command.args(words("Entrypoint")).args(words("Cmd")).env_clear().stdin(Stdio::null());
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    for variable in words("Env") {
        let (name, value) = variable.split_once('=').unwrap();
        command.env(name, value);
    }
    let agent = Agent::spawn(command);
    let stream = kinesis("s");
    wait_until("line", SOON, || endpoint.count(&stream) == 1, || agent.log());
    // The child of the last unshare is process 1 of its namespace.
    let children = format!("/proc/{0}/task/{0}/children", agent.pid());
    let pid = fs::read_to_string(children).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap();
    let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
    assert_eq!(inside.split_whitespace().next_back(), Some("1"));
    assert!(status.contains("\nUid:\t65532\t65532\t65532\t65532\n"), "{status}");
    run(Command::new("kill").args(["-TERM", pid.trim()]));
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn buildah_runs_the_image_and_takes_what_it_says_of_itself() {
    if !can(&["buildah"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let image = package("image", "0.9.0", dir.path());
    let buildah = |arguments: &[&str]| {
        let mut command = Command::new("buildah");
        // Nothing of it stays on this machine.
        command.arg("--root").arg(dir.path().join("storage"));
        command.arg("--runroot").arg(dir.path().join("run")).args(["--storage-driver", "vfs"]);
        let output = command.args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let name = buildah(&["from", &format!("oci-archive:{}", image.display())]);
    let container = name.trim();
    let said =
        buildah(&["run", "--isolation", "chroot", container, "/usr/bin/kinetail", "--version"]);
    assert!(said.starts_with("kinetail "), "{said}");
    let inspected = json(buildah(&["inspect", container]).as_bytes());
    let config = &inspected["OCIv1"]["config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["StopSignal"], "SIGTERM");
    assert_eq!(config["Entrypoint"][0], "/usr/bin/kinetail");
    buildah(&["rm", container]);
}

#[test]
fn what_docker_gets_is_enough_to_build() {
    let dir = tempfile::tempdir().unwrap();
    let admitted = fs::read_to_string(root().join(".dockerignore")).unwrap();
    for name in admitted.lines().filter_map(|line| line.strip_prefix('!')) {
        let to = dir.path().join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        run(Command::new("cp").arg("-r").arg(root().join(name)).arg(to));
    }
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--offline", "--locked", "--no-deps", "--format-version", "1"]);
    run(command.current_dir(dir.path()));
}

#[test]
fn tarball_has_a_binary_that_runs_and_the_unit() {
    if !can(&["tar"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let tarball = package("tar", "0.9.0", dir.path());
    run(Command::new("tar").arg("-xzf").arg(&tarball).arg("-C").arg(dir.path()));
    let name = tarball.file_name().unwrap().to_str().unwrap();
    let root = dir.path().join(name.strip_suffix(".tar.gz").unwrap());
    let said = run(Command::new(root.join("usr/bin/kinetail")).arg("--version"));
    assert!(said.starts_with("kinetail "), "{said}");
    for file in ["usr/lib/systemd/system/kinetail.service", "usr/share/man/man1/kinetail-run.1.gz"]
    {
        assert!(root.join(file).is_file(), "{file}");
    }
}
