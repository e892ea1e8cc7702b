//! Which files are compared by their names, and the order of all that were found.

use std::cmp::Ordering;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Found, Mark};
use crate::rotated::Rank;

/// Files whose names tell which of them is older: those of one live name. Numbers do so only within
/// one directory, for each may have its own.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    live: PathBuf,
    directory: Option<PathBuf>,
}

impl Series {
    pub(super) fn of(live: &Path, rank: &Rank, path: &Path) -> Self {
        let is_number = matches!(rank, Rank::Index(_) | Rank::Counter(_) | Rank::Chain(_));
        let directory = path.parent().filter(|_| is_number).map(Path::to_path_buf);
        Self { live: live.to_path_buf(), directory }
    }
}

/// Oldest first. All are compared by the same evidence, or the order would depend on where one
/// begins. The numbers of each grow with age or against it, if that is known.
pub(super) fn in_order(mut all: Vec<(Found, Option<bool>)>) -> Vec<Found> {
    let born = |found: &Found| found.born_nanos.filter(|_| !found.packed);
    let series = |found: &Found| Series::of(&found.series, &found.rank, &found.path);
    let by_name = |(a, grows): &(Found, Option<bool>), b: &Found| {
        let same = series(a) == series(b);
        same.then(|| a.rank.age_against(&b.rank, *grows)).flatten()
    };
    let born_all = all.iter().all(|(found, _)| born(found).is_some());
    let mut others = all.iter().enumerate().map(|(at, one)| (one, all.iter().skip(at + 1)));
    let named = others.all(|(a, mut rest)| rest.all(|(b, _)| by_name(a, b).is_some()));
    if named && !born_all {
        all.sort_by(|a, (b, _)| by_name(a, b).unwrap_or(Ordering::Equal));
    } else {
        all.sort_by_key(|(found, _)| born(found).unwrap_or(found.modified_nanos));
    }
    all.into_iter().map(|(found, _)| found).collect()
}

/// Whether the newest known content got a name of another scheme. A small number or a day in the
/// middle of a name (`worker-2.log`, `app-Mon.log`) then rather is that of another program.
pub(super) fn is_of_another_series(found: &Found, mark: Option<&Mark>) -> bool {
    let like = mark.map(|mark| mark.rank.is_like(&found.rank));
    match found.rank {
        Rank::Chain(_) => like != Some(true),
        Rank::Counter(_) => {
            let known = mark.is_some_and(|mark| mark.rank != Rank::Unknown);
            known && like == Some(false) && !found.behind_link
        }
        Rank::Unknown => {
            let is_behind = |path: &Path| is_behind_name(path, &found.series);
            let mark = mark.filter(|mark| mark.series == found.series && !found.behind_link);
            mark.is_some_and(|mark| is_behind(&mark.path)) && !is_behind(&found.path)
        }
        Rank::Index(_) | Rank::Date(_) => false,
    }
}

/// Whether what a rotation added to a name follows the whole live name.
fn is_behind_name(path: &Path, live: &Path) -> bool {
    let names = path.file_name().zip(live.file_name());
    names.is_some_and(|(name, live)| name.as_bytes().starts_with(live.as_bytes()))
}
