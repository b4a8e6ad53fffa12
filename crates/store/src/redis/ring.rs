//! Rings: one list each.

use fred::{
    interfaces::ClientLike,
    types::{ClusterHash, CustomCommand, Value},
};

use super::Redis;
use crate::error::{Action, StoreError};

impl Redis {
    pub(crate) async fn append_ring(
        &self,
        action: Action,
        name: &str,
        entries: Vec<String>,
        most: u16,
        millis: i64,
    ) -> Result<(), StoreError> {
        let mut arguments = vec![Value::from(i64::from(most)), Value::from(millis)];
        arguments.extend(entries.into_iter().map(Value::from));
        self.script(action, &self.scripts.append_ring, self.name(name), arguments).await?;
        Ok(())
    }

    pub(crate) async fn remove_ring(&self, action: Action, name: &str) -> Result<(), StoreError> {
        self.write(action, "DEL", self.name(name), Vec::new()).await?;
        Ok(())
    }

    pub(crate) async fn ring(&self, action: Action, name: &str) -> Result<Vec<String>, StoreError> {
        // One command does not need all that the client has for lists.
        let lrange = CustomCommand::new_static("LRANGE", ClusterHash::FirstKey, false);
        let arguments = vec![Value::from(self.name(name)), Value::from(0), Value::from(-1)];
        self.run(action, |client| client.custom(lrange.clone(), arguments.clone())).await
    }
}
