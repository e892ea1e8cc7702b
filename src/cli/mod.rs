//! The command line: one file for each subcommand. Nothing here touches a log file or a stream;
//! it reads the configuration, sets up the log and hands over to the daemon.

mod check;
mod import;
mod log_file;
mod logging;
mod progress;
mod run;
pub mod sandbox;
mod signals;

use std::error::Error as _;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::checkpoint::place;
use crate::config::{Config, Environment, JavaCheckpoints, ReadError};

/// Ships log files to Amazon Kinesis Data Streams and Amazon Data Firehose.
///
/// It follows files through every kind of rotation, turns lines into records and delivers each of
/// them at least once; after a clean stop none is repeated. Without a subcommand it runs.
#[derive(Debug, Parser)]
#[command(name = "kinetail", version, max_term_width = 100)]
#[command(after_help = "First steps, without an AWS account:\n  \
    kinetail run --sandbox --config config/quickstart.yaml\n\n\
    Exit codes: 0 after a clean stop, 1 if it could not start or could not finish.\n\
    'kinetail import' has one more: 2 if it could not take over everything.")]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration and say what it would do; touches nothing.
    Check(ConfigArgs),
    /// Take over the positions of the Java Kinesis Agent; a first start does the same by itself.
    Import(import::ImportArgs),
    /// Follow the files and ship their lines (this is also what happens without a subcommand).
    Run(run::RunArgs),
    /// Serve a loopback Kinesis and Firehose, for tests and first steps.
    Sandbox(sandbox::SandboxArgs),
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct ConfigArgs {
    /// The configuration, JSON or YAML; the Java agent's agent.json works as it stands.
    #[arg(
        short,
        long = "config",
        alias = "configuration",
        value_name = "FILE",
        default_value = "/etc/aws-kinesis/agent.json"
    )]
    config: PathBuf,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("cannot read the configuration: {0}")]
    Config(#[from] ReadError),
    #[error("cannot find out the working directory: {0}")]
    WorkingDirectory(io::Error),
    #[error("cannot write to the terminal: {0}")]
    Terminal(#[from] io::Error),
    #[error("cannot start the runtime: {0}; raise the limit on processes")]
    Runtime(io::Error),
    #[error("cannot {0}")]
    Import(#[from] crate::import::ImportError),
    #[error("cannot {0}")]
    Store(#[from] crate::checkpoint::error::StoreError),
    #[error(transparent)]
    Run(#[from] run::RunError),
    #[error("the sandbox failed: {0}")]
    Sandbox(#[from] crate::sandbox::SandboxError),
}

/// Runs the program; the exit code is 0, 1 or (of `import`) 2.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    let result = match &cli.command {
        None => run::run(&cli.run),
        Some(Command::Check(args)) => check::run(args),
        Some(Command::Import(args)) => import::run(args),
        Some(Command::Run(args)) => run::run(args),
        Some(Command::Sandbox(args)) => serve_sandbox(args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            // With standard error closed there is nobody left to tell.
            if writeln!(io::stderr(), "{}", logging::as_error(&in_full(&error))).is_err() {
                return ExitCode::from(1);
            }
            ExitCode::from(1)
        }
    }
}

/// What to tell about a failure: with every cause that its message leaves out. The mistakes of a
/// configuration already say where they are.
fn in_full(error: &CliError) -> String {
    if let CliError::Config(ReadError::Invalid(report)) = error {
        return report.to_string();
    }
    let mut text = format!("kinetail: {error}");
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

fn serve_sandbox(args: &sandbox::SandboxArgs) -> Result<ExitCode, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?;
    runtime.block_on(async {
        let mut signals = signals::Signals::new()?;
        let mut out = io::stdout();
        sandbox::run(args.clone(), async { signals.next().await }, &mut out).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Help and the version are no failure; a wrong command line is, with the same code as all others.
fn explain(error: &clap::Error) -> ExitCode {
    let shown = error.print();
    ExitCode::from(u8::from(error.use_stderr() || shown.is_err()))
}

/// Reads the configuration and makes its paths absolute. Warnings go to standard error.
fn load(args: &ConfigArgs) -> Result<Config, CliError> {
    let (mut config, warnings) = crate::config::read(&args.config, &Environment::of_process())?;
    for warning in &warnings {
        writeln!(io::stderr(), "{warning}")?;
    }
    let cwd = std::env::current_dir().map_err(CliError::WorkingDirectory)?;
    for flow in &mut config.flows {
        flow.pattern = flow.pattern.resolve(&cwd);
    }
    config.checkpoint_file = cwd.join(&config.checkpoint_file);
    if let Some(file) = &mut config.log.file {
        file.path = cwd.join(&file.path);
    }
    find_databases(&mut config);
    Ok(config)
}

/// `checkpointFile` may name the Java agent's database: that one is read once, and kinetail's own
/// is elsewhere.
fn find_databases(config: &mut Config) {
    let ids: Vec<&str> = config.flows.iter().map(|flow| flow.id.as_str()).collect();
    let places = place::find(&config.checkpoint_file, &config.checkpoint_file_default, &ids);
    config.checkpoint_file = places.own;
    if let (Some(java), JavaCheckpoints::Usual) = (places.java, &config.java_checkpoints) {
        config.java_checkpoints = JavaCheckpoints::At(java);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sandbox::SandboxError;

    #[test]
    fn a_failure_is_told_with_its_cause_and_nothing_twice() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let output = SandboxError::Output { path: "/out".into(), source: denied() };
        assert_eq!(
            in_full(&CliError::Sandbox(output)),
            "kinetail: the sandbox failed: cannot make the output directory /out: \
             permission denied"
        );
        let unreadable = ReadError::NotReadable { path: "/c".into(), source: denied() };
        assert_eq!(
            in_full(&CliError::Config(unreadable)),
            "kinetail: cannot read the configuration: /c: cannot be read: permission denied"
        );
    }

    #[test]
    fn mistakes_in_a_configuration_begin_with_their_place() {
        let environment = Environment { state_directory: None };
        let report = crate::config::load("{}", Path::new("a.json"), &environment).unwrap_err();
        let text = in_full(&CliError::Config(ReadError::Invalid(report)));
        assert!(text.starts_with("a.json:1:"), "{text}");
    }
}
