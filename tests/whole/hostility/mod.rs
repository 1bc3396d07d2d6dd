//! Load and abuse: thousands of idle sessions, deliberately slow clients, floods, and machines that run out
//! of resources. During each of them a well-behaved client must get its mail within a second.

mod disk_full;
mod floods;
mod idle;
mod shortage;
mod slow;
mod storm;
mod tls;

use std::time::{Duration, Instant};

use crate::harness::{Pop3Client, TestAccount};

/// The time in which a well-behaved client must be served, from the connection to the end of QUIT.
const SOON: Duration = Duration::from_secs(1);

/// The number of sessions in which it may show that, because other tests use the machine, too.
const MOST_TRIES: usize = 30;

/// Runs a whole session of a well-behaved client. Returns its duration.
fn timed_session(account: &TestAccount) -> Duration {
    let began = Instant::now();
    let mut pop = account.login();
    let (count, _) = pop.stat();
    if count > 0 {
        pop.body("RETR 1");
    }
    pop.quit();
    began.elapsed()
}

/// Asserts that the fastest of some sessions is fast enough.
///
/// # Panics
///
/// If none is, or if the server turns one away.
fn assert_served(account: &TestAccount, beside: &str) {
    let mut times = Vec::new();
    while times.len() < MOST_TRIES {
        let time = timed_session(account);
        if time < SOON {
            return;
        }
        times.push(time);
    }
    panic!("{beside}: {times:?}");
}

/// Whether the server told this client that it has too many connections.
fn is_turned_away(pop: &Pop3Client) -> bool {
    pop.greeting().starts_with("-ERR [SYS/TEMP] ")
}
