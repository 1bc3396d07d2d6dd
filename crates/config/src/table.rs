//! The table of settings, in which each setting is declared once.

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
    /// All settings of mpopd.conf, with defaults for those that the file does not have.
    pub struct Config;

    group "Network" {
        /// The TCP port for POP3.
        port: u16 = 110, port();
        /// The addresses to listen on.
        listen: Vec<IpAddr> = vec![Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()],
            address().list(false);
        /// The TCP port for POP3 with TLS from the first octet (RFC 8314), usually 995.
        pop3s_port: Option<u16> = None, port_or_off();
        /// The maximum number of concurrent connections. When it is reached, a new connection replaces the
        /// one that has been waiting longest without logging in. If all are logged in, the new one is refused
        /// with -ERR [SYS/TEMP]. Each connection needs an open file, so the limit of open files applies too.
        max_servers: u32 = 1000, number(1..=1_000_000);
        /// The maximum number of concurrent connections from one address. IPv6 addresses count by /64.
        max_servers_per_ip: u32 = 50, number(1..=1_000_000);
        /// The maximum number of concurrent sessions of one user.
        max_servers_per_user: u32 = 10, number(1..=1_000_000);
        /// Seconds after which an idle session is closed. A session in which the client reads less than 64 kB
        /// of a reply in this time is closed too. RFC 1939 requires at least 600.
        timeout: Duration = secs(600), seconds(1..=86_400);
        /// Seconds that a client has to log in before it is disconnected.
        login_timeout: Duration = secs(60), seconds(1..=3600);
        /// The text of the first line that a client receives. If empty, the line is only +OK.
        greeting: String = "mpopd ready".to_owned(), greeting();
        /// The file with the process id, and the port in its second line, while the daemon is running.
        mpopd_pid_file: PathBuf = "/run/mpopd/mpopd.pid".into(), path();
        /// The socket through which mpopdctl talks to the daemon.
        control_socket: PathBuf = "/run/mpopd/control".into(), path();
        /// The system user of the session processes. They read what clients send and own no mail.
        user: String = "mpopd".to_owned(), name();
        /// The root directory of the session processes, an empty folder.
        chroot: PathBuf = "/var/empty".into(), path();
        /// The networks whose connections start with a PROXY protocol header, version 1 or 2. They must send
        /// it, and nobody else may. The address in the header replaces the proxy's for access, limits and
        /// logs, and the header says whether the client uses TLS.
        proxy_networks: Vec<IpNet> = Vec::new(), network().list(true);
        /// The networks of proxies that name their client with XCLIENT, as Dovecot proxies do. Nobody else
        /// may use it. After a PROXY header, the address in the header must be in these networks or in
        /// proxy_networks.
        xclient_networks: Vec<IpNet> = Vec::new(), network().list(true);
        /// The minimum number of seconds between two logins of a user, announced in CAPA as LOGIN-DELAY (RFC
        /// 2449). An earlier login is refused with [LOGIN-DELAY]. 0 disables it.
        login_delay: Duration = secs(0), seconds(0..=86_400);
        /// The number of days that mail is kept on the server, announced in CAPA as EXPIRE (RFC 2449). This
        /// only informs clients of the administrator's own cleanup: mpopd removes only mail that a client
        /// deletes.
        expire: Option<u32> = None, days_or_never();
        /// Offer UTF8 (RFC 6856). User names and passwords may then be UTF-8, and are compared after SASLprep
        /// (RFC 4013). Clients that do not use UTF8 get messages that have UTF-8 headers with equivalent
        /// ASCII headers (RFC 6857). false: all clients get messages unchanged.
        utf8: bool = true, flag();
        /// The language of replies that LANG * selects (RFC 6856). Replies are in English until a client
        /// sends LANG.
        language: Language = Language::English, word();
        /// Announce the name and version of this program in CAPA, as IMPLEMENTATION (RFC 2449). To hide them,
        /// change greeting too.
        implementation: bool = true, flag();
    }

    group "Logins" {
        /// Who may log in, and where the mail is.
        /// 1: system users.
        /// 2: system users, or else the user list of the client's host name.
        /// 3: as 2, or else user@domain in the user list of that domain.
        /// 4: only the user list of the client's host name.
        /// 5: as 4, or else user@domain.
        /// 6: one user list for all clients.
        /// 7: plugins.
        auth_type: AuthType = AuthType::System, auth_type();
        /// Check the passwords of system users with PAM. false: with passwd and shadow.
        use_pam: bool = true, flag();
        /// The PAM service: the name of a file in /etc/pam.d.
        mpopd_pam_service: String = "mpopd".to_owned(), name();
        /// The file with the passwords of system users, used without PAM.
        shadow: PathBuf = "/etc/shadow".into(), path();
        /// The file of virtual users, with a line name:password:uid[:gid[:home]] for each; see the chapter on
        /// user lists. A file name without a folder is looked up in host_mail_path/INITIAL/FQDN.
        userlist: PathBuf = ".userlist".into(), path_or_name();
        /// The folder of the maildrops and user lists by host name.
        host_mail_path: PathBuf = "/var/spool/popmail".into(), path();
        /// Take only the password from the user list; the mail is in mail_spool_dir.
        switch: bool = false, flag();
        /// The program that checks user names (auth_type 7).
        username_plugin: Option<PathBuf> = None, path().or_none();
        /// The program that checks passwords (auth_type 7).
        password_plugin: Option<PathBuf> = None, path().or_none();
        /// Refuse unknown users at USER. This reveals which users exist.
        reject_bogus_user: bool = false, flag();
        /// Whether clients may send passwords without TLS. loopback: only from this machine.
        allow_plaintext: AllowPlaintext = AllowPlaintext::Loopback, word();
        /// The file of rules for the clients that may connect.
        hosts_allow_deny: Option<PathBuf> = None, path().or_none();
        /// The file of networks whose clients need no reverse lookup.
        trusted_networks: Option<PathBuf> = None, path().or_none();
        /// Accept clients whose address has no host name.
        allow_non_fqdn: bool = true, flag();
        /// Seconds before the reply to a failed login. The delay grows with each failure.
        auth_failure_delay: Duration = secs(2), seconds(0..=60);
        /// Seconds for which a checked password is remembered and not checked again. 0 disables it.
        auth_cache: Duration = secs(0), seconds(0..=86_400);
        /// The number of processes that check logins. 0: twice the number of cores, at least 4.
        auth_processes: u16 = 0, number(0..=256);
        /// The SASL mechanisms to offer, as far as TLS and allow_plaintext permit.
        sasl_mechanisms: Vec<SaslMechanism> = vec![
            SaslMechanism::Plain, SaslMechanism::Login, SaslMechanism::ScramSha256, SaslMechanism::ScramSha256Plus,
        ], word().list(true);
    }

    group "Maildrops" {
        /// How mail is stored and served.
        storage: Storage = Storage::Mbox, word();
        /// The folder of the mbox files of all users.
        mail_spool_dir: PathBuf = "/var/mail".into(), path();
        /// The group that may create lock files in mail_spool_dir. It is used only while locking.
        mailgroup: String = "mail".to_owned(), name();
        /// The folder of the users' folders with their Maildirs.
        path_to_homedir: PathBuf = "/home".into(), path();
        /// The path of a user's Maildir. If not set: the first line of ~/.qmail, else
        /// path_to_homedir/USER/Maildir, else ~/Maildir.
        maildir: Option<PathTemplate> = None, template().or_none();
        /// The path of a user's mbox. If not set: mail_spool_dir/USER.
        mbox: Option<PathTemplate> = None, template().or_none();
        /// The line that starts a message in an mbox, at the start of the file or after a message_end line.
        message_start: String = "^From ".to_owned(), pattern();
        /// The line that ends a message in an mbox.
        message_end: String = r"^\s*$".to_owned(), pattern();
        /// How to undo the quoting of body lines that begin with "From ", which some delivery agents do.
        unescape_from: UnescapeFrom = UnescapeFrom::None, word();
        /// The locks of the delivery agents, in the order in which they take them.
        lock_methods: Vec<LockMethod> = vec![LockMethod::Dotlock, LockMethod::Fcntl], word().list(false);
        /// How often to retry a lock that another process holds, one second apart.
        retry_on_lock: u32 = 10, number_of(" of tries", 0..=3600);
        /// Seconds after which a lock file that was not refreshed is removed.
        stale_lock: Duration = secs(300), seconds(10..=86_400);
        /// The spool folder for storage = "disk".
        mpopd_spool: PathBuf = "/var/spool/mpopd".into(), path();
        /// The folder of indexes and journals.
        state_dir: PathBuf = "/var/lib/mpopd".into(), path();
        /// A maildrop with more messages is not opened.
        max_messages: u32 = 2_097_152, number_of(" of messages", 1..=16_777_216);
        /// The server whose UIDLs mail keeps after a migration: "default" (none), "dovecot", "courier",
        /// "qmail", "original-3x", "message-id", "qpopper", "popa3d", or a template such as "%08Xu%08Xv". See
        /// the chapter on maildrops.
        uidl: String = "default".to_owned(), text(255);
        /// The users whose messages get a Received: header.
        addreceived: Vec<String> = Vec::new(), name().list(true);
        /// The host name in that header. If not set: this machine's.
        receivedfrom: Option<String> = None, name().or_none();
        /// The time zone in that header, such as +0100. If not set: this machine's.
        timezone: Option<i16> = None, utc_offset().or_none();
        /// Write "Status: RO" into the headers of mbox messages that were read with RETR and not deleted. The
        /// mailbox is rewritten from the first of them on. Maildirs are not changed: their flags belong to
        /// other programs.
        status_header: bool = false, flag();
    }

    group "Logs" {
        /// The level of the least important lines to log.
        log_level: LogLevel = LogLevel::Info, word();
        /// Where the log goes.
        debug_log: LogTarget = LogTarget::File("/var/log/mpopd.log".into()), log_target();
        /// The format of log lines.
        log_format: LogFormat = LogFormat::Text, word();
        /// The folder of the users' own logs.
        user_log_dir: PathBuf = "/var/log/mpopd".into(), path();
        /// Keep passwords out of the users' own logs. They are never in the main log. false: at level 2 the
        /// logs show the passwords of successful logins.
        passsecret: bool = true, flag();
    }

    per_user "Single users" {
        /// The auth_type of a user.
        user_auth: AuthType, auth_type();
        /// The storage of a user's mail.
        user_storage: Storage, word();
        /// Keep a user's spool files when a session with storage = "disk" ends.
        user_debug: bool, flag();
        /// Keep a log of a user's sessions. 1: connections and octets. 2: every command.
        user_log: u8, number(1..=2);
    }

    /// Metrics for Prometheus.
    table metrics: Metrics "Metrics" {
        /// The address and port of the HTTP server for /metrics.
        listen: Option<SocketAddr> = None, socket_address().or_none();
    }

    /// Users in a database, instead of the user list.
    table sql: Sql "SQL" {
        /// The database: PostgreSQL, MySQL or SQLite. If set, users of auth_type 2 to 6 come from the
        /// database instead of the user list. PostgreSQL's ?sslmode=require and MySQL's ?require_ssl=true
        /// require TLS and check the certificate; ?sslmode=disable turns TLS off. The user mpopd-directory
        /// must be able to read an SQLite file.
        url: Option<SecretText> = None, database_url().or_none();
        /// The query that finds a user. It returns one row or none. Names are bound as parameters, so they
        /// need no quotes; %d is NULL for a name without a domain. The columns are recognized by name: uid
        /// and password, as in a user list, and optionally gid, home, mbox, maildir, and user, the name to
        /// use after the login.
        query: Option<QueryPattern> = None, query().or_none();
        /// The file of certificate authorities that the server's certificate is checked with, in PEM form. If
        /// not set: those of the system.
        ca: Option<PathBuf> = None, path().or_none();
        /// Seconds after which a login without an answer fails temporarily.
        timeout: Duration = secs(5), seconds(1..=20);
        /// The maximum number of concurrent connections.
        connections: u16 = 4, number(1..=100);
    }

    /// Users in an LDAP server, instead of the user list.
    table ldap: Ldap "LDAP" {
        /// The server. If set, users of auth_type 2 to 6 come from LDAP instead of the user list.
        url: Option<String> = None, ldap_url().or_none();
        /// Start TLS on an ldap:// connection. Without it, passwords are sent in the clear.
        starttls: bool = true, flag();
        /// The DN to search as. If not set: anonymous.
        service_dn: String = String::new(), text(1000);
        /// The password of service_dn.
        service_password: SecretText = SecretText::default(), secret();
        /// The DN below which users are searched for.
        base: String = String::new(), text(1000);
        /// The filter that finds the entry of a user. Names are escaped in it. It must find one entry or
        /// none.
        filter: QueryPattern = uid_filter(), ldap_filter();
        /// Check the password by binding as the user. false: password_attribute is read and compared.
        bind: bool = true, flag();
        /// The attribute with the stored password, in the form of a user list, used if bind is false.
        password_attribute: String = "userPassword".to_owned(), attribute();
        /// The attribute with the name to use after the login. If not set: the name as the client sent it,
        /// although LDAP ignores case.
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
        /// The uid of users whose entry has none. If not set, they cannot log in.
        uid: Option<u32> = None, id_or_none();
        /// The gid of users whose entry has none. If not set: the primary group of the uid.
        gid: Option<u32> = None, id_or_none();
        /// The file of certificate authorities that the server's certificate is checked with, in PEM form. If
        /// not set: those of the system.
        ca: Option<PathBuf> = None, path().or_none();
        /// Seconds after which a login without an answer fails temporarily.
        timeout: Duration = secs(5), seconds(1..=20);
        /// The maximum number of concurrent connections.
        connections: u16 = 4, number(1..=100);
    }

    /// How the tokens of OAUTHBEARER and XOAUTH2 are checked.
    table oauth: Oauth "OAuth" {
        /// The URL that checks tokens by token introspection (RFC 7662).
        introspection_url: Option<String> = None, token_url().or_none();
        /// The name of this server there.
        client_id: String = String::new(), text(255);
        /// The secret of this server there.
        client_secret: SecretText = SecretText::default(), secret();
        /// The file with the keys that sign tokens, a JSON Web Key Set (RFC 7517), instead of
        /// introspection_url. The algorithms RS256, ES256 and EdDSA are accepted. The file is read again when
        /// it changes; the user mpopd-directory must be able to read it.
        jwks: Option<PathBuf> = None, path().or_none();
        /// The required issuer of tokens (claim iss). Must be set with jwks.
        issuer: String = String::new(), text(1000);
        /// The required audience of tokens (claim aud). Must be set with jwks: tokens for other services must
        /// not open mail.
        audience: String = String::new(), text(1000);
        /// A word that the scope of a token must contain. If not set: any scope.
        scope: String = String::new(), text(255);
        /// The claim that names the user.
        user_claim: String = "email".to_owned(), name();
        /// The file of certificate authorities that the server's certificate is checked with, in PEM form. If
        /// not set: those of the system.
        ca: Option<PathBuf> = None, path().or_none();
        /// Seconds after which a login without an answer fails temporarily.
        timeout: Duration = secs(5), seconds(1..=20);
        /// The maximum number of concurrent requests.
        connections: u16 = 4, number(1..=100);
    }

    /// Encrypted connections.
    table tls: Tls "TLS" {
        /// The file with the certificate and its intermediates, in PEM form. For several certificates, end
        /// the file with tables [[tls.certificate]], each with a certificate and its key. A client gets the
        /// one for the host name that it asks for (SNI), or else the first.
        certificate: Option<Certificates> = None, certificates().or_none();
        /// The file with the key of the certificate, in PEM form.
        key: Option<PathBuf> = None, path().or_none();
        /// Offer STLS on the POP3 port (RFC 2595).
        stls: bool = true, flag();
        /// The oldest version of TLS that clients may use.
        minimum: TlsVersion = TlsVersion::V1_2, word();
        /// The file of certificate authorities that clients' certificates are checked with.
        client_ca: Option<PathBuf> = None, path().or_none();
    }
}

impl Config {
    /// How the mail of this user is stored: the entry in `[user_storage]`, else `storage`.
    pub fn storage_for(&self, user: &str) -> Storage {
        self.user_storage.get(user).copied().unwrap_or(self.storage)
    }

    /// Whether users come from a database or an LDAP server instead of the user list.
    pub fn has_directory_users(&self) -> bool {
        self.sql.url.is_some() || self.ldap.url.is_some()
    }

    /// Whether the program mpopd-directory is needed.
    pub fn needs_directory(&self) -> bool {
        self.has_directory_users() || self.oauth.introspection_url.is_some() || self.oauth.jwks.is_some()
    }
}

impl Tls {
    /// The files of each certificate and its key, in the order of precedence. Empty if there is no TLS.
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
