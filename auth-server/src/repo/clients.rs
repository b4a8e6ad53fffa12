//! Registered clients.

use std::time::Duration;

use store::{Record, Store, StoreError, Table};

use crate::domain::Client;

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

    /// The client of this name.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Client>, StoreError> {
        if !is_id(id) {
            return Ok(None);
        }
        self.0.get(id).await
    }

    /// Keeps a client for longer, because it has got tokens.
    pub(crate) async fn keep(&self, client: &Client) -> Result<(), StoreError> {
        self.0.get_and_keep(&client.id, USED).await.map(drop)
    }
}

/// Whether it can be one of ours. What is asked for becomes part of a key.
fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
