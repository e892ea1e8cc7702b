//! An object as text, of places in what it was read from and in what steps wrote.

use super::Record;
use crate::scan_json::{Member, Span};

impl Record {
    /// Appends the object as text.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.bytes.len());
        out.push(b'{');
        // Members that stand side by side are copied as one.
        let (mut run, start) = (Span::default(), out.len());
        let copy = |run: Span, out: &mut Vec<u8>| {
            if out.len() > start && run.start < run.end {
                out.push(b',');
            }
            out.extend_from_slice(run.of(&self.bytes));
        };
        for Member { key, value } in self.members.iter().copied() {
            let follows = |end: usize, byte: u8, start: usize| {
                end + 1 == start && self.bytes.get(end) == Some(&byte)
            };
            let is_whole = follows(key.end, b':', value.start);
            if is_whole && follows(run.end, b',', key.start) && run.start < run.end {
                run.end = value.end;
                continue;
            }
            copy(run, out);
            run = Span { start: key.start, end: value.end };
            if !is_whole {
                copy(key, out);
                out.push(b':');
                out.extend_from_slice(value.of(&self.bytes));
                run = Span::default();
            }
        }
        copy(run, out);
        out.push(b'}');
        out.extend_from_slice(self.tail.of(&self.bytes));
    }
}
