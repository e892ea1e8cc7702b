//! Whether the numbers of rotated names grow with age or against it, as the times of files tell.

use super::{Found, Mark};
use crate::rotated::Rank;

/// Whether names of this log with a greater number are younger: the times of the files tell, if
/// they agree. Nothing if they do not.
pub(super) fn number_grows(found: &[Found], mark: Option<&Mark>) -> Option<bool> {
    let known = mark.and_then(|mark| Some((number(&mark.rank)?, mark.born_nanos?)));
    let (up, down) = directions(found.iter(), known);
    // Behind the whole name nearly all schemes count down; one pair of times is too little to
    // believe otherwise, for a tool may compress older files last.
    let enough = if found.iter().any(|found| matches!(found.rank, Rank::Index(_))) { 2 } else { 1 };
    match (up, down) {
        (up, 0) if up >= enough => Some(true),
        (0, down) if down > 0 => Some(false),
        _ => None,
    }
}

/// Whether the times of plain files say that some numbers count up and others down: a chain of
/// which the last file gets a name of its own. Then a number says that a file may be younger, and
/// never that it is older.
pub(super) fn numbers_go_both_ways(found: &[Found], mark: Option<&Mark>) -> bool {
    let time = |mark: &Mark| mark.born_nanos.or(mark.modified_nanos);
    let known = mark.and_then(|mark| Some((number(&mark.rank)?, time(mark)?)));
    let (up, down) = directions(found.iter().filter(|found| !found.packed), known);
    up > 0 && down > 0
}

fn number(rank: &Rank) -> Option<u32> {
    match rank {
        Rank::Index(number) | Rank::Counter(number) | Rank::Chain(number) => Some(*number),
        Rank::Date(_) | Rank::Unknown => None,
    }
}

/// How often the next greater number has a later time, and how often an earlier one.
fn directions<'f>(
    found: impl Iterator<Item = &'f Found>,
    known: Option<(u32, i128)>,
) -> (usize, usize) {
    let files = found.filter_map(|found| {
        let born = found.born_nanos.filter(|_| !found.packed);
        Some((number(&found.rank)?, born.unwrap_or(found.modified_nanos)))
    });
    let mut numbered: Vec<(u32, i128)> = files.chain(known).collect();
    numbered.sort_unstable();
    let pairs = numbered.iter().zip(numbered.iter().skip(1)).filter(|((a, _), (b, _))| a != b);
    let (mut up, mut down) = (0, 0);
    for ((_, a), (_, b)) in pairs {
        up += usize::from(b > a);
        down += usize::from(b < a);
    }
    (up, down)
}
