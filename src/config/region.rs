//! Names of regions: how they look, which there are, and which one was meant.

use super::site::is_region;
use super::suggest::nearest;

/// The regions that were known when this was written. A new one is no mistake.
const KNOWN: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
    "us-west-1",
    "us-west-2",
];

/// What a name of a region is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    Known,
    /// It looks like one, and may be a new one.
    Unknown {
        help: String,
    },
    /// No region is called so, now or later.
    Malformed {
        help: String,
    },
}

/// Looks at a name.
pub(crate) fn look(name: &str) -> Name {
    if KNOWN.contains(&name) {
        return Name::Known;
    }
    let plain = name.trim().to_ascii_lowercase().replace(['_', ' '], "-");
    let zone = plain.strip_suffix(|c: char| c.is_ascii_alphabetic());
    let help = if let Some(zone) = zone.filter(|zone| KNOWN.contains(zone)) {
        format!("that is an availability zone; its region is {zone}")
    } else if let Some(near) = nearest(&plain, KNOWN.iter().copied()) {
        format!("did you mean {near}?")
    } else {
        "write a name such as us-east-1".to_owned()
    };
    if is_region(name) { Name::Unknown { help } } else { Name::Malformed { help } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_region_says_which_one_may_be_meant() {
        assert!(KNOWN.is_sorted());
        for known in KNOWN {
            assert!(is_region(known), "{known}");
            assert_eq!(look(known), Name::Known);
        }
        for (name, help) in [
            ("eu-west1", "did you mean eu-west-1?"),
            ("us_east_1", "did you mean us-east-1?"),
            ("US-EAST-1", "did you mean us-east-1?"),
            ("us-east-1a", "that is an availability zone; its region is us-east-1"),
            ("useast1", "did you mean us-east-1?"),
            ("us-east", "did you mean us-east-1?"),
            ("us-east-1 ", "did you mean us-east-1?"),
            ("5", "write a name such as us-east-1"),
            ("frankfurt", "write a name such as us-east-1"),
        ] {
            assert_eq!(look(name), Name::Malformed { help: help.to_owned() }, "{name}");
        }
        for (name, help) in [
            ("eu-west-9", "did you mean eu-west-1?"),
            ("us-moon-north-1", "write a name such as us-east-1"),
        ] {
            assert_eq!(look(name), Name::Unknown { help: help.to_owned() }, "{name}");
        }
    }
}
