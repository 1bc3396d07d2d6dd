//! mpop, delivering to a Maildir of its own.

use super::{Client, Job, drains_the_daemon, drains_try, lf};
use crate::harness::messages::LONGEST_LINE;

const MPOP: Client = Client { needs: "mpop", longest_line: LONGEST_LINE, drain, stores: lf };

fn drain(job: &Job) -> Vec<Vec<u8>> {
    for part in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(job.work.join("box").join(part)).expect("a Maildir");
    }
    let account = job.account;
    let work = job.work.display();
    let configuration = format!(
        "account default\nhost 127.0.0.1\nport {}\ntls off\nauth user\nuser {}\npassword {}\nkeep {}\n\
         received_header off\ndelivery maildir {work}/box\nuidls_file {work}/uidls\n",
        account.port,
        account.user,
        account.password,
        if job.keep { "on" } else { "off" },
    );
    let file = job.file("mpoprc", &configuration);
    job.run("mpop", ["--file", &file]);
    job.stored_in("box/new")
}

#[test]
fn mpop_drains_the_daemon() {
    drains_the_daemon(&MPOP);
}

#[test]
fn mpop_drains_try() {
    drains_try(&MPOP);
}
