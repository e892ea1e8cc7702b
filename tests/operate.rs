//! What an operator does while it runs: another configuration, a look, a changed position.

mod browser;
mod commands;
mod prometheus;
mod reload;
