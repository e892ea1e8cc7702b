//! How large the program is without its symbols.

use std::process::Command;

use super::{Goal, Ground, Row};
use crate::error::BenchError;
use crate::subject::program;
use crate::throughput::float;

pub(super) fn run(ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let stripped = ground.settings.directory.join("kinetail-stripped");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&stripped).arg(program());
    let status = strip.status().map_err(BenchError::io("start strip, of the package binutils"))?;
    if !status.success() {
        return Err(BenchError::Answer("strip failed"));
    }
    let meta = std::fs::metadata(&stripped).map_err(BenchError::io("look at the program"))?;
    let figure = (float(meta.len()) / 1e6, "MB");
    Ok(vec![Row::new("size", "the program, stripped", figure, Goal::AtMost(12.0))])
}
