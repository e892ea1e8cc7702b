//! The way to a kinetail that runs: where its socket is, and one request over it.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::configuration::{self, ConfigArgs};
use crate::admin::orders::{Outcome, Reply};
use crate::config::{AdminSocket, Config};
use crate::disk::regular;

/// The socket's name.
pub(super) const NAME: &str = "kinetail.sock";

/// The directory that the service has, where systemd does not say.
const DIRECTORY: &str = "/run/kinetail";

/// Where a sandbox keeps what arrives, unless it is told otherwise.
pub(super) const SANDBOX: &str = "sandbox";

/// What is only looked up is there after this.
const LOOK_TIME_MAX: Duration = Duration::from_secs(15);

/// A response has at most this many bytes.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A configuration of which only the socket is looked for has at most this many bytes.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// Which kinetail is meant.
#[derive(Debug, Clone, Args)]
pub(super) struct SocketArgs {
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// Control socket of the running kinetail [default: from the configuration, else in the runtime
    /// directory].
    #[arg(long, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
}

/// Why a kinetail that runs cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    /// Nobody listens.
    #[error(
        "cannot reach kinetail: no socket at {}; does it run, and with the same admin.socket?",
        list(.0)
    )]
    NotThere(Vec<PathBuf>),
    /// It exists, and permission is denied.
    #[error("cannot reach kinetail at {}: {source}{}", path.display(), fix(source))]
    Refused {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its response is invalid.
    #[error("invalid response from kinetail: {0}")]
    Reply(String),
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(", ")
}

fn fix(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; be root, or a member of the group kinetail",
        io::ErrorKind::ConnectionRefused => "; it does not run any more",
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "; no response",
        _ => "",
    }
}

/// Where a daemon with this configuration makes its socket: the first place where it can.
pub(super) fn places(config: &Config) -> Vec<PathBuf> {
    match &config.admin_socket {
        AdminSocket::At(path) => vec![path.clone()],
        AdminSocket::Off => Vec::new(),
        AdminSocket::Usual => usual(),
    }
}

fn usual() -> Vec<PathBuf> {
    let from = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let given = from("RUNTIME_DIRECTORY").and_then(|all| std::env::split_paths(&all).next());
    if let Some(directory) = given {
        return vec![directory.join(NAME)];
    }
    let own = from("XDG_RUNTIME_DIR").map(PathBuf::from);
    [Some(PathBuf::from(DIRECTORY)), own].into_iter().flatten().map(|dir| dir.join(NAME)).collect()
}

/// Where the kinetail that is meant may have its socket. Its configuration may be broken by now, or
/// it was started here with a sandbox.
fn candidates(args: &SocketArgs) -> Vec<PathBuf> {
    if let Some(path) = &args.socket {
        return vec![path.clone()];
    }
    let mut paths = if let Ok(read) = configuration::load_quietly(&args.config, |_| ()) {
        places(&read.config)
    } else {
        let named = configuration::find(&args.config).ok().and_then(|path| socket_in(&path));
        named.map_or_else(usual, |path| vec![path])
    };
    paths.push(Path::new(SANDBOX).join(NAME));
    paths
}

/// `admin.socket` in a configuration that cannot be read, as far as it can be seen in its text.
fn socket_in(path: &Path) -> Option<PathBuf> {
    let text = String::from_utf8(regular::read_up_to(path, CONFIG_BYTES_MAX).ok()?).ok()?;
    let (_, rest) = text.split_once("admin.socket")?;
    let value = rest.split(['\n', ',', '}']).next()?;
    let value = value.trim_start_matches(['"', '\'']).trim_start().strip_prefix(':')?;
    let value = value.trim().trim_matches(['"', '\'']);
    value.starts_with('/').then(|| PathBuf::from(value))
}

/// Asks for something that is available immediately.
pub(super) fn get(args: &SocketArgs, path: &str) -> Result<Vec<u8>, ControlError> {
    let (status, body) = request(args, "GET", path, &[], Some(LOOK_TIME_MAX))?;
    if status == 200 {
        return Ok(body);
    }
    Err(ControlError::Reply(format!("{status}: {}", String::from_utf8_lossy(&body))))
}

/// Gives an order and waits until it is carried out.
pub(super) fn order(args: &SocketArgs, path: &str, body: &[u8]) -> Result<Reply, ControlError> {
    let (_, body) = request(args, "POST", path, body, None)?;
    serde_json::from_slice(&body)
        .map_err(|_| ControlError::Reply(String::from_utf8_lossy(&body).into_owned()))
}

/// The exit code of an order.
pub(super) fn exit_code(response: &Reply) -> u8 {
    match response.outcome {
        Outcome::Done => 0,
        Outcome::Refused => 1,
        Outcome::Partly => 2,
    }
}

fn request(
    args: &SocketArgs,
    method: &str,
    path: &str,
    body: &[u8],
    time: Option<Duration>,
) -> Result<(u16, Vec<u8>), ControlError> {
    let (at, mut stream) = connect(&candidates(args))?;
    let failed = |source| ControlError::Refused { path: at.clone(), source };
    stream.set_read_timeout(time).map_err(failed)?;
    stream.set_write_timeout(Some(LOOK_TIME_MAX)).map_err(failed)?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).map_err(failed)?;
    stream.write_all(body).map_err(failed)?;
    let mut response = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut response).map_err(failed)?;
    split(&response).ok_or_else(|| ControlError::Reply("it ended too early".to_owned()))
}

/// Status and body.
fn split(response: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = response.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = response.split_at(end + 4);
    let head = std::str::from_utf8(head).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_vec()))
}

fn connect(paths: &[PathBuf]) -> Result<(PathBuf, UnixStream), ControlError> {
    let mut refused = None;
    for path in paths {
        match UnixStream::connect(path) {
            Ok(stream) => return Ok((path.clone(), stream)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => {
                refused.get_or_insert_with(|| ControlError::Refused { path: path.clone(), source });
            }
        }
    }
    Err(refused.unwrap_or_else(|| ControlError::NotThere(paths.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_found_in_a_configuration_that_is_broken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c");
        for text in [
            "{\"admin.socket\": \"/r/k.sock\", \"flows\": [",
            "admin.socket: /r/k.sock\nflows: [",
            "admin.socket : '/r/k.sock'\n",
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(socket_in(&path).as_deref(), Some(Path::new("/r/k.sock")), "{text}");
        }
        std::fs::write(&path, "admin.socket: off\n").unwrap();
        assert_eq!(socket_in(&path), None);
    }

    #[test]
    fn answers_are_taken_apart() {
        let response = b"HTTP/1.1 409 Conflict\r\ncontent-length: 2\r\n\r\nhi";
        assert_eq!(split(response), Some((409, b"hi".to_vec())));
        assert_eq!(split(b"HTTP/1.1 200"), None);
    }
}
