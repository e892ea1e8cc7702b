//! What shipping costs: the real program on a large file, next to a bare loop that does only what
//! the wire needs; and the real program on a line of gigabytes and on many files that all grow, or
//! in which nothing happens.
//!
//! Run it with `cargo bench --bench throughput`; `docs/performance.md` explains the figures.
//! Environment: `KINETAIL_BENCH_MB` (size of the file, 1000), `KINETAIL_BENCH_ROUNDS` (3),
//! `KINETAIL_BENCH_COST_MB` (log lines for each way of packing, 300),
//! `KINETAIL_BENCH_STEPS_MB` (lines for each chain of steps, 300),
//! `KINETAIL_BENCH_LINE_MB` (length of the long line, 5000),
//! `KINETAIL_BENCH_ACTIVE_FILES` (10000), `KINETAIL_BENCH_ACTIVE_SECONDS` (20),
//! `KINETAIL_BENCH_IDLE_FILES` (10000), `KINETAIL_BENCH_IDLE_SECONDS` (20); 0 leaves a part out,
//! and `KINETAIL_BENCH_ONLY=cost` all but this one.
//! `KINETAIL_BENCH_AGENT` measures another build.
//! `KINETAIL_BENCH_ROWS` (names of `rows`, or `all`) measures those in place of everything else.
//! Without the `--bench` that cargo gives, as in `cargo test --all-targets`, everything is small.

mod active;
mod bare;
mod cost;
mod error;
mod files;
mod hardest;
mod idle;
mod long_line;
mod machine;
#[path = "../../crates/core/records/tests/steps/nasty.rs"]
mod nasty;
mod rows;
mod settings;
mod steps;
mod subject;
mod throughput;

use std::io::Write as _;
use std::process::ExitCode;

use kinetail::sandbox::{Sandbox, SandboxHandle, SandboxOptions, Store};

use self::error::BenchError;
use self::settings::Settings;

/// The first argument of the process that runs the bare loop.
const BARE: &str = "bare-loop";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let first = args.next().unwrap_or_default();
    let result = if first == BARE {
        let [file, target, encoding] = std::array::from_fn(|_| args.next().unwrap_or_default());
        bare::run(&file, &target, &encoding)
    } else {
        measure(first == "--bench" || args.any(|arg| arg == "--bench"))
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let told = writeln!(std::io::stderr(), "bench: {error}");
            ExitCode::from(if told.is_ok() { 1 } else { 2 })
        }
    }
}

fn measure(full: bool) -> Result<(), BenchError> {
    let settings = Settings::read(full)?.wanted()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(BenchError::io("start the runtime"))?;
    runtime.block_on(async {
        let options = SandboxOptions { store: Store::Null, ..SandboxOptions::default() };
        let sandbox = Sandbox::bind(options).await?;
        let handle = sandbox.handle();
        tokio::select! {
            () = sandbox.serve(std::future::pending()) => Ok(()),
            result = all(&settings, &handle) => result,
        }
    })
}

async fn all(settings: &Settings, sandbox: &SandboxHandle) -> Result<(), BenchError> {
    print(&machine::describe())?;
    if let Some(names) = &settings.rows {
        return rows::run(names, settings, sandbox).await;
    }
    if settings.megabytes > 0 {
        throughput::run(settings, sandbox).await?;
    }
    if settings.cost_megabytes > 0 {
        cost::run(settings, sandbox).await?;
    }
    if settings.steps_megabytes > 0 {
        steps::run(settings, sandbox).await?;
    }
    if settings.line_megabytes > 0 {
        long_line::run(settings, sandbox).await?;
    }
    if settings.active_files > 0 {
        active::run(settings, sandbox).await?;
    }
    if settings.idle_files > 0 {
        idle::run(settings, sandbox).await?;
    }
    Ok(())
}

/// Writes one line to standard output.
fn print(line: &str) -> Result<(), BenchError> {
    writeln!(std::io::stdout(), "{line}").map_err(BenchError::io("print"))
}
