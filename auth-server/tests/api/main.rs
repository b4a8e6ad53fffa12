//! The promises of the authorization server, through its real router over a real socket.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

mod apps;
mod audit;
mod authorize;
mod client_assertions;
mod client_credentials;
mod client_documents;
mod consent;
mod device;
mod dpop;
mod id_jag;
mod incidents;
mod introspect;
mod keys;
mod keys_on_redis;
mod limits;
mod log;
mod login;
mod manage;
mod metadata;
mod openid;
mod outage;
mod pages;
mod provider;
mod pushed;
mod real_clients;
mod refresh;
mod register;
mod remembered;
mod revoke;
mod secrets;
mod sessions;
mod signer;
mod support;
mod token;
mod upstreams;
