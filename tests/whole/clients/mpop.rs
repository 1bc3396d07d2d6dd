//! mpop, delivering to its own Maildir.

use super::{Client, Encryption, Job, drains_over_tls, drains_the_daemon, drains_try, lf};
use crate::harness::messages::LONGEST_LINE;

const MPOP: Client = Client { needs: "mpop", longest_line: LONGEST_LINE, drain, stores: lf };

fn drain(job: &Job) -> Vec<Vec<u8>> {
    for part in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(job.work.join("box").join(part)).expect("a Maildir");
    }
    let account = job.account;
    let work = job.work.display();
    let tls = match job.encryption {
        Encryption::None => "tls off".to_owned(),
        Encryption::Stls(ca) => format!("tls on\ntls_starttls on\ntls_trust_file {}", ca.display()),
        Encryption::FromTheStart(ca) => format!("tls on\ntls_starttls off\ntls_trust_file {}", ca.display()),
    };
    let configuration = format!(
        "account default\nhost {}\nport {}\n{tls}\nauth user\nuser {}\npassword {}\nkeep {}\n\
         received_header off\ndelivery maildir {work}/box\nuidls_file {work}/uidls\n",
        job.encryption.host(),
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

#[test]
fn mpop_drains_over_tls() {
    drains_over_tls(&MPOP);
}
