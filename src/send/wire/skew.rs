//! How far this host's clock is from the service's. A signature is good for five minutes, so a
//! host whose clock is wrong by more signs for the time that the service's answers have.
//!
//! As the SDK does it: each answer with a date says again how far the two are apart, so that a
//! clock that is set right meanwhile is believed again with the next answer.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::send::http::Answer;

/// An answer that took longer than this says nothing about the clock.
const TRUSTED_ROUND_TRIP_MAX: Duration = Duration::from_mins(15);

/// What is less than this is the whole seconds of a date and the way of the answer: the clock of
/// this host is believed.
const SKEW_MIN_MILLIS: u64 = 4 * 60 * 1000;

/// The service's clock, as a difference to this host's.
#[derive(Debug, Default)]
pub(super) struct Skew(AtomicI64);

impl Skew {
    /// The time to sign for.
    pub(super) fn correct(&self, now: SystemTime) -> SystemTime {
        let millis = self.0.load(Ordering::Relaxed);
        let by = Duration::from_millis(millis.unsigned_abs());
        let corrected = if millis < 0 { now.checked_sub(by) } else { now.checked_add(by) };
        corrected.unwrap_or(now)
    }

    /// Learns from the date of an answer.
    pub(super) fn learn(&self, response: &Answer, sent: SystemTime, received: SystemTime) {
        // An answer out of a cache has an old date.
        if response.header("age").is_some() {
            return;
        }
        let date =
            response.header("date").and_then(|date| DateTime::from_str(date, HTTP_DATE).ok());
        let Some(there) = date.and_then(|date| SystemTime::try_from(date).ok()) else { return };
        let took = received.duration_since(sent).unwrap_or_default();
        if took > TRUSTED_ROUND_TRIP_MAX {
            return;
        }
        let millis = difference(there, sent + took / 2);
        let counts = millis.unsigned_abs() >= SKEW_MIN_MILLIS;
        self.0.store(if counts { millis } else { 0 }, Ordering::Relaxed);
    }
}

const HTTP_DATE: Format = Format::HttpDate;

fn difference(there: SystemTime, here: SystemTime) -> i64 {
    let millis = |by: Duration| i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    match there.duration_since(here) {
        Ok(ahead) => millis(ahead),
        Err(behind) => -millis(behind.duration()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;

    fn noon() -> SystemTime {
        // Sunday, 29 November 2026, 12:00:00.
        SystemTime::UNIX_EPOCH + Duration::from_hours(498_876)
    }

    fn answer_with(headers: HeaderMap) -> Answer {
        Answer { status: StatusCode::OK, headers, body: Ok(Bytes::new()) }
    }

    fn answer(date: &'static str, age: Option<&'static str>) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("date", HeaderValue::from_static(date));
        if let Some(age) = age {
            headers.insert("age", HeaderValue::from_static(age));
        }
        answer_with(headers)
    }

    #[test]
    fn a_wrong_clock_is_corrected_and_one_that_is_set_right_is_believed_again() {
        let skew = Skew::default();
        let (now, hour) = (noon(), Duration::from_hours(1));
        assert_eq!(skew.correct(now), now);
        skew.learn(&answer("Sun, 29 Nov 2026 13:00:00 GMT", None), now, now);
        assert_eq!(skew.correct(now), now + hour);
        skew.learn(&answer("Sun, 29 Nov 2026 11:00:00 GMT", None), now, now);
        assert_eq!(skew.correct(now), now - hour);
        skew.learn(&answer("Sun, 29 Nov 2026 12:00:01 GMT", None), now, now);
        assert_eq!(skew.correct(now), now);
    }

    #[test]
    fn what_says_nothing_about_the_clock_changes_nothing() {
        let skew = Skew::default();
        let (now, later) = (noon(), "Sun, 29 Nov 2026 13:00:00 GMT");
        skew.learn(&answer(later, Some("12")), now, now);
        skew.learn(&answer("yesterday", None), now, now);
        skew.learn(&answer_with(HeaderMap::new()), now, now);
        skew.learn(&answer(later, None), now, now + Duration::from_mins(16));
        assert_eq!(skew.correct(now), now);
        skew.learn(&answer("Sun, 29 Nov 2026 12:03:59 GMT", None), now, now);
        assert_eq!(skew.correct(now), now, "less than four minutes are no reason");
    }
}
