//! The promises of the authorization server, through its real router over a real socket.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

mod authorize;
mod client_credentials;
mod client_documents;
mod consent;
mod device;
mod dpop;
mod incidents;
mod introspect;
mod login;
mod metadata;
mod outage;
mod pages;
mod pushed;
mod refresh;
mod register;
mod revoke;
mod secrets;
mod support;
mod token;
