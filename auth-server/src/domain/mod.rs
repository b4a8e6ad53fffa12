//! The rules, without HTTP, storage or time of its own: what comes in is checked once and becomes a
//! type that needs no more checks.

mod access;
mod allowance;
mod client;
mod client_document;
pub(crate) mod client_id;
mod client_keys;
mod client_url;
mod code;
mod consent;
mod device;
mod family;
mod identity;
mod issued_token;
mod issuer;
mod login;
mod redirect_hosts;
mod redirect_uri;
mod registration;
mod request;
mod resource;
mod seal;
mod secret_hash;
mod session;
mod ticket;
mod token_format;
mod transaction;
mod unique_json;

pub(crate) use self::{
    access::{AccessRecord, Grant, RefreshRecord, User},
    allowance::Allowance,
    client::{Authentication, Client, PreviousSecret},
    client_document::{BadDocument, read_document},
    client_id::Management,
    client_keys::{BadKeySource, KeySource},
    client_url::{BadClientUrl, ClientUrl},
    code::{Attempt, Code, Exchanged, Mismatch},
    consent::{CONSENT_LIFE, Consents, can_be_silent, comes_by_itself},
    device::{Device, INTERVAL, Told, UserCode, Visit},
    family::{Family, Life, Living, Rotation, Successor},
    identity::{EMAIL, OPENID, PROFILE, identity_scopes, known_scopes, lacks_openid, user_id},
    issued_token::IssuedToken,
    login::{Freshness, Goal, Login, LoginWish, login_nonce, login_verifier},
    redirect_hosts::RedirectHosts,
    redirect_uri::{Destination, RedirectUri},
    registration::{MetadataError, Registration},
    request::{AuthorizationRequest, Offer, RequestError, Wanted},
    resource::Resources,
    seal::{Sealed, seal, unseal},
    secret_hash::SecretHash,
    session::{Session, session_token, user_tag},
    ticket::{
        AccessToken, AuthorizationCode, BrowserKey, ClientSecret, DeviceCode, Handle, Kind,
        LoginCode, ManagementToken, Nonce, PushedName, RefreshToken, SessionKey, Ticket, VisitKey,
        family_name, sha256_hex,
    },
    transaction::{Transaction, WrongTurn, form_token},
    unique_json::Unique,
};
pub use self::{issuer::Issuer, token_format::TokenFormat};
