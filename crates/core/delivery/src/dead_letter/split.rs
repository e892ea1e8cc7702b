//! The records of a flow in a record of the service that was refused.

use std::io::Read as _;

use flate2::read::GzDecoder;

use super::Origin;
use crate::aggregate::kpl;
use crate::sink::Compression;

/// Takes the data of one record of the service apart: what each of its `origins` brought, in order.
/// If that cannot be told, which would be an error here, all of it is the first one's.
#[must_use]
pub fn split(data: Vec<u8>, compression: Compression, origins: &[Origin]) -> Vec<Vec<u8>> {
    let data = unpacked(data, compression, origins);
    if origins.len() <= 1 {
        return vec![data];
    }
    let parts = kpl::records(&data).or_else(|| lines(&data, origins));
    match parts.filter(|parts| parts.len() == origins.len()) {
        Some(parts) => parts.into_iter().map(<[u8]>::to_vec).collect(),
        None => vec![data],
    }
}

/// The data before compression.
fn unpacked(data: Vec<u8>, compression: Compression, origins: &[Origin]) -> Vec<u8> {
    if compression == Compression::None {
        return data;
    }
    // No more comes out than went in: the records, with a newline between them.
    let limit: u64 = origins.iter().map(|origin| u64::from(origin.len) + 1).sum();
    let mut out = Vec::new();
    match GzDecoder::new(data.as_slice()).take(limit).read_to_end(&mut out) {
        Ok(_) => out,
        Err(_) => data,
    }
}

/// The records that were joined with newlines where they did not end in one.
fn lines<'d>(data: &'d [u8], origins: &[Origin]) -> Option<Vec<&'d [u8]>> {
    let mut rest = data;
    let mut parts = Vec::with_capacity(origins.len());
    for (place, origin) in origins.iter().enumerate() {
        let (part, remainder) = rest.split_at_checked(origin.len as usize)?;
        parts.push(part);
        let joined = place + 1 < origins.len() && part.last() != Some(&b'\n');
        rest = if joined { remainder.strip_prefix(b"\n")? } else { remainder };
    }
    rest.is_empty().then_some(parts)
}
