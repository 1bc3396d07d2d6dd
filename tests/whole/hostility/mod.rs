//! Load and hostility: thousands of idle sessions, clients that are slow on purpose, floods, and machines
//! that run out of everything. Beside each storm a well-behaved client wants its mail within a second.

mod disk_full;
mod floods;
mod idle;
mod shortage;
mod slow;
mod storm;
mod tls;

use std::time::{Duration, Instant};

use crate::harness::{Pop3Client, TestAccount};

/// How soon a well-behaved client is to be served, from the connection to the end of QUIT.
const SOON: Duration = Duration::from_secs(1);

/// How many sessions it may need to show that: other tests use the machine too.
const MOST_TRIES: usize = 30;

/// A whole session of a well-behaved client: how long it took.
fn visit(account: &TestAccount) -> Duration {
    let began = Instant::now();
    let mut pop = account.login();
    let (count, _) = pop.stat();
    if count > 0 {
        pop.body("RETR 1");
    }
    pop.quit();
    began.elapsed()
}

/// The best of some sessions is served soon.
///
/// # Panics
/// When none is; or when the server turns one away.
fn assert_served(account: &TestAccount, beside: &str) {
    let mut times = Vec::new();
    while times.len() < MOST_TRIES {
        let time = visit(account);
        if time < SOON {
            return;
        }
        times.push(time);
    }
    panic!("{beside}: {times:?}");
}

/// The server told this client that it has no place now.
fn is_turned_away(pop: &Pop3Client) -> bool {
    pop.greeting().starts_with("-ERR [SYS/TEMP] ")
}
