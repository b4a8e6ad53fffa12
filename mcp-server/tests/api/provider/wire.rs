//! The wire of the played authorization server: requests are read and answers are written byte by
//! byte, because most of what goes wrong there is not HTTP any more.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use ambient::Clock;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

/// How an endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should.
    Well,
    /// As it should, and with this `Cache-Control`.
    Kept(&'static str),
    /// With this status, a JSON error and `Retry-After: 7`.
    Status(u16),
    /// With 429 and this `Retry-After`.
    Limited(&'static str),
    /// With 400 and this body.
    Bad(&'static str),
    /// With JSON of somebody else's.
    Other(&'static str),
    /// With a page.
    Html,
    /// With JSON that ends in the middle.
    Garbage,
    /// With an empty body.
    Empty,
    /// With bytes that are not HTTP.
    Noise,
    /// With more than anybody wants to read, and says so.
    Huge,
    /// With a body that does not end.
    Endless,
    /// With headers that do not end.
    EndlessHeaders,
    /// With a redirect to where a good answer is.
    Redirect,
    /// Not at all, while the connection stays.
    Hang,
    /// One byte at a time, and each takes a while.
    Drip,
    /// Not at all, and the connection ends.
    Close,
    /// Half of an answer, and then the connection is reset.
    Reset,
}

/// A request, as far as anybody here wants to know it.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) authorization: Option<String>,
    pub(super) body: String,
}

/// A connection to the played server.
pub(super) struct Wire(BufReader<TcpStream>);

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(BufReader::new(stream))
    }

    /// The next request; none if there is no other.
    pub(super) async fn read(&mut self) -> Option<Asked> {
        let line = self.line().await?;
        let mut words = line.split(' ').map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let (mut authorization, mut length) = (None, 0);
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "authorization" => authorization = Some(value.trim().to_owned()),
                "content-length" => length = value.trim().parse().ok()?,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.ok()?;
        Some(Asked { method, path, authorization, body: String::from_utf8(body).ok()? })
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).await.ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// Answers; false if the connection is of no use after that. `sent` counts the bytes of answers
    /// that do not end.
    pub(super) async fn answer(&mut self, mood: Mood, good: &Value, sent: &AtomicUsize) -> bool {
        if let Some(text) = whole(mood, good) {
            return self.write(text.as_bytes()).await;
        }
        match mood {
            Mood::Hang => std::future::pending().await,
            Mood::Drip => self.drip(&answer(200, "", &good.to_string())).await,
            Mood::Endless => {
                self.forever("HTTP/1.1 200 OK\r\n\r\n{\"x\":\"", &"x".repeat(16 * 1024), sent)
                    .await;
            }
            Mood::EndlessHeaders => {
                let line = format!("x-more: {}\r\n", "x".repeat(1000));
                self.forever("HTTP/1.1 200 OK\r\n", &line, sent).await;
            }
            Mood::Noise => {
                self.write(b"\x00\xff\x16\x03\x01 SSH-2.0-x\r\n\r\n").await;
            }
            Mood::Reset => {
                let text = answer(200, "", &good.to_string());
                self.write(&text.as_bytes()[..text.len() - 5]).await;
                self.0.get_ref().set_zero_linger().unwrap();
            }
            _ => {}
        }
        false
    }

    /// Answers without a body.
    pub(super) async fn nod(&mut self) -> bool {
        self.write(answer(200, "", "").as_bytes()).await
    }

    async fn write(&mut self, bytes: &[u8]) -> bool {
        self.0.get_mut().write_all(bytes).await.is_ok()
    }

    /// A byte, a pause, a byte, until nobody listens.
    async fn drip(&mut self, text: &str) {
        for byte in text.as_bytes() {
            if !self.write(&[*byte]).await {
                return;
            }
            Clock::system().sleep(Duration::from_millis(200)).await;
        }
    }

    /// The same again and again, until nobody listens.
    async fn forever(&mut self, begin: &str, more: &str, sent: &AtomicUsize) {
        let mut goes_on = self.write(begin.as_bytes()).await;
        while goes_on {
            goes_on = self.write(more.as_bytes()).await;
            sent.fetch_add(more.len(), Ordering::SeqCst);
        }
    }
}

/// Answers that are HTTP and end.
fn whole(mood: Mood, good: &Value) -> Option<String> {
    let text = match mood {
        Mood::Well => answer(200, "", &good.to_string()),
        Mood::Kept(said) => answer(200, &format!("cache-control: {said}\r\n"), &good.to_string()),
        Mood::Status(status) => {
            answer(status, "retry-after: 7\r\n", &json!({ "error": "no" }).to_string())
        }
        Mood::Limited(until) => {
            answer(429, &format!("retry-after: {until}\r\n"), &json!({ "error": "no" }).to_string())
        }
        Mood::Bad(body) => answer(400, "", body),
        Mood::Other(body) => answer(200, "", body),
        Mood::Html => answer(200, "", "<!doctype html><title>Log in</title>"),
        Mood::Garbage => answer(200, "", "{\"active\":tru"),
        Mood::Empty => answer(200, "", ""),
        Mood::Huge => answer(200, "", &format!("{{\"x\":\"{}\"}}", "x".repeat(1024 * 1024))),
        Mood::Redirect => answer(307, "location: /elsewhere\r\n", ""),
        _ => return None,
    };
    Some(text)
}

fn answer(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} So\r\ncontent-type: application/json\r\n{headers}content-length: \
         {length}\r\n\r\n{body}"
    )
}
