//! Taking over from the Java Kinesis Agent: its checkpoint database is read, each of its positions
//! is brought together with the file that it was taken in, and kinetail resumes there.
//!
//! `java` reads the rows, `running` sees whether they are still written, `files` looks at the
//! log files, `evidence`* says whether a file is the one of a row, `compressed` looks into
//! compressed ones, `plan` decides for one flow, `report` says it to people. The old database is
//! never written to, but by `back`, which hands positions back on request. In doubt
//! a file is read from byte 0, which repeats and does not lose.
//! `evidence` is pure: no clock and no I/O.

pub mod back;
mod compressed;
pub mod error;
mod evidence;
mod files;
pub mod java;
mod plan;
mod report;
mod running;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

pub use self::error::ImportError;
pub use self::plan::{FlowPlan, Kind, Line};
pub use self::report::{log, table};
use crate::checkpoint::Change;
use crate::checkpoint::private_copy::CopyError;
use crate::checkpoint::store::StoreHandle;
use crate::config::{Config, FlowConfig, JAVA_CHECKPOINT_FILE_DEFAULT, JavaCheckpoints};
use crate::shown::{Escaped, shown};

/// What is imported, or would be.
#[derive(Debug)]
pub struct Import {
    /// The Java agent's database.
    pub database: PathBuf,
    /// Each configured flow, in the order of the configuration.
    pub flows: Vec<FlowImport>,
    /// Flows that the database knows and the configuration does not.
    pub not_configured: Vec<String>,
}

/// One configured flow.
#[derive(Debug)]
pub struct FlowImport {
    /// Its id, the same as the Java agent's.
    pub flow: String,
    /// What becomes of it.
    pub state: FlowState,
}

/// What becomes of a flow.
#[derive(Debug)]
pub enum FlowState {
    /// kinetail has positions of its own for it; they stay.
    Known,
    /// The Java agent left no position; `initialPosition` says where to begin.
    NoRows,
    /// These positions are imported.
    Taken(FlowPlan),
}

/// Where the Java agent's database may be, in the order of looking.
#[must_use]
pub(crate) fn candidates(config: &Config) -> Vec<PathBuf> {
    match &config.java_checkpoints {
        JavaCheckpoints::At(path) => vec![path.clone()],
        JavaCheckpoints::Off => Vec::new(),
        JavaCheckpoints::Usual => vec![PathBuf::from(JAVA_CHECKPOINT_FILE_DEFAULT)],
    }
}

/// Reads the first of the databases that is there and works out what to import from it.
/// `known` are the flows that have run with kinetail already. Changes nothing. `looking` is told at
/// what it looks, which may take a while.
///
/// # Errors
/// See [`ImportError`]; [`ImportError::NotFound`] if no database is there.
pub fn prepare(
    config: &Config,
    databases: &[PathBuf],
    known: &BTreeSet<String>,
    looking: &dyn Fn(&str),
) -> Result<Import, ImportError> {
    let (database, rows) = read_first(databases, &scratch(config), looking)?;
    let mut flows = Vec::new();
    for flow in &config.flows {
        let rows = rows.of(&flow.id);
        let state = if known.contains(&flow.id) {
            FlowState::Known
        } else if rows.is_empty() {
            FlowState::NoRows
        } else {
            looking(&format!("the files of {}", Escaped(flow.pattern.text())));
            FlowState::Taken(plan::plan(flow, rows))
        };
        flows.push(FlowImport { flow: flow.id.clone(), state });
    }
    Ok(Import { not_configured: rows.unconfigured_flows(&config.flows), database, flows })
}

/// Whether what was prepared may be imported: two agents would send the same lines.
///
/// # Errors
/// [`ImportError::InUse`] or [`ImportError::MayBeInUse`] if the old database is still in use.
pub(crate) fn refuse_users(import: &Import) -> Result<(), ImportError> {
    if import.takes_something() { running::refuse_users(&import.database) } else { Ok(()) }
}

/// Writes what was prepared into the store. Returns when it is written, or kept to be written.
///
/// # Errors
/// As `refuse_users`, and [`ImportError::StoreClosed`] if the store has ended.
pub fn commit(import: &Import, store: &StoreHandle) -> Result<(), ImportError> {
    refuse_users(import)?;
    for flow in &import.flows {
        let FlowState::Taken(plan) = &flow.state else { continue };
        let changes = plan.checkpoints.iter().cloned().map(Change::Save).collect();
        let (tell, told) = sync_channel(1);
        let done = Box::new(move |result| {
            if tell.send(result).is_err() {
                tracing::debug!("import result discarded: the receiver is gone");
            }
        });
        let flow: Arc<str> = Arc::from(flow.flow.as_str());
        store.commit(&flow, changes, done).map_err(|_| ImportError::StoreClosed)?;
        told.recv().map_err(|_| ImportError::StoreClosed)?;
    }
    Ok(())
}

/// At the start: imports what no flow of this store has yet, and says so in the log. Without
/// a database of the Java agent nothing happens.
///
/// # Errors
/// See [`ImportError`]: a database that is there and cannot be read. To start without its
/// positions would lose what was written since. `looking` is as in [`prepare`].
pub(crate) fn at_start(
    config: &Config,
    store: &StoreHandle,
    looking: &dyn Fn(&str),
) -> Result<(), ImportError> {
    let mut known = BTreeSet::new();
    for flow in &config.flows {
        let loaded = store.load(&Arc::from(flow.id.as_str()));
        if loaded.map_err(|_| ImportError::StoreClosed)?.known_flow {
            known.insert(flow.id.clone());
        }
    }
    if known.len() == config.flows.len() {
        return Ok(());
    }
    let import = match prepare(config, &candidates(config), &known, looking) {
        Ok(import) => import,
        Err(ImportError::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    commit(&import, store)?;
    log(&import);
    Ok(())
}

impl Import {
    /// Whether there is anything to write.
    #[must_use]
    pub(crate) fn takes_something(&self) -> bool {
        self.flows.iter().any(|flow| matches!(flow.state, FlowState::Taken(_)))
    }

    /// Whether something that the Java agent had begun cannot be continued.
    #[must_use]
    pub(crate) fn has_gaps(&self) -> bool {
        self.flows.iter().any(|flow| match &flow.state {
            FlowState::Taken(plan) => plan.lines.iter().any(Line::is_gap),
            FlowState::Known | FlowState::NoRows => false,
        })
    }
}

fn read_first(
    databases: &[PathBuf],
    scratch: &[PathBuf],
    looking: &dyn Fn(&str),
) -> Result<(PathBuf, java::Rows), ImportError> {
    for database in databases {
        looking(&format!("javaCheckpointFile, {}", shown(database)));
        match java::read(database, scratch) {
            Ok(rows) => return Ok((database.clone(), rows)),
            Err(ImportError::Copy(CopyError::Read { source, .. }))
                if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(ImportError::NotFound { looked: databases.to_vec() })
}

/// Where a copy of the database may lie: under systemd nothing but the state directory can be
/// written.
#[must_use]
pub fn scratch(config: &Config) -> Vec<PathBuf> {
    config.checkpoint_file.parent().map(Path::to_path_buf).into_iter().collect()
}

impl java::Rows {
    fn unconfigured_flows(&self, configured: &[FlowConfig]) -> Vec<String> {
        let is_configured = |id: &&str| configured.iter().any(|flow| flow.id == **id);
        self.flows().filter(|id| !is_configured(id)).map(str::to_owned).collect()
    }
}
