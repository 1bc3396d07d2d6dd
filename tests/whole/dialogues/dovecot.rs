//! Debian's Dovecot with some users, in its own folder.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{certificate, messages};
use crate::harness::{Format, OWNER, Port, Scratch, TestAccount, eventually, give};

pub(super) struct Dovecot {
    _scratch: Scratch,
    port: Port,
    process: Child,
}

const PASSWORD: &str = "secret word";

impl Dovecot {
    /// Starts Dovecot for these users. Each has the messages of the scripts in a Maildir.
    pub(super) fn start<'a>(program: &Path, users: impl Iterator<Item = &'a str>) -> Self {
        let scratch = Scratch::new();
        let port = Port::reserve();
        let top = scratch.path().display();
        let mut list = String::new();
        for user in users {
            let home = scratch.folder(user, 0o700);
            Format::Maildir.deliver(&home.join("Maildir"), &messages());
            give(&home, OWNER);
            list += &format!("{user}:{{PLAIN}}{PASSWORD}:{OWNER}:{OWNER}::{}::\n", home.display());
        }
        scratch.file("users", list);
        let (certificate, key) = certificate(scratch.path());
        let configuration = format!(
            "protocols = pop3\nbase_dir = {top}/run\nstate_dir = {top}/state\nlog_path = {top}/log\nlisten = \
             127.0.0.1\n\
             ssl = yes\nssl_cert = <{}\nssl_key = <{}\ndisable_plaintext_auth = no\nauth_mechanisms = plain \
             login scram-sha-256\n\
             first_valid_uid = 1\nauth_failure_delay = 0\nmail_location = maildir:~/Maildir\n\
             pop3_uidl_format = %g\n\
             default_internal_user = nobody\ndefault_internal_group = nogroup\ndefault_login_user = nobody\n\
             passdb {{\n driver = passwd-file\n args = {top}/users\n}}\nuserdb {{\n driver = passwd-file\n \
             args = {top}/users\n}}\n\
             service pop3-login {{\n chroot =\n inet_listener pop3 {{\n port = {}\n }}\n inet_listener pop3s \
             {{\n port = 0\n }}\n}}\n\
             service anvil {{\n chroot =\n unix_listener anvil-auth-penalty {{\n mode = 0\n }}\n}}\nservice \
             stats {{\n chroot =\n}}\n",
            certificate.display(),
            key.display(),
            port.number
        );
        let configuration = scratch.file("dovecot.conf", configuration);
        let process = Command::new(program)
            .arg("-F")
            .arg("-c")
            .arg(configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starting Dovecot");
        let mut dovecot = Self { _scratch: scratch, port, process };
        eventually("Dovecot", || {
            let ended = dovecot.process.try_wait().expect("waiting for Dovecot");
            assert!(ended.is_none(), "Dovecot ended: {ended:?}");
            TcpStream::connect(("127.0.0.1", dovecot.port.number)).ok()
        });
        dovecot
    }

    pub(super) fn account(&self, user: &str) -> TestAccount {
        TestAccount {
            host: "127.0.0.1".to_owned(),
            port: self.port.number,
            user: user.to_owned(),
            password: PASSWORD.to_owned(),
        }
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // The master stops its children.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }
}
