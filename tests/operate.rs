//! What an operator does while it runs: another configuration, a look, a changed position.

mod browser;
mod certificates;
mod commands;
mod drill;
mod first_days;
mod journal;
mod prometheus;
mod reload;
