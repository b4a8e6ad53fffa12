//! What a user has let in: the logins that clients have got, and the consent that is remembered.
//!
//! A login is found from both sides: by its user, who sees it on a page, and by its client, whose
//! logins an operator can end.

use std::{convert::Infallible, time::Duration};

use ambient::Timestamp;
use store::{Record, Roster, Store, StoreError, Table, UpdateError};

use crate::domain::{AuthorizationRequest, CONSENT_LIFE, Consents, sha256_hex};

/// How many logins of one user there are. What is not on the page that shows them must not live on:
/// those that would end first make room.
const MAX_LOGINS: u16 = 200;

impl Record for Consents {
    const PREFIX: &'static str = "auth:consent:";
    const SEALED: bool = true;
}

/// The applications of all users. What is called after a user is found by the names of before a change
/// of the secret too, for as long as that is known.
#[derive(Debug)]
pub(crate) struct Apps {
    names: Store,
    logins: Roster,
    consents: Table<Consents>,
}

/// A login that a client has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AppLogin {
    pub(crate) family: String,
    client: String,
}

impl Apps {
    pub(super) fn new(store: &Store) -> Self {
        Self { names: store.clone(), logins: store.roster(), consents: store.table() }
    }

    /// Notes that a client has got a login, which can live for `keep`.
    pub(crate) async fn enter(
        &self,
        user: &str,
        (client, family): (&str, &str),
        keep: Duration,
    ) -> Result<(), StoreError> {
        let roster = roster(&self.names.alias(&of_user(user)));
        let member = format!("{}.{family}", client_tag(client));
        let by_user = self.logins.enter(&roster, &member, keep);
        tokio::try_join!(by_user, self.enter_of(client, family, keep))?;
        Ok(())
    }

    /// Notes what a client has got without a user's consent.
    pub(crate) async fn enter_of(
        &self,
        client: &str,
        family: &str,
        keep: Duration,
    ) -> Result<u64, StoreError> {
        self.logins.enter(&roster_of(&client_tag(client)), family, keep).await
    }

    /// The families of a client's logins, dead or alive, of all users: up to so many.
    pub(crate) async fn logins_of(
        &self,
        client: &str,
        most: u16,
    ) -> Result<Vec<String>, StoreError> {
        self.logins.members(&roster_of(&client_tag(client)), most).await
    }

    /// Forgets a client's login that has ended. Its user's page sees that by itself.
    pub(crate) async fn leave_of(&self, client: &str, family: &str) -> Result<(), StoreError> {
        self.logins.leave(&roster_of(&client_tag(client)), family).await
    }

    /// The logins that there are too many of: to be ended, and forgotten then.
    pub(crate) async fn surplus(&self, user: &str) -> Result<Vec<AppLogin>, StoreError> {
        let roster = roster(&self.names.alias(&of_user(user)));
        let count = self.logins.len(&roster).await?;
        let surplus = count.saturating_sub(MAX_LOGINS.into());
        match u16::try_from(surplus).unwrap_or(u16::MAX) {
            0 => Ok(Vec::new()),
            surplus => Ok(read(&self.logins.members(&roster, surplus).await?)),
        }
    }

    /// The logins of a user's clients, dead or alive.
    pub(crate) async fn logins(&self, user: &str) -> Result<Vec<AppLogin>, StoreError> {
        let mut logins = Vec::new();
        for name in self.names.aliases(&of_user(user)) {
            logins.extend(read(&self.logins.members(&roster(&name), MAX_LOGINS).await?));
        }
        Ok(logins)
    }

    /// Forgets a login that has ended.
    pub(crate) async fn leave(&self, user: &str, login: &AppLogin) -> Result<(), StoreError> {
        let member = format!("{}.{}", login.client, login.family);
        for name in self.names.aliases(&of_user(user)) {
            self.logins.leave(&roster(&name), &member).await?;
        }
        self.logins.leave(&roster_of(&login.client), &login.family).await
    }

    /// Remembers what a user has allowed.
    pub(crate) async fn remember(
        &self,
        user: &str,
        request: &AuthorizationRequest,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let name = self.names.alias(&consent(user, &request.client_id));
        let add = |kept: Consents| Ok::<_, Infallible>(kept.with(request, now));
        match self.consents.update(&name, add).await {
            Ok(Some(_)) => {
                // The lifetime begins anew with the youngest.
                self.consents.get_and_keep(&name, CONSENT_LIFE).await.map(drop)
            }
            Ok(None) => {
                let before = self.consents_of(user, &request.client_id).await?;
                let first = before.unwrap_or_default().with(request, now);
                self.consents.put(&name, &first, CONSENT_LIFE).await
            }
            Err(UpdateError::Store(error)) => Err(error),
            Err(UpdateError::Change(never)) => match never {},
        }
    }

    /// Whether a user has allowed exactly this before.
    pub(crate) async fn has_allowed(
        &self,
        user: &str,
        request: &AuthorizationRequest,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let found = self.consents_of(user, &request.client_id).await?;
        Ok(found.is_some_and(|consents| consents.allow(request, now)))
    }

    /// Forgets everything that a user has allowed a client.
    pub(crate) async fn forget(&self, user: &str, client: &str) -> Result<(), StoreError> {
        for name in self.names.aliases(&consent(user, client)) {
            self.consents.remove(&name).await?;
        }
        Ok(())
    }

    async fn consents_of(&self, user: &str, client: &str) -> Result<Option<Consents>, StoreError> {
        for name in self.names.aliases(&consent(user, client)) {
            if let Some(found) = self.consents.get(&name).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl AppLogin {
    /// Whether it is a login of this client.
    pub(crate) fn is_of(&self, client: &str) -> bool {
        self.client == client_tag(client)
    }
}

fn read(members: &[String]) -> Vec<AppLogin> {
    let cut = members.iter().filter_map(|member| member.split_once('.'));
    let login = |(client, family): (&str, &str)| AppLogin {
        family: family.to_owned(),
        client: client.to_owned(),
    };
    cut.map(login).collect()
}

fn roster(alias: &str) -> String {
    format!("auth:apps:{alias}")
}

fn of_user(user: &str) -> String {
    sha256_hex(&["user", user])
}

fn roster_of(client_tag: &str) -> String {
    format!("auth:logins:{client_tag}")
}

fn client_tag(client: &str) -> String {
    sha256_hex(&["client", client])[..32].to_owned()
}

fn consent(user: &str, client: &str) -> String {
    sha256_hex(&["consent", user, client])
}
