//! Lines that join the open aggregate as they are, many at a time: the way of most flows that put
//! lines together. Whatever else is to be done for a line is left to the long way, one by one,
//! which comes to the same.

use super::open::{Bucket, Content};
use super::{Aggregator, Room};
use crate::aggregate::kpl::Kpl;
use crate::sink::Sink;

/// What joined.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Joined {
    /// Bytes of lines.
    pub(crate) bytes: usize,
    /// How many lines.
    pub(crate) lines: u64,
}

impl Aggregator {
    /// Adds the lines at the start of `bytes` that the open aggregate and the batch have room for,
    /// none longer than `longest`. It is for records that all go together.
    pub(crate) fn join(
        &mut self,
        bytes: &[u8],
        longest: usize,
        sink: &Sink<'_>,
        room: Room,
    ) -> Joined {
        let left = room.bytes_max.saturating_sub(sink.counted_bytes() + self.counted);
        let options = self.options;
        let Some(open) = self.open.last_mut().filter(|open| open.bucket == Bucket::Any) else {
            return Joined::default();
        };
        let lines_max = options.records_max.saturating_sub(open.content.records());
        let bytes_max = options.bytes_max.saturating_sub(open.content.len()).min(left);
        let limits = Limits { lines_max, bytes_max, longest };
        let (joined, more) = match &mut open.content {
            Content::Kpl(kpl) if kpl.count() > 0 => {
                join_lines(bytes, limits, Kpl::more_with, |line| kpl.push_with_first_key(line))
            }
            Content::Lines { data, records } if data.ends_with(b"\n") => {
                let (joined, more) = join_lines(bytes, limits, |len| len, |_| {});
                data.extend_from_slice(bytes.get(..joined.bytes).unwrap_or_default());
                *records += usize::try_from(joined.lines).unwrap_or(usize::MAX);
                (joined, more)
            }
            Content::Kpl(_) | Content::Lines { .. } => return Joined::default(),
        };
        self.counted += more;
        joined
    }
}

/// What may join.
#[derive(Debug, Clone, Copy)]
struct Limits {
    lines_max: usize,
    /// By so much the aggregate may grow.
    bytes_max: usize,
    /// No line may be longer.
    longest: usize,
}

/// Adds each line that may join. Gives what joined, and by how much the aggregate grew.
fn join_lines(
    bytes: &[u8],
    limits: Limits,
    more_with: impl Fn(usize) -> usize,
    mut add: impl FnMut(&[u8]),
) -> (Joined, usize) {
    let (mut joined, mut grown) = (Joined::default(), 0);
    for newline in memchr::memchr_iter(b'\n', bytes).take(limits.lines_max) {
        let line = bytes.get(joined.bytes..=newline).unwrap_or_default();
        let more = more_with(line.len());
        if line.len() > limits.longest || grown + more > limits.bytes_max {
            break;
        }
        add(line);
        grown += more;
        joined = Joined { bytes: newline + 1, lines: joined.lines + 1 };
    }
    (joined, grown)
}
