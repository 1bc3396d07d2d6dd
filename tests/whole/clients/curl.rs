//! curl. It stores what it receives, CRLFs included.

use super::{Client, Encryption, Job, drains_over_tls, drains_the_daemon, drains_try};
use crate::harness::Message;
use crate::harness::messages::LONGEST_LINE;

const CURL: Client = Client { needs: "curl", longest_line: LONGEST_LINE, drain, stores: Message::wire };

fn drain(job: &Job) -> Vec<Vec<u8>> {
    let (scheme, more) = match job.encryption {
        Encryption::None => ("pop3", vec![]),
        Encryption::Stls(ca) => {
            ("pop3", vec!["--ssl-reqd".to_owned(), "--cacert".into(), ca.display().to_string()])
        }
        Encryption::FromTheStart(ca) => ("pop3s", vec!["--cacert".to_owned(), ca.display().to_string()]),
    };
    let url = format!("{scheme}://{}:{}", job.encryption.host(), job.account.port);
    let user = format!("{}:{}", job.account.user, job.account.password);
    let login = ["--silent", "--show-error", "--fail", "--ipv4", "--user", &user].map(str::to_owned);
    let login = [&login[..], &more].concat();
    let list = job.run("curl", login.iter().chain([&url]));
    let count = list.lines().count();
    std::fs::create_dir(job.work.join("stored")).expect("a folder");
    let mut arguments = login.clone();
    arguments.extend(["--output".into(), "stored/#1".into(), format!("{url}/[1-{count}]")]);
    if !job.keep {
        // In the same session: curl reuses the connection for the next URL.
        for number in 1..=count {
            arguments.push("--next".into());
            arguments.extend_from_slice(&login);
            arguments.extend(["--head".into(), "--request".into(), format!("DELE {number}"), url.clone()]);
        }
    }
    job.run("curl", &arguments);
    job.stored_in("stored")
}

#[test]
fn curl_drains_the_daemon() {
    drains_the_daemon(&CURL);
}

#[test]
fn curl_drains_try() {
    drains_try(&CURL);
}

#[test]
fn curl_drains_over_tls() {
    drains_over_tls(&CURL);
}
