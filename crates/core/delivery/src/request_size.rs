//! How large a request may be on a link that takes long for one. Pure.
//!
//! A request that gets no response in time may have been too much for the link, and then one of the
//! same size will be again. So the next one has a quarter of its bytes, and what is answered soon
//! makes them larger again.

use std::time::Duration;

use kinetail_base::limits::KINESIS_LARGE_REQUEST_BYTES_MAX;

/// Bytes that no link is too slow for: whoever does not respond to them does not respond.
const SMALL_BYTES: usize = 256 * 1024;

/// What is answered within this time may be larger.
const SOON: Duration = Duration::from_secs(5);

/// The size of a flow's requests.
#[derive(Debug, Default)]
pub(crate) struct RequestSize {
    /// Bytes of data; `None` if what a batch has is sent.
    bytes_max: Option<usize>,
}

impl RequestSize {
    /// Bytes of data that a request may have, if that matters.
    pub(crate) fn bytes_max(&self) -> Option<usize> {
        self.bytes_max
    }

    /// There was no response in time. Says whether that may be due to the size.
    pub(crate) fn on_deadline(&mut self, bytes: usize) -> bool {
        let is_large = bytes > SMALL_BYTES;
        if is_large {
            let quarter = (bytes / 4).max(SMALL_BYTES);
            self.bytes_max = Some(self.bytes_max.map_or(quarter, |max| max.min(quarter)));
        }
        is_large
    }

    /// There was one, after this time.
    pub(crate) fn on_answer(&mut self, bytes: usize, took: Duration) {
        let Some(max) = self.bytes_max.filter(|max| took <= SOON && bytes >= max / 2) else {
            return;
        };
        self.bytes_max = Some(max * 2).filter(|max| *max < KINESIS_LARGE_REQUEST_BYTES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn requests_are_smaller_as_long_as_the_link_takes_long() {
        let mut size = RequestSize::default();
        assert!(!size.on_deadline(SMALL_BYTES), "it would be too slow for anything");
        assert_eq!(size.bytes_max(), None);
        assert!(size.on_deadline(4 * MIB));
        assert_eq!(size.bytes_max(), Some(MIB));
        // Those that were made before say nothing new.
        assert!(size.on_deadline(4 * MIB));
        assert_eq!(size.bytes_max(), Some(MIB));
        assert!(size.on_deadline(MIB) && size.on_deadline(MIB / 2));
        assert_eq!(size.bytes_max(), Some(SMALL_BYTES));
        size.on_answer(SMALL_BYTES, SOON * 2);
        size.on_answer(SMALL_BYTES / 4, SOON);
        assert_eq!(size.bytes_max(), Some(SMALL_BYTES), "slow, or too small to tell");
        let answers = (0..10).take_while(|_| {
            size.on_answer(size.bytes_max().unwrap_or_default(), SOON);
            size.bytes_max().is_some()
        });
        assert_eq!(answers.count(), 5);
    }
}
