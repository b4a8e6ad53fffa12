//! Registered clients, and clients that have been let in by a document of theirs.

use std::{borrow::Cow, time::Duration};

use store::{Record, Store, StoreError, Table};

use crate::domain::{Client, ClientUrl, sha256_hex};

/// How long a client that nobody has used is kept: many programs register and never come back.
const UNUSED: Duration = Duration::from_hours(24);

/// How long a client is kept after a use.
const USED: Duration = Duration::from_hours(90 * 24);

impl Record for Client {
    const PREFIX: &'static str = "auth:client:";
}

#[derive(Debug)]
pub(crate) struct Clients(Table<Client>);

impl Clients {
    pub(super) fn new(store: &Store) -> Self {
        Self(store.table())
    }

    /// Keeps a new client.
    pub(crate) async fn add(&self, client: &Client) -> Result<(), StoreError> {
        self.0.put(&client.id, client, UNUSED).await
    }

    /// Keeps what a document said when a user let its client in. The token endpoint asks nobody
    /// else, and the client stays the one that the user has seen.
    pub(crate) async fn remember(&self, client: &Client) -> Result<(), StoreError> {
        match name(&client.id) {
            Some(name) => self.0.put(&name, client, USED).await,
            None => Ok(()),
        }
    }

    /// The client of this name.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Client>, StoreError> {
        match name(id) {
            Some(name) => self.0.get(&name).await,
            None => Ok(None),
        }
    }

    /// Keeps a client for longer, because it has got tokens.
    pub(crate) async fn keep(&self, client: &Client) -> Result<(), StoreError> {
        match name(&client.id) {
            Some(name) => self.0.get_and_keep(&name, USED).await.map(drop),
            None => Ok(()),
        }
    }

    /// Forgets a client: its refresh tokens are of no use any more.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), StoreError> {
        match name(id) {
            Some(name) => self.0.remove(&name).await.map(drop),
            None => Ok(()),
        }
    }
}

/// What a client is called in the store, if it can be one of ours. What is asked for becomes part
/// of a key, so an identifier that is a URL is hashed.
fn name(id: &str) -> Option<Cow<'_, str>> {
    if ClientUrl::is_meant(id) {
        return Some(sha256_hex(&["client document", id]).into());
    }
    let is_id = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_id.then_some(Cow::Borrowed(id))
}
