//! A self-signed certificate for 127.0.0.1.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::{find, run, write};

pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// `None` if openssl is not installed.
pub(crate) fn make(folder: &Path) -> Option<Certificate> {
    let openssl = find("openssl", &["/usr/bin/openssl"])?;
    let [config, certificate, key] =
        ["openssl.cnf", "certificate.pem", "key.pem"].map(|name| folder.join(name));
    write(
        &config,
        "[req]\ndistinguished_name = name\nx509_extensions = extensions\nprompt = no\n[name]\nCN = 127.0.0.1\n\
         [extensions]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = IP:127.0.0.1\n",
    );
    let mut command = Command::new(openssl);
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]);
    command.arg("-config").arg(&config).arg("-out").arg(&certificate).arg("-keyout").arg(&key);
    run(&mut command);
    Some(Certificate { certificate, key })
}
