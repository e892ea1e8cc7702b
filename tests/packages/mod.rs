//! What is given away, built with the binary under test and used as a person would: packages in a
//! fresh Debian tree, the image as process 1, the manifests against what their services accept.
//!
//! This needs root, mmdebstrap and rpm. Where they are missing a test passes with a loud message,
//! or fails if `KINETAIL_REQUIRE_PACKAGES=1`. The tree is made once, below `target/`.

mod deb;
mod elsewhere;
mod image;
mod machine;
mod manifests;
mod pages;
mod rpm;
mod scripts;
mod unit;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What cargo built lies there.
fn built() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_kinetail")).parent().unwrap()
}

/// Whether a program is there.
fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// Says aloud that something is not tested, or fails if it has to be.
fn skip(what: &str) {
    assert!(
        std::env::var_os("KINETAIL_REQUIRE_PACKAGES").is_none_or(|set| set != "1"),
        "not tested: {what}"
    );
    // Past the capture of the test harness: this must not look like a pass.
    let message = format!("\n*** NOT TESTED, packages: {what}\n\n");
    std::io::stderr().write_all(message.as_bytes()).unwrap();
}

/// Whether this machine can do what a test needs; says aloud if it cannot.
fn can(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().filter(|program| !has(program)).collect();
    if !missing.is_empty() {
        skip(&format!("no {missing:?} here"));
        return false;
    }
    if !rustix::process::geteuid().is_root() {
        skip("only root can install into a tree");
        return false;
    }
    true
}

/// The output of a command that has to succeed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}{stderr}", output.status);
    stdout + &stderr
}

/// Builds one format of a version with the binary under test, as `packaging/build` does.
fn package(format: &str, version: &str, output: &Path) -> PathBuf {
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let mut command = Command::new(root().join("packaging/build"));
    command.args(["--fast", "--arch", arch, "--format", format, "--version", version]);
    command.arg("--binary").arg(env!("CARGO_BIN_EXE_kinetail")).arg("--output").arg(output);
    let pages = built().join("examples/command-line-pages");
    if pages.is_file() {
        command.arg("--pages").arg(pages);
    }
    run(&mut command);
    let made = fs::read_dir(output).unwrap().map(|entry| entry.unwrap().path());
    let ending = match format {
        "tar" => ".tar.gz",
        "image" => ".oci.tar",
        other => other,
    };
    made.into_iter()
        .find(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.contains(version) && name.ends_with(ending)
        })
        .unwrap()
}
