//! Who calls, and whether they still may: a stream that has no end of its own looks again every
//! minute, and ends when its token is no good any more.

use std::{future::pending, net::IpAddr, ops::Deref, sync::Arc, time::Duration};

use ambient::{Secret, Timestamp};
use chassis::Requester;
use mcp_core::Principal;

use super::{Auth, Refusal, token::Validated};
use crate::{Server, session::Seeker};

/// How often a long stream asks whether its token is still good. Together with the lifetime of an
/// entry in the cache of tokens this is how long a stream can outlive a revocation.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// A principal together with the token that it came with, and where it came from.
#[derive(Clone)]
pub(crate) struct Caller {
    principal: Arc<Principal>,
    token: Option<Secret>,
    address: Option<IpAddr>,
    requester: Option<Requester>,
    /// Whether the token is of use only with a proof of possession.
    is_bound: bool,
}

impl Caller {
    /// A caller with a token that is good.
    pub(super) fn new(validated: Validated, token: Secret) -> Self {
        let Validated { principal, requester, confirmation, .. } = validated;
        let is_bound = confirmation.is_some();
        Self { principal, token: Some(token), address: None, requester, is_bound }
    }

    /// The one caller of a server without authorization.
    pub(crate) fn anonymous(server: &Server) -> Self {
        let principal = Arc::clone(server.anonymous());
        Self { principal, token: None, address: None, requester: None, is_bound: false }
    }

    /// The same, whose connection comes from there: from a proxy, where there is one.
    pub(super) fn coming_from(self, address: Option<IpAddr>) -> Self {
        Self { address, ..self }
    }

    /// Who it is, for the log.
    pub(super) const fn requester(&self) -> Option<Requester> {
        self.requester
    }

    /// Whether it has shown a key.
    pub(super) const fn is_bound(&self) -> bool {
        self.is_bound
    }

    /// Who it is, for somebody to keep.
    pub(crate) fn principal(&self) -> Arc<Principal> {
        Arc::clone(&self.principal)
    }
}

impl<'a> From<&'a Caller> for Seeker<'a> {
    fn from(caller: &'a Caller) -> Self {
        Self { principal: &caller.principal, address: caller.address }
    }
}

impl Deref for Caller {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}

/// What is known of a token that was good.
pub(super) enum Standing {
    /// It is, until then.
    Good(Timestamp),
    /// It is not, or it stands for somebody else or for less.
    Over,
    /// Nobody can say now.
    Unknown,
}

/// When a stream that has no end of its own must end: when the token that opened it does, by time
/// or by revocation, or when the server stops.
///
/// While nobody can say whether the token is good, the stream stays, but never beyond the end that
/// was known: to end all streams in an outage would only make their clients come back and be sent
/// away.
pub(crate) fn over(server: &Server, caller: &Caller) -> impl Future<Output = ()> + Send + 'static {
    let stopping = server.lifecycle().stopping();
    let (server, caller) = (server.clone(), caller.clone());
    let look_at = server.clock().now() + LOOK_AGAIN;
    async move {
        tokio::select! {
            () = stopping => {}
            () = no_longer_good(&server, &caller, look_at) => {}
        }
    }
}

async fn no_longer_good(server: &Server, caller: &Caller, mut look_at: Timestamp) {
    let (Some(auth), Some(token), Some(mut until)) =
        (server.auth(), &caller.token, caller.expires_at)
    else {
        return pending().await;
    };
    let clock = server.clock();
    loop {
        clock.sleep_until(until.min(look_at)).await;
        look_at = clock.now() + LOOK_AGAIN;
        // Rare, and large: in a box it takes no room in every stream.
        match Box::pin(auth.standing(token, &caller.principal)).await {
            // A token of which nobody says when it ends is good for a minute at a time.
            Standing::Good(newly) if newly > clock.now() => until = newly,
            Standing::Unknown if clock.now() < until => {}
            Standing::Good(_) | Standing::Over | Standing::Unknown => return,
        }
    }
}

impl Auth {
    /// Whether a token that was good still is, for the same caller. The proof of possession is not
    /// asked for again: it was for the request that opened the stream.
    async fn standing(&self, token: &Secret, opened_by: &Principal) -> Standing {
        let found = match self.whom_to_ask() {
            Ok(server) => self.look_at(server, token).await,
            Err(refusal) => Err(refusal),
        };
        match found {
            Ok(found) if self.is_as_good(&found.principal, opened_by) => {
                Standing::Good(found.expires_at)
            }
            Ok(_) | Err(Refusal::InvalidToken(_)) => Standing::Over,
            Err(_) => Standing::Unknown,
        }
    }

    fn is_as_good(&self, found: &Principal, opened_by: &Principal) -> bool {
        found.identity() == opened_by.identity() && self.lacking_scope(found).is_none()
    }
}
