//! Why the Java agent's positions cannot be imported, in words that say what to do.

use std::path::PathBuf;

use crate::checkpoint::private_copy::CopyError;

/// Why nothing was imported. Each reads well behind "cannot".
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The database cannot be copied, which is how it is read.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The file is no sound database.
    #[error(
        "read {}: database is corrupt ({detail}); restore it, or set javaCheckpointFile: off to \
         start at initialPosition", path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// Somebody has the database open.
    #[error(
        "import {}: in use by {name} (pid {pid}); stop the Java agent first (and its cron job \
         aws-kinesis-agent-babysit), or both would send the same lines", path.display()
    )]
    InUse {
        /// The database.
        path: PathBuf,
        /// The process.
        pid: u32,
        /// Its name.
        name: String,
    },
    /// A Java agent runs and it cannot be told whether it uses this database.
    #[error(
        "import {}: a Java Kinesis Agent is running (pid {pid}), and kinetail cannot see whether \
         it uses this database; stop it, or run `kinetail import` as root", path.display()
    )]
    MayBeInUse {
        /// The database.
        path: PathBuf,
        /// The process.
        pid: u32,
    },
    /// No database of the Java agent is there.
    #[error("find the Java agent's checkpoint database{}; specify it with --from", places(looked))]
    NotFound {
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// There is no database of kinetail's to take positions from.
    #[error(
        "read checkpoints: no checkpoint database at {}; kinetail creates it at its first start \
         with this configuration. If it runs with another one, name that with -c", path.display()
    )]
    NothingOwn {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Nothing says where the Java agent's database is.
    #[error("find the Java agent's checkpoint database; specify it with --to")]
    NoTarget,
    /// The database is not the Java agent's.
    #[error(
        "use {}: it is not the Java agent's checkpoint database ({detail})", path.display()
    )]
    NotJava {
        /// The database.
        path: PathBuf,
        /// What is missing in it.
        detail: String,
    },
    /// The Java agent's database cannot be written.
    #[error("write {}: {detail}; it was not modified", path.display())]
    Write {
        /// The database.
        path: PathBuf,
        /// What the system or SQLite says.
        detail: String,
    },
    /// The store has ended.
    #[error("save imported checkpoints: checkpoint store exited")]
    StoreClosed,
}

fn places(looked: &[PathBuf]) -> String {
    let names: Vec<String> = looked.iter().map(|path| path.display().to_string()).collect();
    if names.is_empty() { String::new() } else { format!(" at {}", names.join(" or ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_says_what_to_do() {
        let path = || PathBuf::from("/x/db");
        for (error, text) in [
            (ImportError::NotFound { looked: vec![path()] }, "at /x/db; specify it with --from"),
            (ImportError::NotFound { looked: Vec::new() }, "database; specify it with --from"),
            (ImportError::InUse { path: path(), pid: 7, name: "java".into() }, "java (pid 7)"),
            (ImportError::MayBeInUse { path: path(), pid: 7 }, "as root"),
            (ImportError::Damaged { path: path(), detail: "bad".into() }, "corrupt (bad); restore"),
            (ImportError::NotJava { path: path(), detail: "no table".into() }, "(no table)"),
            (ImportError::StoreClosed, "exited"),
            (ImportError::NoTarget, "--to"),
            (ImportError::NothingOwn { path: path() }, "database at /x/db; kinetail creates it"),
            (ImportError::Write { path: path(), detail: "full".into() }, "write /x/db: full"),
        ] {
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
