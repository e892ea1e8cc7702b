//! A sandbox in the process of the test, for the real binary to ship to.

use std::collections::HashSet;
use std::time::Duration;

use kinetail::sandbox::{Sandbox, SandboxHandle, SandboxOptions, StreamId};
use tokio::runtime::Runtime;

use super::oracle::judge;
use super::wait::wait_until;

/// A sandbox that serves until it is dropped.
pub struct Endpoint {
    /// Its remote control.
    pub handle: SandboxHandle,
    _runtime: Runtime,
}

impl Endpoint {
    /// A sandbox on a free port.
    pub fn start(options: SandboxOptions) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let sandbox = runtime.block_on(Sandbox::bind(options)).unwrap();
        let handle = sandbox.handle();
        runtime.spawn(sandbox.serve(std::future::pending()));
        Self { handle, _runtime: runtime }
    }

    /// One that nothing goes wrong in.
    pub fn healthy() -> Self {
        Self::start(SandboxOptions::default())
    }

    /// The data of the records of a stream, in the order of arrival.
    pub fn data(&self, stream: &StreamId) -> Vec<Vec<u8>> {
        self.handle.records(stream).into_iter().map(|record| record.data).collect()
    }

    /// How many records a stream took.
    pub fn count(&self, stream: &StreamId) -> usize {
        usize::try_from(self.handle.stats().stream(stream).records).unwrap()
    }

    /// Waits until everything that was written has arrived, however often. As long as some of it
    /// arrives within `timeout` it waits, however slow the machine is.
    pub fn wait_for_all(
        &self,
        stream: &StreamId,
        written: &[Vec<u8>],
        timeout: Duration,
        describe: impl Fn() -> String,
    ) {
        let mut missing: HashSet<&[u8]> = written.iter().map(Vec::as_slice).collect();
        let mut looked_at = 0;
        while !missing.is_empty() {
            let left = missing.len();
            let arrived = || {
                if self.count(stream) > looked_at {
                    let new = self.handle.records_from(stream, looked_at);
                    looked_at += new.len();
                    for record in new {
                        missing.remove(record.data.as_slice());
                    }
                }
                missing.len() < left
            };
            wait_until("further line", timeout, arrived, || {
                let lost = judge(written, &self.data(stream)).lost;
                let shown = lost.iter().take(3).map(|line| line.get(..40).unwrap_or(line));
                let shown: Vec<&str> = shown.collect();
                let (lost, written) = (lost.len(), written.len());
                format!("{lost} of {written} lines missing: {shown:?}\n{}", describe())
            });
        }
    }
}

/// The Kinesis stream of this name.
pub fn kinesis(name: &str) -> StreamId {
    StreamId::kinesis(name).unwrap()
}

/// The delivery stream of this name.
pub fn firehose(name: &str) -> StreamId {
    StreamId::firehose(name).unwrap()
}
