//! What the operator sees of registered clients, and does about them.

use std::time::Duration;

use store::StoreError;

use super::{Blocked, Clients, Entry, Gone, Kept, USED, name};
use crate::{documents::Heard, domain::Client};

/// How long a block is kept after the client has last come.
const BLOCKED: Duration = Duration::from_hours(400 * 24);

/// The names of all clients that are kept.
const ROLL: &str = "auth:roll:clients";

/// How a client stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The last that any instance has heard of it from the host of its document.
    pub(crate) heard: Option<Heard>,
    /// Whether the operator has blocked it.
    pub(crate) is_blocked: bool,
}

/// A client as the operator sees it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) state: State,
    /// What it is, unless it was blocked before it ever came.
    pub(crate) client: Option<Client>,
}

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It has never got a token.
    Unused,
    /// It has.
    Used,
    /// The operator has blocked it.
    Blocked,
}

impl Clients {
    /// How this client stands.
    pub(crate) async fn standing(&self, id: &str) -> Result<Standing, StoreError> {
        let Some(key) = name(id) else { return Ok(Standing::default()) };
        let heard = match self.table.get(&key).await? {
            Some(Entry::Kept(kept)) => Some(Heard::Good(kept.client.issued_at)),
            Some(Entry::Deleted { blocked: Some(_), .. }) => {
                self.keep_block(id, &key).await?;
                return Ok(Standing { heard: None, is_blocked: true });
            }
            Some(Entry::Deleted { at, .. }) => at.map(Heard::Withdrawn),
            None => None,
        };
        Ok(Standing { heard, is_blocked: false })
    }

    /// A block lasts as long as somebody comes.
    pub(super) async fn keep_block(&self, id: &str, key: &str) -> Result<(), StoreError> {
        self.table.get_and_keep(key, BLOCKED).await?;
        self.enlist(id, BLOCKED).await
    }

    /// Puts a client on the roll, for as long as it may be kept if it has got a login of this life.
    pub(crate) async fn enlist_login(&self, id: &str, life: Duration) -> Result<(), StoreError> {
        // The operator's own are in a file.
        if name(id).is_some() { self.enlist(id, life + USED).await } else { Ok(()) }
    }

    pub(super) async fn enlist(&self, id: &str, keep: Duration) -> Result<(), StoreError> {
        self.roll.enter(ROLL, id, keep).await.map(drop)
    }

    /// Clients that are kept: those of `most` names after the first `skip` that are still there, and
    /// whether there may be more.
    pub(crate) async fn page(
        &self,
        skip: u32,
        most: u16,
    ) -> Result<(Vec<Listed>, bool), StoreError> {
        let names = self.roll.members_after(ROLL, skip, most).await?;
        let may_be_more = names.len() == usize::from(most);
        let mut page = Vec::new();
        for id in names {
            let Some(key) = name(&id) else { continue };
            let (state, client) = match self.table.get(&key).await? {
                Some(Entry::Kept(kept)) => {
                    (if kept.used { State::Used } else { State::Unused }, Some(kept.client))
                }
                Some(Entry::Deleted { blocked: Some(blocked), .. }) => {
                    (State::Blocked, blocked.kept.map(|kept| kept.client))
                }
                // It has ended by itself; its name follows.
                Some(Entry::Deleted { blocked: None, .. }) | None => continue,
            };
            page.push(Listed { id, state, client });
        }
        Ok((page, may_be_more))
    }

    /// Lets a client in no more, known or not. `false` if that was so.
    pub(crate) async fn block(&self, id: &str) -> Result<bool, StoreError> {
        let since = self.clock.now();
        let blocked = |kept| Some(Box::new(Blocked { since, kept }));
        let next = |before: Option<Entry>| match before {
            Some(Entry::Deleted { blocked: Some(_), .. }) => Err(Gone),
            Some(Entry::Kept(kept)) => {
                Ok(Entry::Deleted { at: None, blocked: blocked(Some(*kept)) })
            }
            _ => Ok(Entry::Deleted { at: None, blocked: blocked(None) }),
        };
        let is_new = self.write(id, next, BLOCKED).await?;
        self.enlist(id, BLOCKED).await?;
        Ok(is_new)
    }

    /// Lets a client in again, as what it was. `false` if it was not blocked.
    pub(crate) async fn unblock(&self, id: &str) -> Result<bool, StoreError> {
        let Some(key) = name(id) else { return Ok(false) };
        let Some(Entry::Deleted { blocked: Some(blocked), .. }) = self.table.get(&key).await?
        else {
            return Ok(false);
        };
        if blocked.kept.is_none() {
            return self.forget(id).await;
        }
        self.enlist(id, USED).await?;
        self.write(id, before_the_block, USED).await
    }

    /// Forgets a client. It may register again. `false` if there is none.
    pub(crate) async fn forget(&self, id: &str) -> Result<bool, StoreError> {
        let Some(key) = name(id) else { return Ok(false) };
        let was_there = self.table.remove(&key).await?;
        self.roll.leave(ROLL, id).await?;
        Ok(was_there)
    }
}

fn before_the_block(blocked: Option<Entry>) -> Result<Entry, Gone> {
    let Some(Entry::Deleted { blocked: Some(blocked), .. }) = blocked else { return Err(Gone) };
    let Blocked { kept, .. } = *blocked;
    kept.map(|kept: Kept| Entry::Kept(Box::new(kept))).ok_or(Gone)
}
