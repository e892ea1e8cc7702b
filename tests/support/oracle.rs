//! The judge: what was written must have arrived, once and in order.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// What is wrong with a delivery. All zero is right.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Lines that were written and did not arrive.
    pub lost: Vec<String>,
    /// Lines that arrived more often than they were written.
    pub repeated: Vec<String>,
    /// Records that were never written.
    pub foreign: Vec<String>,
    /// Lines of one writer that arrived behind a later one.
    pub reordered: Vec<String>,
}

impl Verdict {
    /// Nothing lost, repeated, made up or reordered.
    pub fn is_exact(&self) -> bool {
        *self == Self::default()
    }

    /// Nothing lost or made up.
    pub fn is_complete(&self) -> bool {
        self.lost.is_empty() && self.foreign.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |list: &Vec<String>| {
            let first: Vec<&str> = list.iter().take(5).map(String::as_str).collect();
            format!("{} {first:?}", list.len())
        };
        write!(
            f,
            "lost {}; repeated {}; foreign {}; reordered {}",
            show(&self.lost),
            show(&self.repeated),
            show(&self.foreign),
            show(&self.reordered)
        )
    }
}

/// Compares lines written with records that arrived. A line is `generation|number|…`: within a
/// generation numbers grow. Records are compared byte for byte, their line ends included.
pub fn judge(written: &[Vec<u8>], arrived: &[Vec<u8>]) -> Verdict {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut expected: HashMap<&[u8], usize> = HashMap::new();
    for line in written {
        *expected.entry(line).or_default() += 1;
    }
    let mut verdict = Verdict::default();
    let mut got: HashMap<&[u8], usize> = HashMap::new();
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    for record in arrived {
        let Some(times) = expected.get(record.as_slice()) else {
            verdict.foreign.push(text(record));
            continue;
        };
        let seen = got.entry(record).or_default();
        *seen += 1;
        if *seen > *times {
            verdict.repeated.push(text(record));
            continue;
        }
        let line = text(record);
        let mut fields = line.split('|');
        let generation = fields.next().unwrap_or_default().to_owned();
        if let Some(number) = fields.next().and_then(|number| number.parse().ok()) {
            let last = newest.entry(generation).or_insert(number);
            if number < *last {
                verdict.reordered.push(line);
            } else {
                *last = number;
            }
        }
    }
    for line in written {
        // A line that was written twice must arrive twice.
        match got.get_mut(line.as_slice()).filter(|times| **times > 0) {
            Some(times) => *times -= 1,
            None => verdict.lost.push(text(line)),
        }
    }
    verdict
}

#[test]
fn the_judge_sees_every_kind_of_wrong() {
    let lines = |texts: &[&str]| -> Vec<Vec<u8>> {
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    };
    let written = lines(&["a|1|\n", "a|2|\n", "a|3|\n"]);
    assert!(judge(&written, &written).is_exact());
    assert_eq!(judge(&written, &lines(&["a|1|\n", "a|3|\n"])).lost, ["a|2|\n"]);
    let twice = lines(&["a|1|\n", "a|2|\n", "a|2|\n", "a|3|\n"]);
    assert_eq!(judge(&written, &twice).repeated, ["a|2|\n"]);
    let swapped = lines(&["a|2|\n", "a|1|\n", "a|3|\n"]);
    assert_eq!(judge(&written, &swapped).reordered, ["a|1|\n"]);
    assert_eq!(judge(&written, &lines(&["a|1|"])).foreign, ["a|1|"]);
    assert_eq!(judge(&lines(&["x", "x"]), &lines(&["x"])).lost, ["x"]);
}
