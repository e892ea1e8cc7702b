//! A child process that ships, and what the kernel says about it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use kinetail::sandbox::{SandboxHandle, Stats, StreamId, StreamStats};
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde_json::{Value, json};

use super::error::{BenchError, Late};
use super::machine;

/// The name of an agent's checkpoints.
const DATABASE: &str = "checkpoints.db";

/// Names another build of the agent, to compare with.
const OTHER_AGENT: &str = "KINETAIL_BENCH_AGENT";

/// Nothing that is measured here takes this long.
const ARRIVES_WITHIN: Duration = Duration::from_mins(15);

/// A stop in good order takes no longer, on a busy machine either.
const STOPS_WITHIN: Duration = Duration::from_mins(2);

/// Without a further byte acknowledged for this long, something hangs.
const STALLED_AFTER: Duration = Duration::from_mins(2);

/// How often the checkpoints are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A process that is being measured.
#[derive(Debug)]
pub(crate) struct Subject {
    name: String,
    streams: Vec<StreamId>,
    log: PathBuf,
    child: Child,
    started: Instant,
}

/// What a run came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// From the start of the process to the last record's arrival.
    pub(crate) seconds: f64,
    /// Processor time of the whole life of the process.
    pub(crate) cpu: Cpu,
    /// The most memory it ever had in RAM, in bytes.
    pub(crate) peak_bytes: u64,
    /// Requests that it made.
    pub(crate) requests: u64,
}

/// Processor time in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) user: f64,
    pub(crate) system: f64,
}

impl Cpu {
    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }
}

impl Subject {
    /// Starts `kinetail run` on these files. Its configuration, checkpoints and log lie in
    /// `directory`, which is emptied.
    pub(crate) fn agent(
        name: &str,
        directory: &Path,
        pattern: &Path,
        sandbox: &SandboxHandle,
    ) -> Result<Self, BenchError> {
        Self::agent_with(name, directory, pattern, sandbox, &json!({}))
    }

    /// The same with more keys for its flow.
    pub(crate) fn agent_with(
        name: &str,
        directory: &Path,
        pattern: &Path,
        sandbox: &SandboxHandle,
        keys: &Value,
    ) -> Result<Self, BenchError> {
        let mut flow = json!({
            "filePattern": pattern,
            "kinesisStream": name,
            "initialPosition": "START_OF_FILE",
        });
        merge(&mut flow, keys);
        let keys = json!({ "kinesis.endpoint": sandbox.url(), "flows": [flow] });
        Self::agent_of(name, directory, &keys, vec![StreamId::kinesis(name)?])
    }

    /// The same with these keys of the whole configuration, for these streams.
    pub(crate) fn agent_of(
        name: &str,
        directory: &Path,
        keys: &Value,
        streams: Vec<StreamId>,
    ) -> Result<Self, BenchError> {
        let directory = directory.join(name);
        if fs::metadata(&directory).is_ok() {
            fs::remove_dir_all(&directory).map_err(BenchError::io("clear a directory"))?;
        }
        fs::create_dir_all(&directory).map_err(BenchError::io("make a directory"))?;
        let mut config = json!({
            "region": "us-east-1",
            "awsAccessKeyId": "bench",
            "awsSecretAccessKey": "bench",
            "cloudwatch.emitMetrics": false,
            "admin.address": "off",
            "checkpointFile": directory.join(DATABASE),
        });
        merge(&mut config, keys);
        let path = directory.join("agent.json");
        fs::write(&path, format!("{config:#}")).map_err(BenchError::io("write a configuration"))?;
        let mut command = Command::new(program());
        command.arg("run").arg("--config").arg(&path);
        Self::start(name, &directory, command, streams)
    }

    /// Starts the bare loop on this file.
    pub(crate) fn bare(
        name: &str,
        directory: &Path,
        file: &Path,
        sandbox: &SandboxHandle,
    ) -> Result<Self, BenchError> {
        Self::bare_in("json", name, directory, file, sandbox)
    }

    /// The same in this encoding.
    pub(crate) fn bare_in(
        encoding: &str,
        name: &str,
        directory: &Path,
        file: &Path,
        sandbox: &SandboxHandle,
    ) -> Result<Self, BenchError> {
        let program = std::env::current_exe().map_err(BenchError::io("find this program"))?;
        let mut command = Command::new(program);
        let target = format!("{}/{name}", sandbox.address());
        command.arg(super::BARE).arg(file).arg(target).arg(encoding);
        Self::start(name, directory, command, vec![StreamId::kinesis(name)?])
    }

    fn start(
        name: &str,
        directory: &Path,
        mut command: Command,
        streams: Vec<StreamId>,
    ) -> Result<Self, BenchError> {
        let log = directory.join(format!("{name}.out"));
        let out = File::create(&log).map_err(BenchError::io("make a log file"))?;
        let err = out.try_clone().map_err(BenchError::io("make a log file"))?;
        quiet(&mut command);
        let started = Instant::now();
        let child = command.stdin(Stdio::piped()).stdout(out).stderr(err).spawn();
        let child = child.map_err(BenchError::io("start a process"))?;
        Ok(Self { name: name.to_owned(), streams, log, child, started })
    }

    /// Waits until so many records arrived, and says how long that took.
    pub(crate) async fn deliver(
        &mut self,
        records: u64,
        sandbox: &SandboxHandle,
    ) -> Result<f64, BenchError> {
        let arrived =
            sandbox.wait_until(|stats| self.counts(stats).records >= records, ARRIVES_WITHIN);
        let ended = wait_for_end(pid_of(&self.child)?);
        tokio::select! {
            arrived = arrived => arrived.map_err(|source| {
                BenchError::Wait { name: self.name.clone(), source, log: self.log_name() }
            })?,
            ended = ended => return ended.and_then(|()| self.ended("records")),
        };
        Ok(self.started.elapsed().as_secs_f64())
    }

    /// Waits until its only file is acknowledged up to there, and says how long that took.
    pub(crate) async fn acknowledge(&mut self, bytes: u64) -> Result<f64, BenchError> {
        const WHAT: &str = "checkpoints";
        let (mut newest, mut since) = (0, Instant::now());
        loop {
            if self.child.try_wait().map_err(BenchError::io("look at a process"))?.is_some() {
                return self.ended(WHAT);
            }
            let found = acknowledged(&self.database());
            match &found {
                Ok(Some(offset)) if *offset >= bytes => break,
                Ok(Some(offset)) if *offset > newest => (newest, since) = (*offset, Instant::now()),
                Ok(_) | Err(_) => {}
            }
            if since.elapsed() > STALLED_AFTER {
                let so_far = format!("{newest} of {bytes} bytes, and then {found:?}");
                return Err(self.late(WHAT, STALLED_AFTER, so_far));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(self.started.elapsed().as_secs_f64())
    }

    /// Ends the process in good order; void if it delivered another number of records.
    pub(crate) async fn finish(
        mut self,
        seconds: f64,
        records: u64,
        sandbox: &SandboxHandle,
    ) -> Result<Figures, BenchError> {
        let peak_bytes = self.status_bytes("VmHWM:")?;
        let pid = pid_of(&self.child)?;
        // The bare loop ends when its input does, and the agent when it is told to.
        drop(self.child.stdin.take());
        if self.is_agent() {
            kill_process(pid, Signal::TERM)
                .map_err(|error| BenchError::io("stop")(error.into()))?;
        }
        if let Ok(ended) = tokio::time::timeout(STOPS_WITHIN, wait_for_end(pid)).await {
            ended?;
        } else {
            return Err(self.late("the end", STOPS_WITHIN, "it was told to stop".to_owned()));
        }
        // A process that ended and was not waited for still has its times.
        let cpu = self.cpu()?;
        let status = self.child.wait().map_err(BenchError::io("wait for a process"))?;
        self.check(status)?;
        let counts = self.counts(&sandbox.stats());
        if counts.records != records {
            return Err(BenchError::Void {
                name: self.name.clone(),
                got: counts.records,
                want: records,
            });
        }
        Ok(Figures { seconds, cpu, peak_bytes, requests: counts.requests })
    }

    /// What the sandbox counted of its streams.
    pub(crate) fn counts(&self, stats: &Stats) -> StreamStats {
        let mut sum = StreamStats::default();
        for stream in &self.streams {
            let counts = stats.stream(stream);
            sum.records += counts.records;
            sum.requests += counts.requests;
        }
        sum
    }

    /// The checkpoints of an agent.
    pub(crate) fn database(&self) -> PathBuf {
        self.log.with_file_name(DATABASE)
    }

    /// Processor time so far.
    pub(crate) fn cpu(&self) -> Result<Cpu, BenchError> {
        let text = self.proc("stat")?;
        let ticks = parse_ticks(&text).ok_or(BenchError::Proc("the processor time"))?;
        let per_second = seconds(rustix::param::clock_ticks_per_second());
        let [user, system] = ticks.map(|ticks| seconds(ticks) / per_second);
        Ok(Cpu { user, system })
    }

    /// Processor time so far of the threads that it has now, in seconds, to the nanosecond.
    pub(crate) fn cpu_exactly(&self) -> Result<f64, BenchError> {
        let folder = format!("/proc/{}/task", self.child.id());
        let mut nanos = 0;
        for thread in fs::read_dir(folder).map_err(BenchError::io("read /proc"))? {
            let path = thread.map_err(BenchError::io("read /proc"))?.path().join("schedstat");
            let text = fs::read_to_string(path).map_err(BenchError::io("read /proc"))?;
            let spent = text.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok());
            nanos += spent.ok_or(BenchError::Proc("the processor time of a thread"))?;
        }
        Ok(seconds(nanos) / 1e9)
    }

    /// A line of `/proc/<pid>/status` that is in kB.
    pub(crate) fn status_bytes(&self, field: &'static str) -> Result<u64, BenchError> {
        let text = self.proc("status")?;
        let value = text.lines().find_map(|line| line.strip_prefix(field));
        let kib = value.and_then(|value| value.trim().strip_suffix("kB")?.trim().parse().ok());
        kib.map(|kib: u64| kib * 1024).ok_or(BenchError::Proc(field))
    }

    fn proc(&self, file: &str) -> Result<String, BenchError> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(path).map_err(BenchError::io("read /proc"))
    }

    fn is_agent(&self) -> bool {
        !self.name.starts_with("bare")
    }

    fn check(&self, status: ExitStatus) -> Result<(), BenchError> {
        if status.success() {
            return Ok(());
        }
        let (name, log) = (self.name.clone(), self.log_name());
        Err(BenchError::Failed { name, status: status.to_string(), log })
    }

    /// It ended too soon.
    fn ended<T>(&mut self, what: &'static str) -> Result<T, BenchError> {
        let status = self.child.wait().map_err(BenchError::io("wait for a process"))?;
        let (name, log) = (self.name.clone(), self.log_name());
        Err(BenchError::Ended { name, status: status.to_string(), what, log })
    }

    /// It runs and does not get on: what it waits for is told with it.
    fn late(&self, what: &'static str, limit: Duration, so_far: String) -> BenchError {
        let (name, log) = (self.name.clone(), self.log_name());
        let threads = machine::threads(self.child.id());
        BenchError::Late(Box::new(Late { name, what, limit, so_far, log, threads }))
    }

    fn log_name(&self) -> String {
        self.log.display().to_string()
    }
}

impl Drop for Subject {
    /// A run that failed leaves no process behind.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// How far the only file is acknowledged; nothing before there are checkpoints.
fn acknowledged(database: &Path) -> rusqlite::Result<Option<u64>> {
    let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let offset: Option<i64> =
        database.query_row("SELECT max(offset) FROM checkpoints", (), |row| row.get(0))?;
    Ok(offset.and_then(|offset| u64::try_from(offset).ok()))
}

/// The program that is measured.
pub(crate) fn program() -> PathBuf {
    let other = std::env::var_os(OTHER_AGENT).map(PathBuf::from);
    other.unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_kinetail")))
}

/// What the developer's shell says about AWS, proxies or logs must not count.
pub(crate) fn quiet(command: &mut Command) {
    for (key, _) in std::env::vars_os() {
        let text = key.to_string_lossy().to_ascii_uppercase();
        if text.starts_with("AWS_") || text.ends_with("_PROXY") || text == "RUST_LOG" {
            command.env_remove(&key);
        }
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true");
}

/// Adds members, or replaces them.
fn merge(object: &mut Value, keys: &Value) {
    for (key, value) in keys.as_object().into_iter().flatten() {
        object[key] = value.clone();
    }
}

fn pid_of(child: &Child) -> Result<Pid, BenchError> {
    let raw = i32::try_from(child.id()).ok();
    raw.and_then(Pid::from_raw).ok_or(BenchError::Proc("the process id"))
}

/// Returns when the process has ended; it can still be looked at.
async fn wait_for_end(pid: Pid) -> Result<(), BenchError> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let waited = tokio::task::spawn_blocking(move || waitid(WaitId::Pid(pid), options)).await;
    let result = waited.map_err(|error| BenchError::io("wait for a process")(error.into()))?;
    result.map(drop).map_err(|error| BenchError::io("wait for a process")(error.into()))
}

/// User and system time: the 12th and 13th field behind the command's name
/// (`proc_pid_stat(5)`).
fn parse_ticks(text: &str) -> Option<[u64; 2]> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    Some([fields.next()?.parse().ok()?, fields.next()?.parse().ok()?])
}

#[expect(clippy::cast_precision_loss, reason = "counts of this size lose nothing")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64
}
