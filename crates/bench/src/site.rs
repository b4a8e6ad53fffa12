//! What is measured: Redis, an authorization server on it, and MCP servers in the ways that a session
//! can be kept. Each is a release build with its defaults; its log and its metrics are on.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::Path,
    time::Duration,
};

use ambient::Entropy;
use e2e::{Asking, CALLBACK, Login};
use serde_json::{Value, json};
use testkit::{browser::Browser, process::free_port};

use crate::{
    cases::{Ask, initialized, opening_able},
    process::{OTHERS, Running, SUBJECT, beside, start, until},
};

/// After so long a server that has not ended its answer is not measured.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a server keeps its sessions, and how it makes sure that one is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In its own memory.
    Memory,
    /// In Redis, asked at every request.
    Strict,
    /// In Redis, asked once a second.
    Near,
}

/// Redis and an authorization server.
#[derive(Debug)]
pub struct Site {
    /// The authorization server.
    pub auth: Running,
    auth_port: u16,
    redis_port: u16,
    _redis: Running,
    /// The port of the MCP server that tokens are for.
    base_port: u16,
    secret: String,
    key: String,
}

/// An MCP server.
#[derive(Debug)]
pub struct Instance {
    /// Its process.
    pub server: Running,
    /// Where it listens.
    pub port: u16,
}

/// The whole answer to a request.
#[derive(Clone, Debug)]
pub struct Got {
    /// The status line and the headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Site {
    /// Starts both.
    ///
    /// # Errors
    /// When a program is not there, or is never ready.
    pub fn start() -> io::Result<Self> {
        Self::start_with(&[])
    }

    /// The same with further settings of the authorization server.
    ///
    /// # Errors
    /// When a program is not there, or is never ready.
    pub fn start_with(more: &[(&'static str, String)]) -> io::Result<Self> {
        let entropy = Entropy::system();
        let (redis_port, auth_port, base_port) = (free_port(), free_port(), free_port());
        let port = redis_port.to_string();
        let arguments =
            ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let redis = start(OTHERS, Path::new("redis-server"), &arguments, &[])?;
        until("Redis", || TcpStream::connect((Ipv4Addr::LOCALHOST, redis_port)).ok())?;
        let (secret, key) = (entropy.hex::<32>(), entropy.hex::<32>());
        let mut settings = vec![
            ("AUTH_SERVER_PORT", auth_port.to_string()),
            ("AUTH_SERVER_URL", format!("http://localhost:{auth_port}")),
            ("BASE_URI", format!("http://localhost:{base_port}")),
            ("REDIS_URL", format!("redis://127.0.0.1:{redis_port}")),
            ("MCP_AUTH_CLIENT_SECRET", secret.clone()),
            ("AUTH_SECRET", key.clone()),
            ("METRICS_ADDR", metrics()),
            at_once(),
            // Everything here comes from one address.
            ("AUTH_LIMIT_REGISTER", "0".to_owned()),
            ("AUTH_LIMIT_AUTHORIZE", "0".to_owned()),
            ("AUTH_LIMIT_TOKEN", "0".to_owned()),
        ];
        settings.extend_from_slice(more);
        let nothing: [&str; 0] = [];
        let auth = start(SUBJECT, &beside("auth-server")?, &nothing, &settings)?;
        until("the authorization server", || ready(auth_port))?;
        Ok(Self { auth, auth_port, redis_port, _redis: redis, base_port, secret, key })
    }

    /// Where Redis is.
    #[must_use]
    pub fn redis(&self) -> String {
        format!("redis://127.0.0.1:{}", self.redis_port)
    }

    /// The port of the authorization server.
    #[must_use]
    pub const fn auth_port(&self) -> u16 {
        self.auth_port
    }

    /// The port of Redis.
    #[must_use]
    pub const fn redis_port(&self) -> u16 {
        self.redis_port
    }

    /// A URL of the authorization server.
    #[must_use]
    pub fn auth_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.auth_port)
    }

    /// The credentials of the MCP server there, as `Authorization` says them.
    #[must_use]
    pub fn credentials(&self) -> String {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        format!("Basic {}", STANDARD.encode(format!("mcp-server:{}", self.secret)))
    }

    /// The settings of an MCP server on a port.
    #[must_use]
    pub fn settings(&self, kept: Kept, port: u16) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("PORT", port.to_string()),
            ("BASE_URI", format!("http://localhost:{}", self.base_port)),
            ("AUTH_SERVER_URL", format!("http://localhost:{}", self.auth_port)),
            ("MCP_AUTH_CLIENT_SECRET", self.secret.clone()),
            ("MCP_STATE_KEY", self.key.clone()),
            ("METRICS_ADDR", metrics()),
            at_once(),
            ("MCP_SESSIONS_PER_OWNER", "60000".to_owned()),
            ("MCP_MAX_SESSIONS", "60000".to_owned()),
            ("MCP_STREAMS_PER_CALLER", "60000".to_owned()),
            ("MCP_MAX_STREAMS", "60000".to_owned()),
        ];
        let check = match kept {
            Kept::Memory => return settings,
            Kept::Strict => "strict",
            Kept::Near => "near",
        };
        settings.push(("REDIS_URL", self.redis()));
        settings.push(("SESSION_CHECK", check.to_owned()));
        settings
    }

    /// Starts the MCP server that tokens are for: others may follow on other ports.
    ///
    /// # Errors
    /// When it is not there, or is never ready.
    pub fn first(&self, kept: Kept) -> io::Result<Instance> {
        self.instance(kept, self.base_port)
    }

    /// Starts another one.
    ///
    /// # Errors
    /// When it is not there, or is never ready.
    pub fn another(&self, kept: Kept) -> io::Result<Instance> {
        self.instance(kept, free_port())
    }

    /// Starts one that lets everybody in, with state in its memory.
    ///
    /// # Errors
    /// When it is not there, or is never ready.
    pub fn open_to_all(&self) -> io::Result<Instance> {
        let port = free_port();
        let mut settings = self.settings(Kept::Memory, port);
        settings.retain(|(name, _)| !name.contains("AUTH"));
        settings.push(("MCP_AUTH", "none".to_owned()));
        running("mcp-server", port, &settings)
    }

    /// Starts one that checks tokens in this way (`MCP_AUTH_VALIDATION`), with state in its memory: the
    /// one that tokens are for, or another.
    ///
    /// # Errors
    /// When it is not there, or is never ready.
    pub fn checking(&self, way: &str, is_first: bool) -> io::Result<Instance> {
        let port = if is_first { self.base_port } else { free_port() };
        let mut settings = self.settings(Kept::Memory, port);
        settings.push(("MCP_AUTH_VALIDATION", way.to_owned()));
        running("mcp-server", port, &settings)
    }

    /// Starts one that tells what happens in other ways than by default, with state in its memory.
    ///
    /// # Errors
    /// When it is not there, or is never ready.
    pub fn telling(&self, more: &[(&'static str, String)]) -> io::Result<Instance> {
        let port = free_port();
        let mut settings = self.settings(Kept::Memory, port);
        settings.retain(|(name, _)| more.iter().all(|(other, _)| name != other));
        settings.extend_from_slice(more);
        running("mcp-server", port, &settings)
    }

    /// Starts another program that is an MCP server, with state in its memory.
    ///
    /// # Errors
    /// When it is not there, or is never ready.
    pub fn fork(&self, program: &str) -> io::Result<Instance> {
        let port = free_port();
        running(program, port, &self.settings(Kept::Memory, port))
    }

    fn instance(&self, kept: Kept, port: u16) -> io::Result<Instance> {
        running("mcp-server", port, &self.settings(kept, port))
    }

    /// A user, logged in through the pages with a new client. The server that tokens are for must
    /// run.
    pub async fn login(&self) -> Login {
        let endpoint = format!("http://localhost:{}/mcp", self.base_port);
        let mut browser = Browser::default().with_callback(CALLBACK);
        Asking::at(&endpoint).await.let_in(&mut browser, "alice").await
    }

    /// The refresh tokens of so many further logins with the client of one.
    pub async fn refresh_tokens(&self, login: &Login, count: usize) -> Vec<String> {
        let mut tokens = Vec::new();
        for _ in 0..count {
            let (oauth, client) = (login.oauth.clone(), login.client.clone());
            let request = oauth.authorization(&client);
            let mut browser = Browser::default().with_callback(CALLBACK);
            let again = Asking { oauth, client, request }.let_in(&mut browser, "alice").await;
            tokens.push(again.refresh().to_owned());
        }
        tokens
    }
}

impl Instance {
    /// Its endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }

    /// Opens a session, and gives its name.
    ///
    /// # Errors
    /// When none is opened.
    pub fn session(&self, token: Option<&str>) -> io::Result<String> {
        self.session_able(token, &json!({}))
    }

    /// Opens a session of a client that can do this, and gives its name. It says that it is ready, as
    /// the specification wants it: nobody is asked anything before that.
    ///
    /// # Errors
    /// When none is opened.
    pub fn session_able(&self, token: Option<&str>, capabilities: &Value) -> io::Result<String> {
        let got = post(self.port, "/mcp", &opening_able(token, capabilities))?;
        let session = got.header("mcp-session-id").ok_or_else(|| got.unexpected())?.to_owned();
        post(self.port, "/mcp", &initialized(token, &session))?;
        Ok(session)
    }
}

impl Got {
    /// Headers and what has come of the body; nothing before the end of the headers.
    fn read(mut answer: Vec<u8>) -> Option<Self> {
        let body = answer.split_off(end_of_head(&answer)?);
        Some(Self { head: String::from_utf8_lossy(&answer).into_owned(), body })
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding") == Some("chunked")
    }

    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = values.find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    /// An error that shows it.
    #[must_use]
    pub fn unexpected(&self) -> io::Error {
        io::Error::other(format!("{}{}", self.head, String::from_utf8_lossy(&self.body)))
    }
}

fn running(program: &str, port: u16, settings: &[(&str, String)]) -> io::Result<Instance> {
    let nothing: [&str; 0] = [];
    let server = start(SUBJECT, &beside(program)?, &nothing, settings)?;
    until("an MCP server", || ready(port))?;
    Ok(Instance { server, port })
}

fn metrics() -> String {
    format!("127.0.0.1:{}", free_port())
}

fn ready(port: u16) -> Option<()> {
    let request = "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    send(port, request).ok()?.head.starts_with("HTTP/1.1 200").then_some(())
}

/// Sends a request on a connection of its own, and reads all of the answer, which must be a success.
///
/// # Errors
/// When nobody answers, or it is no success.
pub fn post(port: u16, path: &str, ask: &Ask) -> io::Result<Got> {
    let got = send(port, &written(port, path, ask, "connection: close\r\n"))?;
    if got.head.starts_with("HTTP/1.1 20") { Ok(got) } else { Err(got.unexpected()) }
}

/// A POST as it goes over the wire.
#[must_use]
pub fn written(port: u16, path: &str, ask: &Ask, more: &str) -> String {
    let headers = ask.header_lines();
    let (length, body) = (ask.body.len(), &ask.body);
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{headers}{more}content-length: {length}\r\n\r\n{body}"
    )
}

fn send(port: u16, request: &str) -> io::Result<Got> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(request.as_bytes())?;
    let (mut answer, mut end) = (Vec::new(), None::<End>);
    let mut buffer = [0; 16 * 1024];
    // Some servers close a connection seconds after they were asked to.
    while !end.is_some_and(|end| end.is_reached(&answer)) {
        match socket.read(&mut buffer)? {
            0 => break,
            length => answer.extend_from_slice(&buffer[..length]),
        }
        end = end.or_else(|| End::of(&answer));
    }
    let got = Got::read(answer).ok_or_else(|| io::Error::other(NO_HEAD))?;
    Ok(if got.is_chunked() { Got { body: whole(&got.body), ..got } } else { got })
}

const NO_HEAD: &str = "an answer without an end of its headers";

fn end_of_head(answer: &[u8]) -> Option<usize> {
    Some(answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4)
}

/// When nothing of an answer is missing, as its headers say.
#[derive(Clone, Copy)]
enum End {
    /// After so many bytes.
    After(usize),
    /// With an empty chunk, after the headers that end here.
    EmptyChunk(usize),
    /// With the connection.
    Hangup,
}

impl End {
    /// Nothing before the end of the headers.
    fn of(answer: &[u8]) -> Option<Self> {
        let head = end_of_head(answer)?;
        let text = String::from_utf8_lossy(&answer[..head]).into_owned();
        let got = Got { head: text, body: Vec::new() };
        let length = got.header("content-length").and_then(|length| length.parse::<usize>().ok());
        Some(match length {
            Some(length) => Self::After(head + length),
            None if got.is_chunked() => Self::EmptyChunk(head),
            None => Self::Hangup,
        })
    }

    fn is_reached(self, answer: &[u8]) -> bool {
        match self {
            Self::After(length) => answer.len() >= length,
            Self::EmptyChunk(head) => answer[head..].ends_with(b"0\r\n\r\n"),
            Self::Hangup => false,
        }
    }
}

/// A body without the lengths of its chunks.
fn whole(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|bytes| bytes == b"\r\n") {
        let length = std::str::from_utf8(&chunks[..end]).unwrap_or_default();
        let length = usize::from_str_radix(length, 16).unwrap_or(0);
        let Some(chunk) = chunks.get(end + 2..end + 2 + length).filter(|_| length > 0) else {
            break;
        };
        body.extend_from_slice(chunk);
        chunks = chunks.get(end + 4 + length..).unwrap_or_default();
    }
    body
}

/// No balancer has to learn that a server ends.
pub(crate) fn at_once() -> (&'static str, String) {
    ("DRAIN_MIN_MS", "0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        assert_eq!(whole(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), b"abcde");
        assert_eq!(whole(b""), b"");
    }

    #[test]
    fn an_answer_is_whole_when_its_headers_say_so() {
        let head = "HTTP/1.1 200 OK\r\n";
        for (rest, expected) in [
            ("", false),
            ("Content-Length: 2\r\n\r\na", false),
            ("Content-Length: 2\r\n\r\nab", true),
            ("Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", false),
            ("Transfer-Encoding: chunked\r\nAge: 0\r\n\r\n", false),
            ("Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", true),
            // Until the connection ends.
            ("\r\nab", false),
        ] {
            let answer = format!("{head}{rest}");
            let end = End::of(answer.as_bytes());
            let is_whole = end.is_some_and(|end| end.is_reached(answer.as_bytes()));
            assert_eq!(is_whole, expected, "{rest}");
        }
    }
}
