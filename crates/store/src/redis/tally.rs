//! Tallies: one hash each.

use std::collections::BTreeMap;

use fred::{
    interfaces::ClientLike,
    types::{ClusterHash, CustomCommand, Value},
};

use super::Redis;
use crate::{
    error::{Action, StoreError},
    tally::Count,
};

impl Redis {
    pub(crate) async fn count(
        &self,
        action: Action,
        name: &str,
        counts: &[(&str, Count)],
        millis: i64,
    ) -> Result<(), StoreError> {
        let mut arguments = vec![Value::from(millis)];
        for (counter, count) in counts {
            let (verb, number) = match count {
                Count::Add(by) => ("add", by),
                Count::AtLeast(least) => ("least", least),
            };
            arguments.extend([*counter, verb].map(Value::from));
            arguments.push(Value::from(number.to_string()));
        }
        self.script(action, &self.scripts.count, self.name(name), arguments).await?;
        Ok(())
    }

    pub(crate) async fn keep_each(
        &self,
        action: Action,
        names: impl Iterator<Item = &str>,
        millis: i64,
    ) -> Result<(), StoreError> {
        let asked = names.map(|name| vec![self.name(name).into(), millis.into()]).collect();
        let kept: Result<Vec<_>, _> =
            self.each(action, "PEXPIRE", asked).await?.into_iter().collect();
        kept.map(drop)
    }

    pub(crate) async fn counts(
        &self,
        action: Action,
        name: &str,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let hgetall = CustomCommand::new_static("HGETALL", ClusterHash::FirstKey, false);
        let arguments = vec![Value::from(self.name(name))];
        self.run(action, |client| client.custom(hgetall.clone(), arguments.clone())).await
    }
}
