//! The partition key of a record: by option, or from a template. Pure.
//!
//! What a template makes of a record is its key as long as it has 1 to 256 characters, which are
//! Unicode scalar values. A longer one is cut behind the 256th. If one of its places cannot be
//! filled, or there is nothing in it, the key is missing and `partitionKeyMissing` decides.

mod member;
pub mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use kinetail_base::identity::FileKey;
use kinetail_base::limits::PARTITION_KEY_CHARS_MAX;
use kinetail_records::{Matcher, decode};
use md5::{Digest as _, Md5};

use self::template::{KeyTemplate, MissingKey, Part};
use crate::PartitionKey;
use crate::body::RandomKey;

/// A pattern is compared with so many bytes of a record.
const MATCHED_BYTES_MAX: usize = 64 * 1024;

/// The logs of so many files are kept; the oldest goes first, and is asked for again.
const LOGS_MAX: usize = 1024;

/// Bytes of a character in UTF-8, at most.
const CHAR_BYTES_MAX: usize = 4;

/// Bytes of a hexadecimal MD5.
const MD5_DIGITS: usize = 32;

/// The partition key of one record.
#[derive(Debug)]
pub enum Key<'k> {
    /// The MD5 of the data, in hexadecimal digits.
    OfData(Md5Digits),
    /// It only spreads records.
    Random(RandomKey),
    /// Text of a template.
    Text(&'k str),
}

impl Key<'_> {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::OfData(digits) => digits.as_str(),
            Self::Random(key) => key.as_str(),
            Self::Text(text) => text,
        }
    }
}

/// How often keys were not what their template makes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct KeyCounts {
    /// A place could not be filled.
    pub missing: u64,
    /// They had too many characters.
    pub too_long: u64,
}

/// Makes the keys of a flow's records.
#[derive(Debug)]
pub struct KeyMaker {
    option: PartitionKey,
    matcher: Option<Matcher>,
    random: fastrand::Rng,
    /// The file that the next record is from, and the logs of files.
    file: FileKey,
    logs: BTreeMap<FileKey, Log>,
    key: String,
    /// A record as text, where it is none.
    decoded: String,
    /// The newest key was not what the template makes, because a place could not be filled.
    is_missing: bool,
    /// The same because it had too many characters.
    is_too_long: bool,
    counts: KeyCounts,
}

#[derive(Debug)]
struct Log {
    path: String,
    /// Where the name begins in it.
    name_at: usize,
}

impl Log {
    fn name(&self) -> &str {
        self.path.get(self.name_at..).unwrap_or_default()
    }
}

impl KeyMaker {
    /// A maker by this option. The seed decides random keys.
    #[must_use]
    pub fn new(option: &PartitionKey, seed: u64) -> Self {
        let matcher = match option {
            PartitionKey::Template(template) => template.pattern.as_ref().map(Matcher::new),
            PartitionKey::Deterministic | PartitionKey::Random => None,
        };
        Self {
            option: option.clone(),
            matcher,
            random: fastrand::Rng::with_seed(seed),
            file: FileKey(0),
            logs: BTreeMap::new(),
            key: String::new(),
            decoded: String::new(),
            is_missing: false,
            is_too_long: false,
            counts: KeyCounts::default(),
        }
    }

    /// The next records are of this file. `false` if it matters which log that is, and
    /// [`Self::set_log`] has not said so.
    #[must_use]
    pub fn knows_log(&mut self, file: FileKey) -> bool {
        let PartitionKey::Template(template) = &self.option else { return true };
        self.file = file;
        !template.needs_log() || self.logs.contains_key(&file)
    }

    /// The next records are of this file, whose log is matched under this path. It stays so
    /// whatever the file is called later.
    pub fn set_log(&mut self, file: FileKey, path: &str) {
        if self.logs.len() >= LOGS_MAX {
            self.logs.pop_first();
        }
        let name_at = path.rfind('/').map_or(0, |slash| slash + 1);
        self.logs.insert(file, Log { path: path.to_owned(), name_at });
        self.file = file;
    }

    /// The maximum length of a key, in bytes.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        match self.option {
            PartitionKey::Deterministic | PartitionKey::Random => MD5_DIGITS,
            PartitionKey::Template(_) => PARTITION_KEY_CHARS_MAX * CHAR_BYTES_MAX,
        }
    }

    /// How keys are made.
    #[must_use]
    pub fn option(&self) -> &PartitionKey {
        &self.option
    }

    /// The length of a key that does not come from a template, in bytes.
    #[must_use]
    pub(crate) fn bytes_of_own(&self) -> usize {
        match self.option {
            PartitionKey::Deterministic => MD5_DIGITS,
            PartitionKey::Random => RandomKey::BYTES,
            PartitionKey::Template(_) => 0,
        }
    }

    /// The least length that a key has, in bytes, if one had this length.
    #[must_use]
    pub(crate) fn bytes_min(&self, len: usize) -> usize {
        if matches!(self.option, PartitionKey::Template(_)) { len.min(1) } else { len }
    }

    /// The record whose key was made last is taken: counts what its template did not make.
    pub fn count(&mut self) {
        self.counts.missing += u64::from(self.is_missing);
        self.counts.too_long += u64::from(self.is_too_long);
    }

    /// How often keys were not what their template makes, since the last call.
    pub fn take_counts(&mut self) -> KeyCounts {
        std::mem::take(&mut self.counts)
    }

    /// A random key.
    pub fn random(&mut self) -> RandomKey {
        RandomKey::of(self.random.u32(..))
    }

    /// Whether keys are random, so that any may be taken for another.
    #[must_use]
    pub fn is_random(&self) -> bool {
        matches!(self.option, PartitionKey::Random)
    }

    /// The key of a record with this data.
    pub fn make(&mut self, data: &[u8]) -> Key<'_> {
        let template = match &self.option {
            PartitionKey::Deterministic => return Key::OfData(Md5Digits::of(data)),
            PartitionKey::Random => return Key::Random(RandomKey::of(self.random.u32(..))),
            PartitionKey::Template(template) => template,
        };
        self.key.clear();
        let mut filling = Filling {
            matcher: self.matcher.as_mut(),
            log: self.logs.get(&self.file),
            data,
            found: None,
        };
        let filled = filling.fill(template, &mut self.key, &mut self.decoded);
        self.is_missing = filled.is_none() || self.key.is_empty();
        if self.is_missing {
            self.key.clear();
            match &template.missing {
                MissingKey::Constant(constant) => self.key.push_str(constant),
                MissingKey::Random => {
                    self.key.push_str(RandomKey::of(self.random.u32(..)).as_str());
                }
            }
        }
        // Most keys have fewer bytes than that.
        let over = (self.key.len() > PARTITION_KEY_CHARS_MAX)
            .then(|| self.key.char_indices().nth(PARTITION_KEY_CHARS_MAX))
            .flatten();
        self.is_too_long = over.is_some();
        if let Some((end, _)) = over {
            self.key.truncate(end);
        }
        Key::Text(&self.key)
    }
}

/// One record whose key is made.
struct Filling<'r> {
    matcher: Option<&'r mut Matcher>,
    log: Option<&'r Log>,
    data: &'r [u8],
    /// Whether the pattern was compared, and matched.
    found: Option<bool>,
}

impl Filling<'_> {
    fn fill(
        &mut self,
        template: &KeyTemplate,
        key: &mut String,
        decoded: &mut String,
    ) -> Option<()> {
        for part in &template.parts {
            match part {
                Part::Text(text) => key.push_str(text),
                Part::Field(path) => member::find(self.data, path, key).then_some(())?,
                Part::File => key.push_str(self.log?.name()),
                Part::Path => key.push_str(&self.log?.path),
                Part::Group(group) => self.push_group(*group, key, decoded)?,
            }
        }
        Some(())
    }

    fn push_group(&mut self, group: usize, key: &mut String, decoded: &mut String) -> Option<()> {
        let data = self.data.get(..MATCHED_BYTES_MAX).unwrap_or(self.data);
        let text = decode(data.trim_ascii_end(), decoded);
        let matcher = self.matcher.as_mut()?;
        let is_found = *self.found.get_or_insert_with(|| matcher.find(text).unwrap_or(false));
        let (start, end) = matcher.group(group).filter(|_| is_found)?;
        key.push_str(text.get(start..end)?);
        Some(())
    }
}

/// An MD5 in lower-case hexadecimal digits.
#[derive(Debug)]
pub struct Md5Digits([u8; MD5_DIGITS]);

impl Md5Digits {
    fn of(data: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut out = [0; MD5_DIGITS];
        for (byte, pair) in Md5::digest(data).iter().zip(out.chunks_exact_mut(2)) {
            if let [high, low] = pair {
                *high = DIGITS[usize::from(byte >> 4)];
                *low = DIGITS[usize::from(byte & 15)];
            }
        }
        Self(out)
    }

    fn as_str(&self) -> &str {
        // Hexadecimal digits are always valid text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}
