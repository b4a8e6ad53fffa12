//! Which standalone stream of a session is the newest.

use std::{
    convert::Infallible,
    sync::{Mutex, PoisonError},
};

use store::{StoreError, UpdateError};

use super::{SessionId, SessionRecord, Sessions};

impl Sessions {
    /// A standalone stream begins, under a name of its own: what the session was before, or nothing
    /// when it has ended. Of several streams the one that is noted last is read on, and the others end.
    pub(crate) async fn listening(
        &self,
        id: &SessionId,
        name: &str,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let before = Mutex::new(None);
        let change = |record: SessionRecord| {
            *before.lock().unwrap_or_else(PoisonError::into_inner) = Some(record.clone());
            let listener = Some(name.to_owned());
            Ok::<_, Infallible>(SessionRecord { has_listened: true, listener, ..record })
        };
        match self.table.update(id.as_str(), change).await {
            Ok(None) => Ok(None),
            Ok(Some(_)) => {
                let before = before.into_inner().unwrap_or_else(PoisonError::into_inner);
                if before.as_ref().is_some_and(|before| !before.has_listened)
                    && let Err(error) = self.changed(id).await
                {
                    tracing::debug!(%error, "others learn of a first stream within a second");
                }
                Ok(before)
            }
            Err(UpdateError::Store(error)) => Err(error),
            Err(UpdateError::Change(never)) => match never {},
        }
    }
}
