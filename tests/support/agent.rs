//! The real binary as a child process: started, signalled by its id, waited for, listened to.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value, json};

use super::wait::wait_until;

/// How long a start, or anything else that should take a moment, may take on a busy machine.
pub const SOON: Duration = Duration::from_mins(1);

/// A directory with a configuration, a checkpoint database and log files, and the agents that
/// were started in it.
pub struct Home {
    dir: tempfile::TempDir,
    keys: Map<String, Value>,
}

impl Home {
    /// A directory for an agent that ships to `url`, with no flows yet.
    pub fn new(url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("logs")).unwrap();
        let mut home = Self { dir, keys: Map::new() };
        home.set("flows", json!([]));
        home.set("region", json!("us-east-1"));
        for service in ["kinesis", "firehose", "cloudwatch"] {
            home.set(&format!("{service}.endpoint"), json!(url));
        }
        home.sign_with("test-key");
        home.set("cloudwatch.emitMetrics", json!(false));
        home.set("admin.address", json!("off"));
        home.set("admin.socket", json!("off"));
        home.set("checkpointFile", json!(home.database()));
        home.set("javaCheckpointFile", json!("off"));
        home
    }

    /// Sets a key of the configuration; the next agent reads it.
    pub fn set(&mut self, key: &str, value: Value) {
        self.keys.insert(key.to_owned(), value);
    }

    /// The access key (and, for simplicity, the secret) that requests are signed with.
    pub fn sign_with(&mut self, key: &str) {
        self.set("awsAccessKeyId", json!(key));
        self.set("awsSecretAccessKey", json!(key));
    }

    /// Adds a flow over files in the log directory, which reads existing files from the start
    /// and sends batches soon. `more` adds and replaces keys.
    pub fn flow(&mut self, name_pattern: &str, destination: (&str, &str), more: &Value) {
        let mut flow = json!({
            "filePattern": self.log(name_pattern),
            "initialPosition": "START_OF_FILE",
            "maxBufferAgeMillis": 20,
            destination.0: destination.1,
        });
        for (key, value) in more.as_object().unwrap() {
            flow[key] = value.clone();
        }
        self.keys["flows"].as_array_mut().unwrap().push(flow);
    }

    /// A path in the log directory.
    pub fn log(&self, name: &str) -> PathBuf {
        self.dir.path().join("logs").join(name)
    }

    /// The checkpoint database.
    pub fn database(&self) -> PathBuf {
        self.dir.path().join("state").join("checkpoints.db")
    }

    /// Starts the agent.
    pub fn start(&self) -> Agent {
        self.start_with(&[])
    }

    /// Starts the agent with these variables in its environment.
    pub fn start_with(&self, environment: &[(&str, &str)]) -> Agent {
        let mut command = self.command("run");
        command.envs(environment.iter().copied());
        Agent::spawn(command)
    }

    /// Starts the agent with a limit on descriptors that it cannot raise.
    pub fn start_with_descriptors(&self, limit: u32) -> Agent {
        self.start_with_descriptors_and(limit, &[])
    }

    /// The same with more arguments.
    pub fn start_with_descriptors_and(&self, limit: u32, more: &[&str]) -> Agent {
        self.start_limited(&format!("-n {limit}"), more)
    }

    /// Starts the agent with a limit on the size of files, in blocks of 512 bytes.
    pub fn start_with_file_size(&self, blocks: u32) -> Agent {
        self.start_limited(&format!("-f {blocks}"), &[])
    }

    fn start_limited(&self, limit: &str, more: &[&str]) -> Agent {
        let mut shell = Command::new("/bin/sh");
        let script = format!("ulimit {limit}; exec \"$0\" \"$@\"");
        shell.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_kinetail"));
        let mut command = configured(shell, "run", &self.write_config());
        command.args(more);
        Agent::spawn(command)
    }

    /// Starts the agent as another user.
    pub fn start_as(&self, uid: u32) -> Agent {
        let mut command = self.command("run");
        command.uid(uid);
        Agent::spawn(command)
    }

    /// Starts the agent at the end of a shell script (`exec "$0" "$@"`) in a mount namespace of its
    /// own, if this machine lets the test have one.
    pub fn start_in_a_namespace(&self, script: &str) -> Option<Agent> {
        self.in_a_namespace(script).map(Agent::spawn)
    }

    /// The command for that.
    pub fn in_a_namespace(&self, script: &str) -> Option<Command> {
        let namespace = || {
            let mut command = Command::new("unshare");
            command.args(["--mount", "--propagation", "private", "sh", "-c"]);
            command
        };
        let mount = "mount -t tmpfs tmpfs .";
        let tried = namespace().arg(mount).current_dir(self.root()).output();
        if !tried.is_ok_and(|output| output.status.success()) {
            eprintln!("\n*** NOT TESTED: this machine gives no mount namespace\n");
            return None;
        }
        let mut shell = namespace();
        shell.arg(script).arg(env!("CARGO_BIN_EXE_kinetail"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut command = configured(shell, "run", &self.write_config());
        command.env("PATH", path);
        Some(command)
    }

    /// Takes a key out of the configuration.
    pub fn unset(&mut self, key: &str) {
        self.keys.remove(key);
    }

    /// The directory of everything.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Writes the configuration down and says where.
    pub fn write_config(&self) -> PathBuf {
        fs::create_dir_all(self.database().parent().unwrap()).unwrap();
        let config = self.dir.path().join("agent.json");
        fs::write(&config, serde_json::to_vec_pretty(&self.keys).unwrap()).unwrap();
        config
    }

    /// The program with a subcommand and this configuration, and nothing of the test's
    /// environment but the state directory that a service manager would give.
    pub fn command(&self, subcommand: &str) -> Command {
        program(subcommand, &self.write_config())
    }
}

/// The program with a subcommand and a configuration, and nothing of the test's environment but
/// the state directory that a service manager would give.
fn program(subcommand: &str, config: &Path) -> Command {
    configured(Command::new(env!("CARGO_BIN_EXE_kinetail")), subcommand, config)
}

fn configured(mut command: Command, subcommand: &str, config: &Path) -> Command {
    let dir = config.parent().unwrap();
    command.arg(subcommand).arg("--config").arg(config);
    command.env_clear().env("STATE_DIRECTORY", dir.join("state"));
    command.current_dir(dir).stdin(Stdio::null());
    command
}

/// What a child wrote to standard error so far.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grew: Condvar,
}

/// A running agent. It is killed when it is dropped.
pub struct Agent {
    child: Child,
    log: Arc<Log>,
    listener: Option<JoinHandle<()>>,
}

impl Agent {
    /// Starts this command.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Log::default());
        let stderr = child.stderr.take().unwrap();
        let listener = std::thread::spawn({
            let log = Arc::clone(&log);
            move || listen(stderr, &log)
        });
        Self { child, log, listener: Some(listener) }
    }

    /// The pipe that it reads, if its command has one.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Kills it and waits until it is gone.
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "it had ended before: {}", self.log());
    }

    /// Asks it to stop and gives its exit code.
    pub fn stop(self, timeout: Duration) -> Option<i32> {
        self.signal(Signal::TERM);
        self.wait(timeout).code()
    }

    /// Waits until it has ended by itself.
    pub fn wait(mut self, timeout: Duration) -> ExitStatus {
        self.ended(timeout)
    }

    /// Waits until it has ended by itself, and gives its exit code and all that it logged.
    pub fn outcome(mut self, timeout: Duration) -> (Option<i32>, String) {
        let status = self.ended(timeout);
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap();
        }
        (status.code(), self.log())
    }

    fn ended(&mut self, timeout: Duration) -> ExitStatus {
        let (child, log) = (&mut self.child, &self.log);
        let mut status = None;
        wait_until(
            "end of the agent",
            timeout,
            || {
                status = child.try_wait().unwrap();
                status.is_some()
            },
            || log.text(),
        );
        status.unwrap()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until it has logged this text.
    ///
    /// # Panics
    /// When it does not in time.
    pub fn wait_for_log(&self, wanted: &str, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let mut text = self.log.text.lock().unwrap();
        while !text.contains(wanted) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "the agent did not say {wanted:?} within {timeout:?}:\n{text}"
            );
            text = self.log.grew.wait_timeout(text, left).unwrap().0;
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            eprintln!("the agent with id {} may still run", self.child.id());
        }
        if std::thread::panicking() {
            eprintln!("log of the agent:\n{}", self.log());
        }
    }
}

impl Log {
    fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn listen(stderr: ChildStderr, log: &Log) {
    for line in BufReader::new(stderr).lines() {
        let Ok(line) = line else { return };
        let mut text = log.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(&line);
        text.push('\n');
        log.grew.notify_all();
    }
}
