//! Tests of `keeper`.

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
    /// Each call finds another key.
    is_replaced: bool,
}

impl Slow {
    fn new(expiry: Option<Duration>) -> Self {
        let (calls, answers) = (Arc::default(), Arc::new(Semaphore::new(0)));
        Self { calls, answers, expiry, fails: false, is_replaced: false }
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
            let call = self.calls.fetch_add(1, Ordering::Relaxed);
            let permit = self.answers.acquire().await.map_err(CredentialsError::unhandled)?;
            permit.forget();
            if self.fails {
                return Err(CredentialsError::invalid_configuration("a typing mistake"));
            }
            let end = self.expiry.map(|left| SystemTime::now() + left);
            let id = if self.is_replaced { format!("id {call}") } else { "id".to_owned() };
            Ok(Credentials::new(id, "secret", None, end, "test"))
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

/// A role that was replaced, a session that was revoked: what has an hour left is worth nothing.
#[tokio::test(start_paused = true)]
async fn what_a_service_refuses_is_replaced_long_before_it_ends() {
    let slow = Slow { is_replaced: true, ..Slow::new(Some(Duration::from_hours(1))) };
    slow.answers.add_permits(100);
    let refused = Refused::default();
    let (ask, asked) = mpsc::channel(1);
    let (found, state) = watch::channel(State::default());
    let answering = answer(slow.clone(), asked, found, refused.clone());
    let source = Source::new("the test's source");
    let kept = Kept { ask, state, source, patience: PATIENCE, refused: refused.clone() };
    let asking = async {
        let first = kept.get().await.unwrap();
        tokio::time::advance(Duration::from_mins(10)).await;
        assert_eq!(kept.get().await.unwrap(), first, "they were not rejected");
        refused.add(&first);
        let second = kept.get().await.unwrap();
        assert_ne!(second.access_key_id(), first.access_key_id());
        assert_eq!(kept.get().await.unwrap(), second);
        // Nor are these taken: whoever made them is asked now and then.
        refused.add(&second);
        assert_eq!(kept.get().await.unwrap(), second, "it was asked a moment ago");
        tokio::time::advance(REPLACED_AFTER).await;
        let third = kept.get().await.unwrap();
        assert_ne!(third, second);
        // A clock was wrong, and is not any more.
        refused.add(&third);
        refused.remove(&third);
        tokio::time::advance(REPLACED_AFTER).await;
        assert_eq!(kept.get().await.unwrap(), third);
        assert_eq!(slow.calls(), 3);
    };
    tokio::select! {
        () = asking => {}
        () = answering => unreachable!("it ends when nothing asks"),
    }
}
