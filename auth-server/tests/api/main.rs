//! The promises of the authorization server, through its real router over a real socket.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

mod audit;
mod authorize;
mod client_credentials;
mod client_documents;
mod consent;
mod introspect;
mod limits;
mod log;
mod login;
mod manage;
mod metadata;
mod outage;
mod pages;
mod real_clients;
mod refresh;
mod register;
mod revoke;
mod secrets;
mod support;
mod token;
