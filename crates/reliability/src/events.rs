//! Server-Sent Events as a client reads them, chunk by chunk.

use std::time::Duration;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The id to come back with.
    pub id: Option<String>,
    /// When to come back.
    pub retry: Option<Duration>,
    /// The message; empty when the event has none.
    pub data: String,
}

/// What has come and is not a whole event yet.
#[derive(Debug, Default)]
pub struct Reader {
    rest: Vec<u8>,
}

impl Reader {
    /// Takes bytes; gives the events that are whole with them.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = self.rest.drain(..end + 2).collect();
            events.extend(parse(&String::from_utf8_lossy(&event)));
        }
        events
    }
}

/// An event; none if there are only comments.
fn parse(text: &str) -> Option<Event> {
    let mut event = Event::default();
    let mut fields = 0;
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let value = value.strip_prefix(' ').unwrap_or(value);
        fields += usize::from(!name.is_empty());
        match name {
            "id" => event.id = Some(value.to_owned()),
            "retry" => event.retry = value.parse().ok().map(Duration::from_millis),
            "data" => event.data.push_str(value),
            _ => {}
        }
    }
    (fields > 0).then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_whole_wherever_the_bytes_are_cut() {
        let text = b"id: 1\nretry: 20\ndata: \n\n: quiet\n\nevent: message\ndata: {\"a\":1}\n\n";
        for cut in 0..text.len() {
            let mut reader = Reader::default();
            let mut events = reader.take(&text[..cut]);
            events.extend(reader.take(&text[cut..]));
            assert_eq!(events.len(), 2, "{cut}");
            assert_eq!(events[0].id.as_deref(), Some("1"));
            assert_eq!(events[0].retry, Some(Duration::from_millis(20)));
            assert_eq!(events[1].data, "{\"a\":1}");
        }
    }
}
