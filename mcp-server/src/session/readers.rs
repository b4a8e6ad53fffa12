//! Who reads which stream of a session on this instance. A stream has one reader: whoever resumes it
//! replaces the one before, wherever that one is.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

use super::{SessionId, streams::StreamName};

type Key = (SessionId, StreamName);

/// The open streams of this instance, each reader under a name of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readers(Arc<Mutex<HashMap<Key, BTreeMap<String, CancellationToken>>>>);

/// Somebody reads; forgotten when this is dropped.
#[derive(Debug)]
pub(crate) struct Reading {
    readers: Readers,
    key: Key,
    name: String,
    replaced: CancellationToken,
}

impl Readers {
    /// Somebody begins to read, under a name that is unique over all instances.
    pub(crate) fn enter(&self, session: &SessionId, stream: &StreamName, name: String) -> Reading {
        let key = (session.clone(), stream.clone());
        let replaced = CancellationToken::new();
        let mut readers = self.lock();
        readers.entry(key.clone()).or_default().insert(name.clone(), replaced.clone());
        drop(readers);
        Reading { readers: self.clone(), key, name, replaced }
    }

    /// Ends all readers of a stream but one.
    pub(crate) fn replace(&self, session: &SessionId, stream: &StreamName, by: &str) {
        if let Some(readers) = self.lock().get(&(session.clone(), stream.clone())) {
            readers.iter().filter(|(name, _)| *name != by).for_each(|(_, token)| token.cancel());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, BTreeMap<String, CancellationToken>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    /// The name of this reader.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Cancelled when another reader has taken over.
    pub(crate) const fn replaced(&self) -> &CancellationToken {
        &self.replaced
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut readers = self.readers.lock();
        if let Some(of_stream) = readers.get_mut(&self.key) {
            of_stream.remove(&self.name);
            if of_stream.is_empty() {
                readers.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ambient::Entropy;

    use super::*;

    #[test]
    fn whoever_takes_over_ends_the_others_and_nobody_else() {
        let (readers, entropy) = (Readers::default(), Entropy::seeded(1));
        let session = SessionId::random(&entropy);
        let (one, other) = (StreamName::standalone(), StreamName::sse());
        let first = readers.enter(&session, &one, "1".to_owned());
        let second = readers.enter(&session, &one, "2".to_owned());
        let elsewhere = readers.enter(&session, &other, "3".to_owned());
        readers.replace(&session, &one, second.name());
        assert!(first.replaced().is_cancelled());
        assert!(!second.replaced().is_cancelled() && !elsewhere.replaced().is_cancelled());
        drop((first, second, elsewhere));
        assert!(readers.lock().is_empty());
    }
}
