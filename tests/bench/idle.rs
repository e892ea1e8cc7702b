//! Many files in which nothing happens: what it costs to be ready for the next line.

use std::time::Duration;

use kinetail::sandbox::SandboxHandle;

use super::active::discover;
use super::error::BenchError;
use super::files;
use super::print;
use super::settings::Settings;
use super::subject::Subject;
use super::throughput::float;

/// After the last record the agent writes checkpoints down, and files cool down.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

pub(crate) async fn run(settings: &Settings, sandbox: &SandboxHandle) -> Result<(), BenchError> {
    let count = settings.idle_files;
    let folder = files::small(&settings.directory, count)?;
    let pattern = folder.join("*.log");
    let mut agent = Subject::agent("idle", &settings.directory, &pattern, sandbox)?;
    let records = 2 * count;
    let seconds = agent.deliver(records, sandbox).await?;
    tokio::time::sleep(SETTLES_WITHIN).await;
    let before = agent.cpu()?;
    let span = Duration::from_secs(settings.idle_seconds);
    tokio::time::sleep(span).await;
    let (user, system) =
        agent.cpu().map(|now| (now.user - before.user, now.system - before.system))?;
    let resident = agent.status_bytes("VmRSS:")?;
    let found = discover(&agent, &folder, 0).await?;
    let records = records + 1;
    agent.deliver(records, sandbox).await?;
    let figures = agent.finish(seconds, records, sandbox).await?;
    let share = 100.0 / span.as_secs_f64();
    print(&format!("\nidle: {count} files of 2 lines, delivered; then {} s", span.as_secs()))?;
    print(&format!(
        "{:.2} % of one core (user {:.2}, system {:.2}); RSS {:.1} MiB, peak {:.1} MiB; \
         delivered in {seconds:.2} s with {:.2} s of CPU, {} requests",
        (user + system) * share,
        user * share,
        system * share,
        float(resident) / 1024.0 / 1024.0,
        float(figures.peak_bytes) / 1024.0 / 1024.0,
        before.total(),
        figures.requests,
    ))?;
    print(&format!("new file found after {found:?}"))
}
