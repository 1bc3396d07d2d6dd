//! The table of settings: the one place where a setting is stated.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use vocabulary::{
    AllowPlaintext, Language, LockMethod, LogFormat, LogLevel, LogTarget, SaslMechanism, Storage, TlsVersion,
    UnescapeFrom,
};

use crate::kinds::*;
use crate::kinds_of_servers::*;
use crate::kinds_of_tls::certificates;
use crate::macros::settings;
use crate::path_template::PathTemplate;
use crate::query_pattern::QueryPattern;
use crate::types::*;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The default of `[ldap] filter`.
fn uid_filter() -> QueryPattern {
    QueryPattern::by_user("(uid=", ")")
}

settings! {
    /// Everything that mpopd.conf can say, with the defaults filled in.
    pub struct Config;

    group "Network" {
        /// The TCP port for POP3.
        port: u16 = 110, port();
        /// The addresses to listen on.
        listen: Vec<IpAddr> = vec![Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()],
            address().list(false);
        /// The TCP port for POP3 with TLS from the first octet (RFC 8314). Usual is 995.
        pop3s_port: Option<u16> = None, port_or_off();
        /// The most connections at a time. For another one, the one that has taken longest to log in makes room; when all are
        /// logged in, it is turned away with -ERR [SYS/TEMP]. Each needs an open file: the limit of those bounds it too.
        max_servers: u32 = 1000, number(1..=1_000_000);
        /// The most connections at a time from one address; IPv6 addresses count by /64.
        max_servers_per_ip: u32 = 50, number(1..=1_000_000);
        /// The most sessions at a time of one user.
        max_servers_per_user: u32 = 10, number(1..=1_000_000);
        /// A session that is idle for so many seconds, or takes less than 64 kB of a reply in that time, is closed. RFC 1939
        /// asks for at least 600.
        timeout: Duration = secs(600), seconds(1..=86_400);
        /// A client that has not logged in after so many seconds is turned away.
        login_timeout: Duration = secs(60), seconds(1..=3600);
        /// The text of the first line that a client gets. Empty: +OK alone.
        greeting: String = "mpopd ready".to_owned(), greeting();
        /// The file that holds the process id, and in its second line the port, while the daemon lives.
        mpopd_pid_file: PathBuf = "/run/mpopd/mpopd.pid".into(), path();
        /// The socket over which mpopdctl speaks to the daemon.
        control_socket: PathBuf = "/run/mpopd/control".into(), path();
        /// The system user of the session processes. They read what clients send and own no mail.
        user: String = "mpopd".to_owned(), name();
        /// The empty folder that is the session processes' root folder.
        chroot: PathBuf = "/var/empty".into(), path();
        /// The networks whose connections begin with a PROXY protocol header, version 1 or 2. They must send it, no one else
        /// may. The address in it counts from there on, for access, limits and logs, and what it says of TLS.
        proxy_networks: Vec<IpNet> = Vec::new(), network().list(true);
        /// The networks of proxies that say with XCLIENT for whom they speak, as Dovecot's do. Behind a header it is
        /// the address in the header that must be in these networks or in proxy_networks. No one else may.
        xclient_networks: Vec<IpNet> = Vec::new(), network().list(true);
        /// The least number of seconds between two logins of a user, told in CAPA as LOGIN-DELAY (RFC 2449). Whoever comes
        /// sooner is refused with [LOGIN-DELAY]. 0: any.
        login_delay: Duration = secs(0), seconds(0..=86_400);
        /// For how many days mail is kept on the server, told in CAPA as EXPIRE (RFC 2449). This only tells clients
        /// what the administrator's own cleaning does: mpopd removes no mail but what a client deletes.
        expire: Option<u32> = None, days_or_never();
        /// Offer UTF8 (RFC 6856): user names and passwords may be UTF-8, and count as SASLprep (RFC 4013) has them. Clients that do
        /// not say UTF8 get messages with UTF-8 in their headers with headers in ASCII (RFC 6857), which show the same.
        /// false: everybody gets messages as they are.
        utf8: bool = true, flag();
        /// The language of replies that LANG * chooses (RFC 6856). Until a client says LANG, they are English.
        language: Language = Language::English, word();
        /// Tell this program's name and version in CAPA, as IMPLEMENTATION (RFC 2449). To hide them, set greeting, too.
        implementation: bool = true, flag();
    }

    group "Who gets in" {
        /// Who may log in, and where the mail is.
        /// 1: system users.
        /// 2: the same, else the user list of the client's host name.
        /// 3: the same, else user@domain in the user list of that domain.
        /// 4: the user list of the client's host name only.
        /// 5: the same, else user@domain.
        /// 6: one user list, for clients from anywhere.
        /// 7: plugins.
        auth_type: AuthType = AuthType::System, auth_type();
        /// Whether system users are checked by PAM. Otherwise passwd and shadow decide.
        use_pam: bool = true, flag();
        /// The PAM service: the name of a file in /etc/pam.d.
        mpopd_pam_service: String = "mpopd".to_owned(), name();
        /// The file with the passwords of system users, where PAM is not used.
        shadow: PathBuf = "/etc/shadow".into(), path();
        /// The file of virtual users: a line name:password:uid[:gid[:home]] for each, see the chapter on user lists.
        /// A file name alone is looked for in host_mail_path/INITIAL/FQDN.
        userlist: PathBuf = ".userlist".into(), path_or_name();
        /// The folder of the maildrops and user lists that go by host name.
        host_mail_path: PathBuf = "/var/spool/popmail".into(), path();
        /// The user list gives only the password; the mail is in mail_spool_dir all the same.
        switch: bool = false, flag();
        /// The program that judges user names (auth_type 7).
        username_plugin: Option<PathBuf> = None, path().or_none();
        /// The program that judges passwords (auth_type 7).
        password_plugin: Option<PathBuf> = None, path().or_none();
        /// Refuse an unknown user at USER. This tells everyone which users there are.
        reject_bogus_user: bool = false, flag();
        /// From where a password may come without TLS. Loopback is this machine.
        allow_plaintext: AllowPlaintext = AllowPlaintext::Loopback, word();
        /// The file that says which clients may connect.
        hosts_allow_deny: Option<PathBuf> = None, path().or_none();
        /// The file of the networks whose clients need no reverse lookup.
        trusted_networks: Option<PathBuf> = None, path().or_none();
        /// Whether clients may connect whose address has no host name.
        allow_non_fqdn: bool = true, flag();
        /// Seconds before the answer to a failed login. The delay grows with each failure.
        auth_failure_delay: Duration = secs(2), seconds(0..=60);
        /// For so many seconds a password that was checked is not checked again. 0: off.
        auth_cache: Duration = secs(0), seconds(0..=86_400);
        /// How many processes check logins. 0: twice the cores, at least 4.
        auth_processes: u16 = 0, number(0..=256);
        /// The SASL mechanisms that are offered, as far as TLS and allow_plaintext permit.
        sasl_mechanisms: Vec<SaslMechanism> = vec![
            SaslMechanism::Plain, SaslMechanism::Login, SaslMechanism::ScramSha256, SaslMechanism::ScramSha256Plus,
        ], word().list(true);
    }

    group "Maildrops" {
        /// How mail is stored and served.
        storage: Storage = Storage::Mbox, word();
        /// The folder of the mbox files of all users.
        mail_spool_dir: PathBuf = "/var/mail".into(), path();
        /// The group that may create lock files in mail_spool_dir. It is taken only while locking.
        mailgroup: String = "mail".to_owned(), name();
        /// The folder of the users' folders with their Maildirs.
        path_to_homedir: PathBuf = "/home".into(), path();
        /// The Maildir of a user. Without it: the first line of ~/.qmail, else path_to_homedir/USER/Maildir,
        /// else ~/Maildir.
        maildir: Option<PathTemplate> = None, template().or_none();
        /// The mbox of a user. Without it: mail_spool_dir/USER.
        mbox: Option<PathTemplate> = None, template().or_none();
        /// The line that begins a message of an mbox, at the start of the file or after a message_end line.
        message_start: String = "^From ".to_owned(), pattern();
        /// The line that ends a message of an mbox.
        message_end: String = r"^\s*$".to_owned(), pattern();
        /// Body lines that the delivery agent quoted because they began with "From ", and how to undo that.
        unescape_from: UnescapeFrom = UnescapeFrom::None, word();
        /// The locks that the delivery agents honour, in the order in which they take them.
        lock_methods: Vec<LockMethod> = vec![LockMethod::Dotlock, LockMethod::Fcntl], word().list(false);
        /// How often a lock that somebody holds is tried again, one second apart.
        retry_on_lock: u32 = 10, number_of(" of tries", 0..=3600);
        /// A lock file that was not refreshed for so many seconds is removed.
        stale_lock: Duration = secs(300), seconds(10..=86_400);
        /// The folder of the spool for storage = "disk".
        mpopd_spool: PathBuf = "/var/spool/mpopd".into(), path();
        /// The folder of the indexes and journals.
        state_dir: PathBuf = "/var/lib/mpopd".into(), path();
        /// A maildrop with more messages than this is not opened.
        max_messages: u32 = 2_097_152, number_of(" of messages", 1..=16_777_216);
        /// What UIDLs mail keeps that another server served before: "default" (none), "dovecot", "courier", "qmail",
        /// "original-3x", "message-id", "qpopper", "popa3d", or a template such as "%08Xu%08Xv". See the chapter on maildrops.
        uidl: String = "default".to_owned(), text(255);
        /// The users whose messages get a Received: header.
        addreceived: Vec<String> = Vec::new(), name().list(true);
        /// The host name in that header. Without it: this machine's.
        receivedfrom: Option<String> = None, name().or_none();
        /// The time zone in that header, such as +0100. Without it: this machine's.
        timezone: Option<i16> = None, utc_offset().or_none();
        /// Write "Status: RO" into the headers of an mbox's messages that were read with RETR and stay. All of the mailbox behind the
        /// first of them is written anew then. Maildirs are not changed: the flags in their names are other programs'.
        status_header: bool = false, flag();
    }

    group "Logs" {
        /// The least important lines that are logged.
        log_level: LogLevel = LogLevel::Info, word();
        /// Where the log goes.
        debug_log: LogTarget = LogTarget::File("/var/log/mpopd.log".into()), log_target();
        /// How a log line is written.
        log_format: LogFormat = LogFormat::Text, word();
        /// The folder of the users' own logs.
        user_log_dir: PathBuf = "/var/log/mpopd".into(), path();
        /// Keep passwords out of the users' own logs. They are never in the main log. false: level 2 shows those that were
        /// accepted.
        passsecret: bool = true, flag();
    }

    per_user "For single users" {
        /// The auth_type of a user.
        user_auth: AuthType, auth_type();
        /// The storage of a user's mail.
        user_storage: Storage, word();
        /// Leave a user's spool files in place when a session with storage = "disk" ends.
        user_debug: bool, flag();
        /// Keep a log of a user's sessions. 1: connections and octets. 2: every command.
        user_log: u8, number(1..=2);
    }

    /// Figures for Prometheus.
    table metrics: Metrics "Metrics" {
        /// The address and port that answer /metrics.
        listen: Option<SocketAddr> = None, socket_address().or_none();
    }

    /// Users in a database, in place of the user list.
    table sql: Sql "SQL" {
        /// The database: PostgreSQL, MySQL or SQLite. Setting it makes the database the source of users for auth_type 2
        /// to 6, in place of the user list. PostgreSQL's ?sslmode=require and MySQL's ?require_ssl=true demand TLS and
        /// check the certificate; ?sslmode=disable does without. The user mpopd-directory must be able to read an SQLite file.
        url: Option<SecretText> = None, database_url().or_none();
        /// The query that finds a user, as one row or none. Names become parameters: they stand without quotes. %d is
        /// NULL for a name without a domain. Columns are known by their names: uid and password, as in a
        /// user list, and if wanted gid, home, mbox, maildir, and user, the name that counts from here on.
        query: Option<QueryPattern> = None, query().or_none();
        /// The file with the certificates that vouch for the server's, in PEM form. Without it: those of the system.
        ca: Option<PathBuf> = None, path().or_none();
        /// A login that has no answer after so many seconds fails for now.
        timeout: Duration = secs(5), seconds(1..=20);
        /// The most connections at a time.
        connections: u16 = 4, number(1..=100);
    }

    /// Users in an LDAP server, in place of the user list.
    table ldap: Ldap "LDAP" {
        /// The server. Setting it makes LDAP the source of users for auth_type 2 to 6, in place of the user list.
        url: Option<String> = None, ldap_url().or_none();
        /// Begin TLS on an ldap:// connection. Without it passwords travel in the clear.
        starttls: bool = true, flag();
        /// The DN as which users are searched for. Without it: anonymously.
        service_dn: String = String::new(), text(1000);
        /// The password of service_dn.
        service_password: SecretText = SecretText::default(), secret();
        /// The DN below which users are searched for.
        base: String = String::new(), text(1000);
        /// The filter that finds a user's entry. Names are escaped in it. It must find one entry or none.
        filter: QueryPattern = uid_filter(), ldap_filter();
        /// Check the password by binding as the user. Otherwise password_attribute is read and compared.
        bind: bool = true, flag();
        /// The attribute with the stored password, in the form of a user list, where bind is false.
        password_attribute: String = "userPassword".to_owned(), attribute();
        /// The attribute with the name that counts from here on. Without it: the name as it was sent, though LDAP
        /// does not tell upper from lower case.
        user_attribute: String = String::new(), attribute();
        /// The attribute with the uid that owns the mail.
        uid_attribute: String = "uidNumber".to_owned(), attribute();
        /// The attribute with the gid.
        gid_attribute: String = "gidNumber".to_owned(), attribute();
        /// The attribute with the home directory.
        home_attribute: String = "homeDirectory".to_owned(), attribute();
        /// The attribute with the path of the user's mbox.
        mbox_attribute: String = String::new(), attribute();
        /// The attribute with the path of the user's Maildir.
        maildir_attribute: String = String::new(), attribute();
        /// The uid of users whose entry has none. Without it they cannot log in.
        uid: Option<u32> = None, id_or_none();
        /// The gid of users whose entry has none. Without it: the primary group of the uid.
        gid: Option<u32> = None, id_or_none();
        /// The file with the certificates that vouch for the server's, in PEM form. Without it: those of the system.
        ca: Option<PathBuf> = None, path().or_none();
        /// A login that has no answer after so many seconds fails for now.
        timeout: Duration = secs(5), seconds(1..=20);
        /// The most connections at a time.
        connections: u16 = 4, number(1..=100);
    }

    /// Who vouches for the tokens of OAUTHBEARER and XOAUTH2.
    table oauth: Oauth "OAuth" {
        /// Where tokens are checked, by token introspection (RFC 7662).
        introspection_url: Option<String> = None, token_url().or_none();
        /// The name of this server there.
        client_id: String = String::new(), text(255);
        /// Its secret there.
        client_secret: SecretText = SecretText::default(), secret();
        /// The file with the keys that sign tokens, a JSON Web Key Set (RFC 7517), in place of introspection_url. The
        /// algorithms RS256, ES256 and EdDSA are accepted. The file is read again when it changes; the user
        /// mpopd-directory must be able to read it.
        jwks: Option<PathBuf> = None, path().or_none();
        /// Who must have issued a token (its claim iss). Required with jwks.
        issuer: String = String::new(), text(1000);
        /// For whom a token must be (its claim aud). Required with jwks: tokens for other services must open no mail.
        audience: String = String::new(), text(1000);
        /// A word that a token's scope must have. Without it: any scope.
        scope: String = String::new(), text(255);
        /// The claim that names the user.
        user_claim: String = "email".to_owned(), name();
        /// The file with the certificates that vouch for the server's, in PEM form. Without it: those of the system.
        ca: Option<PathBuf> = None, path().or_none();
        /// A login that has no answer after so many seconds fails for now.
        timeout: Duration = secs(5), seconds(1..=20);
        /// The most requests at a time.
        connections: u16 = 4, number(1..=100);
    }

    /// Encrypted connections.
    table tls: Tls "TLS" {
        /// The file with the certificate and those that lead from it to its root, in PEM form. For several certificates, end
        /// the file with tables [[tls.certificate]], each with a certificate and its key. A client gets the one
        /// that has the name by which it calls the server (SNI), else the first.
        certificate: Option<Certificates> = None, certificates().or_none();
        /// The file with the key of the certificate, in PEM form.
        key: Option<PathBuf> = None, path().or_none();
        /// Offer STLS on the POP3 port (RFC 2595).
        stls: bool = true, flag();
        /// The oldest version of TLS that clients may use.
        minimum: TlsVersion = TlsVersion::V1_2, word();
        /// The file with the certificates that vouch for clients' certificates.
        client_ca: Option<PathBuf> = None, path().or_none();
    }
}

impl Config {
    /// How the mail of this user is stored: the entry in `[user_storage]`, else `storage`.
    pub fn storage_for(&self, user: &str) -> Storage {
        self.user_storage.get(user).copied().unwrap_or(self.storage)
    }

    /// Whether users are looked up in a database or an LDAP server, in place of the user list.
    pub fn has_directory_users(&self) -> bool {
        self.sql.url.is_some() || self.ldap.url.is_some()
    }

    /// Whether the program mpopd-directory is needed.
    pub fn needs_directory(&self) -> bool {
        self.has_directory_users() || self.oauth.introspection_url.is_some() || self.oauth.jwks.is_some()
    }
}

impl Tls {
    /// The files of each certificate and of its key, in the order in which they count. Empty: there is no TLS.
    pub fn files(&self) -> Vec<(&Path, &Path)> {
        match (&self.certificate, &self.key) {
            (Some(Certificates::One(certificate)), Some(key)) => vec![(certificate, key)],
            (Some(Certificates::Several(tables)), _) => {
                tables.iter().map(|files| (files.certificate.as_path(), files.key.as_path())).collect()
            }
            (Some(Certificates::One(_)) | None, _) => Vec::new(),
        }
    }
}
