//! One row of the table of goals each: what was measured, the goal, and whether it is met.
//!
//! `ship` has all that is a ratio to the bare loop, `proof` shows for each of its ways that every
//! line arrives once, `front` is an endpoint with TLS or one that does not answer, `latency` says
//! when a line is accepted, `steady` what a process costs that has little to do, `memory` what it
//! needs at its worst, `scale` what many of a kind cost, `start` how long it takes to begin,
//! `convert` how fast steps are, and `size` how large the program is.

mod convert;
mod front;
mod latency;
mod memory;
mod proof;
mod scale;
mod ship;
mod size;
mod start;
mod steady;

use kinetail::sandbox::SandboxHandle;

use super::error::BenchError;
use super::print;
use super::settings::Settings;

/// Measures all rows.
const ALL: &str = "all";

/// The rows, in the order of the table.
const NAMES: [&str; 36] = [
    "raw-cbor",
    "raw-json",
    "tls",
    "firehose",
    "firehose-newline",
    "newline",
    "kpl",
    "lines-1024",
    "lines-60",
    "delay-5",
    "delay-50",
    "delay-50-newline",
    "convert-common",
    "convert-combined",
    "convert-error",
    "convert-syslog",
    "convert-rfc3339",
    "convert-csv",
    "convert-pattern",
    "convert-json",
    "path-combined",
    "rate",
    "idle-1",
    "idle-10000",
    "latency-quiet",
    "latency-1000",
    "latency-files",
    "start",
    "check",
    "writer",
    "dead",
    "flows-50",
    "scale-flows",
    "scale-files",
    "scale-lines",
    "size",
];

/// A line of the table.
#[derive(Debug)]
struct Row {
    name: String,
    what: String,
    figure: f64,
    unit: &'static str,
    goal: Goal,
}

/// What a figure is to be.
#[derive(Debug, Clone, Copy)]
enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// For information.
    Any,
}

/// What rows are measured with.
#[derive(Debug)]
struct Ground<'b> {
    settings: &'b Settings,
    /// Counts records and keeps nothing.
    sandbox: &'b SandboxHandle,
}

/// Measures the rows of these names, parted by commas, and prints the table.
pub(crate) async fn run(
    names: &str,
    settings: &Settings,
    sandbox: &SandboxHandle,
) -> Result<(), BenchError> {
    let ground = Ground { settings, sandbox };
    print("\n| row | what | figure | goal | met |\n|---|---|---|---|---|")?;
    for name in chosen(names)? {
        for row in Box::pin(measure(name, &ground)).await? {
            print(&row.text())?;
        }
    }
    Ok(())
}

fn chosen(names: &str) -> Result<Vec<&'static str>, BenchError> {
    if names == ALL {
        return Ok(NAMES.to_vec());
    }
    let find = |name: &str| {
        let found = NAMES.into_iter().find(|known| *known == name);
        let unknown = || BenchError::Row { name: name.to_owned(), known: NAMES.join(",") };
        found.ok_or_else(unknown)
    };
    names.split(',').map(str::trim).map(find).collect()
}

async fn measure(name: &'static str, ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    if let Some(way) = ship::Way::of(name) {
        return ship::run(&way, ground).await;
    }
    match name {
        "rate" => steady::rate(ground).await,
        "idle-1" => steady::idle(name, 1, ground).await,
        "idle-10000" => steady::idle(name, 10_000, ground).await,
        "latency-quiet" => latency::quiet(ground).await,
        "latency-1000" => latency::busy(ground).await,
        "latency-files" => latency::many_files(ground).await,
        "start" => start::first_record(ground).await,
        "check" => start::check(ground),
        "writer" => steady::writer(ground).await,
        "dead" => memory::dead(ground).await,
        "flows-50" => memory::flows(ground).await,
        "scale-flows" => scale::flows(ground).await,
        "scale-files" => scale::files(ground).await,
        "scale-lines" => scale::lines(ground).await,
        "size" => size::run(ground),
        _ => convert::run(name, ground).await,
    }
}

impl Row {
    fn new(name: &str, what: &str, (figure, unit): (f64, &'static str), goal: Goal) -> Self {
        Self { name: name.to_owned(), what: what.to_owned(), figure, unit, goal }
    }

    fn text(&self) -> String {
        let Self { name, what, figure, unit, goal } = self;
        let (goal, met) = match *goal {
            Goal::AtMost(most) => (format!("≤ {most} {unit}"), Some(*figure <= most)),
            Goal::AtLeast(least) => (format!("≥ {least} {unit}"), Some(*figure >= least)),
            Goal::Any => ("–".to_owned(), None),
        };
        let met = met.map_or("–", |met| if met { "yes" } else { "**no**" });
        let places = if *figure >= 100.0 { 0 } else { 2 };
        let places = if *figure < 0.1 { 3 } else { places };
        format!("| {name} | {what} | {figure:.places$} {unit} | {goal} | {met} |")
    }
}

/// The middle of these.
fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which so many of these are.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a place in a short list"
    )]
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Bytes in MiB.
fn mebibytes(bytes: u64) -> f64 {
    super::throughput::float(bytes) / 1024.0 / 1024.0
}
