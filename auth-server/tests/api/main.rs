//! The promises of the authorization server, through its real router over a real socket.

mod authorize;
mod consent;
mod introspect;
mod login;
mod metadata;
mod outage;
mod pages;
mod refresh;
mod register;
mod revoke;
mod secrets;
mod support;
mod token;
