//! Writes what packages have from the command line itself: a man page for each subcommand, and
//! completions for shells.
//!
//!     cargo run --example command-line-pages -- DIRECTORY

#![expect(
    clippy::print_stderr,
    reason = "a program of the build; its output is for whoever runs it"
)]

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;
use kinetail::cli::Cli;

const NAME: &str = "kinetail";

fn write(directory: &Path) -> io::Result<()> {
    let pages = directory.join("man");
    fs::create_dir_all(&pages)?;
    clap_mangen::generate_to(Cli::command(), &pages)?;
    let completions = directory.join("completions");
    for (shell, file) in [
        (Shell::Bash, "bash/kinetail"),
        (Shell::Fish, "fish/kinetail.fish"),
        (Shell::Zsh, "zsh/_kinetail"),
    ] {
        let path = completions.join(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), NAME, &mut text);
        fs::write(path, text)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let Some(directory) = env::args_os().nth(1) else {
        eprintln!("command-line-pages: name the directory to write to");
        return ExitCode::FAILURE;
    };
    match write(Path::new(&directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("command-line-pages: cannot write to {}: {error}", directory.display());
            ExitCode::FAILURE
        }
    }
}
