//! fetchmail, handing each message to a delivery agent.

use super::{Client, Job, drains_the_daemon, drains_try, lf_with_blank_line};

/// fetchmail 6.4 puts stray octets into lines longer than its buffer of 8192.
const FETCHMAIL: Client =
    Client { needs: "fetchmail", longest_line: 8_000, drain, stores: lf_with_blank_line };

fn drain(job: &Job) -> Vec<Vec<u8>> {
    let agent = job.delivery_agent().join(" ");
    let account = job.account;
    let keep = if job.keep { "keep" } else { "no keep" };
    // `invisible`: no Received header of its own.
    let configuration = format!(
        "set invisible\n\
         poll 127.0.0.1 service {} protocol pop3 uidl\n  \
           user \"{}\" password \"{}\"\n  \
           fetchall {keep} no rewrite pass8bits no mimedecode sslproto \"\"\n  \
           mda \"{agent}\"\n",
        account.port, account.user, account.password
    );
    let file = job.file("fetchmailrc", &configuration);
    let pid_file = job.work.join("pid").display().to_string();
    job.run("fetchmail", ["--fetchmailrc", &file, "--nosyslog", "--verbose", "--pidfile", &pid_file]);
    job.stored_in("stored")
}

#[test]
fn fetchmail_drains_the_daemon() {
    drains_the_daemon(&FETCHMAIL);
}

#[test]
fn fetchmail_drains_try() {
    drains_try(&FETCHMAIL);
}
