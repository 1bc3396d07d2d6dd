//! getmail6, passing each message to a delivery agent (its own Maildir delivery refuses to run as root).

use super::{Client, Job, drains_the_daemon, drains_try, lf_with_blank_line};
use crate::harness::Message;
use crate::harness::messages::LONGEST_LINE;

const GETMAIL: Client = Client { needs: "getmail", longest_line: LONGEST_LINE, drain, stores };

fn drain(job: &Job) -> Vec<Vec<u8>> {
    let agent = job.delivery_agent();
    let account = job.account;
    let configuration = format!(
        "[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\nport = {}\nusername = {}\n\
         password = {}\n[destination]\ntype = MDA_external\npath = {}\narguments = ('{}',)\nunixfrom = false\n\
         allow_root_commands = true\n\
         [options]\nread_all = true\ndelete = {}\ndelivered_to = false\nreceived = false\nverbose = 1\n",
        account.port,
        account.user,
        account.password,
        agent[0],
        agent[1],
        if job.keep { "false" } else { "true" },
    );
    job.file("getmailrc", &configuration);
    job.run("getmail", ["--getmaildir", &job.work.display().to_string(), "--rcfile", "getmailrc"]);
    job.stored_in("stored")
}

/// getmail adds a Return-Path to a message that has none.
fn stores(message: &Message) -> Vec<u8> {
    [&b"Return-Path: <unknown>\n"[..], &lf_with_blank_line(message)].concat()
}

#[test]
fn getmail_drains_the_daemon() {
    drains_the_daemon(&GETMAIL);
}

#[test]
fn getmail_drains_try() {
    drains_try(&GETMAIL);
}
