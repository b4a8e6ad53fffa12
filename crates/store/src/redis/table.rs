//! Records: one key each, plain JSON.

use bytes::Bytes;
use fred::{
    interfaces::{ClientLike, KeysInterface},
    types::{ClusterHash, CustomCommand, Expiration, SetOptions, Value},
};

use super::Redis;
use crate::{
    error::{Action, StoreError},
    table::Swap,
};

impl Redis {
    pub(crate) async fn get(
        &self,
        action: Action,
        key: String,
    ) -> Result<Option<Bytes>, StoreError> {
        let key = self.key(key);
        self.run(action, |client| client.get(key)).await
    }

    pub(crate) async fn get_and_keep(
        &self,
        action: Action,
        key: String,
        millis: i64,
    ) -> Result<Option<Bytes>, StoreError> {
        // The client has no name for GETEX.
        let getex = CustomCommand::new_static("GETEX", ClusterHash::FirstKey, false);
        let arguments =
            vec![Value::from(self.key(key)), Value::from_static_str("PX"), Value::from(millis)];
        self.run(action, |client| client.custom(getex, arguments)).await
    }

    pub(crate) async fn put(
        &self,
        action: Action,
        key: String,
        value: Bytes,
        millis: i64,
    ) -> Result<(), StoreError> {
        let (key, keep) = (self.key(key), Some(Expiration::PX(millis)));
        self.run(action, |client| client.set(key, value, keep, None, false)).await
    }

    pub(crate) async fn claim(
        &self,
        action: Action,
        key: String,
        value: Bytes,
        millis: i64,
    ) -> Result<bool, StoreError> {
        let (key, keep) = (self.key(key), Some(Expiration::PX(millis)));
        let absent = Some(SetOptions::NX);
        let done: Option<String> =
            self.run(action, |client| client.set(key, value, keep, absent, false)).await?;
        Ok(done.is_some())
    }

    pub(crate) async fn take(
        &self,
        action: Action,
        key: String,
    ) -> Result<Option<Bytes>, StoreError> {
        let key = self.key(key);
        self.run(action, |client| client.getdel(key)).await
    }

    pub(crate) async fn remove(&self, action: Action, key: String) -> Result<bool, StoreError> {
        let key = self.key(key);
        let removed: i64 = self.run(action, |client| client.del(key)).await?;
        Ok(removed > 0)
    }

    pub(crate) async fn swap(
        &self,
        action: Action,
        key: String,
        old: Bytes,
        new: Bytes,
    ) -> Result<Swap, StoreError> {
        let arguments = vec![Value::Bytes(old), Value::Bytes(new)];
        let reply = self.script(action, &self.scripts.swap, self.key(key), arguments).await?;
        match reply {
            Value::Integer(1) => Ok(Swap::Done),
            Value::Integer(_) => Ok(Swap::Gone),
            Value::String(now) => Ok(Swap::Changed(now.into_inner())),
            Value::Bytes(now) => Ok(Swap::Changed(now)),
            _ => Err(action.corrupt("another type than text")),
        }
    }

    /// Without a namespace, as in production, the key is not copied.
    fn key(&self, key: String) -> String {
        if self.namespace.is_empty() { key } else { self.name(&key) }
    }
}
