//! Waits for one of several pipes, or for an order.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Waits until something can be read, or an end was reached, of any of these; says of which. None
/// of them after `time`.
///
/// # Errors
///
/// What poll(2) fails with.
pub(super) fn wait<const N: usize>(
    of: [Option<BorrowedFd<'_>>; N],
    time: Option<Duration>,
) -> Result<[bool; N], Errno> {
    let mut places = Vec::with_capacity(N);
    let mut polled = Vec::with_capacity(N);
    for (place, fd) in of.iter().enumerate() {
        if let Some(fd) = fd {
            places.push(place);
            polled.push(PollFd::from_borrowed_fd(*fd, PollFlags::IN));
        }
    }
    let time = time.and_then(|time| Timespec::try_from(time).ok());
    let mut ready = [false; N];
    match poll(&mut polled, time.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error),
    }
    for (place, fd) in places.into_iter().zip(&polled) {
        if let Some(ready) = ready.get_mut(place) {
            *ready = !fd.revents().is_empty();
        }
    }
    Ok(ready)
}
