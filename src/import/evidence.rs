//! Whether a file is still the one that a row of the Java agent was written for. No clock and no
//! I/O: who asks brings what the file shows.
//!
//! The Java agent kept no digest of any content, so this is circumstance: the inode, the size, the
//! times, and the line end before the offset. Each of them can refute; together they are taken as
//! proof.

use super::java::Row;

/// The Java agent holds a record back for up to 15 minutes (`maxBufferAgeMillis`) and then retries.
/// A file that was quiet for longer than this when that agent last wrote a position was read to its
/// end by then, or that agent was not going to read it.
const SENT_WITHIN_MILLIS: i64 = 60 * 60 * 1000;

/// What a file shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// In bytes.
    pub(super) size: u64,
    /// When it was last modified, in milliseconds since 1970.
    pub(super) modified_millis: i64,
    /// When it was made, if the file system tells.
    pub(super) born_millis: Option<i64>,
    /// The byte before the row's offset, if there is one.
    pub(super) before_offset: Option<u8>,
}

/// Why a file is not taken for the one of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Doubt {
    #[error("inode reused: the file was created after the Java agent's checkpoint")]
    BornLater,
    #[error("the Java agent's checkpoint has no offset")]
    NoOffset,
    #[error("no newline before the Java agent's offset")]
    NoLineEnd,
    #[error("modification time moved backwards")]
    SetBack,
    #[error("truncated since the Java agent's checkpoint")]
    Shorter,
}

/// What speaks against the file, if anything does.
pub(super) fn doubt(row: &Row, facts: &Facts) -> Option<Doubt> {
    let Some(offset) = row.offset else { return Some(Doubt::NoOffset) };
    if let (Some(born), Some(updated)) = (facts.born_millis, row.updated_millis)
        && born > updated
    {
        return Some(Doubt::BornLater);
    }
    if facts.size < offset.max(row.size) {
        return Some(Doubt::Shorter);
    }
    if facts.modified_millis < row.modified_millis {
        return Some(Doubt::SetBack);
    }
    (offset > 0 && facts.before_offset != Some(b'\n')).then_some(Doubt::NoLineEnd)
}

/// What became of the rest of a file that the Java agent left before it continued with another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// It was written after that agent last wrote a position, or so shortly before that it cannot
    /// can tell: it is sent, perhaps for a second time.
    Open,
    /// It was sent together with the beginning of the next file, whose position tells.
    Sent,
}

/// Decides about the bytes behind the offset of a row that is not the flow's last one.
pub(super) fn rest_of_older(facts: &Facts, last: &Row) -> Rest {
    match last.updated_millis {
        Some(updated)
            if facts.modified_millis.saturating_add(SENT_WITHIN_MILLIS) < updated
                && facts.modified_millis < last.seen_millis() =>
        {
            Rest::Sent
        }
        Some(_) | None => Rest::Open,
    }
}

/// Whether a file for which there is no row was there before the one that the Java agent read
/// last: then that agent had read it, or passed it over for good.
pub(super) fn was_passed(facts: &Facts, last: &Row) -> bool {
    facts.modified_millis < last.seen_millis()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::identity::Inode;

    fn row() -> Row {
        Row {
            path: "/l/app.log".into(),
            inode: Some(Inode { device: 1, number: 2 }),
            modified_millis: 5_000,
            size: 90,
            offset: Some(80),
            updated_millis: Some(6_000),
        }
    }

    fn facts() -> Facts {
        Facts {
            size: 100,
            modified_millis: 7_000,
            born_millis: Some(1_000),
            before_offset: Some(b'\n'),
        }
    }

    #[test]
    fn a_file_that_only_grew_is_the_same() {
        assert_eq!(doubt(&row(), &facts()), None);
        let untouched = Facts { size: 90, modified_millis: 5_000, ..facts() };
        assert_eq!(doubt(&row(), &untouched), None);
        let unknown_birth = Facts { born_millis: None, ..facts() };
        assert_eq!(doubt(&row(), &unknown_birth), None);
        let at_start = Facts { before_offset: None, ..facts() };
        assert_eq!(doubt(&Row { offset: Some(0), ..row() }, &at_start), None);
    }

    #[test]
    fn each_piece_of_evidence_can_refute() {
        for (facts, expected) in [
            (Facts { born_millis: Some(6_001), ..facts() }, Doubt::BornLater),
            (Facts { size: 89, ..facts() }, Doubt::Shorter),
            (Facts { modified_millis: 4_999, ..facts() }, Doubt::SetBack),
            (Facts { before_offset: Some(b'x'), ..facts() }, Doubt::NoLineEnd),
            (Facts { before_offset: None, ..facts() }, Doubt::NoLineEnd),
        ] {
            assert_eq!(doubt(&row(), &facts), Some(expected));
        }
        let behind_end = Row { offset: Some(101), size: 10, ..row() };
        assert_eq!(doubt(&behind_end, &facts()), Some(Doubt::Shorter));
        assert_eq!(doubt(&Row { offset: None, ..row() }, &facts()), Some(Doubt::NoOffset));
    }

    #[test]
    fn the_rest_of_an_older_file_counts_as_sent_only_after_a_long_silence() {
        let hour = SENT_WITHIN_MILLIS;
        let last = Row { modified_millis: 2 * hour, updated_millis: Some(2 * hour), ..row() };
        let quiet_since = |modified_millis| Facts { modified_millis, ..facts() };
        assert_eq!(rest_of_older(&quiet_since(hour - 1), &last), Rest::Sent);
        assert_eq!(rest_of_older(&quiet_since(hour), &last), Rest::Open);
        assert_eq!(rest_of_older(&quiet_since(3 * hour), &last), Rest::Open);
        let undated = Row { updated_millis: None, ..last };
        assert_eq!(rest_of_older(&quiet_since(0), &undated), Rest::Open);
    }

    #[test]
    fn only_a_file_that_is_older_was_passed() {
        assert!(was_passed(&Facts { modified_millis: 4_999, ..facts() }, &row()));
        assert!(!was_passed(&Facts { modified_millis: 5_000, ..facts() }, &row()));
        let without_time = Row { modified_millis: 0, ..row() };
        assert!(was_passed(&Facts { modified_millis: 5_999, ..facts() }, &without_time));
        assert!(!was_passed(&Facts { modified_millis: 6_000, ..facts() }, &without_time));
    }
}
