//! curl: stores what it receives, CRLF and all.

use super::{Client, Job, drains_the_daemon, drains_try};
use crate::harness::Message;
use crate::harness::messages::LONGEST_LINE;

const CURL: Client = Client { needs: "curl", longest_line: LONGEST_LINE, drain, stores: Message::wire };

fn drain(job: &Job) -> Vec<Vec<u8>> {
    let url = format!("pop3://127.0.0.1:{}", job.account.port);
    let user = format!("{}:{}", job.account.user, job.account.password);
    let login = ["--silent", "--show-error", "--fail", "--user", &user];
    let list = job.run("curl", login.iter().chain(&[url.as_str()]));
    let count = list.lines().count();
    std::fs::create_dir(job.work.join("stored")).expect("a folder");
    let mut arguments: Vec<String> = login.map(str::to_owned).to_vec();
    arguments.extend(["--output".into(), "stored/#1".into(), format!("{url}/[1-{count}]")]);
    if !job.keep {
        // In the same session: curl keeps the connection for the next URL.
        for number in 1..=count {
            arguments.push("--next".into());
            arguments.extend(login.map(str::to_owned));
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
