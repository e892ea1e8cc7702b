//! stub
#![expect(missing_docs, reason = "stub")]
use crate::send::DestinationHealth;
use std::{path::Path, sync::Arc, time::Instant};
#[derive(Debug)]
pub struct FlowStatus {
    pub flow: Arc<str>,
    pub destination: String,
    pub health: DestinationHealth,
    pub stepped_at: Instant,
    pub scanned_once: bool,
    pub files: Vec<FileStatus>,
    pub in_flight: usize,
    pub lag_bytes: u64,
    pub lag_seconds: f64,
    pub files_total: usize,
    pub files_open: usize,
    pub restarts: u64,
    pub records_delivered: u64,
    pub bytes_delivered: u64,
    pub retries: u64,
}
#[derive(Debug)]
pub struct FileStatus {
    pub path: Arc<Path>,
    pub state: &'static str,
    pub size: u64,
    pub read_offset: u64,
    pub acked_offset: u64,
    pub lag_bytes: u64,
    pub lag_seconds: f64,
}
impl Default for FlowStatus {
    fn default() -> Self {
        Self {
            flow: Arc::from(""),
            destination: String::new(),
            health: DestinationHealth::Ok,
            stepped_at: Instant::now(),
            scanned_once: false,
            files: vec![],
            in_flight: 0,
            lag_bytes: 0,
            lag_seconds: 0.0,
            files_total: 0,
            files_open: 0,
            restarts: 0,
            records_delivered: 0,
            bytes_delivered: 0,
            retries: 0,
        }
    }
}
impl FlowStatus {
    pub fn new(c: &crate::config::FlowConfig) -> Self {
        Self { flow: Arc::from(c.id.as_str()), ..Self::default() }
    }
}
