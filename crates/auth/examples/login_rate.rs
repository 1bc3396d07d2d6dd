//! Logins per second of CPU time, with and without `auth_cache`:
//! `cargo run --release -p auth --example login_rate [SECONDS]`.

use std::error::Error;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use auth::Authenticator;
use config::{AuthType, Config};

const USERS: u32 = 100;
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn main() -> Result<(), Box<dyn Error>> {
    let seconds: f64 = std::env::args().nth(1).map_or(Ok(3.0), |seconds| seconds.parse())?;
    let folder = tempfile::tempdir()?;
    let mut crypt = sys::crypt::Crypt::load()?;
    for (scheme, setting) in [
        ("yescrypt, as Debian makes it", &b"$y$j9T$F5Jx5fExrKuPp53xLKQ..1"[..]),
        ("sha512crypt", b"$6$saltsalt"),
    ] {
        let hash = String::from_utf8(crypt.hash(b"secret", setting)?)?;
        let mut text = String::new();
        (0..USERS).try_for_each(|user| writeln!(text, "user{user}:{hash}:5000"))?;
        let userlist = folder.path().join("users");
        std::fs::write(&userlist, &text)?;
        std::fs::set_permissions(&userlist, std::fs::Permissions::from_mode(0o600))?;
        // Until the list is two seconds old it is compared with its file at each login.
        std::thread::sleep(Duration::from_secs(3));
        for (cache, auth_cache) in [("off", Duration::ZERO), ("on", Duration::from_secs(600))] {
            let config = Config {
                auth_type: AuthType::List,
                userlist: userlist.clone(),
                auth_cache,
                ..Config::default()
            };
            let mut auth = Authenticator::new(&config)?;
            let (mut logins, start) = (0u32, cpu_seconds()?);
            let mut login = |nth: u32| auth.login(format!("user{}", nth % USERS).as_bytes(), b"secret", PEER);
            // With a cache: each user once, as after a start.
            for user in 0..if auth_cache.is_zero() { 0 } else { USERS } {
                login(user)?;
            }
            let first = cpu_seconds()? - start;
            let start = cpu_seconds()?;
            while cpu_seconds()? - start < seconds {
                for _ in 0..10 {
                    login(logins)?;
                    logins += 1;
                }
            }
            let rate = f64::from(logins) / (cpu_seconds()? - start);
            println!(
                "{scheme}, cache {cache}: {rate:.0} logins per CPU second (first logins of {USERS} users: {first:.2} s)"
            );
        }
    }
    Ok(())
}

/// What this process has used of the CPU: utime and stime of proc_pid_stat(5), in ticks of 10 ms.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("no name in /proc/self/stat")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / 100.0)
}
