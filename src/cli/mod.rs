//! The command line: one file for each subcommand. Nothing here touches a log file or a stream;
//! it reads the configuration, sets up the log and hands over to the daemon.

mod check;
mod checkpoints;
mod children;
mod configuration;
mod control;
mod dead_letters;
mod diagnose;
#[cfg(test)]
mod documented;
mod explain;
mod export;
mod exposed;
mod import;
mod log_file;
mod log_format;
mod log_place;
mod logging;
mod output;
mod plan;
mod process;
mod progress;
mod queue;
mod reload;
mod rotated;
mod run;
pub mod sandbox;
mod signals;
mod status;
mod terminal;
mod usage;

use std::error::Error as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use self::configuration::ParameterError;
use self::terminal::Stream;
use crate::checkpoint::locate;
use crate::config::{Config, JavaCheckpoints, ReadError};
use crate::shown::Escaped;

const AFTER_HELP: &str = "\
Quick start, no AWS account needed:
  kinetail run --sandbox --config config/quickstart.yaml

Validate a configuration:
  kinetail check
      report errors, matching files and destinations
  kinetail check --aws
      also verify streams and permissions with AWS

Replace the Java agent:
  kinetail -c /etc/aws-kinesis/agent.json
  Flows in /etc/aws-kinesis/agent.d are loaded too.

Environment:
  AWS_REGION, AWS_PROFILE, AWS_ACCESS_KEY_ID,
  AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and the other
  standard AWS SDK variables; AWS_CA_BUNDLE; HTTPS_PROXY,
  HTTP_PROXY, NO_PROXY.

Signals:
  SIGTERM and SIGINT drain and stop; a second signal
  stops immediately. SIGHUP reloads the configuration,
  like 'kinetail reload'.

Exit codes:
  0 success, or a normal stop
  1 startup failed, or a forced stop
  2 'import': incomplete
    'reload': some changes require a restart
    'status': there are problems
    'explain': no flow follows the file
    'dead-letters': some were kept";

/// Ships log files to Amazon Kinesis Data Streams and Amazon Data Firehose.
///
/// Follows files across rotation, converts lines to records and delivers each at least once,
/// without duplicates after a clean shutdown. Without a subcommand, behaves like `run`.
#[derive(Debug, Parser)]
#[command(name = "kinetail", version, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Validate the configuration and show what it would do; makes no changes.
    Check(check::CheckArgs),
    /// List, export, set or delete checkpoints.
    Checkpoints(checkpoints::CheckpointsArgs),
    /// List, show, resend or remove records that could not be delivered.
    DeadLetters(dead_letters::DeadLettersArgs),
    /// Create an archive for a bug report: configuration without secrets, status, log, limits.
    Diagnose(diagnose::DiagnoseArgs),
    /// Explain the state of one file: its flow, delivered offset and problems.
    Explain(explain::ExplainArgs),
    /// Export kinetail's checkpoints to the Java Kinesis Agent, to switch back to it.
    Export(export::ExportArgs),
    /// Import checkpoints from the Java Kinesis Agent (also done automatically on first start).
    Import(import::ImportArgs),
    /// Estimate the stream capacity that each flow needs, and the cost by aggregation mode.
    Plan(plan::PlanArgs),
    /// Run a flow's processing steps on lines from standard input; sends nothing.
    Process(process::ProcessArgs),
    /// Reload the configuration of a running kinetail; prints what changed, or why not.
    Reload(reload::ReloadArgs),
    /// Follow files and ship their lines (the default command).
    Run(run::RunArgs),
    /// Run a local Kinesis and Firehose for testing and evaluation.
    Sandbox(sandbox::SandboxArgs),
    /// Print a JSON Schema of the configuration, for editors.
    Schema,
    /// Show the status of a running kinetail: flows, files, lag, problems and fixes.
    Status(status::StatusArgs),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("cannot create AWS clients: {0}")]
    Client(#[from] crate::send::client::ClientError),
    #[error("cannot read the configuration: {0}")]
    Config(#[from] ReadError),
    #[error(transparent)]
    DeadLetter(#[from] crate::dead_letters::DeadLetterError),
    #[error("no flow has a deadLetterDirectory; set it in the configuration")]
    NoDeadLetters,
    #[error("cannot purge: no letters selected; use --flow, --reason, --file or --all")]
    PurgeWhat,
    #[error(
        "{found} has {wanted:?} as its number or in its ID; run `kinetail check` to list the flows"
    )]
    Flow { wanted: String, found: &'static str },
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error("cannot determine working directory: {0}")]
    WorkingDirectory(io::Error),
    #[error("cannot write to the terminal: {0}")]
    Terminal(#[from] io::Error),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: std::path::PathBuf, source: io::Error },
    #[error("cannot start async runtime: {0}; raise the process limit")]
    Runtime(io::Error),
    #[error("cannot {0}")]
    Import(#[from] crate::import::ImportError),
    #[error("cannot {0}")]
    Store(#[from] crate::checkpoint::error::StoreError),
    #[error(transparent)]
    Control(#[from] control::ControlError),
    #[error(transparent)]
    Run(#[from] run::RunError),
    #[error("the sandbox failed: {0}")]
    Sandbox(#[from] crate::sandbox::SandboxError),
    #[error(transparent)]
    SandboxRead(#[from] sandbox::ReadError),
}

/// Runs the program; the exit code is 0, 1 or (of `import` and `export`) 2.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::explain(&error),
    };
    let result = match &cli.command {
        None => run::run(&cli.run),
        Some(Command::Check(args)) => check::run(args),
        Some(Command::Checkpoints(args)) => checkpoints::run(args),
        Some(Command::DeadLetters(args)) => dead_letters::run(args),
        Some(Command::Diagnose(args)) => diagnose::run(args),
        Some(Command::Explain(args)) => explain::run(args),
        Some(Command::Export(args)) => export::run(args),
        Some(Command::Import(args)) => import::run(args),
        Some(Command::Plan(args)) => plan::run(args),
        Some(Command::Process(args)) => process::run(args),
        Some(Command::Reload(args)) => reload::run(args),
        Some(Command::Run(args)) => run::run(args),
        Some(Command::Sandbox(args)) => serve_sandbox(args),
        Some(Command::Schema) => schema(),
        Some(Command::Status(args)) => status::run(args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            if matches!(error, CliError::Parameter(_)) {
                usage::show();
            }
            let text = format!("{}\n", logging::as_error(&in_full(&error)));
            // With standard error closed there is nowhere left to report it.
            terminal::tell(Stream::Stderr, &text).unwrap_or_default();
            ExitCode::from(1)
        }
    }
}

/// What to tell about a failure: with every cause that its message omits. The errors of a
/// configuration already say where they are.
fn in_full(error: &CliError) -> String {
    if let CliError::Config(ReadError::Invalid(report)) = error {
        return report.to_string();
    }
    let mut text = format!("kinetail: {}", Escaped(error));
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = Escaped(cause).to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// Prints the schema of the configuration.
fn schema() -> Result<ExitCode, CliError> {
    writeln!(output::stdout(), "{:#}", crate::config::schema())?;
    Ok(ExitCode::SUCCESS)
}

/// Drives the requests of a command, one after the other.
fn runtime() -> Result<Runtime, CliError> {
    Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)
}

fn serve_sandbox(args: &sandbox::SandboxArgs) -> Result<ExitCode, CliError> {
    if let Some(sandbox::SandboxCommand::Read(args)) = &args.command {
        sandbox::read(args, &mut output::stdout())?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    runtime.block_on(async {
        let mut signals = signals::Signals::new()?;
        let mut out = terminal::queued_stdout().map_err(CliError::Runtime)?;
        sandbox::run(args.clone(), async { signals.next().await }, &mut out).await?;
        terminal::finish(out)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// `checkpointFile` may name the Java agent's database: that one is read once, and kinetail's own
/// is elsewhere.
fn find_databases(config: &mut Config) {
    let ids: Vec<&str> = config.flows.iter().map(|flow| flow.id.as_str()).collect();
    let places = locate::find(&config.checkpoint_file, &config.checkpoint_file_default, &ids);
    config.checkpoint_file = places.own;
    if let (Some(java), JavaCheckpoints::Usual) = (places.java, &config.java_checkpoints) {
        config.java_checkpoints = JavaCheckpoints::At(java);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory as _;

    use super::*;
    use crate::config::Environment;
    use crate::sandbox::SandboxError;

    #[test]
    fn a_failure_is_told_with_its_cause_and_nothing_twice() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let output = SandboxError::Output { path: "/out".into(), source: denied() };
        assert_eq!(
            in_full(&CliError::Sandbox(output)),
            "kinetail: the sandbox failed: cannot create output directory /out: \
             permission denied"
        );
        let unreadable = ReadError::NotReadable { path: "/c".into(), source: denied() };
        assert_eq!(
            in_full(&CliError::Config(unreadable)),
            "kinetail: cannot read the configuration: cannot read /c: permission denied"
        );
    }

    #[test]
    fn mistakes_in_a_configuration_begin_with_their_place() {
        let environment = Environment::default();
        let report = crate::config::load("{}", Path::new("a.json"), &environment).unwrap_err();
        let text = in_full(&CliError::Config(ReadError::Invalid(report)));
        assert!(text.starts_with("a.json:1:"), "{text}");
    }

    #[test]
    fn the_help_of_every_subcommand_fits_into_80_and_60_columns_and_cuts_no_word() {
        let wide: Vec<String> = helps(1000).into_iter().map(|(_, text)| text).collect();
        for columns in [80, 60] {
            for ((name, text), wide) in helps(columns).into_iter().zip(&wide) {
                let long = text.lines().find(|line| line.chars().count() > columns);
                assert_eq!(long, None, "{name} at {columns} columns:\n{text}");
                let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
                let (narrow, wide): (Vec<_>, Vec<_>) = (words(&text), words(wide));
                assert_eq!(narrow, wide, "{name} at {columns} columns:\n{text}");
            }
        }
    }

    /// `-h` and `--help` of every subcommand, at a width.
    fn helps(columns: usize) -> Vec<(String, String)> {
        let mut command = Cli::command().term_width(columns);
        command.build();
        let mut commands = vec![command.clone()];
        commands.extend(command.get_subcommands().cloned());
        commands
            .into_iter()
            .flat_map(|mut command| {
                let name = command.get_name().to_owned();
                let short = command.render_help().to_string();
                [(name.clone(), short), (name, command.render_long_help().to_string())]
            })
            .collect()
    }

    fn parsed(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once(&"kinetail").chain(arguments))
    }

    #[test]
    fn the_java_agents_command_lines_work_with_and_without_a_subcommand() {
        for arguments in [
            &["-c", "f"][..],
            &["-c=f"],
            &["--configuration", "f"],
            &["--configuration=f"],
            &["--config", "f"],
            &["run", "-c", "f"],
            &["run", "--configuration=f"],
            &["check", "--configuration", "f"],
            &[],
        ] {
            assert!(parsed(arguments).is_ok(), "{arguments:?}");
        }
        // The file would be ignored without a word.
        assert!(parsed(&["-c", "f", "check"]).is_err());
        for help in ["-h", "--help"] {
            let error = parsed(&[help]).unwrap_err();
            assert!(!error.use_stderr(), "{help}");
            assert!(error.to_string().contains("--configuration"), "{error}");
        }
    }
}
