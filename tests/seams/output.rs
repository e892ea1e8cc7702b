//! Output without a reader: standard error, the log file, the progress line.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Action, tcflow};
use serde_json::json;

use super::{endpoint, home_with_admin, page};
use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::Lines;
use crate::support::wait::{pace, wait_until};
use crate::support::world::append;

/// A child that is killed if the test fails.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Asks it to stop; it has to end cleanly, whoever does not listen.
    fn stop(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let mut code = None;
        let ended = || {
            code = self.0.try_wait().unwrap().map(|status| status.code());
            code.is_some()
        };
        wait_until("end", SOON, ended, String::new);
        assert_eq!(code, Some(Some(0)));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none())
            && self.0.kill().and_then(|()| self.0.wait()).is_err()
        {
            eprintln!("the agent with id {} may still run", self.0.id());
        }
    }
}

/// A pipe that is full; as long as the reader lives whoever writes to it waits.
fn full_pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write_all(b".").is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

/// A terminal that was stopped with Ctrl-S, and the side of the person before it.
fn stopped_terminal() -> (OwnedFd, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let terminal = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    tcflow(&terminal, Action::OOff).unwrap();
    (person, terminal)
}

fn home(endpoint: &Endpoint) -> (Home, SocketAddr) {
    let (mut home, admin) = home_with_admin(endpoint);
    home.set("log.level", json!("debug"));
    home.set("log.emitMetrics", json!(true));
    home.set("log.statusReportingPeriodSeconds", json!(1));
    home.flow("a.log", ("kinesisStream", "s"), &json!({}));
    home.flow("b.log", ("kinesisStream", "missing-is-made"), &json!({}));
    (home, admin)
}

/// Flows deliver before the admin endpoint listens.
fn wait_for_admin(admin: SocketAddr) {
    wait_until("the admin endpoint", SOON, || TcpStream::connect(admin).is_ok(), String::new);
}

/// Ships lines in many pieces, looks at the admin port, and stops: all as with a reader.
fn nothing_notices(home: &Home, admin: SocketAddr, endpoint: &Endpoint, command: Command) {
    let agent = Running::start(command);
    let mut lines = Lines::default();
    wait_for_admin(admin);
    for round in 0..20 {
        let before = lines.written.len();
        for _ in 0..20 {
            lines.one("a", 50);
        }
        append(&home.log("a.log"), &lines.written[before..].concat());
        append(&home.log("b.log"), format!("{round}\n").as_bytes());
        endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, String::new);
        let (status, body) = page(admin, "/healthz").unwrap();
        assert_eq!(status, 200, "{body}");
    }
    // A stop reads no file that was not found yet.
    let other = || endpoint.count(&kinesis("missing-is-made"));
    wait_until("the other flow", SOON, || other() == 20, String::new);
    agent.stop();
    assert_eq!(endpoint.count(&kinesis("s")), lines.written.len(), "none is repeated");
    assert_eq!(other(), 20);
}

#[test]
fn a_standard_error_that_takes_no_more_stops_nothing() {
    let endpoint = endpoint();
    let (home, admin) = home(&endpoint);
    let (mut reader, writer) = full_pipe();
    let mut command = home.command("run");
    command.stdout(Stdio::null()).stderr(writer);
    nothing_notices(&home, admin, &endpoint, command);
    // The writer is gone with the process: what it said last was given up.
    let mut text = Vec::new();
    reader.read_to_end(&mut text).unwrap();
    assert!(text.iter().all(|byte| *byte == b'.'));
}

#[test]
fn a_standard_error_that_takes_lines_again_gets_those_that_waited() {
    let endpoint = endpoint();
    let (home, admin) = home(&endpoint);
    let (mut reader, writer) = full_pipe();
    let mut command = home.command("run");
    command.stdout(Stdio::null()).stderr(writer);
    let agent = Running::start(command);
    append(&home.log("a.log"), b"x\n");
    endpoint.wait_for_all(&kinesis("s"), &[b"x\n".to_vec()], SOON, String::new);
    let listener = std::thread::spawn(move || {
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    });
    wait_for_admin(admin);
    assert_eq!(page(admin, "/healthz").unwrap().0, 200);
    agent.stop();
    let text = listener.join().unwrap();
    let text = text.trim_start_matches('.');
    for line in ["Agent: Starting up...", "stopped: all records that were read have been delivered"]
    {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("dropped"), "{text}");
}

#[test]
fn warnings_of_the_configuration_without_a_reader_do_not_keep_it_from_starting() {
    let endpoint = endpoint();
    let (mut home, admin) = home(&endpoint);
    home.set("checkpointFiel", json!("a warning"));
    let (_reader, writer) = full_pipe();
    let mut command = home.command("run");
    command.stdout(Stdio::null()).stderr(writer);
    nothing_notices(&home, admin, &endpoint, command);
}

#[test]
fn a_start_that_fails_ends_without_a_reader_of_the_reason() {
    let endpoint = endpoint();
    let (mut home, _) = home(&endpoint);
    home.set("admin.address", json!("0.0.0.0:9470"));
    let (_reader, writer) = full_pipe();
    let mut agent = Running(home.command("run").stderr(writer).spawn().unwrap());
    let mut code = None;
    let ended = || {
        code = agent.0.try_wait().unwrap().map(|status| status.code());
        code.is_some()
    };
    wait_until("end", SOON, ended, String::new);
    assert_eq!(code, Some(Some(1)));
}

#[test]
fn a_terminal_that_was_stopped_with_ctrl_s_stops_nothing() {
    let endpoint = endpoint();
    let (home, admin) = home(&endpoint);
    let (_person, terminal) = stopped_terminal();
    let mut command = home.command("run");
    command.stdout(terminal.try_clone().unwrap()).stderr(terminal);
    nothing_notices(&home, admin, &endpoint, command);
}

#[test]
fn a_log_file_that_is_a_pipe_without_a_reader_stops_nothing() {
    let endpoint = endpoint();
    let (mut home, admin) = home(&endpoint);
    let path = home.root().join("kinetail.log");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    home.set("log.file", json!(path));
    let mut command = home.command("run");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    nothing_notices(&home, admin, &endpoint, command);
}

#[test]
fn a_progress_line_without_a_reader_stops_nothing() {
    let endpoint = endpoint();
    let (home, admin) = home(&endpoint);
    let (_person, terminal) = stopped_terminal();
    let mut command = home.command("run");
    command.arg("--sandbox").arg("--sandbox-output").arg(home.root().join("arrived"));
    command.stdout(terminal.try_clone().unwrap()).stderr(terminal);
    let agent = Running::start(command);
    let arrived = || {
        let text = fs::read_to_string(home.root().join("arrived/kinesis-s.ndjson"));
        text.unwrap_or_default().lines().count()
    };
    wait_for_admin(admin);
    for round in 0..5 {
        append(&home.log("a.log"), format!("{round}\n").as_bytes());
        wait_until("line in the sandbox", SOON, || arrived() == round + 1, String::new);
        assert_eq!(page(admin, "/healthz").unwrap().0, 200);
        // Long enough for the progress to be drawn.
        pace(Duration::from_millis(200));
    }
    agent.stop();
}

#[test]
fn a_sandbox_whose_terminal_was_stopped_continues_serving() {
    let (_person, terminal) = stopped_terminal();
    let directory = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinetail"));
    command.args(["sandbox", "--null", "--listen", &address.to_string(), "--progress", "live"]);
    command.current_dir(directory.path()).stdin(Stdio::null());
    command.stdout(terminal.try_clone().unwrap()).stderr(terminal);
    let sandbox = Running::start(command);
    let mut home = Home::new(&format!("http://{address}"));
    home.flow("a.log", ("kinesisStream", "s"), &json!({}));
    home.set("log.statusReportingPeriodSeconds", json!(1));
    append(&home.log("a.log"), b"x\n");
    let agent = home.start();
    agent.wait_for_log("and has successfully sent 1 records", SOON);
    assert_eq!(agent.stop(SOON), Some(0));
    sandbox.stop();
}
