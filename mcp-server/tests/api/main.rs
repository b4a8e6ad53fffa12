//! The transports and the eras over real sockets, on a catalog made for tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it is")]

mod any_bytes;
mod asked_faults;
mod auth_settings;
mod authorization;
mod bad_input;
mod check_auth;
mod dialects;
mod doctor;
mod dpop;
mod envelope;
mod faults;
mod flow;
mod gate;
mod initialized;
mod legacy;
mod long_streams;
mod metrics;
mod modern;
mod pages;
mod provider;
mod providers;
mod pushed_metrics;
mod requirements;
mod resume;
mod shortcut;
mod skills;
mod sse_2024;
mod stdio;
mod subscriptions;
mod tasks;
mod tokens;
mod traces;
mod trouble;
mod waiting_for_keys;
mod world;
