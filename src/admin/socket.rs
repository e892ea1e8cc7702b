//! The socket that `kinetail status`, `reload`, `checkpoints` and `diagnose` talk to: HTTP over a
//! Unix socket that only its user and its group may connect to, on a thread of its own.
//!
//! What the admin port shows is shown here, too. Beyond that orders are taken, and passed on to the
//! daemon; their answers are waited for.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::orders::{Desk, Order, Outcome, Reply};
use super::routes;
use super::server::{Connections, Reach};
use super::status::AdminState;
use crate::checkpoint::store::StoreHandle;
use crate::checkpoint::{Checkpoint, edit::Edit};

/// Connections at a time.
const CONNECTIONS_MAX: usize = 32;

/// Connections that may wait to be taken.
const BACKLOG: u32 = 32;

/// A request's head must have arrived after this.
const HEADERS_TIME_MAX: Duration = Duration::from_secs(5);

/// A connection ends after this, whatever it waits for: longer than any order takes.
const CONNECTION_TIME_MAX: Duration = Duration::from_hours(25);

/// The store may take this long to say what it holds.
const STORE_TIME_MAX: Duration = Duration::from_secs(10);

/// An order fits into this many bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The group whose members may connect, alongside the socket's own user.
const GROUP: &str = "kinetail";

/// Who owns it may connect, and the group.
const MODE: u32 = 0o660;

/// Where the group has no other member.
const MODE_ALONE: u32 = 0o600;

/// What the socket answers from.
#[derive(Debug, Clone)]
pub struct SocketState {
    /// What the admin port shows.
    pub admin: AdminState,
    /// Where orders go.
    pub desk: Desk,
    /// Where checkpoints are.
    pub store: StoreHandle,
}

/// Why there is no socket. Each reads well behind "failed to".
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Something is in the way.
    #[error("cannot bind admin socket {}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another kinetail is there.
    #[error(
        "cannot bind admin socket {}: another kinetail uses it; set a different admin.socket",
        .0.display()
    )]
    Taken(PathBuf),
    /// It is no socket, so it is left alone.
    #[error("cannot bind admin socket {}: the path is in use; move it", .0.display())]
    NoSocket(PathBuf),
}

/// Answers on a thread of its own until the sender that is given back is dropped. Shipping does not
/// depend on it: what is in the way is logged.
///
/// # Errors
/// If the system has no thread, or no descriptors for its event loop.
pub(crate) fn serve_on_thread(
    paths: Vec<PathBuf>,
    state: SocketState,
) -> io::Result<oneshot::Sender<Infallible>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (keep, gone) = oneshot::channel::<Infallible>();
    std::thread::Builder::new().name("control".to_owned()).spawn(move || {
        runtime.block_on(async {
            match bind_first(&paths) {
                Ok((path, listener)) => {
                    tracing::info!(name: "socket_listening",
                        path = %path.display(), "listening for commands");
                    let ours = fs::metadata(&path).ok().map(|meta| (meta.dev(), meta.ino()));
                    serve(&listener, state, async { drop(gone.await) }).await;
                    let still = fs::metadata(&path).ok().map(|meta| (meta.dev(), meta.ino()));
                    // Somebody else's stays.
                    if ours == still && fs::remove_file(&path).is_err() {
                        tracing::debug!("cannot remove the socket");
                    }
                }
                Err(error) => {
                    tracing::warn!(name: "socket_disabled",
                        %error, "no socket for commands; shipping continues without it");
                }
            }
        });
    })?;
    Ok(keep)
}

/// The first place where it can be made.
fn bind_first(paths: &[PathBuf]) -> Result<(PathBuf, UnixListener), SocketError> {
    let mut first_error = None;
    for path in paths {
        match bind(path) {
            Ok(listener) => return Ok((path.clone(), listener)),
            Err(error @ SocketError::Io { .. }) => {
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(first_error.unwrap_or_else(|| SocketError::Io {
        path: PathBuf::new(),
        source: io::Error::from(io::ErrorKind::NotFound),
    }))
}

fn bind(path: &Path) -> Result<UnixListener, SocketError> {
    let failed = |source| SocketError::Io { path: path.to_path_buf(), source };
    make_directory(path).map_err(failed)?;
    clear(path)?;
    let socket = UnixSocket::new_stream().map_err(failed)?;
    // It is made with these rights, so that at no time anybody else could connect.
    let private = rustix::fs::Mode::from_raw_mode(MODE_ALONE);
    rustix::fs::fchmod(&socket, private).map_err(|errno| failed(errno.into()))?;
    socket.bind(path).map_err(failed)?;
    let mode = mode_with_group(path);
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)?;
    socket.listen(BACKLOG).map_err(failed)
}

/// Only the last directory is made: a path that is mistyped is an error.
fn make_directory(path: &Path) -> io::Result<()> {
    let Some(directory) = path.parent() else { return Ok(()) };
    match fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) => fs::set_permissions(directory, fs::Permissions::from_mode(0o755)),
        Err(_) => Ok(()),
    }
}

/// What a kinetail that was killed left behind is taken away.
fn clear(path: &Path) -> Result<(), SocketError> {
    let failed = |source| SocketError::Io { path: path.to_path_buf(), source };
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => Err(SocketError::NoSocket(path.to_path_buf())),
        Ok(_) => match StdUnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(failed)
            }
            Ok(_) => Err(SocketError::Taken(path.to_path_buf())),
            Err(error) => Err(failed(error)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Gives the socket to the group, if there is one, and says which rights go with that.
fn mode_with_group(path: &Path) -> u32 {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let group = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let named = fields.next() == Some(GROUP);
        fields.nth(1).filter(|_| named)?.parse::<u32>().ok()
    });
    if let Some(group) = group {
        let gid = rustix::fs::Gid::from_raw(group);
        if rustix::fs::chown(path, None, Some(gid)).is_ok() {
            return MODE;
        }
    }
    // A group that only this user is in is called and numbered like the user.
    let own = fs::metadata(path).is_ok_and(|meta| meta.gid() == meta.uid());
    if own { MODE } else { MODE_ALONE }
}

async fn serve(listener: &UnixListener, state: SocketState, shutdown: impl Future<Output = ()>) {
    let state = Arc::new(state);
    let mut shutdown = pin!(shutdown);
    let mut connections = Connections::default();
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            () = connections.any_finished() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.make_room(CONNECTIONS_MAX);
                    let asked = Arc::new(AtomicBool::new(false));
                    let talk = converse(stream, Arc::clone(&state), Arc::clone(&asked));
                    connections.add(asked, talk);
                }
                Err(error) => {
                    tracing::debug!(%error, "admin socket cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn converse(stream: UnixStream, state: Arc<SocketState>, asked: Arc<AtomicBool>) {
    let service = service_fn(move |request| {
        asked.store(true, Ordering::Relaxed);
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(respond(request, &state).await) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIME_MAX)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(CONNECTION_TIME_MAX, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection to the socket failed"),
        Err(_) => tracing::debug!("admin socket connection timed out"),
    }
}

async fn respond(request: Request<Incoming>, state: &SocketState) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/reload") => to_http(&state.desk.ask(Order::Reload).await),
        (&Method::POST, "/checkpoints") => {
            let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await;
            let edit = body.ok().map(http_body_util::Collected::to_bytes);
            match edit.and_then(|bytes| serde_json::from_slice::<Edit>(&bytes).ok()) {
                Some(edit) => to_http(&state.desk.ask(Order::Edit(edit)).await),
                None => to_http(&Reply::refused("not a checkpoint change")),
            }
        }
        (&Method::GET, "/checkpoints") => {
            match timeout(STORE_TIME_MAX, state.store.all_async()).await {
                Ok(Ok(flows)) => json(StatusCode::OK, &rows_of(&flows)),
                Ok(Err(_)) | Err(_) => to_http(&Reply::refused(
                    "checkpoint store does not respond; check the disk of checkpointFile",
                )),
            }
        }
        _ => routes::respond(&request, &state.admin, Reach::Anywhere, Instant::now()),
    }
}

fn to_http(answer: &Reply) -> Response<Full<Bytes>> {
    let status = match answer.outcome {
        Outcome::Done | Outcome::Partly => StatusCode::OK,
        Outcome::Refused => StatusCode::CONFLICT,
    };
    json(status, answer)
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            let mut response = Response::new(Full::from(bytes));
            *response.status_mut() = status;
            response
        }
        Err(error) => {
            let mut response = Response::new(Full::from(format!("{error}\n")));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

/// A checkpoint for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The flow.
    pub flow: String,
    /// Where the file was last seen.
    pub file: String,
    /// Everything before this byte is acknowledged.
    pub offset: u64,
    /// Device and inode.
    pub device: u64,
    /// The other half of it.
    pub inode: u64,
    /// `live`, `rotated`, `finished` or `found`.
    pub life: String,
    /// The number of the generation.
    pub generation: u64,
}

/// All checkpoints, in the order of flows and files.
#[must_use]
pub(crate) fn rows_of(flows: &[(Arc<str>, Vec<Checkpoint>)]) -> Vec<Row> {
    let rows = flows.iter().flat_map(|(flow, rows)| rows.iter().map(move |row| (flow, row)));
    let mut rows: Vec<Row> = rows
        .map(|(flow, row)| Row {
            flow: flow.to_string(),
            file: super::status::display_path(&row.path),
            offset: row.offset,
            device: row.inode.device,
            inode: row.inode.number,
            life: row.life.label().to_owned(),
            generation: row.file.0,
        })
        .collect();
    rows.sort_by(|a, b| (&a.flow, &a.file, a.generation).cmp(&(&b.flow, &b.file, b.generation)));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[tokio::test]
    async fn only_its_user_and_group_may_connect() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/k.sock");
        let listener = bind(&path).unwrap();
        assert!([MODE, MODE_ALONE].contains(&mode(&path)), "{:o}", mode(&path));
        assert!(matches!(bind(&path), Err(SocketError::Taken(_))));
        drop(listener);
        // What is left of one that was killed is no hindrance.
        assert!(path.try_exists().unwrap());
        drop(bind(&path).unwrap());
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.sock");
        fs::write(&path, "x").unwrap();
        assert!(matches!(bind(&path), Err(SocketError::NoSocket(_))));
        assert_eq!(fs::read(&path).unwrap(), b"x");
        let missing = dir.path().join("a/b/k.sock");
        assert!(matches!(bind(&missing), Err(SocketError::Io { .. })), "one directory, not two");
        let good = dir.path().join("c/k.sock");
        assert_eq!(bind_first(&[missing, good.clone()]).unwrap().0, good);
    }
}
