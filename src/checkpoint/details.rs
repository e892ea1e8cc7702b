//! What only some rows have: holes, and proven places. They stand in a table of their own, which
//! came later than the others; an older kinetail knows nothing of it and leaves it alone.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::Checkpoint;
use super::mirror::Mirror;
use super::schema::{ReadError, cell, has_table, put_bytes, verify};
use kinetail_base::holes::Holes;
use kinetail_base::identity::{Anchor, Digest128, FileKey, Position};

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS details(
        flow TEXT NOT NULL,
        file INTEGER NOT NULL,
        holes BLOB NOT NULL,
        places BLOB NOT NULL,
        row_digest BLOB NOT NULL,
        PRIMARY KEY(flow, file)
    ) STRICT, WITHOUT ROWID;
";

const SAVE: &str = "INSERT OR REPLACE INTO details VALUES(?1, ?2, ?3, ?4, ?5)";
const DELETE: &str = "DELETE FROM details WHERE flow = ?1 AND file = ?2";

/// A place is checkpointed in so many bytes.
const PLACE_BYTES: usize = 24;

/// Makes the table if it is missing.
pub(super) fn create(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(TABLE)
}

/// Those of a generation that has no row any more are left alone: an older kinetail lets rows go.
pub(super) fn read(conn: &Connection, mirror: &mut Mirror) -> Result<(), ReadError> {
    if !has_table(conn, "details")? {
        return Ok(());
    }
    let mut statement = conn.prepare("SELECT * FROM details")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let flow: Arc<str> = cell(row, "flow")?;
        let file = FileKey(cell::<i64>(row, "file")?.cast_unsigned());
        let holes: Vec<u8> = cell(row, "holes")?;
        let places: Vec<u8> = cell(row, "places")?;
        verify(row, digest(&flow, file, &holes, &places))?;
        let damaged = || ReadError::Damaged("details that are none".to_owned());
        let holes = Holes::decode(&holes).ok_or_else(damaged)?;
        let places = decode_places(&places).ok_or_else(damaged)?;
        let known = mirror.flow_mut(&flow).and_then(|known| known.rows.get_mut(&file));
        if let Some(known) = known {
            known.checkpoint.holes = holes;
            known.checkpoint.places = places;
        }
    }
    Ok(())
}

/// Writes those of a row, or takes out what was there.
pub(super) fn save(conn: &Connection, flow: &str, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let file = checkpoint.file;
    if checkpoint.holes.is_empty() && checkpoint.places.is_empty() {
        return delete(conn, flow, file);
    }
    let holes = checkpoint.holes.encode();
    let places = encode_places(&checkpoint.places);
    conn.prepare_cached(SAVE)?.execute(params![
        flow,
        file.0.cast_signed(),
        holes,
        places,
        digest(flow, file, &holes, &places).0,
    ])?;
    Ok(())
}

/// Takes out those of a row.
pub(super) fn delete(conn: &Connection, flow: &str, file: FileKey) -> rusqlite::Result<()> {
    conn.prepare_cached(DELETE)?.execute(params![flow, file.0.cast_signed()])?;
    Ok(())
}

/// Takes out all.
pub(super) fn delete_all(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch("DELETE FROM details;")
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

fn digest(flow: &str, file: FileKey, holes: &[u8], places: &[u8]) -> Digest128 {
    let mut bytes = Vec::with_capacity(64 + holes.len() + places.len());
    put_bytes(&mut bytes, flow.as_bytes());
    bytes.extend(file.0.to_le_bytes());
    put_bytes(&mut bytes, holes);
    put_bytes(&mut bytes, places);
    Digest128::of(&bytes)
}
