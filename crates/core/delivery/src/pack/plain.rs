//! Lines that are records as they are, with random keys: the way of most flows, and of every line
//! of theirs. Whatever is not plain about a line or a batch is left to the long way, which comes
//! to the same.

use std::time::Instant;

use super::{Packer, Source};
use crate::fill::Put;

impl Packer {
    /// Takes plain lines for as long as the open batch has room. Gives how many bytes they are; the
    /// long way says what is with the rest.
    pub(super) fn take_plain(&mut self, source: Source, bytes: &[u8], now: Instant) -> usize {
        let is_plain = self.chain.is_empty()
            && self.footer.is_none()
            && !self.reads_entries
            && self.splitter.is_plain()
            && self.filler.is_plain();
        // A batch begins with what it gets, not with the question.
        if !is_plain || memchr::memchr(b'\n', bytes).is_none() || !self.begin(now) {
            return 0;
        }
        if self.filler.puts_together() {
            return self.join_plain(source, bytes);
        }
        let Some(open) = &mut self.open else { return 0 };
        let longest = self.splitter.record_bytes_max();
        let (mut used, mut read) = (0, 0);
        for newline in memchr::memchr_iter(b'\n', bytes) {
            let line = bytes.get(used..=newline).unwrap_or_default();
            if line.len() > longest {
                break;
            }
            let Some(full) = self.filler.put_plain(&mut open.body, line) else { break };
            used = newline + 1;
            read += 1;
            if full {
                open.full = true;
                break;
            }
        }
        self.counts.read += read;
        used
    }

    /// The same with lines that are put together: what begins an aggregate goes the filler's long
    /// way.
    fn join_plain(&mut self, source: Source, bytes: &[u8]) -> usize {
        let Some(open) = &mut self.open else { return 0 };
        let longest = self.splitter.record_bytes_max();
        let longest_whole = longest.min(self.filler.piece_bytes_max());
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let (joined, full) = self.filler.join_plain(&mut open.body, rest, longest_whole);
            used += joined.bytes;
            self.counts.read += joined.lines;
            open.full = full;
            let rest = rest.get(joined.bytes..).unwrap_or_default();
            let newline = memchr::memchr(b'\n', rest).filter(|newline| *newline < longest_whole);
            let Some(newline) = newline.filter(|_| !full) else { break };
            let line = rest.get(..=newline).unwrap_or_default();
            let at = (source.file, source.offset + used as u64);
            let Put::Taken { full, .. } = self.filler.put(&mut open.body, line, at) else { break };
            used += line.len();
            self.counts.read += 1;
            open.full = full;
            if full {
                break;
            }
        }
        used
    }
}

#[cfg(test)]
mod tests {
    use kinetail_base::identity::FileKey;
    use kinetail_records::splitter::Ending;
    use proptest::prelude::*;

    use super::*;
    use crate::body::Encoding;
    use crate::pack::{Stop, Taken};
    use crate::{Aggregation, Format};
    use crate::{Compression, Destination, OversizeLine, PackOptions, PartitionKey};

    fn packer(options: &PackOptions<'_>, encoding: Encoding, is_plain: bool) -> Packer {
        // Whoever notes where records are from goes the long way.
        let mut packer = Packer::new(&PackOptions { dead_letters: !is_plain, ..*options }, 7);
        packer.speak(encoding);
        packer
    }

    #[expect(clippy::disallowed_methods, reason = "a packer wants a time, and any will do")]
    fn some_time() -> Instant {
        Instant::now()
    }

    /// What becomes of a text: each stop, and of each batch its records and its span.
    fn pack(packer: &mut Packer, text: &[u8], ending: Ending) -> (Vec<Taken>, Vec<Batch>) {
        let (mut stops, mut batches, mut used) = (Vec::new(), Vec::new(), 0);
        loop {
            let source = Source { file: FileKey(1), offset: used, ending, at_end: true };
            let rest = text.get(usize::try_from(used).unwrap()..).unwrap();
            let taken = packer.take(source, rest, some_time());
            used += taken.used as u64;
            stops.push(taken);
            let is_open = packer.open().is_some();
            if let Some((_, batch)) = packer.close() {
                let records = (0..batch.body.records()).map(|index| batch.body.record_data(index));
                let spans = batch.spans.iter().map(|span| (span.start, span.end)).collect();
                batches.push((records.collect(), spans, batch.full));
            }
            if taken.stop != Stop::BatchFull || !is_open {
                return (stops, batches);
            }
        }
    }

    type Batch = (Vec<Vec<u8>>, Vec<(u64, u64)>, bool);

    proptest! {
        /// For all lines and limits the short way comes to what the long one comes to.
        #[test]
        fn the_short_way_comes_to_the_same(
            lines in proptest::collection::vec(0_usize..60, 0..40),
            half in 0_usize..30,
            records in 1_usize..12,
            bytes in 70_usize..400,
            longest in 20_usize..80,
            service in 0..3,
            oversize in 0_usize..3,
            ends in any::<bool>(),
            together in proptest::option::of((any::<bool>(), 20_usize..300, 1_usize..12)),
        ) {
            let mut text: Vec<u8> = Vec::new();
            for len in lines {
                text.extend(std::iter::repeat_n(b'x', len));
                text.push(b'\n');
            }
            text.extend(std::iter::repeat_n(b'y', half));
            let name = "s".to_owned();
            let destination = if service == 0 {
                Destination::Firehose { delivery_stream: name }
            } else {
                Destination::Kinesis { stream: name }
            };
            let encoding = if service == 2 { Encoding::Cbor } else { Encoding::Json };
            let options = PackOptions {
                destination: &destination,
                max_buffer_records: records,
                max_buffer_bytes: bytes,
                partition_key: &PartitionKey::Random,
                multi_line_start: None,
                max_line_bytes: longest,
                oversize_line: [OversizeLine::Drop, OversizeLine::Split, OversizeLine::Truncate]
                    [oversize],
                file_footer: None,
                aggregated_record_bytes: 0,
                aggregation: together.map(|(kpl, bytes_max, records_max)| Aggregation {
                    format: if kpl && service != 0 { Format::Kpl } else { Format::Newline },
                    bytes_max,
                    records_max,
                }),
                compression: Compression::None,
                compression_level: 6,
                max_record_bytes: if together.is_some() { 250 } else { 64 },
                one_of_a_key: false,
                truncated_record_terminator: b"\n",
                dead_letters: false,
                converters: &[],
            };
            let ending = if ends { Ending::Final } else { Ending::Open };
            let (mut short, mut long) =
                (packer(&options, encoding, true), packer(&options, encoding, false));
            prop_assert!(short.filler.is_plain() && !long.filler.is_plain());
            let (got, wanted) = (pack(&mut short, &text, ending), pack(&mut long, &text, ending));
            prop_assert_eq!(got, wanted);
            prop_assert_eq!(short.take_counts().read, long.take_counts().read);
        }
    }
}
