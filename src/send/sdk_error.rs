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
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use kinetail_base::shown::with_causes;

use super::client::ATTEMPT_TIMEOUT;
use super::not_sent::NotSent;
use super::transport::{CallError, CredentialFault};

/// The header with which an AWS service asks to be left alone, in milliseconds.
const RETRY_AFTER_HEADER: &str = "x-amz-retry-after";

/// The same of everybody else, in seconds or as a date (RFC 9110, section 10.2.3).
const RETRY_AFTER_HEADER_HTTP: &str = "retry-after";

/// The forms of a date in HTTP, the last two of which are obsolete (RFC 9110,
/// section 5.6.7).
const HTTP_DATES: [&str; 3] =
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

/// Reasons and messages are cut to this many characters: an endpoint decides how long they are.
const TEXT_CHARS_MAX: usize = 500;

/// Turns the SDK's error into ours.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "it is meant for `map_err`")]
pub(crate) fn call_error<E>(error: SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match &error {
        SdkError::ServiceError(failure) => {
            let said = failure.err();
            raw_error(failure.raw(), (said.code(), said.message().unwrap_or_default()))
        }
        SdkError::ResponseError(failure) if failure.raw().status().is_success() => {
            CallError::Lost { reason: reason(&error) }
        }
        // The error answer of a proxy, or of a service that is in pieces.
        SdkError::ResponseError(failure) => {
            raw_error(failure.raw(), (None, "unparseable error response"))
        }
        SdkError::TimeoutError(_) => CallError::Deadline(ATTEMPT_TIMEOUT),
        SdkError::ConstructionFailure(_) => CallError::NotSent { reason: reason(&error) },
        SdkError::DispatchFailure(_) => not_answered(&error),
        _ => CallError::Lost { reason: reason(&error) },
    }
}

fn raw_error(raw: &HttpResponse, said: (Option<&str>, &str)) -> CallError {
    http_error(raw.status().as_u16(), |name| raw.headers().get(name), said)
}

/// What the service said in an answer that is no success: a code and a message.
pub(super) fn http_error<'h>(
    status: u16,
    header: impl Fn(&'static str) -> Option<&'h str>,
    (code, message): (Option<&str>, &str),
) -> CallError {
    let millis = header(RETRY_AFTER_HEADER).and_then(|millis| millis.trim().parse().ok());
    let http = || retry_after(header(RETRY_AFTER_HEADER_HTTP)?, header("date"));
    CallError::Service {
        status,
        code: code.map_or_else(|| format!("Http{status}"), cut),
        message: cut(message),
        retry_after: millis.map(Duration::from_millis).or_else(http),
    }
}

/// How long a `Retry-After` asks for. A date is compared with that of the answer, so that it does
/// not matter whether the two clocks agree; only an answer without a date leaves this host's.
fn retry_after(wish: &str, date: Option<&str>) -> Option<Duration> {
    let wish = wish.trim();
    if let Ok(seconds) = wish.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let here = || TimeZone::UTC.to_datetime(Timestamp::now());
    let now = date.and_then(http_date).unwrap_or_else(here);
    let wait = http_date(wish)?.duration_since(now);
    // A time that is over asks for nothing.
    Some(wait.try_into().unwrap_or_default())
}

fn http_date(text: &str) -> Option<DateTime> {
    HTTP_DATES.into_iter().find_map(|form| DateTime::strptime(form, text.trim()).ok())
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
    let is_unsent = find::<NotSent>(error).is_some();
    if is_unsent || find::<ClientError>(error).is_some_and(ClientError::is_connect) {
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
    CallError::Lost { reason: cut(&with_causes(error)) }
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

/// At most so many characters, in one line: foreign text cannot begin a new line of the log. A text
/// that is longer ends between two words, with an ellipsis.
pub(super) fn cut(text: &str) -> String {
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

    /// The wish of an answer that came on Sunday, 29 November 2026, at noon.
    fn wish(text: &str) -> Option<Duration> {
        retry_after(text, Some("Sun, 29 Nov 2026 12:00:00 GMT"))
    }

    #[test]
    fn a_wish_is_read_in_seconds_and_in_each_form_of_a_date() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(wish("7"), seconds(7));
        assert_eq!(wish(" 120 "), seconds(120));
        assert_eq!(wish("Sun, 29 Nov 2026 12:00:05 GMT"), seconds(5));
        assert_eq!(wish("Sunday, 29-Nov-26 12:00:06 GMT"), seconds(6));
        assert_eq!(wish("Sun Nov 29 12:00:07 2026"), seconds(7));
        assert_eq!(wish("Sun, 29 Nov 2026 11:00:00 GMT"), seconds(0), "it is over");
    }

    #[test]
    fn what_is_no_wish_asks_for_nothing() {
        for text in ["", "soon", "-1", "1.5 h", "Sun, 31 Nov 2026 12:00:00 GMT"] {
            assert_eq!(wish(text), None, "{text}");
        }
        assert!(retry_after("Fri, 29 Nov 2126 12:00:05 GMT", Some("yesterday")).is_some());
        assert_eq!(retry_after("3", None), Some(Duration::from_secs(3)));
    }

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
