//! What people ask of a daemon that runs, and what it answers. Who carries it out is in `daemon`.

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::checkpoint::edit::{Edit, EditError};

/// Orders that may wait for the daemon.
pub(crate) const ORDERS_MAX: usize = 16;

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Change the checkpoints of a flow.
    Edit(Edit),
    /// Read the configuration again and go over to it.
    Reload,
}

kinetail_base::labels! {
    /// How an order ended.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Outcome {
        /// It is carried out.
        Done = "done",
        /// A part of it is.
        Partly = "partly",
        /// Nothing was changed.
        Refused = "refused",
    }
}

/// The answer to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// How it ended.
    pub outcome: Outcome,
    /// What happened, one thing a line.
    pub lines: Vec<String>,
}

impl Reply {
    /// Nothing was changed, and why.
    #[must_use]
    pub fn refused(line: impl Into<String>) -> Self {
        Self { outcome: Outcome::Refused, lines: vec![line.into()] }
    }

    /// How a change of checkpoints ended.
    #[must_use]
    pub(crate) fn of_edit(result: Result<Vec<String>, EditError>) -> Self {
        match result {
            Ok(lines) => Self { outcome: Outcome::Done, lines },
            Err(error) if error.changed_nothing() => Self::refused(error.to_string()),
            Err(error) => Self { outcome: Outcome::Partly, lines: vec![error.to_string()] },
        }
    }
}

/// An order and where its answer goes, if anybody waits for it.
#[derive(Debug)]
pub struct Asked {
    /// The order.
    pub order: Order,
    /// Who waits for the answer.
    pub reply: Option<oneshot::Sender<Reply>>,
}

/// The way to whoever carries orders out.
#[derive(Debug, Clone)]
pub struct Desk(mpsc::Sender<Asked>);

impl Desk {
    /// A desk, and where orders come out.
    #[must_use]
    pub fn open() -> (Self, mpsc::Receiver<Asked>) {
        let (sender, receiver) = mpsc::channel(ORDERS_MAX);
        (Self(sender), receiver)
    }

    /// Hands an order over without waiting for anything. Says whether it was taken.
    ///
    /// `false` if too many orders wait already, or the executor is gone.
    #[must_use]
    pub fn post(&self, order: Order) -> bool {
        self.0.try_send(Asked { order, reply: None }).is_ok()
    }

    /// Hands an order over and waits for the answer.
    pub async fn ask(&self, order: Order) -> Reply {
        let (reply, answer) = oneshot::channel();
        if self.0.try_send(Asked { order, reply: Some(reply) }).is_err() {
            return Reply::refused("too many orders are queued, or kinetail is stopping");
        }
        answer.await.unwrap_or_else(|_| Reply {
            outcome: Outcome::Partly,
            lines: vec![
                "kinetail is stopping; check whether the change was applied: run `kinetail \
                 checkpoints list` after the next start"
                    .to_owned(),
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_nothing_is_called_refused() {
        let outcome = |result| Reply::of_edit(result).outcome;
        assert_eq!(outcome(Ok(Vec::new())), Outcome::Done);
        assert_eq!(outcome(Err(EditError::Store)), Outcome::Refused);
        assert_eq!(outcome(Err(EditError::NoFile)), Outcome::Refused);
        assert_eq!(outcome(Err(EditError::Late)), Outcome::Partly);
    }
}
