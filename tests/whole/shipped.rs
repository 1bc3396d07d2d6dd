//! Every file that is shipped for another program is accepted by that program without errors.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::harness::{Daemon, Format, MPOPD, Pop3Client, Scratch, need};

#[test]
fn the_sample_configuration_has_no_faults() {
    let scratch = Scratch::new();
    let sample = read("conf/mpopd.conf");
    let printed =
        run(Command::new(MPOPD).arg("--print-config").arg("-c").arg(scratch.file("mpopd.conf", &sample)));
    assert_eq!(printed, config::Config::default().to_toml(), "the sample must state the defaults");
}

#[test]
fn the_samples_of_clients_and_users_have_no_faults() {
    let scratch = Scratch::new();
    scratch.folder("empty", 0o755);
    let top = scratch.path().display();
    // As shipped, and with all examples uncommented.
    for in_force in [false, true] {
        let sample = |name: &str| {
            let text = read(&format!("conf/{name}"));
            let text = if in_force { uncommented(&text) } else { text };
            let file = scratch.file(name, text);
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("chmod");
            file.display().to_string()
        };
        let settings = format!(
            "user = \"nobody\"\nchroot = \"{top}/empty\"\nauth_type = 6\nuserlist = \"{}\"\nhosts_allow_deny \
             = \"{}\"\n\
             trusted_networks = \"{}\"\nmail_spool_dir = \"{top}\"\nstate_dir = \"{top}/state\"\nmpopd_spool \
             = \"{top}/spool\"\n",
            sample("userlist"),
            sample("hosts_allow_deny"),
            sample("trusted_networks")
        );
        let file = scratch.file("mpopd.conf", settings);
        let said = run(Command::new(MPOPD).arg("-t").arg("-c").arg(&file));
        assert!(said.contains("no faults"), "{said}");
        for name in ["userlist", "hosts_allow_deny", "trusted_networks"] {
            assert!(!said.contains(&format!("{name}:")), "{said}");
        }
    }
}

#[test]
fn plugins_can_be_run() {
    for entry in fs::read_dir(top().join("conf/plugins")).expect("the plugins") {
        let plugin = entry.expect("an entry").path();
        let mode = fs::metadata(&plugin).expect("a plugin").permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{}", plugin.display());
        let text = fs::read_to_string(&plugin).expect("a script");
        if text.starts_with("#!/bin/sh") {
            run(Command::new("/bin/sh").arg("-n").arg(&plugin));
        }
    }
}

#[test]
fn fail2ban_finds_what_guesses_at_passwords_leave_in_the_log() {
    let Some(fail2ban) = need::program("fail2ban-regex") else { return };
    for format in ["text", "json"] {
        let daemon = Daemon::new(Format::Mbox)
            .user("alice", &[])
            .setting(&format!("log_format = \"{format}\""))
            .start();
        let mut pop = Pop3Client::connect(daemon.port());
        for user in ["alice", "mallory", "x\" ip=192.0.2.9 reason=password session=1> ip=192.0.2.8"] {
            // An impossible name is refused at once, and logged all the same.
            if pop.ask(&format!("USER {user}")).expect("a reply").starts_with("+OK") {
                pop.err("PASS wrong");
            }
        }
        drop(pop);
        // Another login: when it is logged, all earlier ones are.
        daemon.account("alice").login().quit();
        daemon.logged(&["logout", "alice"]);
        let scratch = Scratch::new();
        let log = scratch.file("mpopd.log", daemon.log());
        let filter = top().join("conf/fail2ban/filter.d/mpopd.conf");
        let found = run(Command::new(&fail2ban).args(["--out", "ip"]).arg(log).arg(filter));
        let found: Vec<&str> = found.lines().collect();
        assert!(found.len() >= 2, "{format}: {found:?}\n{}", daemon.log());
        assert!(found.iter().all(|ip| *ip == "127.0.0.1"), "{format}: {found:?}\n{}", daemon.log());
    }
}

#[test]
fn fail2ban_reads_the_jail() {
    let Some(client) = need::program("fail2ban-client") else { return };
    let scratch = Scratch::new();
    let etc = scratch.path().join("fail2ban");
    run(Command::new("cp").args(["-r", "/etc/fail2ban"]).arg(&etc));
    for file in ["filter.d/mpopd.conf", "jail.d/mpopd.conf"] {
        fs::copy(top().join("conf/fail2ban").join(file), etc.join(file)).expect("a copy");
    }
    // Debian's own jail needs a log that not every machine has.
    fs::remove_file(etc.join("jail.d/defaults-debian.conf")).expect("Debian's jail");
    let jail = etc.join("jail.d/mpopd.conf");
    let log = scratch.file("mpopd.log", "");
    let text =
        read("conf/fail2ban/jail.d/mpopd.conf").replace("/var/log/mpopd.log", &log.display().to_string());
    fs::write(jail, text).expect("the jail");
    let said = run(Command::new(client).arg("-c").arg(&etc).arg("-d"));
    assert!(said.contains("'mpopd'") && said.contains("login failed"), "{said}");
}

#[test]
fn logrotate_puts_logs_aside() {
    let (Some(()), Some(logrotate)) = (need::root(), need::program("logrotate")) else { return };
    let scratch = Scratch::new();
    let logs = scratch.folder("mpopd", 0o755);
    let text = read("conf/logrotate.d/mpopd").replace("/var/log", &scratch.path().display().to_string());
    let file = scratch.file("logrotate.conf", text);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("chmod");
    for _ in 0..2 {
        scratch.file("mpopd.log", "x\n");
        fs::write(logs.join("alice"), "x\n").expect("a user's log");
        run(Command::new(&logrotate).args(["-f", "-s"]).arg(scratch.path().join("state")).arg(&file));
    }
    for log in ["mpopd.log.1", "mpopd.log.2.gz", "mpopd/.old/alice.1", "mpopd/.old/alice.2.gz"] {
        assert!(scratch.path().join(log).is_file(), "{log}");
    }
}

#[test]
fn systemd_reads_the_units() {
    let Some(analyze) = need::program("systemd-analyze") else { return };
    let scratch = Scratch::new();
    // systemd checks that the programs of a unit exist.
    let program = scratch.path().join("program");
    run(Command::new("cp").arg(MPOPD).arg(&program));
    let program = program.display().to_string();
    let mut units = Vec::new();
    for unit in ["mpopd.service", "on-demand/mpopd.socket", "on-demand/mpopd@.service"] {
        let text = read(&format!("conf/systemd/{unit}"));
        let text = text.replace("/usr/sbin/mpopdctl", &program).replace("/usr/sbin/mpopd", &program);
        units.push(scratch.file(unit.rsplit('/').next().expect("a name"), text));
    }
    let said = run(Command::new(analyze).args(["verify", "--man=no"]).args(&units));
    assert!(!said.contains("mpopd"), "{said}");
}

#[test]
fn mandoc_reads_the_manual() {
    let Some(mandoc) = need::program("mandoc") else { return };
    let mut pages = 0;
    for entry in fs::read_dir(top().join("man")).expect("the manual") {
        let page = entry.expect("an entry").path();
        assert_eq!(
            run(Command::new(&mandoc).args(["-Tlint", "-Wwarning"]).arg(&page)),
            "",
            "{}",
            page.display()
        );
        pages += 1;
    }
    assert_eq!(pages, 5);
}

#[test]
fn bash_reads_its_completions() {
    let Some(bash) = need::program("bash") else { return };
    for name in ["mpopd", "mpopdctl", "mpopd_test", "mpopdstats"] {
        let file = top().join(format!("completions/{name}.bash"));
        let complete = format!("source {}; complete -p {name}", file.display());
        assert!(run(Command::new(&bash).args(["--norc", "-c", &complete])).contains(name));
    }
}

#[test]
fn zsh_and_fish_read_their_completions() {
    let (Some(zsh), Some(fish)) = (need::program("zsh"), need::program("fish")) else { return };
    for name in ["mpopd", "mpopdctl", "mpopd_test", "mpopdstats"] {
        let completions = top().join("completions");
        run(Command::new(&zsh).args(["-f", "-n"]).arg(completions.join(format!("_{name}"))));
        let file = completions.join(format!("{name}.fish"));
        let complete = format!("source {}; complete -C '{name} -'", file.display());
        let options = run(Command::new(&fish).args(["--no-config", "-c", &complete]));
        assert!(options.contains("--help"), "{name}: {options}");
    }
}

/// The output of a program, stdout and stderr.
///
/// # Panics
///
/// If the program fails.
fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    assert!(status.success(), "{command:?}, {status}: {said}");
    said
}

/// A sample with its examples uncommented; those are the comments without a space after the `#`.
fn uncommented(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(example) if !example.starts_with(' ') => example,
        _ => line,
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn read(name: &str) -> String {
    fs::read_to_string(top().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn top() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crates' folder");
    crates.parent().expect("the project").to_owned()
}
