//! Profile files, which are read again: the SDK's provider reads them once, and whoever renews keys
//! writes them there.

use parking_lot::Mutex;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};

/// Where profiles with keys are, in the words of the SDK and, if that is not set, of the Java SDK.
const PROFILES_FILE: &str = "AWS_SHARED_CREDENTIALS_FILE";
const JAVA_PROFILES_FILE: &str = "AWS_CREDENTIAL_PROFILES_FILE";

/// The profile files: the usual ones, or that which the Java SDK's variable names.
#[derive(Debug)]
pub(super) struct Profiles {
    config: ProviderConfig,
    /// What gave credentials that end, and so renews them: it may hold a session.
    renewing: Mutex<Option<ProfileFileCredentialsProvider>>,
}

impl Profiles {
    /// Nothing is read before the first question.
    pub(super) fn new(config: &ProviderConfig) -> Self {
        Self { config: config.clone(), renewing: Mutex::default() }
    }

    /// One question at a time is asked.
    async fn find(&self) -> provider::Result {
        let renewing = self.renewing.lock().take();
        let read = || from_files(&self.config, |name| std::env::var(name).ok());
        let provider = renewing.unwrap_or_else(read);
        let found = provider.provide_credentials().await;
        if found.as_ref().is_ok_and(|found| found.expiry().is_some()) {
            *self.renewing.lock() = Some(provider);
        }
        found
    }
}

provider!(Profiles, find);

/// A provider that has read nothing yet. It is told which files, also where those are the usual
/// ones: otherwise it would use the values that were read before.
fn from_files(
    config: &ProviderConfig,
    variable: impl Fn(&str) -> Option<String>,
) -> ProfileFileCredentialsProvider {
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let files = match (set(PROFILES_FILE), set(JAVA_PROFILES_FILE)) {
        (None, Some(path)) => EnvConfigFiles::builder()
            .include_default_config_file(true)
            .with_file(EnvConfigFileKind::Credentials, path)
            .build(),
        _ => EnvConfigFiles::default(),
    };
    ProfileFileCredentialsProvider::builder().configure(config).profile_files(files).build()
}
