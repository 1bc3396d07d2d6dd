# What developers and CI run.

# The list of recipes.
default:
    @just --list

# The release build of the server.
build:
    cargo build --release

# Serves a mailbox, or a sample: `just try ~/Maildir`.
try *ARGS:
    cargo run --release -- try {{ ARGS }}

# Formats the code.
fmt:
    cargo fmt --all
    cargo fmt --manifest-path fuzz/Cargo.toml

# Fails where `just fmt` would change something.
fmt-check:
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check

# All lints; none is let pass.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Files that import each other, in all crates or in one: `just circles maildrop`.
circles *CRATE:
    cargo run --quiet -p source_checks -- circles {{ CRATE }}

# All tests. As root they see real uids; a test that lacks a program says that it is skipped.
test:
    cargo test --workspace

# The dialogues of tests/dialogues against any server. Its user has the messages of tests/dialogues/mailbox; BEFORE is a command that
# puts them back before each dialogue: `just conformance localhost 110 alice secret "cp tests/dialogues/mailbox /var/mail/alice"`.
conformance HOST PORT USER="alice" PASSWORD="secret word" BEFORE="true":
    cargo run --quiet -p dialogues -- --before {{ quote(BEFORE) }} {{ quote(HOST) }} {{ PORT }} {{ quote(USER) }} {{ quote(PASSWORD) }} tests/dialogues/*.txt

# Each fuzz target over its corpus and for some seconds more. Needs cargo-fuzz and g++.
fuzz-short:
    fuzz/run 4

# Fuzz targets, all if none is named, for so many seconds each: `just fuzz 1200 mbox ipc`.
fuzz SECONDS *TARGETS:
    fuzz/run {{ SECONDS }} {{ TARGETS }}

# All benches as one table, appended to docs/performance.md. Root adds the whole-program figures.
bench:
    benches/bench.py

# The manual pages, shell completions and sample configuration, from what the programs say of themselves.
man:
    cargo run -q -p manual

# The Debian package with all programs, in target/debian. Needs cargo-deb.
deb:
    cargo build --release -p mpopd -p mpopdctl -p mpopd_test -p mpopdstats -p mpopd-directory
    cargo deb --no-build --strip -p mpopd

# Installs, starts, upgrades and purges the package in a chroot. Needs root and debootstrap.
deb-test: deb
    packaging/deb-test target/debian/mpopd_*.deb

# Licences, advisories and sources of the dependencies. Needs cargo-deny.
deny:
    cargo deny check

# What a change must pass.
ci: fmt-check lint test
