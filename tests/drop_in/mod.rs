//! Taking the place of the Java agent, seen from outside.
