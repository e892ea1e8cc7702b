//! From the SDK's errors to ours: what matters is whether anything was sent, and what the service
//! said. Nothing here decides what to do about it.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use hyper_util::client::legacy::Error as ClientError;

use super::client::ATTEMPT_TIMEOUT;
use super::transport::{CallError, CredentialFault};

/// The header with which a service asks to be left alone, in milliseconds.
const RETRY_AFTER_HEADER: &str = "x-amz-retry-after";

/// Reasons and messages are cut to this many characters: an endpoint decides how long they are.
const TEXT_CHARS_MAX: usize = 500;

/// Turns the SDK's error into ours.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "it is made for `map_err`")]
pub fn call_error<E>(error: SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match &error {
        SdkError::ServiceError(failure) => answered(
            failure.raw(),
            failure.err().code(),
            failure.err().message().unwrap_or_default(),
        ),
        SdkError::ResponseError(failure) if failure.raw().status().is_success() => {
            CallError::Lost { reason: reason(&error) }
        }
        // The error answer of a proxy, or of a service that is in pieces.
        SdkError::ResponseError(failure) => answered(failure.raw(), None, "no readable error"),
        SdkError::TimeoutError(_) => CallError::Deadline(ATTEMPT_TIMEOUT),
        SdkError::ConstructionFailure(_) => CallError::NotSent { reason: reason(&error) },
        SdkError::DispatchFailure(_) => not_answered(&error),
        _ => CallError::Lost { reason: reason(&error) },
    }
}

/// What the service said in an answer that is no success.
pub(super) fn answered(raw: &HttpResponse, code: Option<&str>, message: &str) -> CallError {
    let status = raw.status().as_u16();
    let retry_after = raw.headers().get(RETRY_AFTER_HEADER);
    CallError::Service {
        status,
        code: code.map_or_else(|| format!("Http{status}"), cut),
        message: cut(message),
        retry_after: retry_after.and_then(|millis| millis.parse().ok()).map(Duration::from_millis),
    }
}

/// Sorts the failures without an answer. What cannot be told counts as sent.
fn not_answered(error: &(dyn Error + 'static)) -> CallError {
    let reason = reason(error);
    if let Some(credentials) = find::<CredentialsError>(error) {
        let fault = match credentials {
            CredentialsError::CredentialsNotLoaded(_) => CredentialFault::Missing,
            CredentialsError::InvalidConfiguration(_) => CredentialFault::Invalid,
            _ => CredentialFault::Unavailable,
        };
        return CallError::Credentials { fault, reason };
    }
    if find::<ClientError>(error).is_some_and(ClientError::is_connect) {
        return CallError::NotSent { reason };
    }
    CallError::Lost { reason }
}

/// There is no answer: what the SDK says when it gets no further.
pub(super) fn dispatch_failure(error: ConnectorError) -> CallError {
    not_answered(&SdkError::<Infallible, HttpResponse>::dispatch_failure(error))
}

/// The answer broke off, or is too long.
pub(super) fn lost(error: &(dyn Error + 'static)) -> CallError {
    let causes: Vec<String> = chain(error).map(ToString::to_string).collect();
    CallError::Lost { reason: cut(&causes.join(": ")) }
}

/// The first error of this type in the chain.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|error| error.downcast_ref())
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// The whole chain in one line. The outermost error says only "dispatch failure" and the like.
fn reason(error: &(dyn Error + 'static)) -> String {
    let causes: Vec<String> = chain(error).skip(1).map(ToString::to_string).collect();
    if causes.is_empty() { cut(&error.to_string()) } else { cut(&causes.join(": ")) }
}

/// At most so many characters, in one line: nobody outside may begin a new line of the log. A text
/// that is longer ends between two words, with an ellipsis.
fn cut(text: &str) -> String {
    let mut one_line = text.chars().map(|char| if char.is_control() { ' ' } else { char });
    let mut kept: String = one_line.by_ref().take(TEXT_CHARS_MAX).collect();
    if one_line.next().is_none() {
        return kept;
    }
    // Where the ellipsis goes, a word may have to go with it; a word without end is cut.
    kept.pop();
    kept.pop();
    let half = kept.len() / 2;
    if let Some((words, _)) = kept.rsplit_once(' ').filter(|(words, _)| words.len() >= half) {
        kept = format!("{} ", words.trim_end());
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_endpoint_says_stays_in_one_line_and_short() {
        assert_eq!(cut("none:\n  Profile\r\n\u{1b}[31m"), "none:   Profile   [31m");
        assert_eq!(cut(&"é".repeat(500)).chars().count(), TEXT_CHARS_MAX);
    }

    #[test]
    fn what_is_too_long_ends_between_two_words() {
        let text = "credentials ".repeat(60);
        let short = cut(&text);
        assert!(short.chars().count() <= TEXT_CHARS_MAX, "{short}");
        assert!(short.ends_with(" credentials …"), "{short}");
        let endless = cut(&"é".repeat(600));
        assert!(endless.ends_with("é…") && endless.chars().count() <= TEXT_CHARS_MAX, "{endless}");
        let half_endless = cut(&format!("first {}", "x".repeat(600)));
        assert!(half_endless.ends_with("x…"), "{half_endless}");
        assert_eq!(cut(&"x".repeat(500)), "x".repeat(500), "what fits is left alone");
    }
}
