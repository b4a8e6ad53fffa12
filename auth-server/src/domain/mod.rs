//! The rules, without HTTP, storage or time of its own: what comes in is checked once and becomes a
//! type that needs no more checks.

mod access;
mod client;
mod client_document;
mod client_url;
mod code;
mod device;
mod family;
mod redirect_uri;
mod registration;
mod request;
mod resource;
mod seal;
mod secret_hash;
mod ticket;
mod transaction;
mod unique_json;

pub(crate) use self::{
    access::{AccessRecord, Grant, RefreshRecord, User},
    client::{Authentication, Client},
    client_document::{BadDocument, read_document},
    client_url::{BadClientUrl, ClientUrl},
    code::{Attempt, Code, Exchanged, Mismatch},
    device::{Device, INTERVAL, Told, UserCode, Visit},
    family::{Family, Living, Rotation, Successor},
    redirect_uri::{Destination, RedirectUri},
    registration::{MetadataError, Registration},
    request::{AuthorizationRequest, Offer, RequestError, Wanted},
    resource::Resources,
    seal::{Sealed, seal, unseal},
    secret_hash::SecretHash,
    ticket::{
        AccessToken, AuthorizationCode, BrowserKey, ClientSecret, DeviceCode, Handle, LoginCode,
        Nonce, PushedName, RefreshToken, Ticket, VisitKey, sha256_hex,
    },
    transaction::{Transaction, WrongTurn, form_token},
};
