//! Credentials that are asked for on a thread of their own, by one task for each role.
//!
//! A source may hang: a `credential_process`, an STS that does not answer. A call to it is never
//! given up and never made a second time alongside the first, so that there is one child at most;
//! whoever needs credentials waits for a moment, is told what does not answer and since when, and
//! asks again. What a call came to is shared by all who want it.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use parking_lot::Mutex;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::refused::Refused;

/// What was found this short a time ago is given to others, too, and so is a failure.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// Credentials that last longer than this are given to others without another call.
const LASTING: Duration = Duration::from_mins(5);

/// Where a service refuses what was found, others are looked for this often.
const REPLACED_AFTER: Duration = Duration::from_secs(10);

/// Those that last this long at least are used while new ones are asked for.
const STILL_GOOD: Duration = Duration::from_secs(30);

/// The thread that all questions for credentials are asked on. Ends when this is dropped.
#[derive(Debug)]
pub(in crate::send) struct Keepers {
    runtime: Handle,
    refused: Refused,
    /// How long who needs credentials waits for them.
    patience: Duration,
    _running: oneshot::Sender<()>,
}

impl Keepers {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system has none.
    pub(in crate::send) fn start(patience: Duration) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (running, gone) = oneshot::channel::<()>();
        let runtime = Background(Some(runtime));
        std::thread::Builder::new().name("credentials".to_owned()).spawn(move || {
            if let Some(runtime) = &runtime.0 {
                // Either way there are no requests any more.
                drop(runtime.block_on(gone));
            }
        })?;
        Ok(Self { runtime: handle, refused: Refused::default(), patience, _running: running })
    }

    /// What services refuse: other credentials are asked for.
    pub(in crate::send) fn refused(&self) -> Refused {
        self.refused.clone()
    }

    /// A provider that asks `provider` here.
    pub(in crate::send) fn keep(
        &self,
        source: Source,
        provider: impl ProvideCredentials + 'static,
    ) -> SharedCredentialsProvider {
        let (ask, asked) = mpsc::channel(1);
        let (found, state) = watch::channel(State::default());
        let refused = self.refused();
        self.runtime.spawn(answer(provider, asked, found, refused.clone()));
        let patience = self.patience;
        SharedCredentialsProvider::new(Kept { ask, state, source, patience, refused })
    }
}

/// A runtime that may be dropped anywhere, also where tasks run, as when there is no thread for it.
struct Background(Option<Runtime>);

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The name of what is being asked, for people.
#[derive(Debug, Clone)]
pub(in crate::send) struct Source(Arc<Mutex<String>>);

impl Source {
    pub(in crate::send) fn new(name: &str) -> Self {
        Self(Arc::new(Mutex::new(name.to_owned())))
    }

    pub(super) fn set(&self, name: &str) {
        name.clone_into(&mut self.0.lock());
    }

    fn get(&self) -> String {
        self.0.lock().clone()
    }
}

/// How it stands with the credentials of one role.
#[derive(Debug, Clone, Default)]
struct State {
    /// Calls that have ended.
    calls: u64,
    /// When the call that is under way began.
    asking_since: Option<SystemTime>,
    last: Option<(Instant, Result<Credentials, Arc<CredentialsError>>)>,
    /// The newest that were found, whatever happened since.
    good: Option<Credentials>,
}

impl State {
    /// What needs no call.
    fn fresh(&self, now: Instant, refused: &Refused) -> Option<provider::Result> {
        let asked_at = self.last.as_ref().map(|(at, _)| *at);
        let asked_lately = |at| now.saturating_duration_since(at) < REPLACED_AFTER;
        let is_fresh = |good: &&Credentials| {
            lasts(good, LASTING) && (!refused.has(good) || asked_at.is_some_and(asked_lately))
        };
        if let Some(good) = self.good.as_ref().filter(is_fresh) {
            return Some(Ok(good.clone()));
        }
        let (at, last) = self.last.as_ref()?;
        (now.saturating_duration_since(*at) < SHARED_FOR).then(|| outcome(last))
    }
}

/// Whether they have an end and it is further away than this. Those without an end may be replaced
/// at any time by whoever made them.
fn lasts(credentials: &Credentials, at_least: Duration) -> bool {
    credentials.expiry().is_some_and(|end| end > SystemTime::now() + at_least)
}

fn outcome(last: &Result<Credentials, Arc<CredentialsError>>) -> provider::Result {
    last.clone().map_err(|error| {
        let shared = Shared(Arc::clone(&error));
        match *error {
            CredentialsError::CredentialsNotLoaded(_) => CredentialsError::not_loaded(shared),
            CredentialsError::InvalidConfiguration(_) => {
                CredentialsError::invalid_configuration(shared)
            }
            _ => CredentialsError::provider_error(shared),
        }
    })
}

/// Makes one call after the other, on request.
async fn answer(
    provider: impl ProvideCredentials,
    mut asked: mpsc::Receiver<()>,
    found: watch::Sender<State>,
    refused: Refused,
) {
    while asked.recv().await.is_some() {
        if found.borrow().fresh(Instant::now(), &refused).is_some() {
            continue;
        }
        found.send_modify(|state| state.asking_since = Some(SystemTime::now()));
        let result = provider.provide_credentials().await.map_err(Arc::new);
        found.send_modify(|state| {
            state.asking_since = None;
            state.calls += 1;
            if let Ok(good) = &result {
                state.good = Some(good.clone());
            }
            state.last = Some((Instant::now(), result));
        });
    }
}

/// What clients hold: it waits for the task, and may be dropped at any time.
#[derive(Debug)]
struct Kept {
    ask: mpsc::Sender<()>,
    state: watch::Receiver<State>,
    source: Source,
    patience: Duration,
    refused: Refused,
}

impl Kept {
    async fn get(&self) -> provider::Result {
        let mut state = self.state.clone();
        let (calls, good) = {
            let state = state.borrow();
            if let Some(fresh) = state.fresh(Instant::now(), &self.refused) {
                return fresh;
            }
            (state.calls, state.good.clone())
        };
        if self.ask.try_send(()).is_err() {
            // The call was asked for already.
            tracing::trace!("resolving credentials");
        }
        let is_good = |good: &Credentials| lasts(good, STILL_GOOD) && !self.refused.has(good);
        if let Some(good) = good.filter(is_good) {
            return Ok(good);
        }
        let answered = timeout(self.patience, state.wait_for(|state| state.calls != calls)).await;
        match answered {
            Ok(Ok(state)) => match &state.last {
                Some((_, last)) => outcome(last),
                None => Err(CredentialsError::unhandled("a call without an outcome")),
            },
            Ok(Err(_)) => Err(CredentialsError::unhandled("the credentials task has ended")),
            Err(_) => {
                let since = self.state.borrow().asking_since.unwrap_or_else(SystemTime::now);
                let since = jiff::Timestamp::try_from(since).unwrap_or_default();
                let (source, since) = (self.source.get(), since.strftime("%Y-%m-%dT%H:%M:%SZ"));
                Err(CredentialsError::provider_error(format!(
                    "no response from {source} since {since}; waiting, nothing is sent"
                )))
            }
        }
    }
}

provider!(Kept, get);

/// An error that several are told of. Says what the provider said beneath its kind.
#[derive(Debug)]
struct Shared(Arc<CredentialsError>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.source() {
            Some(cause) => write!(f, "{cause}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Error for Shared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source().and_then(Error::source)
    }
}

#[cfg(test)]
mod tests;
