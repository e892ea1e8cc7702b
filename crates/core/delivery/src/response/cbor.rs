//! The same answer in CBOR: walked over once, and only where a record failed a second time, to
//! note what it says.

use std::borrow::Cow;

use super::{CODE_NO_RESULT, FailedEntry, PutResponse, PutResponseError, ShardNumber};
use crate::cbor::{BREAK, CborError, MAP_BEGIN, Reader};

/// The members of an entry of a record that was taken, as texts.
const ID: &[u8] = b"\x6eSequenceNumber";
const SHARD: &[u8] = b"\x67ShardId";

/// A map of two members begins so, if it has a length.
const MAP_OF_TWO: u8 = 0xa2;

/// What is said of one record.
#[derive(Debug, Default)]
struct Entry<'b> {
    code: Option<Cow<'b, str>>,
    message: Option<Cow<'b, str>>,
    has_id: bool,
    shard: Option<Cow<'b, str>>,
}

/// Reads the body of a successful answer of Kinesis to a request of `sent` records.
pub(super) fn read(body: &[u8], sent: usize) -> Result<PutResponse, PutResponseError> {
    let mut all_taken = true;
    let answered = walk(body, |reader, _| {
        if !reader.pass(|bytes| as_usual(bytes).or_else(|| taken(bytes))) {
            let entry = entry(reader)?;
            all_taken &= entry.code.is_none() && entry.has_id;
        }
        Ok(())
    })?;
    if answered != sent {
        return Err(PutResponseError::Count { answered, sent });
    }
    let mut answer = PutResponse::default();
    if all_taken {
        return Ok(answer);
    }
    walk(body, |reader, index| {
        let entry = entry(reader)?;
        let message = || entry.message.clone().unwrap_or_default().into_owned();
        match &entry.code {
            None if entry.has_id => {
                let shard = entry.shard.as_deref().and_then(ShardNumber::find_in);
                answer.shards.extend(shard.map(|shard| (index, shard)));
            }
            code => {
                let code = code.as_deref().unwrap_or(CODE_NO_RESULT).to_owned();
                answer.failed.push(FailedEntry { index, code, message: message() });
            }
        }
        Ok(())
    })?;
    Ok(answer)
}

/// Goes over all entries, each of which `look` reads, and says how many there are.
fn walk<'b>(
    body: &'b [u8],
    mut look: impl FnMut(&mut Reader<'b>, usize) -> Result<(), CborError>,
) -> Result<usize, CborError> {
    let mut reader = Reader::new(body);
    let mut count = None;
    reader.map(|reader, key| match key {
        "Records" if count.is_none() => {
            let mut index = 0;
            reader.array::<CborError>(|reader| {
                look(reader, index)?;
                index += 1;
                Ok(())
            })?;
            count = Some(index);
            Ok(())
        }
        // Twice: ambiguous.
        "Records" => Err(CborError::Malformed(0)),
        "FailedRecordCount" => reader.integer(),
        _ => reader.skip(),
    })?;
    reader.end()?;
    count.ok_or(CborError::Malformed(0))
}

/// The length of an entry in the very bytes in which nearly all are written: the length of the id
/// is a byte of its own. It is less than [`taken`] knows, and what is compared has fixed lengths.
fn as_usual(bytes: &[u8]) -> Option<usize> {
    let ([before_id @ .., id_len], rest) = bytes.split_first_chunk::<18>()?;
    if before_id != b"\xbf\x6eSequenceNumber\x78" {
        return None;
    }
    let (id, rest) = rest.split_at_checked(usize::from(*id_len))?;
    let ([before_shard @ .., shard_len], rest) = rest.split_first_chunk::<9>()?;
    if before_shard != b"\x67ShardId" || !(0x60..0x78).contains(shard_len) {
        return None;
    }
    let (shard, rest) = rest.split_at_checked(usize::from(shard_len & 31))?;
    let behind = rest.strip_prefix(&[BREAK])?;
    (is_ascii(id) & is_ascii(shard)).then_some(bytes.len() - behind.len())
}

/// As the standard library has it, with less ado for some tens of bytes.
#[inline]
fn is_ascii(text: &[u8]) -> bool {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    let Some(last) = text.last_chunk::<8>() else { return text.is_ascii() };
    let (words, _) = text.as_chunks::<8>();
    let ends_with = u64::from_ne_bytes(*last);
    let all = words.iter().fold(ends_with, |all, word| all | u64::from_ne_bytes(*word));
    all & HIGH_BITS == 0
}

/// The length of an entry that says what nearly all of them do: an id and a shard, both plain, and
/// nothing else. Every other entry is read word for word.
fn taken(bytes: &[u8]) -> Option<usize> {
    let (begin, members) = bytes.split_first()?;
    let behind = match members.strip_prefix(ID) {
        Some(id) => past_text(past_text(id)?.strip_prefix(SHARD)?)?,
        None => past_text(past_text(members.strip_prefix(SHARD)?)?.strip_prefix(ID)?)?,
    };
    let behind = match *begin {
        MAP_BEGIN => behind.strip_prefix(&[BREAK])?,
        MAP_OF_TWO => behind,
        _ => return None,
    };
    Some(bytes.len() - behind.len())
}

/// What follows a short text of ASCII characters.
fn past_text(bytes: &[u8]) -> Option<&[u8]> {
    let (len, rest) = match bytes {
        [head @ 0x60..0x78, rest @ ..] => (head & 31, rest),
        [0x78, len, rest @ ..] => (*len, rest),
        _ => return None,
    };
    let (text, behind) = rest.split_at_checked(usize::from(len))?;
    text.is_ascii().then_some(behind)
}

fn entry<'b>(reader: &mut Reader<'b>) -> Result<Entry<'b>, CborError> {
    let mut entry = Entry::default();
    reader.map::<CborError>(|reader, key| {
        match key {
            // A second one must not hide the first.
            "ErrorCode" => {
                let code = reader.optional_text()?;
                entry.code = code.or_else(|| entry.code.take());
            }
            "ErrorMessage" => entry.message = reader.optional_text()?,
            "SequenceNumber" => entry.has_id |= reader.optional_text()?.is_some(),
            "ShardId" => entry.shard = reader.optional_text()?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A text that is a head away from being what is expected.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let plain = proptest::collection::vec(any::<u8>(), 0..80);
        (plain, 0_u8..4).prop_map(|(mut text, kind)| {
            if kind < 3 {
                for byte in &mut text {
                    *byte &= 0x7f;
                }
            }
            let len = u8::try_from(text.len()).unwrap();
            let head = match kind {
                0 if len < 24 => vec![0x60 | len],
                0..=2 => vec![0x78, len],
                _ => vec![0x79, 0, len],
            };
            [head, text].concat()
        })
    }

    fn member() -> impl Strategy<Value = Vec<u8>> {
        let name = prop_oneof![
            Just(ID.to_vec()),
            Just(SHARD.to_vec()),
            Just(b"\x69ErrorCode".to_vec()),
            text(),
        ];
        (name, prop_oneof![4 => text(), 1 => Just(vec![0xf6])])
            .prop_map(|(name, value)| [name, value].concat())
    }

    proptest! {
        /// Whatever the short way takes for a record that was taken, the long way does, too, and
        /// both end at the same byte.
        #[test]
        fn the_short_way_sees_nothing_that_is_not_there(
            members in proptest::collection::vec(member(), 1..4),
            open in any::<bool>(),
            behind in proptest::collection::vec(any::<u8>(), 0..4),
        ) {
            let (begin, end): (u8, &[u8]) = if open {
                (MAP_BEGIN, &[BREAK])
            } else {
                (0xa0 | u8::try_from(members.len()).unwrap(), &[])
            };
            let bytes = [&[begin][..], &members.concat(), end, &behind].concat();
            let usual = as_usual(&bytes);
            if let Some(len) = taken(&bytes) {
                prop_assert!(usual.is_none_or(|usual| usual == len));
                let mut reader = Reader::new(&bytes[..len]);
                let entry = entry(&mut reader).unwrap();
                prop_assert!(entry.code.is_none() && entry.has_id && reader.end().is_ok());
                prop_assert_eq!(len + behind.len(), bytes.len());
            } else {
                prop_assert_eq!(usual, None);
            }
        }
    }

    #[test]
    fn every_byte_of_a_text_counts() {
        for len in 0..70 {
            let text = vec![b'4'; len];
            assert!(is_ascii(&text));
            for at in 0..len {
                let mut odd = text.clone();
                odd[at] = 0x80;
                assert!(!is_ascii(&odd), "{at} of {len}");
            }
        }
    }

    #[test]
    fn the_short_way_is_taken_by_what_the_service_says() {
        let id = [ID, b"\x78\x38", "4".repeat(56).as_bytes()].concat();
        let shard = [SHARD, b"\x74shardId-000000000000"].concat();
        for (begin, members, end) in [
            (b"\xbf", [&id, &shard], &b"\xff"[..]),
            (b"\xbf", [&shard, &id], &b"\xff"[..]),
            (b"\xa2", [&id, &shard], &b""[..]),
        ] {
            let bytes = [&begin[..], members[0], members[1], end].concat();
            assert_eq!(taken(&bytes), Some(bytes.len()));
            let is_first = begin == b"\xbf" && members[0] == &id;
            assert_eq!(as_usual(&bytes), is_first.then_some(bytes.len()));
            assert!((0..bytes.len()).all(|len| taken(&bytes[..len]).is_none()));
            assert!((0..bytes.len()).all(|len| as_usual(&bytes[..len]).is_none()));
        }
        assert_eq!(taken(&[&b"\xbf"[..], &id, &id, b"\xff"].concat()), None);
        assert_eq!(taken(&[&b"\xbf"[..], ID, b"\xf6", &shard, b"\xff"].concat()), None);
    }
}
