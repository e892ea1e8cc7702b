//! What the steps of a flow need to know of its files, through rotations and crashes.

mod entries;
mod headers;
mod kills;
