//! When a flow's thread wakes up: a timer of the kernel.
//!
//! A runtime's timers sleep in stages, each of which wakes the thread, and wake it once more when
//! one is set that is due before the others. Most wakeups of a flow in which nothing happens would
//! be those.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::time::sleep_until;

use super::clock;

/// The alarm of one thread.
#[derive(Debug)]
pub(super) struct Alarm {
    /// `None` where there are no descriptors left: then the runtime's timers are used.
    timer: Option<AsyncFd<OwnedFd>>,
    /// What it is set to.
    at: Option<Instant>,
}

impl Alarm {
    /// An alarm that is not set. Must be called within a runtime.
    pub(super) fn new() -> Self {
        let timer =
            start().inspect_err(|error| tracing::debug!(%error, "cannot create a timer")).ok();
        Self { timer, at: None }
    }

    /// Returns at this time, or at once if it is over. Dropped before, it stays set, and costs
    /// nothing to be waited for again.
    pub(super) async fn ring(&mut self, at: Instant, now: Instant) {
        if at <= now {
            return;
        }
        if self.at != Some(at) {
            self.set(at, now);
        }
        let Some(timer) = &self.timer else { return sleep_until(at.into()).await };
        loop {
            match timer.readable().await {
                // It is not read: what is set next takes the place of what it tells.
                Ok(mut ready) => ready.clear_ready(),
                Err(_) => return sleep_until(at.into()).await,
            }
            // It may tell of a time to which it was set before.
            if clock::now().instant >= at {
                self.at = None;
                return;
            }
        }
    }

    fn set(&mut self, at: Instant, now: Instant) {
        let Some(timer) = &self.timer else { return };
        let once = Itimerspec {
            it_interval: timespec(Duration::ZERO),
            it_value: timespec(at.saturating_duration_since(now)),
        };
        match timerfd_settime(timer.get_ref(), TimerfdTimerFlags::empty(), &once) {
            Ok(_) => self.at = Some(at),
            Err(error) => {
                tracing::debug!(%error, "cannot set a timer");
                (self.timer, self.at) = (None, None);
            }
        }
    }
}

#[expect(deprecated, reason = "sound, because an owned descriptor never changes")]
fn start() -> io::Result<AsyncFd<OwnedFd>> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)
}

/// Longer than the kernel can count is as long as it can.
fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_rings_at_its_time_and_not_before() {
        let mut alarm = Alarm::new();
        for millis in [0, 1, 20, 3] {
            let now = clock::now().instant;
            let at = now + Duration::from_millis(millis);
            alarm.ring(at, now).await;
            assert!(clock::now().instant >= at);
        }
    }

    #[tokio::test]
    async fn what_it_was_set_to_before_does_not_ring() {
        let mut alarm = Alarm::new();
        let now = clock::now().instant;
        let (soon, later) = (now + Duration::from_millis(5), now + Duration::from_millis(40));
        tokio::select! {
            biased;
            () = alarm.ring(soon, now) => {}
            () = std::future::ready(()) => {}
        }
        assert_eq!(alarm.at, Some(soon), "it is set though it is not waited for");
        alarm.ring(later, now).await;
        assert!(clock::now().instant >= later);
    }

    #[tokio::test]
    async fn a_time_that_is_waited_for_again_is_not_set_again() {
        let mut alarm = Alarm::new();
        let now = clock::now().instant;
        let at = now + Duration::from_millis(20);
        for _ in 0..3 {
            tokio::select! {
                biased;
                () = alarm.ring(at, now) => {}
                () = tokio::task::yield_now() => {}
            }
        }
        alarm.ring(at, now).await;
        assert!(clock::now().instant >= at);
        assert_eq!(alarm.at, None);
    }

    #[tokio::test]
    async fn without_a_descriptor_it_rings_all_the_same() {
        let mut alarm = Alarm { timer: None, at: None };
        let now = clock::now().instant;
        let at = now + Duration::from_millis(5);
        alarm.ring(at, now).await;
        assert!(clock::now().instant >= at);
    }
}
