//! What the configuration of the Java agent makes of lines, case by case.

mod configuration;
