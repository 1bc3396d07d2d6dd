//! The schedule of an open loop.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

/// Tells each session's moment when it comes: number `n` is due `n / rate` seconds after `began`.
///
/// A thread of its own keeps the time. The runtime's timers go by milliseconds, which is longer than many a session
/// takes, and a busy runtime must not delay the schedule. The thread ends with the receiver.
///
/// # Errors
/// When there can be no more threads.
pub(crate) fn schedule(began: Instant, rate: f64) -> io::Result<mpsc::UnboundedReceiver<Instant>> {
    let (tell, told) = mpsc::unbounded_channel();
    thread::Builder::new().name("schedule".to_owned()).spawn(move || {
        for number in 0_u64.. {
            let due = began + Duration::from_secs_f64(number as f64 / rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if tell.send(due).is_err() {
                break;
            }
        }
    })?;
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sessions_are_due_at_even_distances_and_none_is_told_early() {
        let began = Instant::now();
        let mut told = schedule(began, 5000.0).unwrap();
        for number in 0..50 {
            let due = told.recv().await.unwrap();
            assert_eq!(due - began, Duration::from_secs_f64(f64::from(number) / 5000.0));
            assert!(Instant::now() >= due);
        }
    }
}
