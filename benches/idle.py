#!/usr/bin/env python3
"""What an idle session costs: as root, logs in many users to mpopd and divides the memory that this takes by their number.

    benches/idle.py MPOPD [--sessions 15000] [--tls] [--storage mbox|maildir]

Process memory is the PSS of all processes of mpopd (/proc/PID/smaps_rollup), by role. Kernel memory, which includes the
client on the same machine, is reported separately: slabs, socket buffers and page tables, as /proc/meminfo and
/proc/net/sockstat count them for the whole machine.
"""
import argparse, glob, os, resource, shutil, socket, ssl, subprocess, sys, tempfile, time

MESSAGES = 10
UID = 54321


def mailbox(path, storage, user):
    text = [f"From: a@example.org\nSubject: {user} {n}\n\n{'some words ' * 40}\n" for n in range(MESSAGES)]
    if storage == "mbox":
        with open(path, "w") as file:
            file.writelines(f"From a@example.org Mon Nov 23 10:00:00 2026\n{message}\n" for message in text)
        os.chown(path, UID, UID)
        return
    for part in ["new", "cur", "tmp"]:
        os.makedirs(f"{path}/{part}")
        os.chown(f"{path}/{part}", UID, UID)
    os.chown(path, UID, UID)
    for n, message in enumerate(text):
        with open(f"{path}/new/17{n:08}.M1P1.host", "w") as file:
            file.write(message)
        os.chown(file.name, UID, UID)


def configure(folder, sessions, storage, tls, ports):
    for name in ["mail", "empty"]:
        os.mkdir(f"{folder}/{name}")
    os.chmod(folder, 0o755)
    os.chmod(f"{folder}/mail", 0o1777)
    with open(f"{folder}/users", "w") as users:
        for n in range(sessions + 1):
            users.write(f"u{n}:{{PLAIN}}p:{UID}:{UID}\n")
            mailbox(f"{folder}/mail/u{n}", storage, f"u{n}")
    where = 'mail_spool_dir = "%s/mail"' if storage == "mbox" else 'maildir = "%s/mail/%%u"'
    text = f"""port = {ports[0]}
listen = ["127.0.0.1"]
user = "nobody"
chroot = "{folder}/empty"
state_dir = "{folder}/state"
mpopd_spool = "{folder}/spool"
mpopd_pid_file = "{folder}/mpopd.pid"
control_socket = "{folder}/control"
auth_type = 6
userlist = "{folder}/users"
debug_log = ""
log_level = "error"
timeout = 3600
max_servers = {sessions + 10}
max_servers_per_ip = {sessions + 10}
storage = "{storage}"
{where % folder}
"""
    if tls:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-keyout", f"{folder}/key", "-out", f"{folder}/cert"],
                       check=True, stderr=subprocess.DEVNULL)
        text += f'pop3s_port = {ports[1]}\n[tls]\ncertificate = "{folder}/cert"\nkey = "{folder}/key"\n'
    with open(f"{folder}/mpopd.conf", "w") as file:
        file.write(text)
    return file.name


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def family(pid):
    parents = {}
    for status in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(status) as file:
                number, rest = file.read().split(" ", 1)
                parents[int(number)] = int(rest.rsplit(")", 1)[1].split()[1])
        except OSError:
            pass
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def memory(pid):
    """PSS in octets, by role."""
    roles = {}
    for one in family(pid):
        with open(f"/proc/{one}/comm") as comm, open(f"/proc/{one}/smaps_rollup") as rollup:
            kilobytes = next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
            name = comm.read().strip()
            roles[name] = roles.get(name, 0) + kilobytes * 1024
    return roles


def kernel():
    with open("/proc/meminfo") as info:
        figures = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in info}
    with open("/proc/net/sockstat") as stat:
        pages = next(int(line.split()[-1]) for line in stat if line.startswith("TCP:"))
    return {"slab (not reclaimable)": figures["SUnreclaim"], "page tables": figures["PageTables"],
            "TCP buffers": pages * resource.getpagesize()}


def login(port, user, context):
    # One source address has about 28,000 ports per destination, which limits the number of sessions.
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    if context:
        client = context.wrap_socket(client)
    client.sendall(f"USER {user}\r\nPASS p\r\n".encode())
    said = b""
    while said.count(b"\n") < 3:
        more = client.recv(500)
        if not more:
            sys.exit(f"{user}: {said}")
        said += more
    if said.count(b"+OK") != 3:
        sys.exit(f"{user}: {said}")
    return client


def ask(client, command):
    client.sendall(command + b"\r\n")
    return client.recv(500)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("mpopd")
    arguments.add_argument("--sessions", type=int, default=15000)
    arguments.add_argument("--tls", action="store_true")
    arguments.add_argument("--storage", choices=["mbox", "maildir"], default="mbox")
    wanted = arguments.parse_args()
    limit = wanted.sessions + 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    folder = tempfile.mkdtemp(prefix="mpopd-idle-")
    ports = [free_port(), free_port()]
    server = subprocess.Popen([wanted.mpopd, "-F", "-c", configure(folder, wanted.sessions, wanted.storage, wanted.tls, ports)])
    context = None
    if wanted.tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = ports[1] if wanted.tls else ports[0]
    try:
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        # The first login starts the maildrop process. Log in once before measuring, to leave its cost out.
        login(port, f"u{wanted.sessions}", context).close()
        before, kernel_before = memory(server.pid), kernel()
        began = time.monotonic()
        clients = [login(port, f"u{n}", context) for n in range(wanted.sessions)]
        seconds = time.monotonic() - began
        after, kernel_after = memory(server.pid), kernel()
        for name in after:
            each = (after[name] - before.get(name, 0)) / wanted.sessions / 1000
            print(f"{name:16} {before.get(name, 0) / 1e6:8.1f} MB before {after[name] / 1e6:8.1f} MB after {each:8.2f} kB a session")
        print(f"all roles        {(sum(after.values()) - sum(before.values())) / wanted.sessions / 1000:.2f} kB a session")
        for name in kernel_after:
            print(f"kernel, {name}: {(kernel_after[name] - kernel_before[name]) / wanted.sessions / 1000:.2f} kB a session")
        for pid in family(server.pid):
            with open(f"/proc/{pid}/comm") as comm:
                print(comm.read().strip(), len(os.listdir(f"/proc/{pid}/fd")), "descriptors")
        times = []
        for client in clients[:: max(1, wanted.sessions // 100)]:
            asked = time.monotonic()
            if not ask(client, b"STAT").startswith(b"+OK 10 "):
                sys.exit("a session is not what it was")
            times.append((time.monotonic() - asked) * 1000)
        times.sort()
        print(f"logins: {wanted.sessions / seconds:.0f} a second; then STAT: median {times[len(times) // 2]:.2f} ms, most {times[-1]:.2f} ms")
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)


main()
