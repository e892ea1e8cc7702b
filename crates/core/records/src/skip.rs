//! Why records are not sent.

kinetail_base::labels! {
    /// Why a record is skipped or dropped. The labels are values of the label `reason` of the
    /// metric `kinetail_records_skipped_total`, and are explained in `docs/operations.md`.
    pub enum Skip {
        /// It follows the footer of its file.
        AfterFooter = "after_footer",
        /// It is a line about the log itself.
        Comment = "comment",
        /// The converter has not as many names as the line has fields.
        FieldCount = "field_count",
        /// By a FILTER.
        Filtered = "filtered",
        /// It is the footer of its file.
        Footer = "footer",
        /// It is a line at the beginning of its file, such as one with the names of columns.
        Header = "header",
        /// The line does not have the shape of the format or pattern.
        NoMatch = "no_match",
        /// An entry of the journal has none of the fields.
        NoMessage = "no_message",
        /// It is longer than `maxLineBytes`.
        OversizeLine = "oversize_line",
        /// The service rejected it permanently.
        RefusedByService = "refused_by_service",
        /// By a SAMPLE.
        Sampled = "sampled",
        /// It is larger than the service accepts, after the converters, and kept as a dead letter.
        TooLarge = "too_large",
        /// A step could not read it and `onUnparsable` is `skip` or `deadLetter`.
        Unparsable = "unparsable",
    }
}

impl Skip {
    /// Whether the configuration asks for it, whatever the record is like otherwise.
    #[must_use]
    pub fn is_by_rule(self) -> bool {
        matches!(self, Self::Comment | Self::Filtered | Self::Header | Self::Sampled)
    }
}
