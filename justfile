# Recipes for developers and CI.

# Lists the recipes.
default:
    @just --list

# Builds the server for release.
build:
    cargo build --release

# Serves a mailbox, or a sample if none is given: `just try ~/Maildir`.
try *ARGS:
    cargo run --release -- try {{ ARGS }}

# Formats the code.
fmt:
    cargo fmt --all
    cargo fmt --manifest-path fuzz/Cargo.toml

# Fails if `just fmt` would change something.
fmt-check:
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check

# Runs all lints; any warning is an error.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Runs all tests. As root, they use real uids. A test that lacks a program says that it is skipped.
test:
    cargo test --workspace

# The server's user has the messages in tests/dialogues/mailbox. BEFORE is a command that restores them before
# each script: `just conformance localhost 110 alice secret "cp tests/dialogues/mailbox /var/mail/alice"`.
# Plays the scripts in tests/dialogues against any server.
conformance HOST PORT USER="alice" PASSWORD="secret word" BEFORE="true":
    cargo run --quiet -p dialogues -- --before {{ quote(BEFORE) }} {{ quote(HOST) }} {{ PORT }} {{ quote(USER) }} {{ quote(PASSWORD) }} tests/dialogues/*.txt

# Runs each fuzz target on its corpus, and a few seconds longer. Needs cargo-fuzz and g++.
fuzz-short:
    fuzz/run 4

# Runs fuzz targets (default: all) for the given number of seconds each: `just fuzz 1200 mbox ipc`.
fuzz SECONDS *TARGETS:
    fuzz/run {{ SECONDS }} {{ TARGETS }}

# Runs all benchmarks and appends a table to docs/performance.md. Only root gets the whole-program figures.
bench:
    benches/bench.py

# Generates the manual pages, shell completions and sample configuration from the programs.
man:
    cargo run -q -p manual

# Builds the Debian package with all programs, in target/debian. Needs cargo-deb.
deb:
    cargo build --release -p mpopd -p mpopdctl -p mpopd_test -p mpopdstats -p mpopd-directory
    cargo deb --no-build --strip -p mpopd

# Installs, starts, upgrades and purges the package in a chroot. Needs root and debootstrap.
deb-test: deb
    packaging/deb-test target/debian/mpopd_*.deb

# Checks licences, advisories and sources of the dependencies. Needs cargo-deny.
deny:
    cargo deny check

# Runs everything that a change must pass.
ci: fmt-check lint test
