//! How much time and memory a large user list takes:
//! `cargo run --release -p auth --example large_userlist [USERS]`.

use std::error::Error;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use auth::Authenticator;
use config::{AuthType, Config};

fn main() -> Result<(), Box<dyn Error>> {
    let users: u32 = std::env::args().nth(1).map_or(Ok(1_000_000), |users| users.parse())?;
    let folder = tempfile::tempdir()?;
    let userlist = folder.path().join("users");
    let mut text = String::new();
    for user in 0..users {
        // A sha512crypt hash has 86 characters; what it is a hash of does not matter here.
        writeln!(
            text,
            "user{user}@example.org:$6$rounds=1000$saltsalt${:A<86}:5000:5000:/srv/mail/{user}",
            ""
        )?;
    }
    println!("list of {users} users: {} MB", text.len() / 1_000_000);
    std::fs::write(&userlist, &text)?;
    drop(text);

    let config = Config { auth_type: AuthType::List, userlist, ..Config::default() };
    let mut auth = Authenticator::new(&config)?;
    // As the supervisor does it before it forks the auth processes.
    let start = Instant::now();
    auth.warm();
    println!("read and checked in {:?}", start.elapsed());
    let mut login = |user: &str| {
        let start = Instant::now();
        let refusal = auth.login(user.as_bytes(), b"wrong", IpAddr::V4(Ipv4Addr::LOCALHOST)).err();
        (start.elapsed(), refusal.map_or("accepted", |error| error.failure().word()))
    };
    println!("first login: {:?}", login("user7@example.org").0);
    // Until the list is two seconds old it is read again at each login.
    std::thread::sleep(Duration::from_secs(3));
    login("user7@example.org");
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for nth in 0..2001 {
        known.push(login(&format!("user{}@example.org", nth * 37 % users)));
        unknown.push(login(&format!("nobody{nth}")));
    }
    for mut times in [known, unknown] {
        times.sort_unstable();
        let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
        println!("{}: 10% {:?}, median {:?}, 90% {:?}", at(50).1, at(10).0, at(50).0, at(90).0);
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    for line in status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM")) {
        println!("{line}");
    }
    shared(&mut auth)
}

/// What a forked process has to itself after a login: the list is shared.
fn shared(auth: &mut Authenticator) -> Result<(), Box<dyn Error>> {
    match sys::process::fork()? {
        sys::process::Forked::Child => {
            let _ = auth.login(b"user7@example.org", b"wrong", IpAddr::V4(Ipv4Addr::LOCALHOST));
            let memory = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
            for line in memory.lines().filter(|line| line.starts_with("Rss") || line.starts_with("Private")) {
                println!("forked process: {line}");
            }
            sys::process::exit_now(0)
        }
        sys::process::Forked::Parent(_) => {
            while sys::process::reap().is_none() {
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(())
        }
    }
}
