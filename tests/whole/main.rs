//! Whole-program tests with the real daemon, real processes and real mail programs. They use loopback only.
//!
//! As root they can use other uids. Without root, the tests that need it print that they are skipped, and so
//! does a test that lacks a program. With `CI=true` in the environment both are failures.
//!
//! To run one module: `cargo test -p mpopd --test whole roles::`.

#![forbid(unsafe_code)]

mod bad_input;
mod capabilities;
mod central_log;
mod clients;
mod config_faults;
mod conformance;
mod control;
mod daemon;
mod dialogues;
mod documents;
mod faults;
mod harness;
mod hostility;
mod inetd;
mod logs;
mod mail;
mod metrics;
mod migration;
mod mpopdctl;
mod proxies;
mod reload;
mod roles;
mod sandbox;
mod sasl;
mod service_manager;
mod settings;
mod shipped;
mod status_header;
mod storage;
mod system_logs;
mod tls;
mod trial;
mod upgrade;
mod user_log;
mod users;
mod utf8;
