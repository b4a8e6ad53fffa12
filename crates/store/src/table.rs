//! `Table<T>`: typed records with a lifetime, one round trip per operation.

mod decoded;

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

pub use self::decoded::Decoded;
use crate::{
    Backend, Store,
    error::{Action, StoreError, UpdateError},
    lifetime_millis,
    memory::State,
};

/// How often an update tries again because somebody else was faster. One of any number of
/// contenders wins each round, so only a crowd larger than this can exhaust it.
const MAX_TRIES: usize = 512;

/// A type that a [`Table`] holds, and the name it is stored under: `PREFIX`, the id, `SUFFIX`.
/// The value is stored as JSON, which an operator can read unless it is to be sealed.
pub trait Record: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What the key begins with, such as `auth:client:`. Errors name it.
    const PREFIX: &'static str;
    /// What the key ends with, such as `:owner`.
    const SUFFIX: &'static str = "";
    /// Whether it says something of people, or opens something: then a store with a
    /// [`Seal`](crate::Seal) seals it, and what it cannot open is not there.
    const SEALED: bool = false;
}

/// The records of one type. Cheap to clone.
///
/// Every method fails with [`StoreError::Unavailable`] when the store does not answer in time.
pub struct Table<T> {
    store: Store,
    record: PhantomData<fn() -> T>,
}

/// A record as it was when it was looked at, which [`Table::update_from`] goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<T> {
    /// What it says.
    pub value: T,
    /// Its text, which is what is stored unless that is sealed.
    text: Bytes,
    stored: Bytes,
}

/// What became of a compare-and-set.
pub(crate) enum Swap {
    /// The new value is stored.
    Done,
    /// Somebody else had changed it: this is what is stored.
    Changed(Bytes),
    /// There is no such record any more.
    Gone,
}

impl<T: Record> Table<T> {
    pub(crate) fn new(store: Store) -> Self {
        let record = PhantomData;
        Self { store, record }
    }

    /// The record, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when what is stored is not a `T`.
    pub async fn get(&self, id: &str) -> Result<Option<T>, StoreError> {
        let (action, key) = (Self::action("get"), Self::key(id));
        self.decode(action, id, self.stored(action, key).await?)
    }

    /// The record, if there is one, for [`update_from`](Self::update_from).
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when what is stored is not a `T`.
    pub async fn see(&self, id: &str) -> Result<Option<Seen<T>>, StoreError> {
        let (action, key) = (Self::action("get"), Self::key(id));
        Self::seen(&self.store, action, id, self.stored(action, key).await?)
    }

    /// A record and one of another type, each if there is one: one command, but in a cluster, where
    /// they may be on different nodes, one for each at the same time.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when what is stored is not a `T`, or not a `U`.
    pub async fn get_with<U: Record>(
        &self,
        id: &str,
        other_id: &str,
    ) -> Result<(Option<T>, Option<Seen<U>>), StoreError> {
        let (action, key, other) =
            (Self::action("get both of"), Self::key(id), Table::<U>::key(other_id));
        let (found, with) = match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| (all.tables.get(&key), all.tables.get(&other))).await?
            }
            Backend::Redis(redis) => redis.get_both(action, key, other).await?,
        };
        let with = Table::<U>::seen(&self.store, Table::<U>::action("get"), other_id, with)?;
        Ok((self.decode(action, id, found)?, with))
    }

    /// How long a record is still kept, if there is one. What is in it is not looked at.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] only.
    pub async fn left(&self, id: &str) -> Result<Option<Duration>, StoreError> {
        let (action, key) = (Self::action("look for"), Self::key(id));
        match self.store.backend() {
            Backend::Memory(memory) => memory.run(action, |all| all.tables.left(&key)).await,
            Backend::Redis(redis) => redis.left(action, key).await,
        }
    }

    /// The record, if there is one, which from now on is kept for `keep`: a sliding lifetime.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when what is stored is not a `T`.
    pub async fn get_and_keep(&self, id: &str, keep: Duration) -> Result<Option<T>, StoreError> {
        let action = Self::action("get and keep");
        self.decode(action, id, self.text_and_keep(action, id, keep).await?)
    }

    /// The same for a record that is read much more often than it changes: it is decoded only when it
    /// is another than `decoded` has from the last time.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when what is stored is not a `T`.
    pub async fn get_and_keep_decoded(
        &self,
        id: &str,
        keep: Duration,
        decoded: &Decoded<T>,
    ) -> Result<Option<Arc<T>>, StoreError> {
        let action = Self::action("get and keep");
        let Some(text) = self.text_and_keep(action, id, keep).await? else {
            decoded.forget(id);
            return Ok(None);
        };
        let Some(text) = Self::open(&self.store, id, text) else {
            decoded.forget(id);
            return Ok(None);
        };
        decoded.of(id, &text, |text| decoded_text(action, text)).map(Some)
    }

    /// The same of many, each with an answer of its own, in the order of `asked`. One trip to the store;
    /// in a cluster one for each, at the same time.
    ///
    /// # Errors
    /// When the store did not answer at all.
    pub async fn get_and_keep_each(
        &self,
        asked: &[(&str, Duration)],
    ) -> Result<Vec<Result<Option<T>, StoreError>>, StoreError> {
        let action = Self::action("get and keep each");
        let named = asked.iter().map(|(id, keep)| (Self::key(id), lifetime_millis(*keep)));
        let found: Vec<_> = match self.store.backend() {
            Backend::Memory(memory) => {
                let kept = |all: &State| {
                    named.map(|(key, millis)| Ok(all.tables.get_and_keep(&key, millis))).collect()
                };
                memory.run(action, kept).await?
            }
            Backend::Redis(redis) => redis.get_and_keep_each(action, named.collect()).await?,
        };
        let each = asked.iter().zip(found);
        Ok(each.map(|((id, _), found)| self.decode(action, id, found?)).collect())
    }

    async fn text_and_keep(
        &self,
        action: Action,
        id: &str,
        keep: Duration,
    ) -> Result<Option<Bytes>, StoreError> {
        let (key, millis) = (Self::key(id), lifetime_millis(keep));
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| all.tables.get_and_keep(&key, millis)).await
            }
            Backend::Redis(redis) => redis.get_and_keep(action, key, millis).await,
        }
    }

    /// Stores a record for `keep`, in place of what was there.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the store has no room or no permission for it.
    pub async fn put(&self, id: &str, value: &T, keep: Duration) -> Result<(), StoreError> {
        let action = Self::action("put");
        let (key, millis) = (Self::key(id), lifetime_millis(keep));
        let value = self.close(action, &key, encode(action, value)?)?;
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| all.tables.put(key, value, millis)).await
            }
            Backend::Redis(redis) => redis.put(action, key, value, millis).await,
        }
    }

    /// Stores a record for `keep` if there is none. Of concurrent callers one gets `true`.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the store has no room or no permission for it.
    pub async fn claim(&self, id: &str, value: &T, keep: Duration) -> Result<bool, StoreError> {
        let action = Self::action("claim");
        let (key, millis) = (Self::key(id), lifetime_millis(keep));
        let value = self.close(action, &key, encode(action, value)?)?;
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| all.tables.claim(key, value, millis)).await
            }
            Backend::Redis(redis) => redis.claim(action, key, value, millis).await,
        }
    }

    /// Removes a record and returns it. Of concurrent callers one gets it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when what was stored is not a `T`; it is removed nevertheless.
    pub async fn take(&self, id: &str) -> Result<Option<T>, StoreError> {
        let action = Self::action("take");
        let key = Self::key(id);
        let found = match self.store.backend() {
            Backend::Memory(memory) => memory.run(action, |all| all.tables.take(&key)).await?,
            Backend::Redis(redis) => redis.take(action, key).await?,
        };
        self.decode(action, id, found)
    }

    /// Removes a record; says whether there was one.
    ///
    /// # Errors
    /// Only when the store fails.
    pub async fn remove(&self, id: &str) -> Result<bool, StoreError> {
        let action = Self::action("remove");
        let key = Self::key(id);
        match self.store.backend() {
            Backend::Memory(memory) => {
                memory.run(action, |all| all.tables.take(&key).is_some()).await
            }
            Backend::Redis(redis) => redis.remove(action, key).await,
        }
    }

    /// Changes a record and returns it as it is now; `None` if there is none. Its lifetime stays.
    ///
    /// `change` gets what is stored and says what shall be. It runs again when somebody else was
    /// faster, so it must not have effects of its own.
    ///
    /// # Errors
    /// [`UpdateError::Change`] when `change` refused; [`UpdateError::Store`] when the store failed,
    /// also when others changed the record in every one of many tries.
    pub async fn update<E>(
        &self,
        id: &str,
        change: impl Fn(T) -> Result<T, E>,
    ) -> Result<Option<T>, UpdateError<E>> {
        let (action, key) = (Self::action("update"), Self::key(id));
        let seen = Self::seen(&self.store, action, id, self.stored(action, key).await?)?;
        self.compare_and_set(id, seen, change).await
    }

    /// The same for somebody who has just seen the record, and need not ask for it again. Should it have
    /// changed since, `change` gets what is there now; what it refuses of what was seen is refused.
    ///
    /// # Errors
    /// As for [`update`](Self::update).
    pub async fn update_from<E>(
        &self,
        id: &str,
        seen: Seen<T>,
        change: impl Fn(T) -> Result<T, E>,
    ) -> Result<Option<T>, UpdateError<E>> {
        self.compare_and_set(id, Some(seen), change).await
    }

    async fn compare_and_set<E>(
        &self,
        id: &str,
        mut seen: Option<Seen<T>>,
        change: impl Fn(T) -> Result<T, E>,
    ) -> Result<Option<T>, UpdateError<E>> {
        let (action, key) = (Self::action("update"), Self::key(id));
        for _ in 0..MAX_TRIES {
            let Some(Seen { value, text, stored: old }) = seen else { return Ok(None) };
            let changed = change(value).map_err(UpdateError::Change)?;
            let new = encode(action, &changed)?;
            if new == text {
                return Ok(Some(changed));
            }
            let new = self.close(action, &key, new)?;
            let swap = match self.store.backend() {
                Backend::Memory(memory) => {
                    memory.run(action, |all| all.tables.swap(&key, &old, new)).await?
                }
                Backend::Redis(redis) => redis.swap(action, key.clone(), old, new).await?,
            };
            seen = match swap {
                Swap::Done => return Ok(Some(changed)),
                Swap::Changed(now) => Self::seen(&self.store, action, id, Some(now))?,
                Swap::Gone => None,
            };
        }
        Err(action.unavailable("too many others change the same record at once").into())
    }

    async fn stored(&self, action: Action, key: String) -> Result<Option<Bytes>, StoreError> {
        match self.store.backend() {
            Backend::Memory(memory) => memory.run(action, |all| all.tables.get(&key)).await,
            Backend::Redis(redis) => redis.get(action, key).await,
        }
    }

    fn decode(
        &self,
        action: Action,
        id: &str,
        stored: Option<Bytes>,
    ) -> Result<Option<T>, StoreError> {
        let text = stored.and_then(|stored| Self::open(&self.store, id, stored));
        text.map(|text| decoded_text(action, &text)).transpose()
    }

    fn seen(
        store: &Store,
        action: Action,
        id: &str,
        stored: Option<Bytes>,
    ) -> Result<Option<Seen<T>>, StoreError> {
        let Some(stored) = stored else { return Ok(None) };
        let Some(text) = Self::open(store, id, stored.clone()) else { return Ok(None) };
        let value = decoded_text(action, &text)?;
        Ok(Some(Seen { value, text, stored }))
    }

    /// What is stored for this text.
    fn close(&self, action: Action, key: &str, text: Bytes) -> Result<Bytes, StoreError> {
        match self.store.seal() {
            Some(seal) if T::SEALED => {
                // It fails for texts of many gigabytes only.
                seal.close(key, &text).ok_or_else(|| action.corrupt("the record cannot be sealed"))
            }
            _ => Ok(text),
        }
    }

    /// The text of what is stored, unless it is not for this record.
    fn open(store: &Store, id: &str, stored: Bytes) -> Option<Bytes> {
        match store.seal() {
            Some(seal) if T::SEALED => seal.open(&Self::key(id), T::PREFIX, &stored),
            _ => Some(stored),
        }
    }

    const fn action(verb: &'static str) -> Action {
        Action::new(verb, T::PREFIX)
    }

    fn key(id: &str) -> String {
        [T::PREFIX, id, T::SUFFIX].concat()
    }
}

fn encode<T: Serialize>(action: Action, value: &T) -> Result<Bytes, StoreError> {
    // Fails for maps with keys that are not text, and the like: a mistake in the record's type.
    match serde_json::to_vec(value) {
        Ok(json) => Ok(Bytes::from(json)),
        Err(_) => Err(action.corrupt("the record's type cannot be written as JSON")),
    }
}

fn decoded_text<T: DeserializeOwned>(action: Action, text: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(text).map_err(|error| action.corrupt_json(&error))
}

impl<T> Clone for Table<T> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), record: PhantomData }
    }
}

impl<T: Record> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({}*{})", T::PREFIX, T::SUFFIX)
    }
}
