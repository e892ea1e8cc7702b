//! Programs that stand in for services, and pages that need nothing else.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use super::blocks::Page;
use super::services::Call;
use crate::packages::root;

const SCRIPT: &str = include_str!("stand_in");

/// Their names.
const NAMES: &[&str] = &["aws", "cargo", "go", "kubectl", "podman", "skopeo", "yum"];

/// What a page expects of the repository that it is read in.
const REPOSITORY: &[&str] = &["config", "packaging/kubernetes", "packaging/ecs"];

/// Puts the programs into `bin`, and what pages need of the repository into `home`, where `name`s
/// of the project's own programs stand in for them, too.
pub(super) fn install(bin: &Path, home: &Path) {
    let script = bin.join("stand-in");
    let place = |path: &Path| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, SCRIPT).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    place(&script);
    for name in NAMES {
        symlink("stand-in", bin.join(name)).unwrap();
    }
    for name in [".ci/run", "tests/compare/compare.py"] {
        assert!(root().join(name).is_file(), "{name}");
        place(&home.join(name));
    }
    for name in REPOSITORY {
        copy(&root().join(name), &home.join(name));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// Checks what the programs were asked for. `machine` is the root of the file system of the calls.
pub(super) fn verify(calls: &str, machine: &Path) -> usize {
    let calls = Call::parse(calls);
    let refused: Vec<_> = calls
        .iter()
        .filter_map(|call| call.refused(machine).map(|why| format!("{call:?}: {why}")))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
    calls.len()
}

/// Runs a page that has only such commands.
pub(super) fn run(page: &Page) {
    let dir = tempfile::tempdir().unwrap();
    let (bin, home) = (dir.path().join("bin"), dir.path().join("home"));
    fs::create_dir_all(&bin).unwrap();
    install(&bin, &home);
    symlink(env!("CARGO_BIN_EXE_kinetail"), bin.join("kinetail")).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("bash")
        .args(["-e", "-o", "pipefail", "-c", &page.script()])
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("KINETAIL_PAGES", dir.path())
        .env("HOME", &home)
        .current_dir(&home)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {output:?}", page.name);
    let calls = fs::read_to_string(dir.path().join("calls")).unwrap();
    assert!(verify(&calls, Path::new("/")) > 0, "{}: nothing was called", page.name);
}
