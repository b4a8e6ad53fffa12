//! Registered clients, and clients that have been let in by a document of theirs.

use std::{borrow::Cow, time::Duration};

use ambient::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Record, Store, StoreError, Table};

use crate::domain::{Client, ClientUrl, Management, Registration, client_id, sha256_hex};

/// How long a client that nobody has used is kept: many programs register and never come back.
const UNUSED: Duration = Duration::from_hours(24);

/// How long a client is kept after a use.
const USED: Duration = Duration::from_hours(90 * 24);

/// What is kept under the name of a client. It wins over what the name itself carries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Entry {
    /// A client.
    Kept(Box<Kept>),
    /// A client that has deleted itself.
    Deleted,
}

/// A client as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The client.
    pub(crate) client: Client,
    /// What shows that a caller may change it; none if nobody may.
    pub(crate) management: Option<Management>,
    /// Whether it has got tokens.
    used: bool,
}

impl Record for Entry {
    const PREFIX: &'static str = "auth:client:";
}

#[derive(Debug)]
pub(crate) struct Clients {
    table: Table<Entry>,
    clock: Clock,
    /// Whether names carry registrations: a restart would forget the table.
    carries: bool,
    /// When this table began, if it is in memory: of what was before, it knows nothing.
    began: Timestamp,
}

impl Clients {
    pub(super) fn new(store: &Store, clock: &Clock, may_register: bool) -> Self {
        let carries = may_register && !store.is_shared();
        Self { table: store.table(), clock: clock.clone(), carries, began: clock.now() }
    }

    /// Gives a registration its final name: the one under which it is known already, or the one
    /// that carries it. `false` if it has to be added to be known.
    pub(crate) async fn name(&self, registration: &mut Registration) -> Result<bool, StoreError> {
        let Registration { client, management, .. } = registration;
        if self.carries
            && let Some(id) = client_id::carry(client, management.as_ref())
        {
            client.id = id;
            return Ok(true);
        }
        if management.is_some() {
            return Ok(false);
        }
        let id = client_id::common(client);
        match self.table.get(&id).await? {
            None => client.id = id,
            Some(Entry::Kept(kept)) if client_id::common(&kept.client) == id => {
                let keep = if kept.used { USED } else { UNUSED };
                self.table.get_and_keep(&id, keep).await?;
                *client = kept.client;
                return Ok(true);
            }
            // Two texts with one hash do not happen; the random name is as good.
            Some(_) => {}
        }
        Ok(false)
    }

    /// Keeps a new client.
    pub(crate) async fn add(&self, registration: &Registration) -> Result<(), StoreError> {
        let Registration { client, management, .. } = registration;
        let kept = Kept { client: client.clone(), management: management.clone(), used: false };
        self.table.put(&client.id, &Entry::Kept(Box::new(kept)), UNUSED).await
    }

    /// Keeps what a document said when a user let its client in. The token endpoint asks nobody
    /// else, and the client stays the one that the user has seen.
    pub(crate) async fn remember(&self, client: &Client) -> Result<(), StoreError> {
        let kept = Kept { client: client.clone(), management: None, used: true };
        self.put(&client.id, &Entry::Kept(Box::new(kept))).await
    }

    /// The client of this name.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Client>, StoreError> {
        Ok(self.find_kept(id).await?.map(|kept| kept.client))
    }

    /// The client of this name, and who may change it.
    pub(crate) async fn find_kept(&self, id: &str) -> Result<Option<Kept>, StoreError> {
        let Some(name) = name(id) else { return Ok(None) };
        match self.table.get(&name).await? {
            Some(Entry::Kept(kept)) => Ok(Some(*kept)),
            Some(Entry::Deleted) => Ok(None),
            None => Ok(self.carried(id)),
        }
    }

    /// What a name carries. It lives as long as a record would have lived: a day, and 90 if it may
    /// have been used before this process began.
    fn carried(&self, id: &str) -> Option<Kept> {
        let (client, management) = client_id::open(id).filter(|_| self.carries)?;
        let now = self.clock.now();
        let life = if client.issued_at < self.began { USED } else { UNUSED };
        let alive = now < client.issued_at + life;
        alive.then_some(Kept { client, management, used: false })
    }

    /// Keeps a client for longer, because it has got tokens.
    pub(crate) async fn keep(&self, client: &Client) -> Result<(), StoreError> {
        let Some(name) = name(&client.id) else { return Ok(()) };
        let kept = match self.table.get_and_keep(&name, USED).await? {
            Some(Entry::Kept(kept)) => Some(*kept),
            Some(Entry::Deleted) => None,
            None => self.carried(&client.id),
        };
        match kept {
            Some(kept) if !kept.used => {
                self.put(&client.id, &Entry::Kept(Box::new(Kept { used: true, ..kept }))).await
            }
            _ => Ok(()),
        }
    }

    /// Puts `client` in the place of what was registered under its name.
    pub(crate) async fn change(&self, kept: Kept, client: Client) -> Result<(), StoreError> {
        let id = client.id.clone();
        self.put(&id, &Entry::Kept(Box::new(Kept { client, used: true, ..kept }))).await
    }

    /// Deletes a client for good. The tombstone outlives every token and the name itself.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), StoreError> {
        self.put(id, &Entry::Deleted).await
    }

    /// Forgets a client: its refresh tokens are of no use any more.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), StoreError> {
        match name(id) {
            Some(name) => self.table.remove(&name).await.map(drop),
            None => Ok(()),
        }
    }

    async fn put(&self, id: &str, entry: &Entry) -> Result<(), StoreError> {
        match name(id) {
            Some(name) => self.table.put(&name, entry, USED).await,
            None => Ok(()),
        }
    }
}

/// What a client is called in the store, if it can be one of ours. What is asked for becomes part
/// of a key, so an identifier that is long is hashed.
fn name(id: &str) -> Option<Cow<'_, str>> {
    if ClientUrl::is_meant(id) {
        return Some(sha256_hex(&["client document", id]).into());
    }
    if client_id::is_stored(id) {
        return Some(Cow::Borrowed(id));
    }
    client_id::is_registered(id).then(|| sha256_hex(&["carried client", id]).into())
}
