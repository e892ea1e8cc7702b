//! Why something is counted: the values of the label `reason`. Those that belong to other code are
//! declared there; a test compares all of them with `docs/operations.md`.

kinetail_base::labels! {
    /// Why bytes are lost.
    pub enum BytesLost {
        /// Their file was destroyed, or its bytes were written over, before they could be read.
        FileGone = "file_gone",
        /// They came through standard input and were not delivered when kinetail stopped.
        StdinStopped = "stdin_stopped",
    }
}

kinetail_base::labels! {
    /// Why a partition key is not what `partitionKey` makes.
    pub enum KeyReplaced {
        /// A placeholder could not be filled.
        Missing = "missing",
        /// It is longer than the service accepts.
        TooLong = "too_long",
    }
}

kinetail_base::labels! {
    /// Why a line of kinetail's own log is lost.
    pub enum LineLost {
        /// The sink takes less than what there is to say.
        QueueFull = "queue_full",
        /// The sink failed.
        WriteFailed = "write_failed",
    }
}

kinetail_base::labels! {
    /// Why a report never reached CloudWatch.
    pub enum ReportDropped {
        /// CloudWatch is slower than the reports come.
        QueueFull = "queue_full",
        /// There are more destinations than are told apart.
        TooManyDestinations = "too_many_destinations",
    }
}
