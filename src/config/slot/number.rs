//! Typed looks at a value that is a number.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Slot;
use crate::config::diagnostics::{Findings, Kind};
use crate::config::scalar;
use crate::config::schema::{self, Shape};

impl Slot<'_> {
    /// The number if it is in the range; else what is wrong with it, if that was not told already.
    fn ranged(
        self,
        findings: &mut Findings<'_>,
        range: &RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, Option<(i64, String)>> {
        let (least, most) = (*range.start(), *range.end());
        schema::note(self.name, || Shape::Number { least, most, default });
        let number = self.scalar(findings, "an integer", scalar::integer).ok_or(None)?;
        u64::try_from(number).ok().filter(|number| range.contains(number)).ok_or_else(|| {
            let name = self.name;
            Some((number, format!("'{name}': {number} is out of range ({least} to {most})")))
        })
    }

    /// A whole number in a range; else the default.
    pub(in crate::config) fn integer(
        self,
        findings: &mut Findings<'_>,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> u64 {
        self.ranged(findings, &range, default).unwrap_or_else(|wrong| {
            let Some((_, message)) = wrong else { return default };
            if self.is_late {
                let help = format!("{default} is used");
                self.tolerated(findings, Kind::OutOfRange, message).help(help);
            } else {
                let help = format!("omit the key to use the default ({default})");
                self.error(findings, Kind::OutOfRange, message).help(help);
            }
            default
        })
    }

    /// A whole number that the Java agent takes whatever it is: outside of the range the nearest
    /// number in it is used, and that is said.
    pub(in crate::config) fn nearest_integer(
        self,
        findings: &mut Findings<'_>,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> u64 {
        self.ranged(findings, &range, default).unwrap_or_else(|wrong| {
            let Some((number, message)) = wrong else { return default };
            let used = u64::try_from(number).unwrap_or(0).clamp(*range.start(), *range.end());
            self.warn(findings, Kind::OutOfRange, message).help(format!("{used} is used"));
            used
        })
    }

    /// Looks whether there is a whole number in a range, and has no use for it.
    pub(in crate::config) fn fits(self, findings: &mut Findings<'_>, range: RangeInclusive<i64>) {
        let number = self.scalar(findings, "an integer", scalar::integer);
        if let Some(number) = number.filter(|number| !range.contains(number)) {
            let (from, to) = (range.start(), range.end());
            let message = format!("'{}': {number} is out of range ({from} to {to})", self.name);
            self.error(findings, Kind::OutOfRange, message).help("remove the key");
        }
    }

    /// As [`Self::nearest_integer`], in milliseconds.
    pub(in crate::config) fn nearest_millis(
        self,
        findings: &mut Findings<'_>,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Duration {
        Duration::from_millis(self.nearest_integer(findings, range, default))
    }

    /// As [`Self::integer`], for sizes and counts.
    pub(in crate::config) fn count(
        self,
        findings: &mut Findings<'_>,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> usize {
        usize::try_from(self.integer(findings, range, default)).unwrap_or(usize::MAX)
    }

    /// As [`Self::integer`], in milliseconds.
    pub(in crate::config) fn millis(
        self,
        findings: &mut Findings<'_>,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Duration {
        Duration::from_millis(self.integer(findings, range, default))
    }
}
