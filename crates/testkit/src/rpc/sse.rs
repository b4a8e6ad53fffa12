//! Server-Sent Events, read in pieces, with nothing thrown away.
//!
//! The parser follows the HTML standard, section 9.2, but it also tells what a browser hides and
//! a test asks about: comments, events without data, and which fields were there at all.

use std::time::Duration;

/// A block of lines up to an empty line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The `event` field.
    pub name: Option<String>,
    /// The `id` field.
    pub id: Option<String>,
    /// The `retry` field.
    pub retry: Option<Duration>,
    /// The lines of `data`, joined; none if there was no such field.
    pub data: Option<String>,
    /// Comment lines, without their colon.
    pub comments: Vec<String>,
}

impl Event {
    /// The text of a message; none for an event that carries none.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.data.as_deref().filter(|data| !data.is_empty())
    }
}

/// Turns bytes into events.
#[derive(Debug, Default)]
pub struct Parser {
    buffer: Vec<u8>,
    event: Event,
    started: bool,
}

impl Parser {
    /// Takes the bytes that have arrived and gives the events that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.buffer.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(line) = self.line() {
            events.extend(self.take(&line));
        }
        events
    }

    /// Whether something has arrived that no empty line has completed.
    #[must_use]
    pub fn is_torn(&self) -> bool {
        !self.buffer.is_empty() || self.event != Event::default()
    }

    /// The next complete line, without its end: LF, CR LF or CR.
    fn line(&mut self) -> Option<String> {
        let end = self.buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
        let length = match self.buffer[end..] {
            // Whether a LF follows is not known yet.
            [b'\r'] => return None,
            [b'\r', b'\n', ..] => 2,
            _ => 1,
        };
        let mut line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.buffer.drain(..end + length);
        if !std::mem::replace(&mut self.started, true)
            && let Some(rest) = line.strip_prefix('\u{feff}')
        {
            line = rest.to_owned();
        }
        Some(line)
    }

    fn take(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (event != Event::default()).then_some(event);
        }
        if let Some(comment) = line.strip_prefix(':') {
            self.event.comments.push(comment.trim_start_matches(' ').to_owned());
            return None;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.event.name = Some(value.to_owned()),
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            "retry" => self.event.retry = value.parse().ok().map(Duration::from_millis),
            "data" => match &mut self.event.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                none => *none = Some(value.to_owned()),
            },
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str) -> Vec<Event> {
        Parser::default().push(text.as_bytes())
    }

    fn data(text: &str) -> Event {
        Event { data: Some(text.into()), ..Event::default() }
    }

    #[test]
    fn an_event_ends_with_an_empty_line() {
        assert_eq!(events("data: a\n\ndata:b\n\ndata: c\n"), [data("a"), data("b")]);
    }

    #[test]
    fn lines_of_data_are_joined() {
        assert_eq!(events("data: a\ndata:  b\ndata\n\n"), [data("a\n b\n")]);
    }

    #[test]
    fn all_ends_of_lines_are_ends_of_lines() {
        assert_eq!(events("data: a\r\n\r\ndata: b\r\rdata: c\n\n"), ["a", "b", "c"].map(data));
    }

    #[test]
    fn events_may_arrive_byte_by_byte() {
        let text = "\u{feff}id: 1\r\ndata: ä\r\n\r\ndata: b\n\n";
        let mut parser = Parser::default();
        let events: Vec<_> = text.bytes().flat_map(|byte| parser.push(&[byte])).collect();
        assert_eq!(events, [Event { id: Some("1".into()), ..data("ä") }, data("b")]);
        assert!(!parser.is_torn());
    }

    #[test]
    fn what_a_browser_hides_is_kept() {
        let [comment, priming] =
            events(": alive\n\nid: 1\nretry: 250\ndata:\n\n").try_into().unwrap();
        assert_eq!(comment, Event { comments: vec!["alive".into()], ..Event::default() });
        assert_eq!(priming.retry, Some(Duration::from_millis(250)));
        assert_eq!((priming.id.as_deref(), priming.message()), (Some("1"), None));
    }

    #[test]
    fn unknown_fields_and_bad_numbers_are_ignored() {
        let [event] = events("x: y\nretry: soon\nid: a\0b\nevent: e\n\n").try_into().unwrap();
        assert_eq!(event, Event { name: Some("e".into()), ..Event::default() });
    }

    #[test]
    fn a_torn_event_is_noticed() {
        let mut parser = Parser::default();
        assert_eq!(parser.push(b"data: a\n"), []);
        assert!(parser.is_torn());
    }
}
