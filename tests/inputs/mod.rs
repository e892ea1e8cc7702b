//! Inputs other than files: the journal, through a program that stands for `journalctl` and
//! through the real one, and standard input.

mod journal;
mod kills;
mod real;
mod stand_in;
mod standard;
