//! What only some rows have: holes, and proven places.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::Checkpoint;
use super::mirror::{Extras, Mirror};
use super::schema::ReadError;
use super::side_table::{SideTable, side_table};
use kinetail_base::holes::Holes;
use kinetail_base::identity::{Anchor, Digest128, Position};

pub(super) const TABLE: SideTable<2> = side_table!("details": "holes" "BLOB", "places" "BLOB");

/// A place is encoded in so many bytes.
const PLACE_BYTES: usize = 24;

pub(super) fn read(conn: &Connection, mirror: &mut Mirror) -> Result<(), ReadError> {
    TABLE.read(conn, mirror, |checkpoint, [holes, places]| {
        let damaged = || ReadError::Damaged("details that are none".to_owned());
        checkpoint.holes = Holes::decode(holes).ok_or_else(damaged)?;
        checkpoint.places = decode_places(places).ok_or_else(damaged)?;
        Ok(())
    })
}

/// Writes those of a row, or removes what was there.
pub(super) fn save(
    conn: &Connection,
    flow: &str,
    checkpoint: &Checkpoint,
    held: Extras,
) -> rusqlite::Result<()> {
    if !Extras::of(checkpoint).details {
        return if held.details { TABLE.delete(conn, flow, checkpoint.file) } else { Ok(()) };
    }
    let (holes, places) = (checkpoint.holes.encode(), encode_places(&checkpoint.places));
    let values = [ValueRef::Blob(&holes), ValueRef::Blob(&places)];
    TABLE.save(conn, (flow, checkpoint.file), values)
}

fn encode_places(places: &[Position]) -> Vec<u8> {
    let mut out = Vec::with_capacity(places.len() * PLACE_BYTES);
    for place in places {
        out.extend(place.offset.to_le_bytes());
        out.extend(place.anchor.0.0);
    }
    out
}

fn decode_places(bytes: &[u8]) -> Option<Vec<Position>> {
    let (places, rest) = bytes.as_chunks::<PLACE_BYTES>();
    let place = |bytes: &[u8; PLACE_BYTES]| {
        let (offset, anchor) = bytes.split_first_chunk::<8>()?;
        let anchor = Anchor(Digest128(anchor.try_into().ok()?));
        Some(Position { offset: u64::from_le_bytes(*offset), anchor })
    };
    rest.is_empty().then(|| places.iter().map(place).collect())?
}
