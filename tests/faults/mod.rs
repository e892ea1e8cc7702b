//! One test for each fault of files and their content: its name and its invariant.
