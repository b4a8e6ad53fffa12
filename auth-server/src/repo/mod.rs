//! What is kept, under which name and for how long: typed tables below `auth:*`.
//!
//! Tickets are named by their SHA-256, so whoever reads the store can use none of them. What could be
//! guessed (users, addresses, user codes) is named by a keyed hash, and what says something of users is
//! sealed, if the store is shared (decision 0091).
//!
//! | key | holds | life |
//! |---|---|---|
//! | `auth:client:{client_id}` | a registered client, or that it was deleted | a day until it is used, then 90 days from each use |
//! | `auth:client:{sha256(client_id)}` | the same, if the name carries the registration | 90 days from each use |
//! | `auth:client:{sha256(client URL)}` | what a client's document said when a user let it in | 90 days from each use |
//! | any of these | that the operator has blocked it | 400 days from each time that it comes |
//! | `auth:roll:clients` | the names of all of them, for the operator | as the records |
//! | `auth:logins:{hash of client}` | the logins that a client has got | as long as they can live |
//! | `auth:pending:{sha256(handle)}` | an authorization in progress | ten minutes |
//! | `auth:pending:{sha256(code)}` | a code not yet redeemed | a minute |
//! | `auth:exch:{sha256(code)}` | a code that has been redeemed | as long as its tokens can live |
//! | `auth:family:{id}` | everything that comes of one login | as long as its tokens can live |
//! | `auth:installation:{sha256(access token)}` | an access token | its own |
//! | `auth:refresh:{sha256(refresh token)}` | a refresh token | its own |
//! | `auth:device:{sha256(device code)}` | a device that waits for its user | twenty minutes |
//! | `auth:par:{sha256(end of the request_uri)}` | a request that was handed in ahead of the browser | a minute |
//! | `auth:dpop:{hash of key and jti}` | a proof of possession that was used | until it is too old |
//! | `auth:nonce:{number}` | the nonce of a stretch of two minutes, for proofs of possession | six minutes |
//! | `auth:usercode:{keyed hash of user code}` | which device that is | ten minutes |
//! | `auth:visit:{sha256(key)}` | which device somebody is deciding about | ten minutes |
//! | `auth:keys:ring` | the signing keys (`keys`) | 400 days from each use |
//! | `auth:jti:{hash}` | that an assertion was used (`assertions`) | as long as it would count |
//! | `auth:limit:{budget}:{keyed hash of address}` | how often something was done from there | the window of the limit |
//! | `auth:ladder:{keyed hash of account or address}` | failed logins | a day, and the longest pause |
//! | `auth:session:{sha256(cookie)}` | who is logged in in a browser | `AUTH_SESSION_TTL` |
//! | `auth:apps:{keyed hash of user}` | the logins that a user's clients have got | as long as they can live |
//! | `auth:consent:{keyed hash of user and client}` | what a user has allowed a client | 90 days |
//! | `auth:login:{sha256(state)}` | a login at an identity provider that is on the way | ten minutes |
//! | `auth:idp:{sha256(code)}` | a login at the mock identity provider | a minute |

mod apps;
mod clients;
mod codes;
mod devices;
mod logins;
mod nonces;
mod proofs;
mod pushed;
mod sessions;
mod tokens;
mod transactions;

use std::time::Duration;

use ambient::Clock;
use store::{Store, StoreError};

pub(crate) use self::{
    apps::Apps,
    clients::{Clients, Kept, Listed, Naming, Standing, State},
    codes::{CODE_LIFE, Codes},
    devices::{DEVICE_LIFE, Devices},
    logins::Logins,
    nonces::Nonces,
    proofs::Proofs,
    pushed::{PUSHED_LIFE, Pushed, PushedRequest},
    sessions::Sessions,
    tokens::Tokens,
    transactions::{TRANSACTION_LIFE, Transactions},
};

/// All tables.
#[derive(Debug)]
pub(crate) struct Repo {
    pub(crate) clients: Clients,
    pub(crate) transactions: Transactions,
    pub(crate) codes: Codes,
    pub(crate) logins: Logins,
    pub(crate) sessions: Sessions,
    pub(crate) apps: Apps,
    pub(crate) devices: Devices,
    pub(crate) pushed: Pushed,
    pub(crate) proofs: Proofs,
    pub(crate) nonces: Nonces,
    pub(crate) tokens: Tokens,
}

impl Repo {
    pub(crate) fn new(store: &Store, clock: &Clock, may_register: bool) -> Self {
        Self {
            clients: Clients::new(store, clock, may_register),
            transactions: Transactions::new(store),
            codes: Codes::new(store),
            logins: Logins::new(store),
            sessions: Sessions::new(store),
            apps: Apps::new(store),
            devices: Devices::new(store),
            pushed: Pushed::new(store),
            proofs: Proofs::new(store),
            nonces: store.rotating(),
            tokens: Tokens::new(store),
        }
    }

    /// Ends every login of a client, whoever its users are, begun or not; `life` is how long one can
    /// live. Says how many there were.
    pub(crate) async fn end_logins(&self, client: &str, life: Duration) -> Result<u64, StoreError> {
        const AT_ONCE: u16 = 64;
        let mut ended = 0;
        loop {
            let families = self.apps.logins_of(client, AT_ONCE).await?;
            if families.is_empty() {
                return Ok(ended);
            }
            for family in families {
                self.tokens.revoke_family(&family, life).await?;
                self.apps.leave_of(client, &family).await?;
                ended += 1;
            }
        }
    }
}
