//! One large file, shipped by the agent and by the bare loop in turn.

use kinetail::sandbox::SandboxHandle;

use super::error::BenchError;
use super::files::{self, LINE_BYTES, Large};
use super::print;
use super::settings::Settings;
use super::subject::{Cpu, Figures, Subject};

pub(crate) async fn run(settings: &Settings, sandbox: &SandboxHandle) -> Result<(), BenchError> {
    let large = files::large(&settings.directory, settings.megabytes)?;
    print(&format!(
        "\nthroughput: {} MB in {} lines of {LINE_BYTES} bytes; {} rounds, each by turns",
        large.bytes / 1_000_000,
        large.records,
        settings.rounds
    ))?;
    print(&format!(
        "{:<14} {:>8} {:>9} {:>8} {:>8} {:>9} {:>9}",
        "", "MB/s", "CPU s/GB", "user", "system", "peak MiB", "requests"
    ))?;
    let (mut agent, mut bare) = (Vec::new(), Vec::new());
    for round in 1..=settings.rounds {
        bare.push(round_of(&format!("bare-{round}"), settings, &large, sandbox).await?);
        agent.push(round_of(&format!("agent-{round}"), settings, &large, sandbox).await?);
    }
    let (agent, bare) = (median(&agent), median(&bare));
    print(&row("median agent", agent, large.bytes))?;
    print(&row("median bare", bare, large.bytes))?;
    print(&format!(
        "{:<14} {:>8.2} {:>9.2} {:>8.2} {:>8.2} {:>9.2}",
        "agent / bare",
        bare.seconds / agent.seconds,
        agent.cpu.total() / bare.cpu.total(),
        agent.cpu.user / bare.cpu.user,
        agent.cpu.system / bare.cpu.system,
        float(agent.peak_bytes) / float(bare.peak_bytes),
    ))
}

async fn round_of(
    name: &str,
    settings: &Settings,
    large: &Large,
    sandbox: &SandboxHandle,
) -> Result<Figures, BenchError> {
    let directory = &settings.directory;
    let mut subject = if name.starts_with("bare") {
        Subject::bare(name, directory, &large.path, sandbox)?
    } else {
        Subject::agent(name, directory, &large.path, sandbox)?
    };
    let seconds = subject.deliver(large.records, sandbox).await?;
    let figures = subject.finish(seconds, large.records, sandbox).await?;
    print(&row(name, figures, large.bytes))?;
    Ok(figures)
}

fn row(name: &str, figures: Figures, bytes: u64) -> String {
    let per_gb = 1e9 / float(bytes);
    format!(
        "{name:<14} {:>8.0} {:>9.2} {:>8.2} {:>8.2} {:>9.1} {:>9}",
        float(bytes) / 1e6 / figures.seconds,
        figures.cpu.total() * per_gb,
        figures.cpu.user * per_gb,
        figures.cpu.system * per_gb,
        float(figures.peak_bytes) / 1024.0 / 1024.0,
        figures.requests,
    )
}

/// The median of each figure by itself.
fn median(runs: &[Figures]) -> Figures {
    let of = |value: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let mut peaks: Vec<u64> = runs.iter().map(|run| run.peak_bytes).collect();
    let mut requests: Vec<u64> = runs.iter().map(|run| run.requests).collect();
    peaks.sort_unstable();
    requests.sort_unstable();
    Figures {
        seconds: of(|run| run.seconds),
        cpu: Cpu { user: of(|run| run.cpu.user), system: of(|run| run.cpu.system) },
        peak_bytes: peaks.get(peaks.len() / 2).copied().unwrap_or_default(),
        requests: requests.get(requests.len() / 2).copied().unwrap_or_default(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of this size lose nothing")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
