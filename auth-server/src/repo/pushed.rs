//! Authorization requests that were handed in ahead of the browser (RFC 9126).

use std::{collections::BTreeMap, time::Duration};

use ambient::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Record, Store, StoreError, Table};

use crate::domain::PushedName;

/// How long a browser has to come with it.
pub(crate) const PUSHED_LIFE: Duration = Duration::from_mins(1);

/// A request as it was handed in. It is checked again when the browser comes, as if it had come with
/// the browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PushedRequest {
    /// Whose it is.
    pub(crate) client_id: String,
    /// Everything else, by name.
    pub(crate) parameters: BTreeMap<String, String>,
    /// When it is too late.
    pub(crate) expires_at: Timestamp,
}

impl Record for PushedRequest {
    const PREFIX: &'static str = "auth:par:";
    const SEALED: bool = true;
}

#[derive(Debug)]
pub(crate) struct Pushed(Table<PushedRequest>);

impl Pushed {
    pub(super) fn new(store: &Store) -> Self {
        Self(store.table())
    }

    /// Keeps a request.
    pub(crate) async fn add(
        &self,
        name: &PushedName,
        request: &PushedRequest,
    ) -> Result<(), StoreError> {
        self.0.put(name.digest().as_str(), request, PUSHED_LIFE).await
    }

    /// The request of this name, if it is this client's and in time. Of several who ask, one gets it;
    /// who is not its client does not spend it.
    pub(crate) async fn take(
        &self,
        name: &PushedName,
        client_id: &str,
        now: Timestamp,
    ) -> Result<Option<PushedRequest>, StoreError> {
        let digest = name.digest();
        let found = self.0.get(digest.as_str()).await?;
        let good = |it: &PushedRequest| it.client_id == client_id && now < it.expires_at;
        if found.is_some_and(|request| good(&request)) {
            self.0.take(digest.as_str()).await
        } else {
            Ok(None)
        }
    }
}
