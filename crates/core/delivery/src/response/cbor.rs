//! The same answer in CBOR: walked over once, and only where a record failed a second time, to
//! note what it says.

use std::borrow::Cow;

use super::{CODE_NO_RESULT, FailedEntry, PutResponse, PutResponseError, ShardNumber};
use crate::cbor::{CborError, Reader};

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
    let answered = walk(body, |_, entry| all_taken &= entry.code.is_none() && entry.has_id)?;
    if answered != sent {
        return Err(PutResponseError::Count { answered, sent });
    }
    let mut answer = PutResponse::default();
    if all_taken {
        return Ok(answer);
    }
    walk(body, |index, entry| {
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
    })?;
    Ok(answer)
}

/// Goes over all entries and says how many there are.
fn walk<'b>(body: &'b [u8], mut look: impl FnMut(usize, &Entry<'b>)) -> Result<usize, CborError> {
    let mut reader = Reader::new(body);
    let mut count = None;
    reader.map(|reader, key| match key {
        "Records" if count.is_none() => {
            let mut index = 0;
            reader.array::<CborError>(|reader| {
                look(index, &entry(reader)?);
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
