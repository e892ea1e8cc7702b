//! The predefined log formats of `LOGTOJSON`, each with a parser written by hand.
//!
//! The Java agent describes these formats by regular expressions. Each parser here accepts the
//! same lines and cuts them at the same places, some forty times faster; `oracle` holds the
//! regular expressions, and the tests compare the two. No parser goes back: in each format, what
//! may follow a part cannot be a character of that part.

mod apache;
#[cfg(test)]
mod oracle;
mod scan;
mod syslog;

/// The most fields that a predefined format has.
const FIELDS_MAX: usize = 9;

/// The values of a line, in the order of the field names. They are parts of the line, cut
/// between characters; a part that the line does not have is `None`.
pub(super) type Values<'t> = [Option<&'t [u8]>; FIELDS_MAX];

/// A predefined log format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// `COMMONAPACHELOG`.
    CommonApacheLog,
    /// `COMBINEDAPACHELOG`.
    CombinedApacheLog,
    /// `APACHEERRORLOG`, in the shape that Apache 2.4 writes.
    ApacheErrorLog,
    /// `SYSLOG`, with the time stamp of RFC 3164.
    Syslog,
    /// `RFC3339SYSLOG`.
    Rfc3339Syslog,
}

impl LogFormat {
    /// The names that the fields have unless `customFieldNames` says otherwise.
    #[must_use]
    pub fn field_names(self) -> &'static [&'static str] {
        match self {
            Self::CommonApacheLog => &apache::COMMON_FIELDS,
            Self::CombinedApacheLog => &apache::COMBINED_FIELDS,
            Self::ApacheErrorLog => &apache::ERROR_FIELDS,
            Self::Syslog | Self::Rfc3339Syslog => &syslog::FIELDS,
        }
    }

    /// Whether a value that is just `-` means that there is none.
    pub(super) fn dash_is_null(self) -> bool {
        match self {
            Self::CommonApacheLog | Self::CombinedApacheLog | Self::ApacheErrorLog => true,
            Self::Syslog | Self::Rfc3339Syslog => false,
        }
    }

    /// The values of a line without its line feed; `None` when it is not of this format.
    pub(super) fn parse(self, line: &str) -> Option<Values<'_>> {
        let line = line.as_bytes();
        match self {
            Self::CommonApacheLog => apache::common(line),
            Self::CombinedApacheLog => apache::combined(line),
            Self::ApacheErrorLog => apache::error(line),
            Self::Syslog => syslog::rfc3164(line),
            Self::Rfc3339Syslog => syslog::rfc3339(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LogFormat::{
        ApacheErrorLog, CombinedApacheLog, CommonApacheLog, Rfc3339Syslog, Syslog,
    };

    #[test]
    fn section_2_4_field_names() {
        let common = "host ident authuser datetime request response bytes";
        for (format, want) in [
            (CommonApacheLog, common.to_owned()),
            (CombinedApacheLog, format!("{common} referer agent")),
            (
                ApacheErrorLog,
                "timestamp module severity processid threadid client message".to_owned(),
            ),
            (Syslog, "timestamp hostname program processid message".to_owned()),
            (Rfc3339Syslog, "timestamp hostname program processid message".to_owned()),
        ] {
            assert_eq!(format.field_names().join(" "), want, "{format:?}");
        }
    }
}
