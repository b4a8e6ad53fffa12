//! Rosters: one sorted set each, whose scores are the milliseconds at which members are gone.

use fred::types::Value;

use super::Redis;
use crate::{
    error::{Action, StoreError},
    lifetime_millis,
    roster::{Bounds, CLAIMED_FOR_MILLIS, DOUBTFUL, LAPSED_FOR_MILLIS, Room},
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
        members: &[impl AsRef<str>],
        millis: i64,
    ) -> Result<(), StoreError> {
        let times = [Value::from(millis), Value::from(LAPSED_FOR_MILLIS)].into_iter();
        let members = members.iter().map(|member| Value::from(member.as_ref()));
        let arguments = times.chain(members).collect();
        self.script(action, &self.scripts.stay, self.name(name), arguments).await?;
        Ok(())
    }

    pub(crate) async fn stay_if_room(
        &self,
        action: Action,
        name: &str,
        member: &str,
        millis: i64,
        most: u32,
    ) -> Result<bool, StoreError> {
        let arguments = vec![
            Value::from(member),
            Value::from(millis),
            Value::from(LAPSED_FOR_MILLIS),
            Value::from(i64::from(most)),
        ];
        let script = &self.scripts.stay_if_room;
        let reply = self.script(action, script, self.name(name), arguments).await?;
        reply.as_u64().map(|done| done > 0).ok_or_else(|| action.corrupt("a number that is none"))
    }

    pub(crate) async fn enter_if_room(
        &self,
        action: Action,
        name: &str,
        member: &str,
        millis: i64,
        bounds: Bounds,
    ) -> Result<Room, StoreError> {
        let arguments = vec![
            Value::from(member),
            Value::from(millis),
            Value::from(lifetime_millis(bounds.at_most)),
            Value::from(i64::from(bounds.most)),
            Value::from(CLAIMED_FOR_MILLIS.min(millis)),
            Value::from(i64::from(DOUBTFUL)),
        ];
        let script = &self.scripts.enter_if_room;
        match self.script(action, script, self.name(name), arguments).await? {
            Value::Integer(_) => Ok(Room::Entered),
            doubtful => {
                let doubtful = doubtful.convert();
                doubtful.map(Room::Full).map_err(|_| action.corrupt("a member that is no text"))
            }
        }
    }

    pub(crate) async fn vouch(
        &self,
        action: Action,
        name: &str,
        member: &str,
        millis: i64,
    ) -> Result<(), StoreError> {
        let arguments = vec![Value::from(member), Value::from(millis)];
        self.script(action, &self.scripts.vouch, self.name(name), arguments).await?;
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
        skip: u32,
        most: u16,
    ) -> Result<Vec<String>, StoreError> {
        let arguments = vec![Value::from(i64::from(most)), Value::from(i64::from(skip))];
        let reply = self.script(action, &self.scripts.members, self.name(name), arguments).await?;
        reply.convert().map_err(|_| action.corrupt("a member that is no text"))
    }
}
