//! Credentials that are asked for on a thread of their own, by one task for each role.
//!
//! A source may hang: a `credential_process`, an STS that does not answer. A call to it is never
//! given up and never made a second time alongside the first, so that there is one child at most;
//! whoever needs credentials waits for a moment, is told what does not answer and since when, and
//! asks again. What a call came to is shared by all who want it.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

/// What was found this short a time ago is given to others, too, and so is a failure.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// Credentials that last longer than this are given to others without another call.
const LASTING: Duration = Duration::from_mins(5);

/// Those that last this long at least are used while new ones are asked for.
const STILL_GOOD: Duration = Duration::from_secs(30);

/// The thread that all questions for credentials are asked on. Ends when this is dropped.
#[derive(Debug)]
pub(in crate::send) struct Keepers {
    runtime: Handle,
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
        std::thread::Builder::new().name("credentials".to_owned()).spawn(move || {
            // Either way there are no more requests.
            drop(runtime.block_on(gone));
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, patience, _running: running })
    }

    /// A provider that asks `provider` here.
    pub(in crate::send) fn keep(
        &self,
        source: Source,
        provider: impl ProvideCredentials + 'static,
    ) -> SharedCredentialsProvider {
        let (ask, asked) = mpsc::channel(1);
        let (found, state) = watch::channel(State::default());
        self.runtime.spawn(answer(provider, asked, found));
        SharedCredentialsProvider::new(Kept { ask, state, source, patience: self.patience })
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
        name.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
    fn fresh(&self, now: Instant) -> Option<provider::Result> {
        if let Some(good) = self.good.as_ref().filter(|good| lasts(good, LASTING)) {
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
) {
    while asked.recv().await.is_some() {
        if found.borrow().fresh(Instant::now()).is_some() {
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
}

impl Kept {
    async fn get(&self) -> provider::Result {
        let mut state = self.state.clone();
        let (calls, good) = {
            let state = state.borrow();
            if let Some(fresh) = state.fresh(Instant::now()) {
                return fresh;
            }
            (state.calls, state.good.clone())
        };
        if self.ask.try_send(()).is_err() {
            // The call was asked for already.
            tracing::trace!("resolving credentials");
        }
        if let Some(good) = good.filter(|good| lasts(good, STILL_GOOD)) {
            return Ok(good);
        }
        let answered = timeout(self.patience, state.wait_for(|state| state.calls != calls)).await;
        match answered {
            Ok(Ok(state)) => match &state.last {
                Some((_, last)) => outcome(last),
                None => Err(CredentialsError::unhandled("a call without an outcome")),
            },
            Ok(Err(_)) => Err(CredentialsError::unhandled(
                "credentials request discarded: the receiver is gone",
            )),
            Err(_) => Err(CredentialsError::provider_error(Unanswered {
                source: self.source.get(),
                since: self.state.borrow().asking_since.unwrap_or_else(SystemTime::now),
            })),
        }
    }
}

impl ProvideCredentials for Kept {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.get())
    }
}

/// A source that is asked and does not answer.
#[derive(Debug)]
struct Unanswered {
    source: String,
    since: SystemTime,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = jiff::Timestamp::try_from(self.since).unwrap_or_default();
        let (source, since) = (&self.source, since.strftime("%Y-%m-%dT%H:%M:%SZ"));
        write!(f, "no response from {source} since {since}; waiting, nothing is sent")
    }
}

impl Error for Unanswered {}

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
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(50);

    /// Answers as often as the test lets it.
    #[derive(Debug, Clone)]
    struct Slow {
        calls: Arc<AtomicUsize>,
        answers: Arc<Semaphore>,
        expiry: Option<Duration>,
        fails: bool,
    }

    impl Slow {
        fn new(expiry: Option<Duration>) -> Self {
            let (calls, answers) = (Arc::default(), Arc::new(Semaphore::new(0)));
            Self { calls, answers, expiry, fails: false }
        }

        fn calls(&self) -> usize {
            self.calls.load(Ordering::Relaxed)
        }
    }

    impl ProvideCredentials for Slow {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(async {
                self.calls.fetch_add(1, Ordering::Relaxed);
                let permit = self.answers.acquire().await.map_err(CredentialsError::unhandled)?;
                permit.forget();
                if self.fails {
                    return Err(CredentialsError::invalid_configuration("a typing mistake"));
                }
                let end = self.expiry.map(|left| SystemTime::now() + left);
                Ok(Credentials::new("id", "secret", None, end, "test"))
            })
        }
    }

    fn kept(slow: &Slow, patience: Duration) -> (Keepers, SharedCredentialsProvider) {
        let keepers = Keepers::start(patience).unwrap();
        let provider = keepers.keep(Source::new("the test's source"), slow.clone());
        (keepers, provider)
    }

    #[tokio::test]
    async fn a_source_that_hangs_is_asked_once_and_named_and_its_late_answer_counts() {
        let slow = Slow::new(Some(Duration::from_hours(1)));
        let (_keepers, provider) = kept(&slow, PATIENCE);
        for _ in 0..5 {
            let error = provider.provide_credentials().await.unwrap_err();
            assert!(matches!(error, CredentialsError::ProviderError(_)), "{error:?}");
            let text = error.source().unwrap().to_string();
            assert!(text.contains("no response from the test's source since 20"), "{text}");
            // Who gives up does not end the call.
            let impatient = timeout(PATIENCE / 5, provider.provide_credentials()).await;
            assert!(impatient.is_err());
        }
        assert_eq!(slow.calls(), 1);
        slow.answers.add_permits(1);
        let late = || async { provider.provide_credentials().await };
        let mut found = late().await;
        while found.is_err() {
            found = late().await;
        }
        assert_eq!(found.unwrap().access_key_id(), "id");
        assert_eq!(slow.calls(), 1);
    }

    #[tokio::test]
    async fn all_who_need_them_share_one_call() {
        let slow = Slow::new(Some(Duration::from_hours(1)));
        let (_keepers, provider) = kept(&slow, Duration::from_secs(30));
        let waiting = (0..20).map(|_| provider.provide_credentials());
        let waiting = futures_util::future::join_all(waiting);
        let answer = async {
            while slow.calls() == 0 {
                tokio::task::yield_now().await;
            }
            slow.answers.add_permits(1);
        };
        let (found, ()) = tokio::join!(waiting, answer);
        assert!(found.iter().all(Result::is_ok));
        assert!(provider.provide_credentials().await.is_ok());
        assert_eq!(slow.calls(), 1);
    }

    #[tokio::test]
    async fn what_is_still_good_is_used_while_the_refresh_hangs() {
        let slow = Slow::new(Some(STILL_GOOD * 2));
        let (_keepers, provider) = kept(&slow, Duration::from_secs(30));
        slow.answers.add_permits(1);
        assert!(provider.provide_credentials().await.is_ok());
        tokio::time::sleep(SHARED_FOR).await;
        assert!(provider.provide_credentials().await.is_ok(), "although a new call hangs");
    }

    #[tokio::test]
    async fn a_failure_keeps_its_kind_and_its_words() {
        let slow = Slow { fails: true, ..Slow::new(None) };
        slow.answers.add_permits(100);
        let (_keepers, provider) = kept(&slow, Duration::from_secs(30));
        let error = provider.provide_credentials().await.unwrap_err();
        assert!(matches!(error, CredentialsError::InvalidConfiguration(_)), "{error:?}");
        assert_eq!(error.source().unwrap().to_string(), "a typing mistake");
    }
}
