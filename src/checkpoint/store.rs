//! To be written: the SQLite store.
