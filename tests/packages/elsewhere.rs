//! What `packaging/build` makes for machines other than this one: an old C library, another
//! processor. Building that takes half an hour, so these tests take what lies in `KINETAIL_DIST`
//! and are skipped aloud without it:
//!
//! ```text
//! packaging/build --arch amd64 --arch arm64 --output DIR && KINETAIL_DIST=DIR cargo test elsewhere
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{can, run};
use crate::support::agent::{Agent, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::wait::wait_until;

/// The oldest glibc that is promised: 2.17.
const GLIBC_MINOR_MAX: u32 = 17;

/// Runs binaries of 64-bit ARM here.
const EMULATOR: &str = "qemu-aarch64-static";

/// A package that was built for this, by the end of its name.
fn built(ending: &str) -> Option<PathBuf> {
    let Some(dir) = std::env::var_os("KINETAIL_DIST") else {
        println!("NOT TESTED: no KINETAIL_DIST with what packaging/build made ({ending})");
        return None;
    };
    let entries = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.into_iter().find(|path| path.to_string_lossy().ends_with(ending));
    if found.is_none() {
        println!("NOT TESTED: nothing in {} ends with {ending}", dir.display());
    }
    found
}

/// Unpacks a package of any kind, and gives the binary in it.
fn binary(package: &Path, dir: &Path) -> PathBuf {
    let name = package.file_name().unwrap().to_str().unwrap();
    if package.extension() == Some("deb".as_ref()) {
        run(Command::new("dpkg-deb").arg("-x").arg(package).arg(dir));
        return dir.join("usr/bin/kinetail");
    }
    if name.ends_with(".oci.tar") {
        run(Command::new("tar").arg("-xf").arg(package).arg("-C").arg(dir));
        let blobs = fs::read_dir(dir.join("blobs/sha256")).unwrap();
        let largest = blobs.map(|entry| entry.unwrap().path());
        let layer = largest.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
        run(Command::new("tar").arg("-xzf").arg(layer).arg("-C").arg(dir));
        return dir.join("usr/bin/kinetail");
    }
    run(Command::new("tar").arg("-xzf").arg(package).arg("-C").arg(dir));
    dir.join(name.strip_suffix(".tar.gz").unwrap()).join("usr/bin/kinetail")
}

/// The symbols of glibc that a binary asks for are none that an old one lacks.
fn asks_for_no_newer_glibc(binary: &Path) {
    let said = run(Command::new("readelf").args(["--wide", "--version-info"]).arg(binary));
    let minors: Vec<u32> = said
        .split(|c: char| c.is_whitespace())
        .filter_map(|word| word.strip_prefix("GLIBC_2."))
        .filter_map(|rest| rest.split('.').next()?.parse().ok())
        .collect();
    let newest = minors.iter().max().unwrap_or_else(|| panic!("no versions in {said}"));
    assert!(*newest <= GLIBC_MINOR_MAX, "{} needs glibc 2.{newest}", binary.display());
    println!("{} asks for glibc 2.{newest} at most", binary.display());
}

/// A tree of Debian's for some processor, unpacked and not installed.
fn tree(suite: &str, arch: &str, packages: &str, root: &Path) -> bool {
    if !can(&["mmdebstrap"]) {
        return false;
    }
    let made = Command::new("mmdebstrap")
        .args(["--quiet", "--variant=extract", "--arch", arch, "--include", packages, suite])
        .arg(root)
        .arg("http://deb.debian.org/debian")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    if !made.status.success() {
        println!("NOT TESTED: no tree: {}", String::from_utf8_lossy(&made.stderr));
    }
    made.status.success()
}

/// Has a binary ship a line of a file below `root`, which it sees as `seen`.
fn ships(mut command: Command, root: &Path, seen: &str) {
    let endpoint = Endpoint::healthy();
    fs::create_dir_all(root.join("kinetail-test")).unwrap();
    fs::write(root.join("kinetail-test/app.log"), "a line\n").unwrap();
    let url = endpoint.handle.url();
    let text = format!(
        "kinesis.endpoint: {url}\nregion: us-east-1\nawsAccessKeyId: k\nawsSecretAccessKey: k\n\
         cloudwatch.emitMetrics: false\nadmin.address: \"off\"\nadmin.socket: \"off\"\n\
         checkpointFile: {seen}/kinetail-test/checkpoints.db\nflows:\n  - filePattern: \
         {seen}/kinetail-test/*.log\n    kinesisStream: s\n    initialPosition: START_OF_FILE\n"
    );
    fs::write(root.join("kinetail-test/kinetail.yaml"), text).unwrap();
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.arg("run").arg("--config").arg(format!("{seen}/kinetail-test/kinetail.yaml"));
    let agent = Agent::spawn(command);
    let stream = kinesis("s");
    wait_until("line", SOON, || endpoint.count(&stream) == 1, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    assert_eq!(endpoint.data(&stream), [b"a line\n"]);
}

#[test]
fn package_of_this_processor_ships_a_file_with_an_old_c_library() {
    let Some(package) = built("_amd64.deb") else { return };
    let dir = tempfile::tempdir().unwrap();
    let binary = binary(&package, dir.path());
    asks_for_no_newer_glibc(&binary);
    // Debian 11 has glibc 2.31, and is the oldest that Debian still serves.
    let root = dir.path().join("root");
    if !tree("bullseye", "amd64", "libc6,libgcc-s1", &root) {
        return;
    }
    fs::copy(&binary, root.join("kinetail")).unwrap();
    let mut command = Command::new("chroot");
    command.arg(&root).arg("/kinetail");
    ships(command, &root, "");
}

#[test]
fn package_for_arm_ships_a_file_under_emulation() {
    let Some(package) = built("_arm64.deb") else { return };
    let dir = tempfile::tempdir().unwrap();
    let binary = binary(&package, dir.path());
    asks_for_no_newer_glibc(&binary);
    let root = dir.path().join("root");
    if !can(&[EMULATOR]) || !tree("bullseye", "arm64", "libc6,libgcc-s1", &root) {
        return;
    }
    // With its option -L the emulator would look for every absolute path in the tree first.
    let emulator = run(Command::new("which").arg(EMULATOR));
    fs::copy(emulator.trim(), root.join(EMULATOR)).unwrap();
    fs::copy(&binary, root.join("kinetail")).unwrap();
    let mut command = Command::new("chroot");
    command.arg(&root).arg(format!("/{EMULATOR}")).arg("/kinetail");
    ships(command, &root, "");
}

#[test]
fn images_for_both_processors_hold_static_binaries_that_ship_a_file() {
    for (ending, emulated) in [("-amd64.oci.tar", false), ("-arm64.oci.tar", true)] {
        let Some(package) = built(ending) else { continue };
        if emulated && !can(&[EMULATOR]) {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let binary = binary(&package, dir.path());
        let said = run(Command::new("readelf").args(["--wide", "--program-headers"]).arg(&binary));
        assert!(!said.contains("INTERP"), "it is not static: {said}");
        let mut command = Command::new(if emulated { Path::new(EMULATOR) } else { &binary });
        if emulated {
            command.arg(&binary);
        }
        ships(command, dir.path(), dir.path().to_str().unwrap());
    }
}
