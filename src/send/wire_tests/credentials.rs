//! Calls without credentials: nothing was sent, and it is said why.

use std::time::Duration;

use super::server::{ONE_TAKEN, Server, ok};
use super::{SECRET, config, kinesis_body, wire};
use crate::send::classify::{Verdict, classify};
use crate::send::transport::{CallError, CredentialFault, Transport as _};

#[tokio::test]
async fn missing_credentials_are_told_apart() {
    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::{ProvideCredentials, future};

    #[derive(Debug)]
    struct Failing(fn() -> CredentialsError);
    impl ProvideCredentials for Failing {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err((self.0)()))
        }
    }
    let cases: [(fn() -> CredentialsError, CredentialFault); 3] = [
        (|| CredentialsError::not_loaded("nothing"), CredentialFault::Missing),
        (|| CredentialsError::invalid_configuration("a loop"), CredentialFault::Invalid),
        (|| CredentialsError::provider_error("HTTP 503"), CredentialFault::Unavailable),
    ];
    for (make, expected) in cases {
        let transport = wire(&config("http://127.0.0.1:1")).await.with_provider(Failing(make));
        let failure = transport.put(kinesis_body(1).finish().into(), 1).await.expect_err("no keys");
        assert!(
            matches!(&failure, CallError::Credentials { fault, .. } if *fault == expected),
            "{failure:?}"
        );
    }
}

/// Gives keys that are as good as over once, and then hangs.
#[derive(Debug, Default)]
struct HangsAfter {
    answers: std::sync::atomic::AtomicUsize,
}

impl aws_credential_types::provider::ProvideCredentials for HangsAfter {
    fn provide_credentials<'a>(
        &'a self,
    ) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        use aws_credential_types::Credentials;
        use aws_credential_types::provider::future::ProvideCredentials;
        let left = self.answers.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        if left == 0 {
            return ProvideCredentials::new(std::future::pending());
        }
        let soon = std::time::SystemTime::now() + Duration::from_secs(1);
        ProvideCredentials::ready(Ok(Credentials::new("AKID", SECRET, None, Some(soon), "test")))
    }
}

#[tokio::test]
async fn nothing_is_ambiguous_while_credentials_are_waited_for() {
    for answers in [0, 1] {
        let server = Server::start().await;
        let provider = HangsAfter { answers: answers.into() };
        let transport = wire(&config(&server.url())).await.with_provider(provider);
        let hanging = async {
            if answers > 0 {
                let taken = transport.put(kinesis_body(1).finish().into(), 1).await;
                assert!(taken.is_ok(), "{taken:?}");
                transport.forget_keys();
            }
            tokio::time::pause();
            transport.put(kinesis_body(1).finish().into(), 1).await
        };
        let result = tokio::select! {
            result = hanging => result,
            () = server.serve(vec![ok(ONE_TAKEN)]) => unreachable!("it serves indefinitely"),
        };
        tokio::time::resume();
        let failure = result.expect_err("no keys");
        let verdict = classify(&failure);
        assert!(matches!(verdict, Verdict::Fault { .. }), "{verdict:?} {failure:?}");
    }
}
