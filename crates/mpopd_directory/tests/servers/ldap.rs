//! slapd from Debian's package `slapd`, with its configuration and data in the folder of the test.

use std::path::Path;
use std::process::{Command, Stdio};

use ipc::SecretOctets;
use ipc::directory::{DirectoryQuery, LookupOutcome, MailPath};

use super::certificate;
use super::directory::{Directory, ldap, name, secret, uid, why};
use super::program::{Server, find, free_port, listens, run, write};

const DATA: &str = "\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: cn=service,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: service
userPassword: searcher

dn: uid=alice,dc=example,dc=org
objectClass: account
objectClass: posixAccount
objectClass: extensibleObject
uid: alice
cn: Alice
uidNumber: 5000
gidNumber: 8
homeDirectory: /srv/alice
mail: alice@example.org
labeledURI: /srv/mail/alice
userPassword: se cret

dn: uid=hashed,dc=example,dc=org
objectClass: account
objectClass: simpleSecurityObject
uid: hashed
userPassword: {CRYPT}$6$rounds=1000$salt$hash

dn: uid=a*(b)\\\\c,dc=example,dc=org
objectClass: account
objectClass: posixAccount
uid: a*(b)\\c
cn: Odd
uidNumber: 5002
gidNumber: 5002
homeDirectory: /srv/odd
userPassword: odd

dn: uid=twin,dc=example,dc=org
objectClass: account
objectClass: simpleSecurityObject
uid: twin
userPassword: twin

dn: uid=twin,cn=service,dc=example,dc=org
objectClass: account
objectClass: simpleSecurityObject
uid: twin
userPassword: twin
";

pub(crate) struct Slapd {
    folder: tempfile::TempDir,
    program: std::path::PathBuf,
    ports: [u16; 2],
    tls: bool,
}

impl Slapd {
    pub(crate) fn new() -> Option<Self> {
        let program = find("slapd (package slapd)", &["/usr/sbin/slapd"])?;
        let slapadd = find("slapadd (package slapd)", &["/usr/sbin/slapadd"])?;
        let folder = tempfile::tempdir().unwrap();
        let made = certificate::make(folder.path());
        let tls = made.as_ref().map_or(String::new(), |made| {
            let (certificate, key) = (made.certificate.display(), made.key.display());
            format!("TLSCertificateFile {certificate}\nTLSCertificateKeyFile {key}\n")
        });
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("data")).unwrap();
        let schemas = ["core", "cosine", "nis", "inetorgperson"];
        let schemas: String =
            schemas.iter().map(|name| format!("include /etc/ldap/schema/{name}.schema\n")).collect();
        let data = path("data");
        write(
            &path("slapd.conf"),
            &format!(
                "{schemas}modulepath /usr/lib/ldap\nmoduleload back_mdb\n{tls}\
                 database mdb\nsuffix \"dc=example,dc=org\"\ndirectory {}\n\
                 access to attrs=userPassword by dn.exact=\"cn=service,dc=example,dc=org\" read by anonymous auth by * none\n\
                 access to * by dn.exact=\"cn=service,dc=example,dc=org\" read by anonymous auth by * none\n",
                data.display()
            ),
        );
        write(&path("data.ldif"), DATA);
        run(Command::new(slapadd).arg("-f").arg(path("slapd.conf")).arg("-l").arg(path("data.ldif")));
        Some(Self { folder, program, ports: [free_port(), free_port()], tls: made.is_some() })
    }

    pub(crate) fn start(&self) -> Server {
        let socket = self.folder.path().join("ldapi").display().to_string().replace('/', "%2F");
        let [port, tls_port] = self.ports;
        let urls = match self.tls {
            true => format!("ldap://127.0.0.1:{port} ldaps://127.0.0.1:{tls_port} ldapi://{socket}"),
            false => format!("ldap://127.0.0.1:{port} ldapi://{socket}"),
        };
        let mut command = Command::new(&self.program);
        command.args(["-d", "0", "-h", &urls, "-f"]).arg(self.folder.path().join("slapd.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Server::start(&mut command, || listens(port))
    }

    pub(crate) fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.ports[0])
    }
}

#[test]
fn a_password_is_checked_by_binding() {
    let Some(slapd) = Slapd::new() else { return };
    let _server = slapd.start();
    let mut directory = Directory::start(ldap(&slapd.url(), true, |_| {}));

    let LookupOutcome::Found(alice) = directory.verify("alice", "se cret") else { panic!("no alice") };
    assert_eq!((alice.uid, alice.gid), (5000, Some(8)));
    assert_eq!(alice.home, Some(Path::new("/srv/alice").into()));
    assert_eq!(alice.password, None);
    for wrong in ["secret", "SE CRET", "se cret ", "*", "searcher"] {
        assert_eq!(directory.verify("alice", wrong), LookupOutcome::Refused, "{wrong}");
    }
    // A bind without a password is an anonymous bind, which slapd accepts.
    assert_eq!(directory.verify("alice", ""), LookupOutcome::Refused);
    let not_utf8 = SecretOctets::new(vec![0xff, 0xfe]);
    let ask = DirectoryQuery::Verify { name: name("alice"), password: not_utf8 };
    assert_eq!(directory.auth.ask(ask), LookupOutcome::Refused);
    assert_eq!(
        uid(directory.verify("alice", "se cret")),
        5000,
        "the program must still be able to search after a bind as a user"
    );
    assert_eq!(uid(directory.lookup("alice")), 5000, "a lookup without a password must not bind");

    for stranger in [
        "bob",
        "*",
        "al*",
        "alice)(uid=*",
        "*)(objectClass=*",
        "alice)(|(uid=*",
        "alice,dc=example,dc=org",
        "\\61lice",
        "alice\u{1}",
        "",
    ] {
        assert_eq!(directory.verify(stranger, "se cret"), LookupOutcome::NotFound, "{stranger}");
        assert_eq!(directory.lookup(stranger), LookupOutcome::NotFound, "{stranger}");
    }
    assert_eq!(uid(directory.verify("a*(b)\\c", "odd")), 5002, "odd names must be treated as names");
    assert!(why(directory.verify("twin", "twin")).contains("more than one entry"));
    assert!(why(directory.lookup("hashed")).contains("there is no uid"));
}

#[test]
fn or_what_is_stored_is_read() {
    let Some(slapd) = Slapd::new() else { return };
    let _server = slapd.start();
    let mut directory = Directory::start(ldap(&slapd.url(), false, |ldap| {
        ldap.filter = "(|(uid=%u)(mail=%n@%d))".to_owned();
        ldap.attributes.user = "UID".to_owned();
        ldap.attributes.mbox = "labeledURI".to_owned();
    }));
    let LookupOutcome::Found(alice) = directory.lookup("alice@example.org") else { panic!("no alice") };
    assert_eq!(alice.user.as_deref(), Some("alice"));
    assert_eq!(alice.password.unwrap().expose(), b"se cret");
    assert_eq!(alice.mail, Some(MailPath::Mbox(Path::new("/srv/mail/alice").into())));
    assert_eq!(directory.lookup("hashed@example.org"), LookupOutcome::NotFound);
    assert_eq!(directory.lookup("alice"), LookupOutcome::NotFound, "the filter must ask for a domain");
}

#[test]
fn users_without_a_uid_have_the_one_of_the_settings() {
    let Some(slapd) = Slapd::new() else { return };
    let _server = slapd.start();
    let mut directory = Directory::start(ldap(&slapd.url(), false, |ldap| {
        (ldap.uid, ldap.gid) = (Some(6000), Some(6001));
    }));
    let LookupOutcome::Found(hashed) = directory.lookup("hashed") else { panic!("not found") };
    assert_eq!((hashed.uid, hashed.gid), (6000, Some(6001)));
    assert_eq!(hashed.password.unwrap().expose(), b"{CRYPT}$6$rounds=1000$salt$hash");
    assert_eq!(uid(directory.lookup("alice")), 5000);
}

#[test]
fn a_server_that_is_down_is_temporary_and_comes_back() {
    let Some(slapd) = Slapd::new() else { return };
    let mut directory = Directory::start(ldap(&slapd.url(), true, |_| {}));
    assert!(why(directory.verify("alice", "se cret")).contains("cannot be reached"));
    let server = slapd.start();
    assert_eq!(uid(directory.verify("alice", "se cret")), 5000);
    drop(server);
    for password in ["se cret", "wrong"] {
        let told = why(directory.verify("alice", password));
        assert!(
            told.starts_with("LDAP at ldap://127.0.0.1:") && told.contains("cannot be reached"),
            "{told}"
        );
    }
    let _server = slapd.start();
    assert_eq!(uid(directory.verify("alice", "se cret")), 5000);
    assert_eq!(directory.verify("alice", "wrong"), LookupOutcome::Refused);
}

#[test]
fn what_the_server_rejects_is_temporary() {
    let Some(slapd) = Slapd::new() else { return };
    let _server = slapd.start();
    let mut wrong = Directory::start(ldap(&slapd.url(), true, |ldap| {
        ldap.service = Some(("cn=service,dc=example,dc=org".to_owned(), secret("hunter2")));
    }));
    let told = why(wrong.verify("alice", "se cret"));
    assert!(told.contains("check the settings") && !told.contains("hunter2"), "{told}");
    let mut elsewhere =
        Directory::start(ldap(&slapd.url(), true, |ldap| ldap.base = "dc=nowhere".to_owned()));
    assert!(why(elsewhere.verify("alice", "se cret")).contains("check the settings"));
    let mut unreadable = Directory::start(ldap(&slapd.url(), false, |ldap| {
        ldap.attributes.password = "description".to_owned();
    }));
    assert!(why(unreadable.lookup("alice")).contains("has no description"));
}

#[test]
fn tls_is_begun_or_there_from_the_start_and_its_certificate_checked() {
    let Some(slapd) = Slapd::new() else { return };
    if !slapd.tls {
        return;
    }
    let _server = slapd.start();
    let ca = slapd.folder.path().join("certificate.pem");
    let ldaps = format!("ldaps://127.0.0.1:{}", slapd.ports[1]);
    for (url, starttls) in [(slapd.url(), true), (ldaps, false)] {
        let mut known = Directory::start(ldap(&url, true, |ldap| {
            ldap.starttls = starttls;
            ldap.bounds.ca = Some(ca.as_path().into());
        }));
        assert_eq!(uid(known.verify("alice", "se cret")), 5000, "{url}");
        let mut unknown = Directory::start(ldap(&url, true, |ldap| ldap.starttls = starttls));
        let told = why(unknown.verify("alice", "se cret"));
        assert!(told.contains("certificate"), "{told}");
    }
    let socket = slapd.folder.path().join("ldapi").display().to_string().replace('/', "%2F");
    let mut local = Directory::start(ldap(&format!("ldapi://{socket}"), true, |_| {}));
    assert_eq!(uid(local.verify("alice", "se cret")), 5000);
}
