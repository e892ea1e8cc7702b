//! The credentials that a flow signs with, kept for as long as they are good: no call waits for
//! another flow's, and a provider is not asked for each request.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use parking_lot::Mutex;

use crate::send::credentials::Refused;

/// Credentials without an end are asked for again after this long: whoever made them may have
/// replaced them.
const ASK_AFTER_MAX: Duration = Duration::from_mins(15);

/// New ones are asked for this long before the old ones end.
const ASK_BEFORE_END: Duration = Duration::from_mins(5);

/// Credentials that are about to end are asked for again this often.
const ASK_AFTER_MIN: Duration = Duration::from_secs(1);

/// Where a flow has its credentials from, and the newest.
#[derive(Debug)]
pub(super) struct Keys {
    provider: SharedCredentialsProvider,
    refused: Refused,
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    credentials: Credentials,
    /// When to ask again.
    until: SystemTime,
}

impl Keys {
    pub(super) fn new(provider: SharedCredentialsProvider, refused: Refused) -> Self {
        Self { provider, refused, held: Mutex::default() }
    }

    /// Credentials to sign with. A provider that hangs is waited for; the caller has the deadline.
    pub(super) async fn get(&self, now: SystemTime) -> Result<Credentials, CredentialsError> {
        if let Some(held) = self.held.lock().as_ref().filter(|held| now < held.until) {
            return Ok(held.credentials.clone());
        }
        let credentials = self.provider.provide_credentials().await?;
        let until = ask_again(credentials.expiry(), now);
        *self.held.lock() = Some(Held { credentials: credentials.clone(), until });
        Ok(credentials)
    }

    /// The service does not take these: whoever made them may have others. What replaced them
    /// meanwhile stays.
    pub(super) fn refuse(&self, credentials: &Credentials) {
        self.refused.add(credentials);
        let is_it =
            |held: &mut Held| held.credentials.access_key_id() == credentials.access_key_id();
        drop(self.held.lock().take_if(is_it));
    }

    /// The service takes these.
    pub(super) fn accept(&self, credentials: &Credentials) {
        self.refused.remove(credentials);
    }

    #[cfg(test)]
    pub(super) fn forget(&self) {
        *self.held.lock() = None;
    }
}

fn ask_again(end: Option<SystemTime>, now: SystemTime) -> SystemTime {
    let latest = now + ASK_AFTER_MAX;
    let early = end.and_then(|end| end.checked_sub(ASK_BEFORE_END));
    early.map_or(latest, |early| early.clamp(now + ASK_AFTER_MIN, latest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_asked_for_again_before_they_end() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
        let after = |left: Duration| {
            let again = ask_again(Some(now + left), now);
            again.duration_since(now).expect("later")
        };
        assert_eq!(after(Duration::from_hours(1)), ASK_AFTER_MAX);
        assert_eq!(after(Duration::from_mins(12)), Duration::from_mins(7));
        assert_eq!(after(Duration::from_mins(5)), ASK_AFTER_MIN);
        assert_eq!(after(Duration::ZERO), ASK_AFTER_MIN);
        assert_eq!(ask_again(None, now), now + ASK_AFTER_MAX);
        assert_eq!(ask_again(Some(SystemTime::UNIX_EPOCH), now), now + ASK_AFTER_MIN);
    }
}
