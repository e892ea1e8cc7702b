//! All integration tests are one program: one link step, one set of helpers.

#![expect(unreachable_pub, reason = "a test program exports nothing")]
mod schedules;
mod support;
mod tailing;
