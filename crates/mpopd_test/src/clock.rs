//! The schedule of an open loop.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::numbers::float;

/// Sends the time at which each session is due, when it is due: session `n` at `n / rate` seconds after
/// `began`.
///
/// A thread of its own keeps the time. The runtime's timers have a resolution of a millisecond, which is
/// longer than many sessions take, and a busy runtime must not delay the schedule. The thread ends with the
/// receiver.
///
/// # Errors
///
/// There can be no more threads.
pub(crate) fn schedule(began: Instant, rate: f64) -> io::Result<mpsc::UnboundedReceiver<Instant>> {
    let (due_times, receiver) = mpsc::unbounded_channel();
    thread::Builder::new().name("schedule".to_owned()).spawn(move || {
        for number in 0_u64.. {
            let due = began + Duration::from_secs_f64(float(number) / rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if due_times.send(due).is_err() {
                break;
            }
        }
    })?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sessions_are_due_at_even_distances_and_none_is_told_early() {
        let began = Instant::now();
        let mut due_times = schedule(began, 5000.0).unwrap();
        for number in 0..50 {
            let due = due_times.recv().await.unwrap();
            assert_eq!(due - began, Duration::from_secs_f64(f64::from(number) / 5000.0));
            assert!(Instant::now() >= due);
        }
    }
}
