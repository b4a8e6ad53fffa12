//! Whether the authorization server answers: open or closed, and who wants to know.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use serde_json::Value;
use tokio::sync::{Notify, watch};

use super::discovery::{AuthorizationServer, DiscoveryError};

/// What is known of the authorization server.
#[derive(Clone, Debug)]
pub(super) enum Availability {
    /// Nobody has looked yet.
    Unknown,
    /// It answers, and this is what it offers.
    Open(Arc<AuthorizationServer>),
    /// It does not answer. Tokens that are checked by their signature can still be, with the keys
    /// that are there; for all others, every protected request is answered 503.
    Closed(Option<Arc<AuthorizationServer>>),
    /// It answers, and tokens cannot be checked with what it says: a matter for the operator.
    Unusable(Arc<DiscoveryError>),
}

/// Holds what is known, for everybody who checks tokens.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    state: Arc<watch::Sender<Availability>>,
    doubt: Arc<Notify>,
    was_open: Arc<AtomicBool>,
    /// What it offered when it last said so.
    last: Arc<Mutex<Option<Arc<AuthorizationServer>>>>,
}

impl Default for Watch {
    fn default() -> Self {
        let state = Arc::new(watch::Sender::new(Availability::Unknown));
        let (doubt, was_open, last) = (Arc::default(), Arc::default(), Arc::default());
        Self { state, doubt, was_open, last }
    }
}

impl Watch {
    /// What the server offers, if it answers.
    pub(super) fn open(&self) -> Option<Arc<AuthorizationServer>> {
        match &*self.state.borrow() {
            Availability::Open(server) => Some(Arc::clone(server)),
            Availability::Closed(last) => last.clone(),
            Availability::Unknown | Availability::Unusable(_) => None,
        }
    }

    /// Whether it answered when somebody looked last.
    pub(super) fn answers(&self) -> bool {
        matches!(&*self.state.borrow(), Availability::Open(_))
    }

    /// Whether it has ever answered, and is of use.
    pub(super) fn is_known(&self) -> bool {
        !self.is_unusable() && self.was_open.load(Ordering::Relaxed)
    }

    /// Whether it answers and is of no use.
    pub(super) fn is_unusable(&self) -> bool {
        matches!(&*self.state.borrow(), Availability::Unusable(_))
    }

    /// What it said of itself when it last answered: it may be away now.
    pub(super) fn last_document(&self) -> Option<Arc<Value>> {
        self.last().and_then(|last| last.document.clone())
    }

    /// What it offered when it last answered.
    pub(super) fn last(&self) -> Option<Arc<AuthorizationServer>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the first finding; tells if tokens can never be checked with it.
    pub(super) async fn first_finding(&self) -> Option<Arc<DiscoveryError>> {
        let mut state = self.state.subscribe();
        let found = state.wait_for(|state| !matches!(state, Availability::Unknown)).await;
        match found.as_deref() {
            Ok(Availability::Unusable(why)) => Some(Arc::clone(why)),
            // The sender is kept by `self`.
            _ => None,
        }
    }

    /// A check has failed: somebody should look at once.
    pub(super) fn look_again(&self) {
        self.doubt.notify_one();
    }

    /// Waits until a check has failed.
    pub(super) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// Tells what was found; true if that is a change.
    pub(super) fn found(&self, now: Availability) -> bool {
        let kind = |state: &Availability| std::mem::discriminant(state);
        if let Availability::Open(server) = &now {
            self.was_open.store(true, Ordering::Relaxed);
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(server));
        }
        let changes = kind(&self.state.borrow()) != kind(&now);
        self.state.send_replace(now);
        changes
    }

    /// It has answered, and says nothing of itself now. It is not away, and what it last said holds.
    pub(super) fn found_busy(&self) {
        if !self.is_unusable() {
            let closed = Availability::Closed(None);
            self.found(self.last().map_or(closed, Availability::Open));
        }
    }

    /// Waits for the next finding.
    pub(super) async fn changed(&self) {
        // The sender is kept by `self`.
        let _ = self.state.subscribe().changed().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn open() -> Availability {
        let keys = url::Url::parse("http://localhost/jwks").unwrap();
        let way = super::super::discovery::Way::Jwt { keys };
        Availability::Open(Arc::new(AuthorizationServer { way, document: None, place: None }))
    }

    #[test]
    fn what_is_not_known_is_not_open() {
        let watch = Watch::default();
        assert!(watch.open().is_none());
        assert!(watch.found(open()));
        assert!(watch.open().is_some());
        assert!(watch.found(Availability::Closed(None)));
        assert!(watch.open().is_none());
        assert!(!watch.found(Availability::Closed(None)));
    }

    #[test]
    fn what_was_said_last_is_kept_while_nobody_answers() {
        let watch = Watch::default();
        assert!(watch.last_document().is_none());
        let keys = url::Url::parse("http://localhost/jwks").unwrap();
        let way = super::super::discovery::Way::Jwt { keys };
        let document = Some(Arc::new(serde_json::json!({ "issuer": "a" })));
        watch.found(Availability::Open(Arc::new(AuthorizationServer {
            way,
            document,
            place: None,
        })));
        watch.found(Availability::Closed(None));
        assert_eq!(watch.last_document().unwrap()["issuer"], "a");
    }

    #[test]
    fn a_server_that_says_nothing_now_is_as_open_as_it_was() {
        let watch = Watch::default();
        watch.found_busy();
        assert!(watch.open().is_none());
        watch.found(open());
        watch.found(Availability::Closed(None));
        watch.found_busy();
        assert!(watch.open().is_some());
        watch.found(Availability::Unusable(Arc::new(DiscoveryError::NoKeys)));
        watch.found_busy();
        assert!(watch.is_unusable() && watch.open().is_none());
    }

    #[test]
    fn doubt_is_not_lost_when_nobody_listens() {
        let watch = Watch::default();
        watch.look_again();
        assert!(watch.doubted().now_or_never().is_some());
        assert!(watch.doubted().now_or_never().is_none());
    }
}
