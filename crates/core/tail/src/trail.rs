//! Places in a content that are proven in addition to the one where reading stands. A copy that was
//! made before the content was complete, or a file whose end was cut off, is known by them.

use super::identity::Position;

/// So many places of reading are kept of a content.
const POSITIONS_MAX: usize = 16;

/// So many places are saved of a content.
pub(super) const PLACES_MAX: usize = 64;

/// Adds the place where reading stood. Of too many one goes that has others close by: the further
/// back they are, the further apart they may be.
pub(crate) fn leave(trail: &mut Vec<Position>, at: Position) {
    if at.offset == 0 {
        return;
    }
    trail.push(at);
    if trail.len() <= POSITIONS_MAX {
        return;
    }
    let offset = |index: usize| trail.get(index).map_or(0, |place| place.offset);
    let crowded = (0..trail.len() - 1).min_by_key(|index| {
        let before = if *index == 0 { 0 } else { offset(index - 1) };
        let gap = offset(index + 1).saturating_sub(before);
        let back = at.offset.saturating_sub(offset(*index)).max(1);
        // A quotient of integers, as exact as is needed here.
        u128::from(gap) * 1_000_000 / u128::from(back)
    });
    if let Some(index) = crowded {
        trail.remove(index);
    }
}

/// Those of some places that lie in front of a position, in order.
pub(crate) fn before(places: impl Iterator<Item = Position>, end: Position) -> Vec<Position> {
    let mut before: Vec<Position> =
        places.filter(|at| at.offset > 0 && at.offset < end.offset).collect();
    before.sort_unstable_by_key(|at| at.offset);
    before.dedup_by_key(|at| at.offset);
    let over = before.len().saturating_sub(PLACES_MAX);
    before.drain(..over);
    before
}

#[cfg(test)]
mod tests {
    use super::super::identity::Anchor;
    use super::*;

    fn at(offset: u64) -> Position {
        Position { offset, anchor: Anchor::of(&offset.to_le_bytes()) }
    }

    #[test]
    fn however_much_is_read_some_place_is_close_to_every_earlier_one() {
        for step in [1, 37, 4_096] {
            let mut trail = Vec::new();
            for number in 0..5_000 {
                leave(&mut trail, at(number * step));
            }
            let end = 4_999 * step;
            assert!(trail.len() <= POSITIONS_MAX);
            assert!(trail.is_sorted_by_key(|place| place.offset));
            for back in [end / 2, end / 10, 20 * step] {
                let wanted = end - back;
                let place = trail.iter().rfind(|place| place.offset <= wanted).unwrap();
                let missed = wanted - place.offset;
                assert!(missed <= 2 * back, "{back} back of {end}: {missed} missed");
            }
        }
    }

    #[test]
    fn places_are_in_order_and_in_front() {
        let places = before([at(9), at(3), at(0), at(12), at(3)].into_iter(), at(12));
        assert_eq!(places, [at(3), at(9)]);
    }
}
