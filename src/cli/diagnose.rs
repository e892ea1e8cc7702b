//! `kinetail diagnose`: one archive for a bug report, without secrets: the configuration, what the
//! running kinetail says, its last log lines, versions and limits.
//!
//! What cannot be got is skipped, and the archive says why: a report that is not whole is better
//! than none.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use clap::Args;

use super::configuration::{self, ConfigArgs};
use super::control::{self, SocketArgs};
use super::{CliError, output};
use crate::config::{FLOW_DIRECTORY, redacted};
use crate::disk::regular;
use crate::shown::{Escaped, counted, shown};

/// The last bytes of a log that are taken.
const LOG_BYTES_MAX: u64 = 512 * 1024;

/// The last lines of the journal that are taken.
const JOURNAL_LINES: &str = "2000";

/// A file of the system is cut at this many bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Only its owner can read it.
const MODE: u32 = 0o600;

/// Options of `diagnose`.
#[derive(Debug, Args)]
pub(super) struct DiagnoseArgs {
    #[command(flatten)]
    socket: SocketArgs,
    /// Output file for the archive.
    #[arg(long, short, value_name = "FILE", default_value = "kinetail-diagnose.tar")]
    output: PathBuf,
}

/// What goes into the archive.
#[derive(Default)]
struct Report {
    files: Vec<(String, Vec<u8>)>,
    missing: Vec<String>,
}

impl Report {
    fn add(&mut self, name: &str, content: Result<Vec<u8>, String>) {
        match content {
            Ok(bytes) => self.files.push((name.to_owned(), bytes)),
            Err(why) => self.missing.push(Escaped(format!("{name}: {why}")).to_string()),
        }
    }
}

/// Makes the archive.
pub(super) fn run(args: &DiagnoseArgs) -> Result<ExitCode, CliError> {
    let mut report = Report::default();
    report.add("version.txt", Ok(version().into_bytes()));
    for (path, name) in [
        ("/status", "status.json"),
        ("/metrics", "metrics.txt"),
        ("/history", "history.json"),
        ("/checkpoints", "checkpoints.json"),
    ] {
        let got = control::get(&args.socket, path).map_err(|error| error.to_string());
        report.add(name, got);
    }
    let pid =
        report.files.iter().find(|(name, _)| name == "status.json").and_then(|(_, status)| {
            serde_json::from_slice::<serde_json::Value>(status).ok()?["pid"].as_u64()
        });
    let config = config_of(args, pid, &mut report);
    configurations(&config, &mut report);
    system(pid, &mut report);
    logs(&config, &mut report);
    let missing = report.missing.join("\n") + "\n";
    report.files.push(("missing.txt".to_owned(), missing.into_bytes()));
    write(&args.output, &report.files)?;
    let mut out = output::stdout();
    for (name, bytes) in &report.files {
        writeln!(out, "{} ({})", shown(name), counted(bytes.len(), "byte"))?;
    }
    for missing in &report.missing {
        writeln!(out, "omitted: {missing}")?;
    }
    writeln!(out, "written to {}; review it before sharing", shown(&args.output))?;
    Ok(ExitCode::SUCCESS)
}

fn version() -> String {
    let os = read("/etc/os-release").unwrap_or_default();
    let kernel = read("/proc/version").unwrap_or_default();
    let own = env!("CARGO_PKG_VERSION");
    format!(
        "kinetail {own}, {}\n{}{}",
        std::env::consts::ARCH,
        String::from_utf8_lossy(&kernel),
        String::from_utf8_lossy(&os)
    )
}

/// The configuration that is meant: the one that is named, else that of the kinetail that runs,
/// else a default one.
fn config_of(args: &DiagnoseArgs, pid: Option<u64>, report: &mut Report) -> ConfigArgs {
    let given = &args.socket.config;
    let running = || configuration::of_process(pid?);
    let config = if given.is_named() { None } else { running() };
    let config = config.unwrap_or_else(|| given.clone());
    if let Err(error) = configuration::find(&config) {
        report.missing.push(Escaped(format!("configuration: {error}")).to_string());
    }
    config
}

/// The configuration files, without secrets, with their problems.
fn configurations(config: &ConfigArgs, report: &mut Report) {
    let mut paths: Vec<PathBuf> = configuration::find(config).into_iter().collect();
    if let Ok(entries) = fs::read_dir(FLOW_DIRECTORY) {
        paths.extend(entries.flatten().map(|entry| entry.path()));
    }
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let text = text.map(|text| redacted(&text, &path).into_bytes());
        report.add(&format!("configuration/{name}"), text);
    }
    let found = std::cell::RefCell::new(String::new());
    let told = configuration::load_quietly(config, |line| {
        found.borrow_mut().extend([line, "\n"]);
    });
    let mut text = found.into_inner();
    if let Err(error) = told {
        text.push_str(&super::in_full(&error));
    }
    report.add("configuration/findings.txt", Ok(text.into_bytes()));
}

/// Limits and state of the process and the machine.
fn system(pid: Option<u64>, report: &mut Report) {
    if let Some(pid) = pid {
        for name in ["cmdline", "limits", "status", "cgroup"] {
            report.add(&format!("process/{name}.txt"), read(format!("/proc/{pid}/{name}")));
        }
    } else {
        report
            .missing
            .push("process: no response from kinetail, its process id is unknown".to_owned());
    }
    for (name, path) in [
        ("mounts", "/proc/self/mounts"),
        ("memory", "/proc/meminfo"),
        ("inotify_watches", "/proc/sys/fs/inotify/max_user_watches"),
        ("inotify_instances", "/proc/sys/fs/inotify/max_user_instances"),
        ("descriptors", "/proc/sys/fs/file-nr"),
    ] {
        report.add(&format!("system/{name}.txt"), read(path));
    }
}

/// The last lines of the log file, or else of the journal.
fn logs(config: &ConfigArgs, report: &mut Report) {
    let config = configuration::load_quietly(config, |_| ()).ok();
    if let Some(file) = config.and_then(|loaded| loaded.config.log.file) {
        report.add("log.txt", tail(&file.path));
        return;
    }
    let journal = Command::new("journalctl")
        .args(["--unit", "kinetail", "--lines", JOURNAL_LINES, "--no-pager", "--output"])
        .arg("short-iso-precise")
        .output();
    let lines = match journal {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("no log.file is set, and there is no journal: {error}")),
    };
    report.add("journal.txt", lines);
}

fn tail(path: &Path) -> Result<Vec<u8>, String> {
    let take = || {
        let mut file = regular::open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(LOG_BYTES_MAX)))?;
        let mut bytes = Vec::new();
        file.take(LOG_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    take().map_err(|error: std::io::Error| error.to_string())
}

fn read(path: impl AsRef<Path>) -> Result<Vec<u8>, String> {
    regular::read_up_to(path.as_ref(), FILE_BYTES_MAX).map_err(|error| error.to_string())
}

fn write(path: &Path, files: &[(String, Vec<u8>)]) -> Result<(), CliError> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(MODE).open(path);
    let failed = |source| CliError::Write { path: path.to_path_buf(), source };
    let mut archive = tar::Builder::new(file.map_err(failed)?);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(MODE);
        header.set_mtime(now.as_ref().map_or(0, std::time::Duration::as_secs));
        let name = format!("kinetail-diagnose/{name}");
        archive.append_data(&mut header, name, bytes.as_slice()).map_err(failed)?;
    }
    archive.into_inner().and_then(|file| file.sync_all()).map_err(failed)
}
