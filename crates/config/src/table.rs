//! The table of settings: the one place where a setting is stated.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::kinds::*;
use crate::macros::settings;
use crate::template::Template;
use crate::types::*;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

settings! {
    /// Everything that mpopd.conf can say, with the defaults filled in.
    ///
    /// A setting whose feature is not built yet always has its default here.
    pub struct Config;

    group "Network" {
        /// The TCP port for POP3.
        built port: u16 = 110, port();
        /// The addresses to listen on.
        built listen: Vec<IpAddr> = vec![Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()],
            address().list(false);
        /// The TCP port for POP3 with TLS from the first octet (RFC 8314). Usual is 995.
        later pop3s_port: Option<u16> = None, port_or_off();
        /// The most connections at a time. More are turned away with -ERR [SYS/TEMP].
        built max_servers: u32 = 1000, number(1..=1_000_000);
        /// The most connections at a time from one address; IPv6 addresses count by /64.
        later max_servers_per_ip: u32 = 50, number(1..=1_000_000);
        /// The most sessions at a time of one user.
        later max_servers_per_user: u32 = 10, number(1..=1_000_000);
        /// A session that is idle for so many seconds is closed. RFC 1939 asks for at least 600.
        built timeout: Duration = secs(600), seconds(1..=86_400);
        /// A client that has not logged in after so many seconds is turned away.
        built login_timeout: Duration = secs(60), seconds(1..=3600);
        /// The text of the first line that a client gets.
        built greeting: String = "mpopd ready".to_owned(), greeting();
        /// The file that holds the process id, and in its second line the port, while the daemon lives.
        later mpopd_pid_file: PathBuf = "/run/mpopd/mpopd.pid".into(), path();
        /// The socket over which mpopdctl speaks to the daemon.
        later control_socket: PathBuf = "/run/mpopd/control".into(), path();
        /// The system user of the session processes. They read what clients send and own no mail.
        built user: String = "mpopd".to_owned(), name();
        /// The empty folder that is the session processes' root folder.
        built chroot: PathBuf = "/var/empty".into(), path();
        /// The networks whose connections begin with a PROXY protocol header. They must send it, no one else may.
        later proxy_networks: Vec<IpNet> = Vec::new(), network().list(true);
        /// The least number of seconds between two logins of a user, told in CAPA as LOGIN-DELAY (RFC 2449). 0: any.
        later login_delay: Duration = secs(0), seconds(0..=86_400);
        /// For how many days mail is kept on the server, told in CAPA as EXPIRE (RFC 2449).
        later expire: Option<u32> = None, days_or_never();
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
        built auth_type: AuthType = AuthType::System, auth_type();
        /// Whether system users are checked by PAM. Otherwise passwd and shadow decide.
        later use_pam: bool = true, flag();
        /// The PAM service: the name of a file in /etc/pam.d.
        later mpopd_pam_service: String = "mpopd".to_owned(), name();
        /// The file with the passwords of system users, where PAM is not used.
        later shadow: PathBuf = "/etc/shadow".into(), path();
        /// The file of virtual users: a line name:password:uid[:gid[:home]] for each, see the chapter on user lists.
        /// A file name alone is looked for in host_mail_path/INITIAL/FQDN.
        built userlist: PathBuf = ".userlist".into(), path_or_name();
        /// The folder of the maildrops and user lists that go by host name.
        later host_mail_path: PathBuf = "/var/spool/popmail".into(), path();
        /// The user list gives only the password; the mail is in mail_spool_dir all the same.
        later switch: bool = false, flag();
        /// The program that judges user names (auth_type 7).
        later username_plugin: Option<PathBuf> = None, path().or_none();
        /// The program that judges passwords (auth_type 7).
        later password_plugin: Option<PathBuf> = None, path().or_none();
        /// Refuse an unknown user at USER. This tells everyone which users there are.
        later reject_bogus_user: bool = false, flag();
        /// From where a password may come without TLS. Loopback is this machine.
        built allow_plaintext: AllowPlaintext = AllowPlaintext::Loopback, word();
        /// The file that says which clients may connect.
        later hosts_allow_deny: Option<PathBuf> = None, path().or_none();
        /// The file of the networks whose clients need no reverse lookup.
        later trusted_networks: Option<PathBuf> = None, path().or_none();
        /// Whether clients may connect whose address has no host name.
        later allow_non_fqdn: bool = true, flag();
        /// Seconds before the answer to a failed login. The delay grows with each failure.
        later auth_failure_delay: Duration = secs(2), seconds(0..=60);
        /// For so many seconds a password that was checked is not checked again. 0: off.
        later auth_cache: Duration = secs(0), seconds(0..=86_400);
        /// How many processes check logins. 0: twice the cores, at least 4.
        built auth_processes: u16 = 0, number(0..=256);
        /// The SASL mechanisms that are offered, as far as TLS and allow_plaintext permit.
        later sasl_mechanisms: Vec<SaslMechanism> = vec![
            SaslMechanism::Plain, SaslMechanism::Login, SaslMechanism::ScramSha256, SaslMechanism::ScramSha256Plus,
        ], word().list(true);
    }

    group "Maildrops" {
        /// How mail is stored and served.
        built storage: Storage = Storage::Mbox, word();
        /// The folder of the mbox files of all users.
        built mail_spool_dir: PathBuf = "/var/mail".into(), path();
        /// The group that may create lock files in mail_spool_dir. It is taken only while locking.
        later mailgroup: String = "mail".to_owned(), name();
        /// The folder of the users' folders with their Maildirs.
        built path_to_homedir: PathBuf = "/home".into(), path();
        /// The Maildir of a user. Without it: the first line of ~/.qmail, else path_to_homedir/USER/Maildir,
        /// else ~/Maildir.
        built maildir: Option<Template> = None, template().or_none();
        /// The mbox of a user. Without it: mail_spool_dir/USER.
        built mbox: Option<Template> = None, template().or_none();
        /// The line that begins a message of an mbox, at the start of the file or after a message_end line.
        later message_start: String = "^From ".to_owned(), pattern();
        /// The line that ends a message of an mbox.
        later message_end: String = r"^\s*$".to_owned(), pattern();
        /// Body lines that the delivery agent quoted because they began with "From ", and how to undo that.
        later unescape_from: UnescapeFrom = UnescapeFrom::None, word();
        /// The locks that the delivery agents honour, in the order in which they take them.
        built lock_methods: Vec<LockMethod> = vec![LockMethod::Dotlock, LockMethod::Fcntl], word().list(false);
        /// How often a lock that somebody holds is tried again, one second apart.
        built retry_on_lock: u32 = 10, number_of(" of tries", 0..=3600);
        /// A lock file that was not refreshed for so many seconds is removed.
        built stale_lock: Duration = secs(300), seconds(10..=86_400);
        /// The folder of the spool for storage = "disk".
        later mpopd_spool: PathBuf = "/var/spool/mpopd".into(), path();
        /// The folder of the indexes and journals.
        built state_dir: PathBuf = "/var/lib/mpopd".into(), path();
        /// A maildrop with more messages than this is not opened.
        built max_messages: u32 = 2_097_152, number_of(" of messages", 1..=16_777_216);
        /// How UIDLs are made: "default", or a template for mail that another server served before.
        later uidl: String = "default".to_owned(), text(255);
        /// The users whose messages get a Received: header.
        later addreceived: Vec<String> = Vec::new(), name().list(true);
        /// The host name in that header. Without it: this machine's.
        later receivedfrom: Option<String> = None, name().or_none();
        /// The time zone in that header, such as +0100. Without it: this machine's.
        later timezone: String = String::new(), text(64);
        /// Write a Status: header back into an mbox whose messages were read.
        later status_header: bool = false, flag();
    }

    group "Logs" {
        /// The least important lines that are logged.
        built log_level: LogLevel = LogLevel::Info, word();
        /// Where the log goes.
        later debug_log: LogTarget = LogTarget::File("/var/log/mpopd.log".into()), log_target();
        /// How a log line is written.
        later log_format: LogFormat = LogFormat::Text, word();
        /// The folder of the users' own logs.
        later user_log_dir: PathBuf = "/var/log/mpopd".into(), path();
        /// Keep passwords out of the users' own logs. They are never in the main log.
        later passsecret: bool = true, flag();
    }

    per_user "For single users" {
        /// The auth_type of a user.
        later user_auth: AuthType, auth_type();
        /// The storage of a user's mail.
        built user_storage: Storage, word();
        /// Leave a user's spool files in place when a session with storage = "disk" ends.
        later user_debug: bool, flag();
        /// Keep a log of a user's sessions. 1: connections and octets. 2: every command.
        later user_log: u8, number(1..=2);
    }

    /// Figures for Prometheus.
    table metrics: Metrics "Metrics" {
        /// The address and port that answer /metrics.
        later listen: Option<SocketAddr> = None, socket_address().or_none();
    }

    /// Encrypted connections.
    table tls: Tls "TLS" {
        /// The file with the certificate and those that lead from it to its root, in PEM form.
        later certificate: Option<PathBuf> = None, path().or_none();
        /// The file with the key of the certificate, in PEM form.
        later key: Option<PathBuf> = None, path().or_none();
        /// Offer STLS on the POP3 port (RFC 2595).
        later stls: bool = true, flag();
        /// The oldest version of TLS that clients may use.
        later minimum: TlsVersion = TlsVersion::V1_2, word();
        /// The file with the certificates that vouch for clients' certificates.
        later client_ca: Option<PathBuf> = None, path().or_none();
    }
}

impl Config {
    /// How the mail of this user is stored: the entry in `[user_storage]`, else `storage`.
    pub fn storage_for(&self, user: &str) -> Storage {
        self.user_storage.get(user).copied().unwrap_or(self.storage)
    }
}
