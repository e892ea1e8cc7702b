//! Which configuration it is, and reading it: the file that is named, else the Java agent's, else
//! kinetail's own.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::terminal::{self, Stream};
use super::{CliError, exposed, output};
use crate::config::{Config, Environment, Loaded, LogFormat, ReadError, unexpanded};
use crate::disk::regular;
use crate::shown::{self, shown};

/// Default paths of the configuration: the Java agent's file, then kinetail's own.
pub(super) const DEFAULT_FILES: [&str; 2] =
    ["/etc/aws-kinesis/agent.json", "/etc/kinetail/kinetail.yaml"];

/// Where the configuration is.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ConfigArgs {
    /// Configuration file (JSON or YAML); accepts the Java agent's agent.json unchanged [default:
    /// /etc/aws-kinesis/agent.json, else /etc/kinetail/kinetail.yaml].
    #[arg(short, long = "config", visible_alias = "configuration", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigArgs {
    /// Whether a file is named.
    pub(super) fn is_named(&self) -> bool {
        self.config.is_some()
    }
}

/// The file that was named cannot be used. In the Java agent's words, which scripts may know.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ParameterError {
    #[error("Parameter -c points to a file that doesn't exist: {}", .0.display())]
    Missing(PathBuf),
    #[error("Parameter -c points to a file that's not accessible: {}", .0.display())]
    NotAccessible(PathBuf),
    #[error("no configuration file: neither {first} nor {second} exists; specify one with -c",
        first = DEFAULT_FILES[0], second = DEFAULT_FILES[1])]
    NoDefault,
}

/// A configuration and where it comes from.
#[derive(Debug)]
pub(super) struct Configuration {
    /// With absolute paths.
    pub(super) config: Config,
    /// The main file.
    pub(super) path: PathBuf,
    /// The files that only add flows.
    pub(super) flow_files: Vec<PathBuf>,
    /// How many warnings there were.
    pub(super) warnings: usize,
    /// How many things there were that do not stop the start and cannot work.
    pub(super) errors: usize,
    /// Files with keys that others may reach, each with what to do.
    pub(super) exposed: Vec<String>,
}

impl Configuration {
    /// Logs the files that were read, in the Java agent's words.
    pub(super) fn log(&self) {
        tracing::info!(name: "configuration_read",
            "Reading configuration from file: {}", self.path.display());
        for path in &self.flow_files {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            tracing::info!(name: "configuration_read",
                "Reading flow configuration from file: {name}");
        }
        tracing::info!(name: "configuration_read",
            "Found {} configured flow(s)", self.config.flows.len());
        for text in &self.exposed {
            tracing::warn!(name: "secrets_exposed", "{text}");
        }
    }
}

/// Reads the configuration and makes its paths absolute. Warnings go to standard error.
pub(super) fn load(args: &ConfigArgs) -> Result<Configuration, CliError> {
    load_and_tell(args, |text| {
        output::or_closed(terminal::write(Stream::Stderr, shown::lines(text).as_bytes()))
    })
}

/// As [`load`], for who has better things to do than to wait for a reader of the warnings.
pub(super) fn load_in_time(args: &ConfigArgs) -> Result<Configuration, CliError> {
    load_and_tell(args, |text| terminal::tell(Stream::Stderr, text))
}

/// As [`load`], while the daemon runs: each warning goes to `tell`.
pub(super) fn load_quietly(
    args: &ConfigArgs,
    tell: impl Fn(&str),
) -> Result<Configuration, CliError> {
    load_and_tell(args, |text| {
        text.lines().filter(|line| line.contains("warning")).for_each(tell);
        Ok(())
    })
}

/// The file that is read.
pub(super) fn find(args: &ConfigArgs) -> Result<PathBuf, ParameterError> {
    choose(args.config.as_deref(), &DEFAULT_FILES.map(Path::new))
}

/// The configuration on the command line of a process, if there is one and it can be seen.
pub(super) fn of_process(pid: u64) -> Option<ConfigArgs> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    let named = named_in(line.split(|byte| *byte == 0))?;
    Some(ConfigArgs { config: Some(cwd.join(named)) })
}

/// What follows the option that names the configuration.
fn named_in<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;

    // A longer one before one that it begins with.
    const OPTIONS: [&[u8]; 3] = [b"--configuration", b"--config", b"-c"];
    let path = loop {
        let word = words.next()?;
        match OPTIONS.iter().find_map(|option| word.strip_prefix(*option)) {
            Some([]) => break words.next().filter(|path| !path.is_empty())?,
            Some([b'=', path @ ..]) => break path,
            Some(path) if !word.starts_with(b"--") => break path,
            Some(_) | None => {}
        }
    };
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(path)))
}

fn load_and_tell(
    args: &ConfigArgs,
    tell: impl FnOnce(&str) -> io::Result<()>,
) -> Result<Configuration, CliError> {
    let path = choose(args.config.as_deref(), &DEFAULT_FILES.map(Path::new))?;
    let Loaded { mut config, warnings, flow_files } =
        crate::config::read(&path, &Environment::of_process()).map_err(|error| {
            let refused = matches!(&error, ReadError::NotReadable { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied);
            if refused && args.config.is_some() {
                return ParameterError::NotAccessible(path.clone()).into();
            }
            CliError::from(error)
        })?;
    let mut told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let unread = unread(args.config.as_deref(), &path, &DEFAULT_FILES.map(Path::new));
    if let Some(unread) = &unread {
        told.push(format!(
            "warning: ignoring {}: {} takes precedence; select one with -c or remove the other",
            shown(unread),
            shown(&path)
        ));
    }
    let exposed = exposed::warnings(&path, &config.aws, |name| std::env::var(name).ok());
    if !told.is_empty() {
        tell(&format!("{}\n", told.join("\n")))?;
    }
    let cwd = std::env::current_dir().map_err(CliError::WorkingDirectory)?;
    for flow in &mut config.flows {
        flow.pattern = flow.pattern.resolve(&cwd);
    }
    config.checkpoint_file = cwd.join(&config.checkpoint_file);
    if let Some(file) = &mut config.log.file {
        file.path = cwd.join(&file.path);
    }
    super::find_databases(&mut config);
    let count = |is_error| {
        let found = warnings.iter().filter(|found| found.is_error() == is_error);
        found.map(|found| 1 + found.others).sum::<usize>()
    };
    let (errors, warnings) = (count(true), count(false) + usize::from(unread.is_some()));
    Ok(Configuration { config, path, flow_files, warnings, errors, exposed })
}

/// The longest configuration of which the log's format is found out when it is broken.
const BROKEN_BYTES_MAX: u64 = 1024 * 1024;

/// The log's format in a configuration that cannot be used, as far as it can be seen in its text.
pub(super) fn format_of_broken(args: &ConfigArgs) -> LogFormat {
    let read = |path: PathBuf| {
        let bytes = regular::read_up_to(&path, BROKEN_BYTES_MAX).ok()?;
        String::from_utf8(bytes).ok()
    };
    let path = choose(args.config.as_deref(), &DEFAULT_FILES.map(Path::new)).ok();
    match path.and_then(read) {
        Some(text) if names_json(&text) => LogFormat::Json,
        Some(_) | None => LogFormat::Text,
    }
}

/// Whether a text says `log.format: json`, in JSON or in YAML, flat or nested.
fn names_json(text: &str) -> bool {
    let is_comment = |line: &&str| line.trim_start().starts_with(['#', '/']);
    let lines = text.lines().filter(|line| !is_comment(line));
    let bare = |line: &str| -> String {
        line.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'' | ',')).collect()
    };
    let mut in_log = false;
    for line in lines {
        let bare = bare(line);
        if bare.contains("log.format:json") || bare.contains("log:{format:json") {
            return true;
        }
        if in_log && bare.starts_with("format:json") {
            return true;
        }
        match bare.as_str() {
            "log:" | "log:{" => in_log = true,
            // A nested key continues; anything at the margin ends it.
            _ if line.starts_with([' ', '\t']) && !bare.starts_with('}') => {}
            _ => in_log = false,
        }
    }
    false
}

/// A directory of an option; created if missing.
///
/// # Errors
/// Its name is not intended: the shell does not expand `~` after `=`.
pub(super) fn directory(text: &str) -> Result<PathBuf, String> {
    match unexpanded::find(text) {
        Some(found) => Err(found.help.to_owned()),
        None => Ok(PathBuf::from(text)),
    }
}

/// What cannot be told exists: reading it says why.
fn exists(path: &Path) -> bool {
    !matches!(path.try_exists(), Ok(false))
}

/// The file that is named, or the first default that exists.
fn choose(named: Option<&Path>, defaults: &[&Path]) -> Result<PathBuf, ParameterError> {
    match named {
        Some(path) if exists(path) => Ok(path.to_path_buf()),
        Some(path) => Err(ParameterError::Missing(path.to_path_buf())),
        None => defaults
            .iter()
            .find(|path| exists(path))
            .map(|path| path.to_path_buf())
            .ok_or(ParameterError::NoDefault),
    }
}

/// Another default file that exists. Who writes one and has both wonders why nothing happens.
fn unread(named: Option<&Path>, chosen: &Path, defaults: &[&Path]) -> Option<PathBuf> {
    let mut others = defaults.iter().filter(|path| **path != chosen && exists(path));
    named.is_none().then(|| others.next()).flatten().map(|path| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_of_the_log_is_seen_in_a_configuration_that_is_broken() {
        for text in [
            r#"{"log.format": "json", "flows": [}"#,
            "log.format: json\nflows: [",
            "log:\n  level: info\n  format: 'json'\nflows: x",
            "{\n \"log\": {\n   \"level\": \"info\",\n   \"format\": \"json\"\n }",
        ] {
            assert!(names_json(text), "{text}");
        }
        for text in ["log.format: text", "# log.format: json", "wire: json", "x:\n  format: json"] {
            assert!(!names_json(text), "{text}");
        }
    }

    #[test]
    fn the_configuration_is_seen_on_a_command_line() {
        let named = |line: &[u8]| named_in(line.split(|byte| *byte == 0));
        for line in [
            b"kinetail\0-c\0/c\0".as_slice(),
            b"kinetail\0run\0--config=/c\0",
            b"kinetail\0--configuration\0/c\0--sandbox\0",
            b"kinetail\0-c/c\0",
        ] {
            assert_eq!(named(line).as_deref(), Some(Path::new("/c")));
        }
        for line in
            [b"kinetail\0run\0".as_slice(), b"kinetail\0-c\0", b"kinetail\0--configure\0x\0"]
        {
            assert_eq!(named(line), None);
        }
    }

    #[test]
    fn the_file_that_is_named_counts_then_the_java_agents_then_our_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let (java, own) = (path("agent.json"), path("kinetail.yaml"));
        let defaults = [java.as_path(), own.as_path()];
        assert_eq!(choose(None, &defaults), Err(ParameterError::NoDefault));
        std::fs::write(&own, "").unwrap();
        assert_eq!(choose(None, &defaults), Ok(own.clone()));
        std::fs::write(&java, "").unwrap();
        assert_eq!(choose(None, &defaults), Ok(java.clone()));
        assert_eq!(unread(None, &java, &defaults), Some(own.clone()));
        assert_eq!(unread(Some(&java), &java, &defaults), None);
        assert_eq!(unread(None, &java, &[java.as_path(), Path::new("/none")]), None);
        assert_eq!(choose(Some(&own), &defaults), Ok(own.clone()));
        let missing = path("x");
        let error = choose(Some(&missing), &defaults).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Parameter -c points to a file that doesn't exist: {}", missing.display())
        );
        assert_eq!(
            ParameterError::NotAccessible("/x".into()).to_string(),
            "Parameter -c points to a file that's not accessible: /x"
        );
        assert_eq!(
            ParameterError::NoDefault.to_string(),
            "no configuration file: neither /etc/aws-kinesis/agent.json nor \
             /etc/kinetail/kinetail.yaml exists; specify one with -c"
        );
    }
}
