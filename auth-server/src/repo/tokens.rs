//! Access tokens, refresh tokens and their families.

use std::time::Duration;

use ambient::Timestamp;
use store::{Record, Seen, Store, StoreError, Table, UpdateError};

use crate::domain::{
    AccessRecord, Family, IssuedToken, Life, RefreshRecord, RefreshToken, Rotation, Successor,
};

impl Record for AccessRecord {
    const PREFIX: &'static str = "auth:installation:";
    const SEALED: bool = true;
}

impl Record for RefreshRecord {
    const PREFIX: &'static str = "auth:refresh:";
}

impl Record for Family {
    const PREFIX: &'static str = FAMILIES;
    const SEALED: bool = true;
}

impl Record for Life {
    const PREFIX: &'static str = FAMILIES;
    const SEALED: bool = true;
}

const FAMILIES: &str = "auth:family:";

#[derive(Debug)]
pub(crate) struct Tokens {
    access: Table<AccessRecord>,
    refresh: Table<RefreshRecord>,
    families: Table<Family>,
    /// The same records.
    lives: Table<Life>,
}

impl Tokens {
    pub(super) fn new(store: &Store) -> Self {
        Self {
            access: store.table(),
            refresh: store.table(),
            families: store.table(),
            lives: store.table(),
        }
    }

    /// Keeps an access token until it expires.
    pub(crate) async fn add_access(
        &self,
        token: &IssuedToken,
        record: &AccessRecord,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.access.put(&token.name(), record, record.expires_at.since(now)).await
    }

    /// An access token, whether it is good or not.
    pub(crate) async fn find_access(
        &self,
        token: &IssuedToken,
    ) -> Result<Option<AccessRecord>, StoreError> {
        self.access.get(&token.name()).await
    }

    /// An access token whose family is alive, whether it is good otherwise or not.
    pub(crate) async fn find_living(
        &self,
        token: &IssuedToken,
    ) -> Result<Option<AccessRecord>, StoreError> {
        let (name, family) = (token.name(), token.family());
        let (record, life) = found(&self.access, &name, &self.lives, family).await?;
        Ok(record.filter(|_| life.is_some_and(|life| life.value.is_alive())))
    }

    /// Ends one access token.
    pub(crate) async fn remove_access(&self, token: &IssuedToken) -> Result<(), StoreError> {
        self.access.remove(&token.name()).await.map(drop)
    }

    /// Keeps a refresh token until it expires.
    pub(crate) async fn add_refresh(
        &self,
        token: &RefreshToken,
        record: &RefreshRecord,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.refresh.put(token.digest().as_str(), record, record.expires_at.since(now)).await
    }

    /// A refresh token, whether it is good or not.
    pub(crate) async fn find_refresh(
        &self,
        token: &RefreshToken,
    ) -> Result<Option<RefreshRecord>, StoreError> {
        self.refresh.get(token.digest().as_str()).await
    }

    /// A refresh token, whether it is good or not, and its family, dead or alive.
    pub(crate) async fn find_redeemable(
        &self,
        token: &RefreshToken,
    ) -> Result<(Option<RefreshRecord>, Option<Seen<Family>>), StoreError> {
        let name = token.digest();
        found(&self.refresh, name.as_str(), &self.families, Some(token.family())).await
    }

    /// Forgets a refresh token that nobody was told of.
    pub(crate) async fn remove_refresh(&self, token: &RefreshToken) -> Result<(), StoreError> {
        self.refresh.remove(token.digest().as_str()).await.map(drop)
    }

    /// Begins a family. `false` if it was revoked before it began.
    pub(crate) async fn begin_family(
        &self,
        id: &str,
        family: &Family,
        keep: Duration,
    ) -> Result<bool, StoreError> {
        self.families.claim(id, family, keep).await
    }

    /// A family, dead or alive.
    pub(crate) async fn find_family(&self, id: &str) -> Result<Option<Family>, StoreError> {
        self.families.get(id).await
    }

    /// Puts `successor` in the place of `token` in a family that was `seen` just now, or says what
    /// redeeming `token` means instead.
    pub(crate) async fn rotate(
        &self,
        (id, seen): (&str, Seen<Family>),
        token: &RefreshToken,
        successor: &Successor,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let token = token.digest();
        let advance = |family: Family| family.advance(&token, successor, now);
        match self.families.update_from(id, seen, advance).await {
            Ok(Some(_)) => Ok(Rotation::Advance),
            Ok(None) => Ok(Rotation::Dead),
            Err(UpdateError::Change(instead)) => Ok(instead),
            Err(UpdateError::Store(error)) => Err(error),
        }
    }

    /// Ends a family for good, whether it has begun or not. Its tokens lie about until they expire,
    /// and none of them is good.
    pub(crate) async fn revoke_family(&self, id: &str, keep: Duration) -> Result<(), StoreError> {
        self.families.put(id, &Family::Revoked, keep).await
    }
}

/// What names the family that it belongs to.
trait OfFamily: Record {
    fn family(&self) -> &str;
}

impl OfFamily for AccessRecord {
    fn family(&self) -> &str {
        &self.family
    }
}

impl OfFamily for RefreshRecord {
    fn family(&self) -> &str {
        &self.family
    }
}

/// A token and its family, which are asked for at once if the token is right about the family. What
/// counts is what its record says.
async fn found<T: OfFamily, F: Record>(
    tokens: &Table<T>,
    name: &str,
    families: &Table<F>,
    named: Option<&str>,
) -> Result<(Option<T>, Option<Seen<F>>), StoreError> {
    let (record, family) = match named {
        Some(named) => tokens.get_with(name, named).await?,
        None => (tokens.get(name).await?, None),
    };
    match record {
        Some(record) if named != Some(record.family()) => {
            let family = families.see(record.family()).await?;
            Ok((Some(record), family))
        }
        record => Ok((record, family)),
    }
}

#[cfg(test)]
mod tests {
    use ambient::{Clock, Entropy};

    use super::*;
    use crate::domain::{Grant, Living, Ticket, User, family_name};

    const NOW: Timestamp = Timestamp::from_secs(100);
    const LATER: Timestamp = Timestamp::from_secs(1000);
    const KEEP: Duration = Duration::from_mins(15);

    fn grant() -> Grant {
        let user = User {
            sub: "alice".into(),
            name: "Alice".into(),
            email: None,
            is_email_verified: false,
        };
        let (client_id, resource) = ("c".into(), "r".into());
        let scope = "mcp".parse().unwrap();
        Grant { client_id, user, scope, resource, auth_time: None, key: None }
    }

    fn alive() -> Family {
        let living = Living {
            grant: grant(),
            begun_at: None,
            expires_at: LATER,
            current: None,
            previous: None,
        };
        Family::Alive(Box::new(living))
    }

    /// Tokens whose records name `family`, whatever is in their texts.
    async fn kept(
        tokens: &Tokens,
        named: &str,
        family: &str,
        entropy: &Entropy,
    ) -> (IssuedToken, RefreshToken) {
        let access = IssuedToken::Opaque(Ticket::of_family(named, entropy));
        let refresh = Ticket::of_family(named, entropy);
        let (family, client_id) = (family.to_owned(), "c".to_owned());
        let record = RefreshRecord { family: family.clone(), client_id, expires_at: LATER };
        tokens.add_refresh(&refresh, &record, NOW).await.unwrap();
        let (id, grant) = ("j".to_owned(), grant());
        let record = AccessRecord { id, family, grant, issued_at: NOW, expires_at: LATER };
        tokens.add_access(&access, &record, NOW).await.unwrap();
        (access, refresh)
    }

    #[tokio::test]
    async fn a_token_is_as_good_as_the_family_that_its_record_names() {
        let (store, entropy) = (Store::memory(Clock::manual(NOW)), Entropy::seeded(1));
        let tokens = Tokens::new(&store);
        // An earlier version has named families in another way, and tokens did not begin with that.
        let earlier = entropy.hex::<16>();
        let [own, other] = [0; 2].map(|_| family_name(&entropy));
        for (named, family) in [(&own, &own), (&earlier, &earlier), (&other, &own)] {
            for name in [&own, &other, &earlier] {
                tokens.revoke_family(name, KEEP).await.unwrap();
            }
            let (access, refresh) = kept(&tokens, named, family, &entropy).await;
            assert_eq!(tokens.find_living(&access).await.unwrap(), None);
            let family_of = async || {
                let (_, family) = tokens.find_redeemable(&refresh).await.unwrap();
                family.unwrap().value
            };
            assert_eq!(family_of().await, Family::Revoked);
            // Another one in the text makes no difference, dead or alive.
            tokens.families.put(&other, &alive(), KEEP).await.unwrap();
            let is_other = *family == other;
            assert_eq!(tokens.find_living(&access).await.unwrap().is_some(), is_other);
            tokens.revoke_family(&other, KEEP).await.unwrap();
            tokens.families.put(family, &alive(), KEEP).await.unwrap();
            assert_eq!(tokens.find_living(&access).await.unwrap().unwrap().family, *family);
            assert_eq!(family_of().await, alive());
        }
    }

    #[tokio::test]
    async fn who_only_makes_a_token_up_finds_its_family_and_no_token() {
        let (store, entropy) = (Store::memory(Clock::manual(NOW)), Entropy::seeded(1));
        let (tokens, family) = (Tokens::new(&store), family_name(&entropy));
        tokens.families.put(&family, &alive(), KEEP).await.unwrap();
        let access = IssuedToken::Opaque(Ticket::of_family(&family, &entropy));
        assert_eq!(tokens.find_living(&access).await.unwrap(), None);
        let refresh = Ticket::of_family(&family, &entropy);
        assert_eq!(tokens.find_redeemable(&refresh).await.unwrap().0, None);
    }
}
