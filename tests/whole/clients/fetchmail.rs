//! fetchmail, passing each message to a delivery agent.

use super::{Client, Encryption, Job, drains_over_tls, drains_the_daemon, drains_try, lf_with_blank_line};

/// fetchmail 6.4 puts stray octets into lines longer than its buffer of 8192.
const FETCHMAIL: Client =
    Client { needs: "fetchmail", longest_line: 8_000, drain, stores: lf_with_blank_line };

fn drain(job: &Job) -> Vec<Vec<u8>> {
    let agent = job.delivery_agent().join(" ");
    let account = job.account;
    let keep = if job.keep { "keep" } else { "no keep" };
    let tls = match job.encryption {
        Encryption::None => "sslproto \"\"".to_owned(),
        // Require STLS.
        Encryption::Stls(ca) => format!("sslproto \"tls1.2+\" sslcertck sslcertfile \"{}\"", ca.display()),
        Encryption::FromTheStart(ca) => format!("ssl sslcertck sslcertfile \"{}\"", ca.display()),
    };
    // With `invisible`, fetchmail adds no Received header.
    let configuration = format!(
        "set invisible\n\
         poll {} service {} protocol pop3 uidl\n  \
           user \"{}\" password \"{}\"\n  \
           fetchall {keep} no rewrite pass8bits no mimedecode {tls}\n  \
           mda \"{agent}\"\n",
        job.encryption.host(),
        account.port,
        account.user,
        account.password
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

#[test]
fn fetchmail_drains_over_tls() {
    drains_over_tls(&FETCHMAIL);
}
