//! One converter of the chain, ready to work: the Java agent's, or a step of our own.

use super::outcome::{ConvertError, Refused};
use crate::add_ec2_metadata::AddEc2Metadata;
use crate::add_metadata::AddMetadata;
use crate::csv_to_json::CsvToJson;
use crate::log_to_json::LogToJson;
use crate::single_line::SingleLine;
use crate::steps::{Context, StepConfig};
use crate::{ConverterConfig, add_brackets};

/// What a converter did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// It appended the converted record.
    Converted,
    /// It has nothing to add: the record stays as it is.
    Unchanged,
}

/// One converter, ready to work.
#[derive(Debug)]
pub(super) enum Converter {
    AddBrackets,
    AddEc2Metadata(AddEc2Metadata),
    AddMetadata(AddMetadata),
    CsvToJson(CsvToJson),
    LogToJson(LogToJson),
    SendRaw { converter: &'static str, reason: &'static str },
    SingleLine(SingleLine),
    Step(StepConfig),
}

impl Converter {
    pub(super) fn new(config: &ConverterConfig) -> Self {
        match config {
            ConverterConfig::AddBrackets => Self::AddBrackets,
            ConverterConfig::AddEc2Metadata { format, tags, .. } => {
                Self::AddEc2Metadata(AddEc2Metadata { format: *format, tags: tags.clone() })
            }
            ConverterConfig::AddMetadata { metadata, timestamp, format } => {
                Self::AddMetadata(AddMetadata::new(metadata, *timestamp, *format))
            }
            ConverterConfig::CsvToJson { field_names, delimiter, format } => {
                Self::CsvToJson(CsvToJson::new(field_names, delimiter, *format))
            }
            ConverterConfig::LogToJson { log_format, pattern, field_names, null_name, format } => {
                let names = field_names.as_deref();
                let converter = LogToJson::new(*log_format, pattern.as_ref(), names, *format);
                Self::LogToJson(converter.with_null_name(*null_name))
            }
            &ConverterConfig::SendRaw { converter, reason } => Self::SendRaw { converter, reason },
            ConverterConfig::Step(config) => Self::Step(config.clone()),
            &ConverterConfig::SingleLine { trim, escape_new_line } => {
                Self::SingleLine(SingleLine { trim, escape_new_line })
            }
        }
    }

    /// The `optionName` in the configuration.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::AddBrackets => "ADDBRACKETS",
            Self::AddEc2Metadata(_) => "ADDEC2METADATA",
            Self::AddMetadata(_) => "ADDMETADATA",
            Self::CsvToJson(_) => "CSVTOJSON",
            Self::LogToJson(_) => "LOGTOJSON",
            Self::SendRaw { converter, .. } => converter,
            Self::SingleLine(_) => "SINGLELINE",
            Self::Step(config) => config.step.name(),
        }
    }

    /// Whether it removes secrets.
    pub(super) fn redacts(&self) -> bool {
        match self {
            Self::Step(config) => config.step.redacts(),
            _ => false,
        }
    }

    /// Appends the converted record.
    pub(super) fn convert(
        &mut self,
        text: &str,
        context: &Context,
        out: &mut Vec<u8>,
    ) -> Result<Done, Refused> {
        match self {
            Self::AddBrackets => add_brackets::convert(text, out),
            Self::AddEc2Metadata(converter) => {
                if !converter.convert(text, context.facts.as_ref(), out)? {
                    return Ok(Done::Unchanged);
                }
            }
            Self::AddMetadata(converter) => converter.convert(text, context.unix_millis, out),
            Self::CsvToJson(converter) => converter.convert(text, out)?,
            Self::LogToJson(converter) => converter.convert(text, out)?,
            Self::SendRaw { reason, .. } => {
                return Err(Refused::Raw(ConvertError::Configuration(reason)));
            }
            Self::SingleLine(converter) => converter.convert(text, out),
            // The chain runs them itself.
            Self::Step(_) => return Ok(Done::Unchanged),
        }
        Ok(Done::Converted)
    }
}
