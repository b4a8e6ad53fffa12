//! Counts: one integer per key, with the lifetime of its window.

use std::time::Duration;

use fred::types::Value;

use super::Redis;
use crate::{
    counter::Counted,
    error::{Action, StoreError},
};

impl Redis {
    pub(crate) async fn count_window(
        &self,
        action: Action,
        key: String,
        millis: i64,
    ) -> Result<Counted, StoreError> {
        let arguments = vec![Value::from(millis)];
        let key = self.name(&key);
        let reply = self.script(action, &self.scripts.count_window, key, arguments).await?;
        let (value, left): (u64, i64) =
            reply.convert().map_err(|_| action.corrupt("another type than a pair of numbers"))?;
        let ends_in = Duration::from_millis(u64::try_from(left).unwrap_or_default());
        Ok(Counted { value, ends_in })
    }
}
