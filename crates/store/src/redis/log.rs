//! Event logs: one stream each, one field per entry: `e`, or `h` after a hole.

use fred::{
    interfaces::{KeysInterface, StreamsInterface},
    types::Value,
};

use super::{Redis, many::Each};
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
        (millis, known): (i64, Option<EventId>),
    ) -> Result<EventId, StoreError> {
        let arguments = vec![
            Value::from(MAX_EVENTS.to_string()),
            Value::from(event),
            Value::from(millis),
            Value::from(MAX_BYTES.to_string()),
            Value::from(known.unwrap_or(EventId::ZERO).to_string()),
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
        let mut read = parse(entries).ok_or_else(|| action.corrupt("an entry that is not ours"))?;
        let gap = after.is_some_and(|after| read.first().is_none_or(|first| first.id != after));
        if after.is_some() && !gap {
            read.remove(0);
        }
        read.truncate(limit);
        let holes = read.iter().enumerate().filter(|(_, entry)| entry.is_after_hole);
        let holes = holes.map(|(place, _)| place).collect();
        let events = read.into_iter().map(|entry| (entry.id, entry.event)).collect();
        Ok(Page { events, gap, holes })
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
        Ok(events.first().map(|entry| entry.id))
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

    pub(crate) async fn each_goes_on(
        &self,
        action: Action,
        asked: &[(&str, EventId)],
    ) -> Result<Each<bool>, StoreError> {
        let [end, count, one] = ["+", "COUNT", "1"].map(Value::from_static_str);
        let arguments = |(stream, position): &(&str, EventId)| {
            let (name, start) = (self.name(stream), format!("({position}"));
            vec![name.into(), start.into(), end.clone(), count.clone(), one.clone()]
        };
        let asked = asked.iter().map(arguments).collect();
        let is_something = |answer: Value| {
            let events =
                parse(answer).ok_or_else(|| action.corrupt("an entry that is not ours"))?;
            Ok(!events.is_empty())
        };
        let answers = self.each(action, "XRANGE", asked).await?;
        Ok(answers.into_iter().map(|answer| answer.and_then(is_something)).collect())
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

/// An entry of a log.
struct Entry {
    id: EventId,
    event: String,
    /// Whether its writer knew of a later one before it than the log did.
    is_after_hole: bool,
}

/// Entries as Redis sends them: `[[id, [field, value]], …]`. None if one is not of our making.
fn parse(entries: Value) -> Option<Vec<Entry>> {
    match entries {
        Value::Null => Some(Vec::new()),
        Value::Array(entries) => entries.into_iter().map(entry).collect(),
        _ => None,
    }
}

fn entry(entry: Value) -> Option<Entry> {
    let Value::Array(parts) = entry else {
        return None;
    };
    let [id, Value::Array(fields)] = <[Value; 2]>::try_from(parts).ok()? else {
        return None;
    };
    let [name, event] = <[Value; 2]>::try_from(fields).ok()?;
    let is_after_hole = name.as_str().as_deref() == Some("h");
    Some(Entry { id: id.as_str()?.parse().ok()?, event: event.into_string()?, is_after_hole })
}
