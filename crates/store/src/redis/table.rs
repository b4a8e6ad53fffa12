//! Records: one key each, plain JSON.

use std::time::Duration;

use bytes::Bytes;
use fred::{
    interfaces::{ClientLike, KeysInterface},
    types::{ClusterHash, CustomCommand, Key, Value},
};

use super::{Redis, many::Each};
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
        let key = Key::from(self.key(key));
        self.run(action, |client| client.get(key.clone())).await
    }

    pub(crate) async fn get_both(
        &self,
        action: Action,
        one: String,
        other: String,
    ) -> Result<(Option<Bytes>, Option<Bytes>), StoreError> {
        if self.commands.is_clustered() {
            return tokio::try_join!(self.get(action, one), self.get(action, other));
        }
        let keys = vec![Key::from(self.key(one)), Key::from(self.key(other))];
        self.run(action, |client| client.mget(keys.clone())).await
    }

    pub(crate) async fn left(
        &self,
        action: Action,
        key: String,
    ) -> Result<Option<Duration>, StoreError> {
        let key = Key::from(self.key(key));
        // Less than nothing where there is none, or one without an end, which is none of ours.
        let millis: i64 = self.run(action, |client| client.pttl(key.clone())).await?;
        Ok(u64::try_from(millis).ok().map(Duration::from_millis))
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
        self.run(action, |client| client.custom(getex.clone(), arguments.clone())).await
    }

    pub(crate) async fn get_and_keep_each(
        &self,
        action: Action,
        asked: Vec<(String, i64)>,
    ) -> Result<Each<Option<Bytes>>, StoreError> {
        let px = Value::from_static_str("PX");
        let arguments =
            |(key, millis)| vec![Value::from(self.key(key)), px.clone(), Value::from(millis)];
        let asked = asked.into_iter().map(arguments).collect();
        let is_text =
            |value: Value| value.convert().map_err(|_| action.corrupt("another type than text"));
        let answers = self.each(action, "GETEX", asked).await?;
        Ok(answers.into_iter().map(|answer| answer.and_then(is_text)).collect())
    }

    pub(crate) async fn put(
        &self,
        action: Action,
        key: String,
        value: Bytes,
        millis: i64,
    ) -> Result<(), StoreError> {
        let arguments = vec![Value::Bytes(value), Value::from_static_str("PX"), millis.into()];
        self.write(action, "SET", self.key(key), arguments).await?;
        Ok(())
    }

    pub(crate) async fn claim(
        &self,
        action: Action,
        key: String,
        value: Bytes,
        millis: i64,
    ) -> Result<bool, StoreError> {
        let (px, nx) = (Value::from_static_str("PX"), Value::from_static_str("NX"));
        let arguments = vec![Value::Bytes(value), px, millis.into(), nx];
        let done = self.write(action, "SET", self.key(key), arguments).await?;
        Ok(!done.is_null())
    }

    pub(crate) async fn take(
        &self,
        action: Action,
        key: String,
    ) -> Result<Option<Bytes>, StoreError> {
        let taken = self.write(action, "GETDEL", self.key(key), Vec::new()).await?;
        taken.convert().map_err(|_| action.corrupt("another type than text"))
    }

    pub(crate) async fn remove(&self, action: Action, key: String) -> Result<bool, StoreError> {
        let removed = self.write(action, "DEL", self.key(key), Vec::new()).await?;
        Ok(removed.as_i64().is_some_and(|removed| removed > 0))
    }

    pub(crate) async fn swap(
        &self,
        action: Action,
        key: String,
        old: Bytes,
        new: Bytes,
    ) -> Result<Swap, StoreError> {
        let arguments = vec![Value::Bytes(old), Value::Bytes(new)];
        let reply = self.write_script(action, &self.scripts.swap, self.key(key), arguments).await?;
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
