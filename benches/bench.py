#!/usr/bin/env python3
"""`just bench`: runs all benchmarks, prints one table and appends it to docs/performance.md.

The micro benchmarks are programs in the crates (crates/*/benches, with benches/kit.rs). The whole-program figures are
from mpopd_test against mpopd (benches/peers), which needs root. The table records the commit, the machine and its load,
because times depend on them; instruction counts do not.
"""
import datetime, json, os, platform, subprocess, sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MICRO = [("pop3", "commands"), ("maildrop", "open"), ("ipc", "channel")]
DOCUMENT = f"{TOP}/docs/performance.md"


def out(*command):
    return subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, text=True, check=True).stdout


def machine():
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} × {model}, Linux {platform.release()}"


def micro():
    for crate, bench in MICRO:
        for line in out("cargo", "bench", "--quiet", "-p", crate, "--bench", bench).splitlines():
            fields = line.split("\t")
            if len(fields) == 5:
                name, figure, unit, instructions, per = fields
                yield name, figure, unit, "-" if instructions == "-" else f"{instructions} / {per}"


def whole():
    if os.geteuid() != 0:
        print("skipping the whole-program figures: they need root", file=sys.stderr)
        return
    target = json.loads(out("cargo", "metadata", "--no-deps", "--format-version", "1"))["target_directory"]
    out("cargo", "build", "--release", "--quiet", "-p", "mpopd", "-p", "mpopd_test")
    command = [f"{TOP}/benches/peers/peers.py", "--mpopd-test", f"{target}/release/mpopd_test",
               "--mpopd", f"{target}/release/mpopd", "--only", "mpopd", "--json"]
    row = json.loads(out(*command))["mpopd"]
    for name, key, unit in [
        ("mpopd: login", "login/s", "sessions/s"), ("mpopd: login", "login/CPU s", "sessions / CPU s"),
        ("mpopd: login, p50", "p50 ms", "ms"), ("mpopd: login, p99", "p99 ms", "ms"),
        ("mpopd: retr", "retr MB/s", "MB/s"), ("mpopd: retr", "MB/CPU s", "MB / CPU s"),
    ]:
        if row[key] is not None:
            yield name, f"{row[key]:.4g}", unit, "-"
    if row["failed"] or row["faults"]:
        sys.exit(f"mpopd failed {row['failed']} sessions: {row['faults']}")


def main():
    load = os.getloadavg()[0]
    rows = [*micro(), *whole()]
    commit = out("git", "rev-parse", "--short", "HEAD").strip()
    changed = " with changes" if out("git", "status", "--porcelain", "--untracked-files=no") else ""
    lines = [f"### {datetime.date.today()}, commit {commit}{changed}", "", f"{machine()}; load average before: {load:.2f}.", "",
             "| what | figure | unit | instructions |", "|---|---:|---|---:|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    table = "\n".join(lines)
    print(table)
    with open(DOCUMENT, "a") as document:
        document.write(f"\n{table}\n")


main()
