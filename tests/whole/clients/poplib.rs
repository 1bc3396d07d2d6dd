//! Python's poplib, with a check of the announced octet counts.

use super::{Client, Encryption, Job, drains_over_tls, drains_the_daemon, drains_try};
use crate::harness::Message;
use crate::harness::messages::LONGEST_LINE;

const POPLIB: Client = Client { needs: "python3", longest_line: LONGEST_LINE, drain, stores: Message::wire };

/// poplib rejects lines of more than 2048 octets by default.
const SCRIPT: &str = r#"
import os, poplib, ssl, sys
port, user, password, keep = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "keep"
tls, ca = sys.argv[5:]
poplib._MAXLINE = 1 << 20
os.mkdir("stored")
trust = ssl.create_default_context(cafile=ca) if ca else None
if tls == "start":
    pop = poplib.POP3_SSL("localhost", port, timeout=30, context=trust)
elif tls == "stls":
    pop = poplib.POP3("localhost", port, timeout=30)
    assert "USER" not in pop.capa(), pop.capa()
    pop.stls(trust)
else:
    pop = poplib.POP3("127.0.0.1", port, timeout=30)
assert "UIDL" in pop.capa(), pop.capa()
pop.user(user)
pop.pass_(password)
count, octets = pop.stat()
sizes = [int(line.split()[1]) for line in pop.list()[1]]
assert len(sizes) == len(pop.uidl()[1]) == count and sum(sizes) == octets, (sizes, count, octets)
for number, size in enumerate(sizes, 1):
    message = b"".join(line + b"\r\n" for line in pop.retr(number)[1])
    assert len(message) == size, (number, len(message), size)
    assert message.startswith(b"".join(line + b"\r\n" for line in pop.top(number, 0)[1]))
    with open(f"stored/{number}", "wb") as out:
        out.write(message)
    if not keep:
        pop.dele(number)
pop.quit()
"#;

fn drain(job: &Job) -> Vec<Vec<u8>> {
    let account = job.account;
    let keep = if job.keep { "keep" } else { "delete" };
    let (tls, ca) = match job.encryption {
        Encryption::None => ("none", String::new()),
        Encryption::Stls(ca) => ("stls", ca.display().to_string()),
        Encryption::FromTheStart(ca) => ("start", ca.display().to_string()),
    };
    let port = account.port.to_string();
    job.run("python3", ["-c", SCRIPT, &port, &account.user, &account.password, keep, tls, &ca]);
    job.stored_in("stored")
}

#[test]
fn poplib_drains_the_daemon() {
    drains_the_daemon(&POPLIB);
}

#[test]
fn poplib_drains_try() {
    drains_try(&POPLIB);
}

#[test]
fn poplib_drains_over_tls() {
    drains_over_tls(&POPLIB);
}
