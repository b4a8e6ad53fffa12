//! Event logs: one stream each, one field `e` per entry.

use fred::{
    interfaces::{KeysInterface, StreamsInterface},
    types::Value,
};

use super::Redis;
use crate::{
    error::{Action, StoreError},
    log::{EventId, MAX_BYTES, MAX_EVENTS, Page},
};

impl Redis {
    pub(crate) async fn append(
        &self,
        action: Action,
        stream: &str,
        event: &str,
        millis: i64,
    ) -> Result<EventId, StoreError> {
        let arguments = vec![
            Value::from(MAX_EVENTS.to_string()),
            Value::from(event),
            Value::from(millis),
            Value::from(MAX_BYTES.to_string()),
        ];
        let reply = self.script(action, &self.scripts.append, self.name(stream), arguments).await?;
        let id = reply.as_str().and_then(|id| id.parse().ok());
        id.ok_or_else(|| action.corrupt("an id that is not one"))
    }

    pub(crate) async fn read_after(
        &self,
        action: Action,
        stream: &str,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        // The range begins with `after` itself: if it is still there, nothing after it is gone.
        let start = after.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let count = limit.saturating_add(usize::from(after.is_some()));
        let name = self.name(stream);
        let count = u64::try_from(count).ok();
        let entries: Value = self
            .run(action, |client| client.xrange(name.clone(), start.clone(), "+", count))
            .await?;
        let mut events =
            parse(entries).ok_or_else(|| action.corrupt("an entry that is not ours"))?;
        let gap = after.is_some_and(|after| events.first().is_none_or(|(id, _)| *id != after));
        if after.is_some() && !gap {
            events.remove(0);
        }
        events.truncate(limit);
        Ok(Page { events, gap })
    }

    pub(crate) async fn newest(
        &self,
        action: Action,
        stream: &str,
    ) -> Result<Option<EventId>, StoreError> {
        let name = self.name(stream);
        let entries: Value =
            self.run(action, |client| client.xrevrange(name.clone(), "+", "-", Some(1))).await?;
        let events = parse(entries).ok_or_else(|| action.corrupt("an entry that is not ours"))?;
        Ok(events.first().map(|(id, _)| *id))
    }

    /// Whether there are events after `position`. The range leaves out `position` itself, so that the
    /// usual answer is empty.
    pub(crate) async fn goes_on(
        &self,
        action: Action,
        stream: &str,
        position: EventId,
    ) -> Result<bool, StoreError> {
        let (name, start) = (self.name(stream), format!("({position}"));
        let entries: Value = self
            .run(action, |client| client.xrange(name.clone(), start.clone(), "+", Some(1)))
            .await?;
        let events = parse(entries).ok_or_else(|| action.corrupt("an entry that is not ours"))?;
        Ok(!events.is_empty())
    }

    pub(crate) async fn keep(
        &self,
        action: Action,
        stream: &str,
        millis: i64,
    ) -> Result<bool, StoreError> {
        let name = self.name(stream);
        let set: i64 =
            self.run(action, |client| client.pexpire(name.clone(), millis, None)).await?;
        Ok(set > 0)
    }
}

/// Entries as Redis sends them: `[[id, [field, value]], …]`. None if one is not of our making.
fn parse(entries: Value) -> Option<Vec<(EventId, String)>> {
    match entries {
        Value::Null => Some(Vec::new()),
        Value::Array(entries) => entries.into_iter().map(event).collect(),
        _ => None,
    }
}

fn event(entry: Value) -> Option<(EventId, String)> {
    let Value::Array(parts) = entry else {
        return None;
    };
    let [id, Value::Array(fields)] = <[Value; 2]>::try_from(parts).ok()? else {
        return None;
    };
    let [_, event] = <[Value; 2]>::try_from(fields).ok()?;
    Some((id.as_str()?.parse().ok()?, event.into_string()?))
}
