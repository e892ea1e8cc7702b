//! `PARSELOG`: the formats of programs that everybody has, as those programs write them and not as
//! their manuals say, with what odd clients send.

mod access;
mod aws;
mod error;
mod haproxy;
mod journal;
mod syslog;
mod tokens;
mod w3c;

use self::w3c::Headers;
use super::{Context, Fields, Header, Stop, TextParser, Type, Types};

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyFormat {
    /// Load balancers of AWS for HTTP.
    Alb,
    /// Apache's common and combined formats, also with the virtual host in front.
    Apache,
    /// Apache's error log, of 2.2 and 2.4.
    ApacheError,
    /// Standard logs of `CloudFront`.
    CloudFront,
    /// `HAProxy`, for HTTP and TCP, also as syslog writes it.
    HaProxy,
    /// One entry of `journalctl -o export`.
    JournalExport,
    /// nginx's combined format, also with what follows in its `main` format.
    Nginx,
    /// nginx's error log.
    NginxError,
    /// Server access logs of S3.
    S3,
    /// RFC 3164, and what programs write into /var/log/syslog.
    Syslog,
    /// RFC 5424.
    Syslog5424,
    /// W3C extended logs, such as those of IIS.
    W3c,
}

impl ReadyFormat {
    /// Which parts are numbers.
    #[must_use]
    pub fn types(self) -> Types {
        let names: &[&str] = match self {
            Self::Alb => aws::ALB_NUMBERS,
            Self::Apache | Self::Nginx => &["status", "bytes"],
            Self::ApacheError | Self::NginxError => &["pid", "tid", "connection"],
            Self::CloudFront | Self::W3c => w3c::NUMBERS,
            Self::HaProxy => haproxy::NUMBERS,
            Self::JournalExport => &["PRIORITY", "_PID", "_UID", "_GID"],
            Self::S3 => aws::S3_NUMBERS,
            Self::Syslog | Self::Syslog5424 => &["pid", "facility"],
        };
        Types::Named(names.iter().map(|name| ((*name).to_owned(), Type::Number)).collect())
    }
}

/// The parser.
#[derive(Debug, Clone)]
pub struct ParseLog {
    format: ReadyFormat,
    headers: Headers,
}

impl ParseLog {
    /// A parser of a format.
    #[must_use]
    pub fn new(format: ReadyFormat) -> Self {
        Self { format, headers: Headers::default() }
    }
}

impl TextParser for ParseLog {
    fn name(&self) -> &'static str {
        "PARSELOG"
    }

    fn parse(&mut self, text: &str, context: &Context, into: &mut Fields) -> Result<(), Stop> {
        match self.format {
            ReadyFormat::Alb => aws::load_balancer(text, into)?,
            ReadyFormat::Apache => access::apache(text, into)?,
            ReadyFormat::ApacheError => error::apache(text, into)?,
            ReadyFormat::CloudFront | ReadyFormat::W3c => {
                self.headers.parse(text, context, into)?;
            }
            ReadyFormat::HaProxy => haproxy::parse(text, into)?,
            ReadyFormat::JournalExport => journal::parse(text.as_bytes(), into)?,
            ReadyFormat::Nginx => access::nginx(text, into)?,
            ReadyFormat::NginxError => error::nginx(text, into)?,
            ReadyFormat::S3 => aws::s3(text, into)?,
            ReadyFormat::Syslog => syslog::rfc3164(text, into)?,
            ReadyFormat::Syslog5424 => syslog::rfc5424(text, into)?,
        }
        Ok(())
    }

    fn parse_bytes(&mut self, bytes: &[u8], into: &mut Fields) -> Option<Result<(), Stop>> {
        let is_export = self.format == ReadyFormat::JournalExport;
        is_export.then(|| Ok(journal::parse(bytes, into)?))
    }

    fn header(&self, file: u64) -> Option<Header> {
        let has_header = matches!(self.format, ReadyFormat::CloudFront | ReadyFormat::W3c);
        (has_header && !self.headers.knows(file)).then_some(Header::Last(w3c::FIELDS_LINE))
    }

    fn learn(&mut self, line: &str, file: u64) {
        self.headers.learn(line.trim_start_matches('\u{FEFF}'), file);
    }
}
