//! Virtual environments of Python below `target/`, for programs that are not ours.
//!
//! Each is made once, from pinned versions; test programs that run at the same time wait for each
//! other at a lock file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Makes an environment with these packages if it is not there yet, and gives a program in it.
///
/// # Errors
/// Why there is none: no Python, no pip or no network.
pub fn environment(name: &str, packages: &[&str], program: &str) -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let venv = target.join(name);
    let lock = File::create(target.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let program = venv.join("bin").join(program);
    // Written last: an environment without it is not complete.
    let ready = venv.join("kinetail-ready");
    let wanted = packages.join("\n");
    if fs::read_to_string(&ready).is_ok_and(|found| found == wanted) {
        return Ok(program);
    }
    if venv.is_dir() {
        fs::remove_dir_all(&venv).unwrap();
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(venv.join("bin").join("python")).args(quiet).args(packages))?;
    fs::write(&ready, wanted).unwrap();
    Ok(program)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{} ended with {}: {said}", command.get_program().display(), output.status))
}
