//! What is measured, and where the files lie.

use std::path::PathBuf;

use super::error::BenchError;

/// Names the part that is measured alone.
const ONLY: &str = "KINETAIL_BENCH_ONLY";

/// The sizes of one run of the program.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) directory: PathBuf,
    pub(crate) active_files: u64,
    pub(crate) active_seconds: u64,
    pub(crate) cost_megabytes: u64,
    pub(crate) idle_files: u64,
    pub(crate) idle_seconds: u64,
    pub(crate) line_megabytes: u64,
    pub(crate) megabytes: u64,
    pub(crate) rounds: u64,
    pub(crate) rows: Option<String>,
    pub(crate) row_megabytes: u64,
    pub(crate) row_seconds: u64,
    pub(crate) steps_megabytes: u64,
}

impl Settings {
    /// From the environment; the defaults are small unless it is a `full` run.
    pub(crate) fn read(full: bool) -> Result<Self, BenchError> {
        let default = |large, small| if full { large } else { small };
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let directory = target.parent().unwrap_or(&target).join("bench");
        Ok(Self {
            directory,
            active_files: number("KINETAIL_BENCH_ACTIVE_FILES", default(10_000, 20))?,
            active_seconds: number("KINETAIL_BENCH_ACTIVE_SECONDS", default(20, 2))?,
            cost_megabytes: number("KINETAIL_BENCH_COST_MB", default(300, 1))?,
            idle_files: number("KINETAIL_BENCH_IDLE_FILES", default(10_000, 20))?,
            idle_seconds: number("KINETAIL_BENCH_IDLE_SECONDS", default(20, 1))?,
            line_megabytes: number("KINETAIL_BENCH_LINE_MB", default(5_000, 3))?,
            megabytes: number("KINETAIL_BENCH_MB", default(1_000, 3))?,
            rounds: number("KINETAIL_BENCH_ROUNDS", default(3, 1))?,
            rows: std::env::var("KINETAIL_BENCH_ROWS").ok().filter(|names| !names.is_empty()),
            row_megabytes: number("KINETAIL_BENCH_ROW_MB", default(500, 3))?,
            row_seconds: number("KINETAIL_BENCH_ROW_SECONDS", default(30, 2))?,
            steps_megabytes: number("KINETAIL_BENCH_STEPS_MB", default(300, 1))?,
        })
    }

    /// Leaves out all parts but the one that `KINETAIL_BENCH_ONLY` names.
    pub(crate) fn wanted(mut self) -> Result<Self, BenchError> {
        let Ok(only) = std::env::var(ONLY) else { return Ok(self) };
        let mut parts = [
            ("throughput", &mut self.megabytes),
            ("cost", &mut self.cost_megabytes),
            ("steps", &mut self.steps_megabytes),
            ("long-line", &mut self.line_megabytes),
            ("active", &mut self.active_files),
            ("idle", &mut self.idle_files),
        ];
        if parts.iter().all(|(name, _)| *name != only) {
            let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
            return Err(BenchError::Part { name: only, parts: names.join(", ") });
        }
        parts.iter_mut().filter(|(name, _)| *name != only).for_each(|(_, size)| **size = 0);
        Ok(self)
    }
}

fn number(name: &'static str, default: u64) -> Result<u64, BenchError> {
    match std::env::var(name) {
        Ok(value) => value.trim().parse().map_err(|_| BenchError::Setting { name, value }),
        Err(_) => Ok(default),
    }
}
