//! Rosters: one sorted set each, whose scores are the milliseconds at which members are gone.

use fred::types::Value;

use super::Redis;
use crate::{
    error::{Action, StoreError},
    roster::LAPSED_FOR_MILLIS,
};

impl Redis {
    pub(crate) async fn enter(
        &self,
        action: Action,
        name: &str,
        member: &str,
        millis: i64,
    ) -> Result<u64, StoreError> {
        let arguments = vec![Value::from(member), Value::from(millis)];
        let reply = self.script(action, &self.scripts.enter, self.name(name), arguments).await?;
        reply.as_u64().ok_or_else(|| action.corrupt("a number that is none"))
    }

    pub(crate) async fn stay(
        &self,
        action: Action,
        name: &str,
        member: &str,
        millis: i64,
    ) -> Result<(), StoreError> {
        let arguments =
            vec![Value::from(member), Value::from(millis), Value::from(LAPSED_FOR_MILLIS)];
        self.script(action, &self.scripts.stay, self.name(name), arguments).await?;
        Ok(())
    }

    pub(crate) async fn lapsed(&self, action: Action, name: &str) -> Result<u64, StoreError> {
        let reply = self.script(action, &self.scripts.lapsed, self.name(name), Vec::new()).await?;
        reply.as_u64().ok_or_else(|| action.corrupt("a number that is none"))
    }

    pub(crate) async fn leave(
        &self,
        action: Action,
        name: &str,
        member: &str,
    ) -> Result<(), StoreError> {
        let arguments = vec![Value::from(member)];
        self.script(action, &self.scripts.leave, self.name(name), arguments).await?;
        Ok(())
    }

    pub(crate) async fn present(&self, action: Action, name: &str) -> Result<u64, StoreError> {
        let reply = self.script(action, &self.scripts.present, self.name(name), Vec::new()).await?;
        reply.as_u64().ok_or_else(|| action.corrupt("a number that is none"))
    }

    pub(crate) async fn members(
        &self,
        action: Action,
        name: &str,
        most: u16,
    ) -> Result<Vec<String>, StoreError> {
        let arguments = vec![Value::from(i64::from(most))];
        let reply = self.script(action, &self.scripts.members, self.name(name), arguments).await?;
        reply.convert().map_err(|_| action.corrupt("a member that is no text"))
    }
}
