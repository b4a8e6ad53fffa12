//! Registered clients, and clients that have been let in by a document of theirs.

mod operator;

use std::{borrow::Cow, time::Duration};

use ambient::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Record, Roster, Store, StoreError, Table, UpdateError};

pub(crate) use self::operator::{Listed, Standing, State};
use super::TRANSACTION_LIFE;
use crate::domain::{Client, ClientUrl, Management, Registration, client_id, sha256_hex};

/// How long a client that nobody has used is kept: many programs register and never come back.
const UNUSED: Duration = Duration::from_hours(24);

/// How long a client is kept after a use.
const USED: Duration = Duration::from_hours(90 * 24);

/// How long it is known that a client was withdrawn: longer than any user is asked about one. It turns
/// nobody away by itself: who has an older copy of the document asks its host again.
const WITHDRAWN: Duration = TRANSACTION_LIFE.saturating_mul(2);

/// How far the clock of the instance that has registered a client may be ahead.
const SKEW: Duration = Duration::from_mins(5);

/// What is kept under the name of a client. It wins over what the name itself carries.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Entry {
    /// A client.
    Kept(Box<Kept>),
    /// A client that has deleted itself, or that its host has withdrawn.
    Deleted {
        /// When it was withdrawn: what its host says later counts. None if it is gone for good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
        /// The operator has blocked it. To instances of earlier versions it is gone for good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        blocked: Option<Box<Blocked>>,
    },
}

/// A client that the operator does not let in.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Blocked {
    since: Timestamp,
    /// What it was, if it was known.
    kept: Option<Kept>,
}

/// What a registration is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// As one that is known.
    Known,
    /// Anew: it has to be added.
    New,
    /// As one that the operator has blocked.
    Blocked,
}

/// Nothing is written: the client is gone, or has come back.
struct Gone;

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
    /// The names of all, for the operator.
    roll: Roster,
    clock: Clock,
    /// Whether names carry registrations: a restart would forget the table.
    carries: bool,
    /// When this table began, if it is in memory: of what was before, it knows nothing.
    began: Timestamp,
}

impl Clients {
    pub(super) fn new(store: &Store, clock: &Clock, may_register: bool) -> Self {
        let carries = may_register && !store.is_shared();
        let (table, roll) = (store.table(), store.roster());
        Self { table, roll, clock: clock.clone(), carries, began: clock.now() }
    }

    /// Gives a registration its final name: the one under which it is known already, or the one
    /// that carries it. `life` is how long a login can live.
    pub(crate) async fn name(
        &self,
        registration: &mut Registration,
        life: Duration,
    ) -> Result<Naming, StoreError> {
        let Registration { client, management, .. } = registration;
        if self.carries
            && let Some(id) = client_id::carry(client, management.as_ref())
        {
            client.id = id;
            return Ok(Naming::Known);
        }
        if management.is_some() {
            return Ok(Naming::New);
        }
        let id = client_id::common(client);
        match self.table.get(&id).await? {
            None => client.id = id,
            Some(Entry::Deleted { blocked: Some(_), .. }) => {
                self.keep_block(&id, &id).await?;
                return Ok(Naming::Blocked);
            }
            Some(Entry::Kept(kept)) if client_id::common(&kept.client) == id => {
                let keep = if kept.used { USED } else { UNUSED };
                self.table.get_and_keep(&id, keep).await?;
                // It may have got a login, which put it on the roll for longer.
                let listed = if kept.used { life + keep } else { keep };
                self.enlist(&id, listed).await?;
                *client = kept.client;
                return Ok(Naming::Known);
            }
            // Two texts with one hash do not happen; the random name is as good.
            Some(_) => {}
        }
        Ok(Naming::New)
    }

    /// Keeps a new client. `false` if there is something under its name by now, which stays: who was
    /// faster has registered the same, or has blocked it.
    pub(crate) async fn add(&self, registration: &Registration) -> Result<bool, StoreError> {
        let Registration { client, management, .. } = registration;
        let kept = Kept { client: client.clone(), management: management.clone(), used: false };
        let is_added = self.table.claim(&client.id, &Entry::Kept(Box::new(kept)), UNUSED).await?;
        if is_added {
            self.enlist(&client.id, UNUSED).await?;
        }
        Ok(is_added)
    }

    /// Keeps what a document said when a user let its client in. The token endpoint asks nobody
    /// else, and the client stays the one that the user has seen. `false` if its host has withdrawn
    /// it since the document was read.
    pub(crate) async fn remember(&self, client: &Client) -> Result<bool, StoreError> {
        let kept = Kept { client: client.clone(), management: None, used: true };
        let kept = Entry::Kept(Box::new(kept));
        let next = |before: Option<Entry>| match before {
            Some(Entry::Deleted { at, .. }) if at.is_none_or(|at| client.issued_at <= at) => {
                Err(Gone)
            }
            _ => Ok(kept.clone()),
        };
        self.write(&client.id, next, USED).await
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
            Some(Entry::Deleted { .. }) => Ok(None),
            None => Ok(self.carried(id)),
        }
    }

    /// What a name carries. It lives as long as a record would have lived: a day, and 90 if it may
    /// have been used before this process began.
    fn carried(&self, id: &str) -> Option<Kept> {
        let (client, management) = client_id::open(id).filter(|_| self.carries)?;
        let now = self.clock.now();
        let life = if client.issued_at < self.began { USED } else { UNUSED };
        // One that says it is from the future would live for ever.
        let alive = client.issued_at <= now + SKEW && now < client.issued_at + life;
        alive.then_some(Kept { client, management, used: false })
    }

    /// Keeps a client for longer, because it has got tokens.
    pub(crate) async fn keep(&self, client: &Client) -> Result<(), StoreError> {
        let Some(name) = name(&client.id) else { return Ok(()) };
        match self.table.get_and_keep(&name, USED).await? {
            Some(Entry::Kept(kept)) if kept.used => Ok(()),
            Some(Entry::Deleted { .. }) => Ok(()),
            Some(Entry::Kept(_)) | None => {
                let used = |kept: Kept| Ok(Kept { used: true, ..kept });
                self.write_kept(&client.id, used).await.map(drop)
            }
        }
    }

    /// Puts `client` in the place of `before` under its name. `false` if that is not what is there any
    /// more: what has come of another change is not written over, a secret that was told least of all.
    pub(crate) async fn change(
        &self,
        before: &Client,
        client: &Client,
    ) -> Result<bool, StoreError> {
        let changed = |kept: Kept| {
            let is_same = kept.client == *before;
            is_same.then(|| Kept { client: client.clone(), used: true, ..kept }).ok_or(Gone)
        };
        self.write_kept(&client.id, changed).await
    }

    /// Deletes a client for good. The tombstone outlives every token and the name itself.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), StoreError> {
        let Some(name) = name(id) else { return Ok(()) };
        self.table.put(&name, &Entry::Deleted { at: None, blocked: None }, USED).await
    }

    /// Forgets a client whose host did not know it any more at this moment: its refresh tokens are of
    /// no use. What the host says later counts, and what it has said later already.
    pub(crate) async fn withdraw(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let next = |before: Option<Entry>| match before {
            Some(Entry::Kept(kept)) if at < kept.client.issued_at => Err(Gone),
            Some(Entry::Deleted { at: None, .. }) => Err(Gone),
            Some(Entry::Deleted { at: Some(before), .. }) if at < before => Err(Gone),
            _ => Ok(Entry::Deleted { at: Some(at), blocked: None }),
        };
        self.write(id, next, WITHDRAWN).await.map(drop)
    }

    /// Changes a client that is there, in a record or carried by its name.
    async fn write_kept(
        &self,
        id: &str,
        change: impl Fn(Kept) -> Result<Kept, Gone>,
    ) -> Result<bool, StoreError> {
        let write = |before: Option<Entry>| match before {
            Some(Entry::Kept(kept)) => Ok(Entry::Kept(Box::new(change(*kept)?))),
            Some(Entry::Deleted { .. }) => Err(Gone),
            None => {
                let kept = self.carried(id).ok_or(Gone)?;
                Ok(Entry::Kept(Box::new(change(kept)?)))
            }
        };
        self.write(id, write, USED).await
    }

    /// Writes what comes of what is there, whoever else writes meanwhile: who reads first and writes
    /// afterwards would bring back what was deleted in between. `false` if nothing comes of it.
    async fn write(
        &self,
        id: &str,
        next: impl Fn(Option<Entry>) -> Result<Entry, Gone>,
        keep: Duration,
    ) -> Result<bool, StoreError> {
        let Some(name) = name(id) else { return Ok(false) };
        loop {
            match self.table.update(&name, |before| next(Some(before))).await {
                // An update leaves the lifetime as it was.
                Ok(Some(_)) => return self.table.get_and_keep(&name, keep).await.map(|_| true),
                Ok(None) => {}
                Err(UpdateError::Change(Gone)) => return Ok(false),
                Err(UpdateError::Store(error)) => return Err(error),
            }
            let Ok(first) = next(None) else { return Ok(false) };
            if self.table.claim(&name, &first, keep).await? {
                return Ok(true);
            }
            // Somebody was faster: what is there now is looked at.
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

#[cfg(test)]
mod tests {
    use ambient::Entropy;
    use serde_json::{Value, json};

    use super::*;
    use crate::{documents::Heard, domain::Ticket};

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const LATER: Timestamp = Timestamp::from_secs(1_800_000_060);
    const LIFE: Duration = Duration::from_hours(180 * 24);
    const REDIRECTS: &str = "https://client.example/cb";

    /// A table, and one of an instance whose names carry nothing.
    fn clients(may_register: bool) -> Clients {
        let clock = Clock::manual(NOW);
        Clients::new(&Store::memory(clock.clone()), &clock, may_register)
    }

    async fn registered(clients: &Clients) -> Client {
        let metadata: Value = json!({ "redirect_uris": [REDIRECTS] });
        let metadata = serde_json::from_value(metadata).unwrap();
        let mut made = Registration::new(metadata, NOW, &Entropy::seeded(1)).unwrap();
        if clients.name(&mut made, LIFE).await.unwrap() == Naming::New {
            assert!(clients.add(&made).await.unwrap());
        }
        made.client
    }

    fn public() -> Registration {
        let metadata =
            json!({ "redirect_uris": [REDIRECTS], "token_endpoint_auth_method": "none" });
        let metadata = serde_json::from_value(metadata).unwrap();
        Registration::new(metadata, NOW, &Entropy::seeded(1)).unwrap()
    }

    fn described(issued_at: Timestamp) -> Client {
        let url = ClientUrl::parse("https://client.example/oauth.json", false).unwrap();
        let document = json!({
            "client_id": url.as_str(), "client_name": "A", "redirect_uris": [REDIRECTS],
        });
        crate::domain::read_document(&url, document.to_string().as_bytes(), issued_at).unwrap()
    }

    /// Whoever has read the client before it deletes itself writes afterwards.
    #[tokio::test]
    async fn who_has_deleted_itself_is_brought_back_by_nobody_who_was_slower() {
        for carries in [false, true] {
            let clients = clients(carries);
            let client = registered(&clients).await;
            assert_eq!(client.id.starts_with("mcpi_"), carries);
            let read = clients.find_kept(&client.id).await.unwrap().unwrap().client;
            clients.delete(&client.id).await.unwrap();
            assert!(!clients.change(&read, &read).await.unwrap());
            clients.keep(&read).await.unwrap();
            assert!(clients.find_kept(&client.id).await.unwrap().is_none());
        }
    }

    /// Whoever runs the server blocks it between the question for its name and the answer.
    #[tokio::test]
    async fn a_registration_that_was_blocked_meanwhile_does_not_lift_the_block() {
        let (clients, mut made) = (clients(false), public());
        assert_eq!(clients.name(&mut made, LIFE).await.unwrap(), Naming::New);
        assert!(clients.block(&made.client.id).await.unwrap());
        assert!(!clients.add(&made).await.unwrap());
        assert!(clients.standing(&made.client.id).await.unwrap().is_blocked);
        assert_eq!(clients.name(&mut public(), LIFE).await.unwrap(), Naming::Blocked);
    }

    #[tokio::test]
    async fn a_block_lasts_as_long_as_somebody_registers_so() {
        let clock = Clock::manual(NOW);
        let clients = Clients::new(&Store::memory(clock.clone()), &clock, false);
        let mut made = public();
        clients.name(&mut made, LIFE).await.unwrap();
        clients.block(&made.client.id).await.unwrap();
        for _ in 0..3 {
            clock.advance(Duration::from_hours(300 * 24));
            assert_eq!(clients.name(&mut public(), LIFE).await.unwrap(), Naming::Blocked);
        }
        assert_eq!(clients.page(0, 9).await.unwrap().0.len(), 1, "and it is on the roll");
        clock.advance(Duration::from_hours(401 * 24));
        assert_eq!(clients.name(&mut public(), LIFE).await.unwrap(), Naming::New);
    }

    #[tokio::test]
    async fn who_registers_again_stays_on_the_roll_for_as_long_as_its_login_may_live() {
        let clock = Clock::manual(NOW);
        let clients = Clients::new(&Store::memory(clock.clone()), &clock, false);
        let mut made = public();
        assert_eq!(clients.name(&mut made, LIFE).await.unwrap(), Naming::New);
        assert!(clients.add(&made).await.unwrap());
        clients.enlist_login(&made.client.id, LIFE).await.unwrap();
        clients.keep(&made.client).await.unwrap();
        assert_eq!(clients.name(&mut public(), LIFE).await.unwrap(), Naming::Known);
        for _ in 0..2 {
            clock.advance(Duration::from_hours(80 * 24));
            clients.keep(&made.client).await.unwrap();
        }
        assert_eq!(clients.page(0, 9).await.unwrap().0.len(), 1);
    }

    #[tokio::test]
    async fn a_change_is_there_for_the_next_who_asks() {
        for carries in [false, true] {
            let clients = clients(carries);
            let client = registered(&clients).await;
            let renamed = |name: &str| Client { name: Some(name.into()), ..client.clone() };
            let (changed, late) = (renamed("Renamed"), renamed("Late"));
            assert!(clients.change(&client, &changed).await.unwrap());
            assert!(!clients.change(&client, &late).await.unwrap(), "it has seen another");
            assert_eq!(clients.find(&changed.id).await.unwrap(), Some(changed));
        }
    }

    #[tokio::test]
    async fn who_was_never_there_is_not_made_by_a_change() {
        let clients = clients(false);
        let client = registered(&clients).await;
        let other = Client { id: format!("c{}", "0".repeat(32)), ..client };
        assert!(!clients.change(&other, &other).await.unwrap());
        assert_eq!(clients.find(&other.id).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_client_that_was_withdrawn_while_its_user_was_asked_is_not_let_in() {
        let clients = clients(true);
        let seen = described(NOW);
        clients.withdraw(&seen.id, NOW).await.unwrap();
        assert!(!clients.remember(&seen).await.unwrap());
        assert_eq!(clients.find(&seen.id).await.unwrap(), None);
        let again = described(LATER);
        assert!(clients.remember(&again).await.unwrap(), "its host says it again");
        assert_eq!(clients.find(&seen.id).await.unwrap(), Some(again));
    }

    #[tokio::test]
    async fn what_was_found_out_before_the_host_said_otherwise_withdraws_nobody() {
        let clients = clients(false);
        let good = described(LATER);
        assert!(clients.remember(&good).await.unwrap());
        clients.withdraw(&good.id, NOW).await.unwrap();
        assert_eq!(clients.standing(&good.id).await.unwrap().heard, Some(Heard::Good(LATER)));
        clients.withdraw(&good.id, LATER).await.unwrap();
        assert_eq!(clients.standing(&good.id).await.unwrap().heard, Some(Heard::Withdrawn(LATER)));
        clients.withdraw(&good.id, NOW).await.unwrap();
        assert_eq!(clients.standing(&good.id).await.unwrap().heard, Some(Heard::Withdrawn(LATER)));
    }

    #[tokio::test]
    async fn a_name_that_says_it_is_from_the_future_is_nobodys() {
        let clients = clients(true);
        for (at, is_there) in [(NOW, true), (NOW + SKEW, true), (NOW + SKEW * 2, false)] {
            let client = Client { issued_at: at, ..registered(&clients).await };
            let id = client_id::carry(&client, Some(&management())).unwrap();
            assert_eq!(clients.find(&id).await.unwrap().is_some(), is_there, "{at:?}");
        }
    }

    fn management() -> Management {
        Management::of(&Ticket::random(&Entropy::seeded(2)))
    }

    /// Instances of the version before have written this.
    #[test]
    fn a_tombstone_of_the_version_before_is_read() {
        let entry: Entry = serde_json::from_value(json!({ "state": "deleted" })).unwrap();
        assert!(matches!(entry, Entry::Deleted { at: None, blocked: None }));
        assert_eq!(serde_json::to_value(entry).unwrap(), json!({ "state": "deleted" }));
    }
}
