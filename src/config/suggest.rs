//! Did you mean …?

/// A longer text is no misspelt name.
const WRITTEN_CHARS_MAX: usize = 100;

/// The name that is nearest to what was written, if any is near enough to be meant.
pub(crate) fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    nearest_of(written, names.map(|name| (name, ()))).map(|(name, ())| name)
}

/// As [`nearest`], of names that come with something. Of equally near ones the first.
pub(super) fn nearest_of<'n, T>(
    written: &str,
    names: impl Iterator<Item = (&'n str, T)>,
) -> Option<(&'n str, T)> {
    let length = written.chars().take(WRITTEN_CHARS_MAX + 1).count();
    if length > WRITTEN_CHARS_MAX {
        return None;
    }
    let written = written.to_lowercase();
    let allowed = (length / 3).max(2).min(length / 2).clamp(1, 4);
    names
        .map(|(name, with)| (distance(&written, &name.to_lowercase()), name, with))
        .filter(|(distance, ..)| *distance <= allowed)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(_, name, with)| (name, with))
}

#[cfg(test)]
thread_local! {
    /// How many distances this thread worked out: what guesses cost.
    pub(super) static DISTANCES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The Levenshtein distance: insertions, deletions and changes of one character.
pub(super) fn distance(a: &str, b: &str) -> usize {
    #[cfg(test)]
    DISTANCES.set(DISTANCES.get() + 1);
    strsim::levenshtein(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_name_is_suggested() {
        let names = ["filePattern", "kinesisStream", "region", "wire"];
        let nearest = |written| nearest(written, names.into_iter());
        assert_eq!(nearest("filepattern"), Some("filePattern"));
        assert_eq!(nearest("filePatern"), Some("filePattern"));
        assert_eq!(nearest("kinesis_stream"), Some("kinesisStream"));
        assert_eq!(nearest("regoin"), Some("region"));
        assert_eq!(nearest("output"), None);
        assert_eq!(nearest(""), None);
    }
}
