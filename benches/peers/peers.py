#!/usr/bin/env python3
"""Runs mpopd_test against several POP3 servers, one after the other, and prints a table in Markdown.

  peers.py --mpopd-test PROGRAM [--mpopd PROGRAM] [--only mpopd,dovecot,courier,popa3d] [--seconds 4] [--rounds 3] [--json]

The servers take turns; each figure is the median of the rounds. `login` is USER, PASS, STAT, QUIT; `retr` adds UIDL and
RETR of all 50 messages. Timed sessions are not checked, so that a server that counts octets differently can be timed too.
One session for each user is verified octet by octet beforehand, and the table reports the result.

Needs root. Each server gets the same mail, made by `mpopd_test --fill` (20 users, 50 messages each): a Maildir, or an mbox
for popa3d. Everything is below /var/tmp/mpopd-peers. Debian's courier-pop and popa3d cannot be installed beside
dovecot-pop3d, so their packages are only unpacked there. The files that they need below /etc, /run and /var/mail are
bound in a separate mount namespace, and the machine's files are not changed.
"""
import argparse, json, os, shutil, signal, socket, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = "/var/tmp/mpopd-peers"
USERS = [f"bench{n}" for n in range(20)]
PATTERN = "bench%d:0-19"
OWNER = "popbench"

arguments = argparse.ArgumentParser()
arguments.add_argument("--mpopd-test", required=True)
arguments.add_argument("--mpopd")
arguments.add_argument("--only", default="mpopd,dovecot,courier,popa3d")
arguments.add_argument("--seconds", type=float, default=4)
arguments.add_argument("--rounds", type=int, default=3)
arguments.add_argument("--connections", type=int, default=8)
arguments.add_argument("--json", action="store_true", help="print the figures as JSON")
ARGS = arguments.parse_args()


def sh(command):
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{command}\n{done.stdout}")
    return done.stdout


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def settings(name, port):
    with open(f"{HERE}/{name}") as file:
        return file.read().replace("@ROOT@", ROOT).replace("@PORT@", str(port))


def wait_for(port):
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                return connection.recv(100)
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens on port {port}")


def running(program):
    """The oldest process of a program: the one that the others descend from."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(program):
                found.append(int(pid))
        except OSError:
            pass
    return min(found, default=None)


def unpack(*packages):
    """Debian packages, unpacked beside the machine's own."""
    folder = f"{ROOT}/packages"
    os.makedirs(folder, exist_ok=True)
    for package in packages:
        if not os.path.exists(f"{folder}/{package}"):
            sh(f"cd {folder} && apt-get download {package} && dpkg -x {package}_*.deb {package}")
    return folder


def in_namespace(binds, command):
    """Starts a command that sees other files in some places."""
    mounts = "".join(f"mount --bind {source} {place} && " for source, place in binds)
    return subprocess.Popen(["unshare", "-m", "sh", "-c", f"{mounts} exec {command}"], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def end(process):
    process.send_signal(signal.SIGTERM)
    process.wait(20)


class Mpopd:
    name, port, mail = "mpopd", 21610, "maildir"

    def start(self):
        uid, gid = sh(f"id -u {OWNER}").strip(), sh(f"id -g {OWNER}").strip()
        for folder in ("state", "empty"):
            os.makedirs(f"{ROOT}/{folder}", exist_ok=True)
        write(f"{ROOT}/userlist", "".join(f"{user}:{{PLAIN}}pw:{uid}:{gid}\n" for user in USERS), 0o640)
        write(f"{ROOT}/mpopd.conf", settings("mpopd.conf", self.port))
        log = open(f"{ROOT}/mpopd.out", "w")
        self.process = subprocess.Popen([ARGS.mpopd, "-F", "-c", f"{ROOT}/mpopd.conf"], stdout=log, stderr=log)
        self.pid = self.process.pid

    def stop(self):
        end(self.process)


class Dovecot:
    name, port, mail = "Dovecot", 21611, "maildir"

    def start(self):
        write(f"{ROOT}/dovecot.passwd", "".join(f"{user}:{{PLAIN}}pw::::::\n" for user in USERS))
        write(f"{ROOT}/dovecot.conf", settings("dovecot.conf", self.port))
        if not os.path.exists(f"{ROOT}/cert.pem"):
            sh(f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 "
               f"-subj /CN=localhost -keyout {ROOT}/key.pem -out {ROOT}/cert.pem")
        os.makedirs(f"{ROOT}/home", exist_ok=True)
        shutil.chown(f"{ROOT}/home", OWNER, OWNER)
        self.process = subprocess.Popen(["dovecot", "-F", "-c", f"{ROOT}/dovecot.conf"])
        self.pid = self.process.pid

    def stop(self):
        end(self.process)


class Courier:
    """couriertcpd starts a process for each connection; authdaemond checks the password. Both count."""
    name, port, mail = "courier-pop", 21612, "maildir"

    def start(self):
        packages = unpack("courier-pop")
        uid, gid = sh(f"id -u {OWNER}").strip(), sh(f"id -g {OWNER}").strip()
        entry = "{0}\tuid={1}|gid={2}|home={3}/maildir/{0}|shell=/bin/false|mail={3}/maildir/{0}/Maildir|systempw={4}\n"
        password = sh("openssl passwd -1 pw").strip()
        users = "".join(entry.format(user, uid, gid, ROOT, password) for user in USERS)
        etc = f"{ROOT}/courier/etc"
        if not os.path.exists(etc):
            shutil.copytree("/etc/courier", etc)
        write(f"{etc}/userdb", users, 0o600)
        write(f"{etc}/authdaemonrc", settings("courier-authdaemonrc", 0))
        write(f"{etc}/pop3d", settings("courier-pop3d", self.port))
        write(f"{ROOT}/courier/start", f"""set -a
. /etc/courier/pop3d
/usr/sbin/makeuserdb
mkdir -p /run/courier/authdaemon
/usr/lib/courier/courier-authlib/authdaemond &
exec /usr/sbin/couriertcpd -address=$ADDRESS -maxprocs=$MAXDAEMONS -maxperip=$MAXPERIP $TCPDOPTS $PORT \\
    {packages}/courier-pop/usr/lib/courier/courier/courierpop3login \\
    {packages}/courier-pop/usr/lib/courier/courier/courierpop3d $MAILDIRPATH
""")
        self.process = in_namespace([(etc, "/etc/courier")], f"sh {ROOT}/courier/start")
        self.pid = self.process.pid

    def stop(self):
        if pid := running("/usr/lib/courier/courier-authlib/authdaemond"):
            os.kill(pid, signal.SIGTERM)
        end(self.process)


class Popa3d:
    """System users of its own namespace, mailboxes in mbox format. Started for each connection, as by inetd: as a daemon of
    its own it takes no more than 50 sessions in ten seconds from one address."""
    name, port, mail = "popa3d", 21613, "mbox"

    def start(self):
        program = unpack("popa3d") + "/popa3d/usr/sbin/popa3d"
        folder = f"{ROOT}/popa3d"
        os.makedirs(f"{folder}/empty", exist_ok=True)
        password = sh("openssl passwd -1 pw").strip()
        uid, gid = sh(f"id -u {OWNER}").strip(), sh(f"id -g {OWNER}").strip()
        with open("/etc/passwd") as passwd, open("/etc/shadow") as shadow:
            names, secrets = passwd.read(), shadow.read()
        names += f"popa3d:x:64990:64990::{folder}/empty:/bin/false\n"
        secrets += "popa3d:*:19000::::::\n"
        # All users are one uid here; each has a mailbox of his own.
        names += "".join(f"{user}:x:{uid}:{gid}::/nonexistent:/bin/sh\n" for user in USERS)
        secrets += "".join(f"{user}:{password}:19000::::::\n" for user in USERS)
        write(f"{folder}/passwd", names)
        write(f"{folder}/shadow", secrets, 0o600)
        if not os.path.exists(f"{folder}/pam.d"):
            shutil.copytree("/etc/pam.d", f"{folder}/pam.d")
        shutil.copy(f"{HERE}/popa3d.pam", f"{folder}/pam.d/popa3d")
        os.makedirs("/var/lib/popa3d", exist_ok=True)
        binds = [(f"{folder}/passwd", "/etc/passwd"), (f"{folder}/shadow", "/etc/shadow"),
                 (f"{folder}/pam.d", "/etc/pam.d"), (f"{ROOT}/mbox", "/var/mail")]
        listen = f"-address=127.0.0.1 -maxprocs=400 -maxperip=400 -nodnslookup -noidentlookup {self.port}"
        self.process = in_namespace(binds, f"/usr/sbin/couriertcpd {listen} {program}")
        self.pid = self.process.pid

    def stop(self):
        end(self.process)


def mpopd_test(server, mode, *more):
    command = [ARGS.mpopd_test, "-h", "127.0.0.1", "-n", str(server.port), "--users", PATTERN, "-p", "pw", "--mode", mode,
               "--connections", str(ARGS.connections), "--pid", str(server.pid), "--json", *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def timed(server, mode):
    return mpopd_test(server, mode, "--duration", str(ARGS.seconds), "--no-check")


def verified(server):
    """What a checked session of each user finds: its faults by kind."""
    place = f"{ROOT}/{server.mail}/%u" + ("/Maildir" if server.mail == "maildir" else "")
    return mpopd_test(server, "retr", "--count", str(len(USERS)), "--verify", place)["faults"]


def figures(logins, retrs):
    """Medians over the rounds."""
    def middle(runs, pick):
        found = [figure for figure in map(pick, runs) if figure is not None]
        return statistics.median(found) if found else None

    def session(what):
        return lambda run: next((phase[what] for phase in run["latency"] if phase["phase"] == "session"), None)

    def used(what):
        return lambda run: (run["server"] or {}).get(what)

    return {
        "login/s": middle(logins, lambda run: run["sessions_per_second"]),
        "p50 ms": middle(logins, session("p50")),
        "p99 ms": middle(logins, session("p99")),
        "login/CPU s": middle(logins, used("sessions_per_cpu_second")),
        "retr MB/s": middle(retrs, lambda run: run["megabytes_per_second"]),
        "MB/CPU s": middle(retrs, used("megabytes_per_cpu_second")),
        "memory MB": middle(retrs, used("memory_megabytes")),
        "failed": sum(run["failed"] for run in logins + retrs),
    }


def prepare():
    if subprocess.run(["id", OWNER], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        sh(f"useradd -r -M -d /nonexistent {OWNER}")
    os.makedirs(ROOT, exist_ok=True)
    os.chmod(ROOT, 0o755)
    for kind in ("maildir", "mbox"):
        if not os.path.exists(f"{ROOT}/{kind}"):
            print(sh(f"{ARGS.mpopd_test} --fill {kind} {ROOT}/{kind} --users {PATTERN} --messages 50").strip(), file=sys.stderr)
            sh(f"chown -R {OWNER}:{OWNER} {ROOT}/{kind} && chmod 1777 {ROOT}/{kind}")
    sh(f"chmod 600 {ROOT}/mbox/*")


def main():
    prepare()
    kinds = [kind for kind in (Mpopd, Dovecot, Courier, Popa3d) if kind.__name__.lower() in ARGS.only.split(",")]
    servers = [kind() for kind in kinds if kind is not Mpopd or ARGS.mpopd]
    runs = {server.name: ([], []) for server in servers}
    faults = {}
    for number in range(ARGS.rounds):
        for server in servers:
            server.start()
            try:
                wait_for(server.port)
                if number == 0:
                    faults[server.name] = verified(server)
                for mode, results in zip(("login", "retr"), runs[server.name]):
                    results.append(timed(server, mode))
            finally:
                server.stop()
    table = {server.name: figures(*runs[server.name]) for server in servers}
    if ARGS.json:
        print(json.dumps({name: dict(row, faults=sorted(faults[name])) for name, row in table.items()}))
        return
    names = list(next(iter(table.values())))
    print("| server | mail | " + " | ".join(names) + " | verified |")
    print("|---" * (len(names) + 3) + "|")
    for server in servers:
        row = " | ".join("-" if figure is None else f"{figure:.4g}" for figure in table[server.name].values())
        print(f"| {server.name} | {server.mail} | {row} | {', '.join(sorted(faults[server.name])) or 'no fault'} |")
    for name, kinds in faults.items():
        for kind, fault in kinds.items():
            print(f"\n{name}: {kind}: {fault['count']} of {len(USERS)} sessions; the first: {fault['sample']}", file=sys.stderr)


main()
