//! A client that opens a stream and does not read it: by hand, because every real one reads.

use std::{io, net::SocketAddr, time::Duration};

use ambient::Clock;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::client::Link;

/// What the kernel keeps for a client that does not read, in bytes; it takes a little more.
const RECEIVE_BUFFER: u32 = 4096;
/// How long the first event may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream that nobody reads. Dropping it closes the connection.
pub struct Stalled {
    /// The call, to be followed later.
    pub call: Call,
    /// The id of the first event.
    pub first: String,
    stream: TcpStream,
}

/// A call whose events are large: each carries the token of the call.
#[derive(Clone, Debug)]
pub struct Call {
    /// The session.
    pub link: Link,
    /// The token of the call.
    pub token: String,
    /// How many events it has.
    pub steps: u64,
}

impl Call {
    /// The message that begins it: its steps take no time.
    #[must_use]
    pub fn message(&self) -> serde_json::Value {
        let arguments = json!({ "duration": 0, "steps": self.steps });
        let params = json!({ "name": "long-running-operation", "arguments": arguments,
                             "_meta": { "progressToken": self.token } });
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
    }

    /// Begins it at `address`, and stops reading after the first event.
    ///
    /// # Errors
    /// When there is no such event.
    pub async fn stall(self, address: SocketAddr) -> io::Result<Stalled> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        let mut stream = socket.connect(address).await?;
        stream.write_all(self.link.request(&self.message(), address).as_bytes()).await?;
        let read = first_id(&mut stream);
        let first = Clock::system().timeout(PATIENCE, read).await.map_err(io::Error::other)??;
        Ok(Stalled { call: self, first, stream })
    }
}

impl Stalled {
    /// Its port.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.stream.local_addr().ok().map(|address| address.port())
    }

    /// Reads what is left, which ends at once if the server has closed the connection; how many
    /// bytes there were, and whether there was an end.
    pub async fn rest(mut self) -> (usize, bool) {
        let (mut buffer, mut bytes) = (vec![0; 64 * 1024], 0);
        let read = async {
            while let Ok(some @ 1..) = self.stream.read(&mut buffer).await {
                bytes += some;
            }
        };
        let is_ended = Clock::system().timeout(Duration::from_secs(5), read).await.is_ok();
        (bytes, is_ended)
    }
}

async fn first_id(stream: &mut TcpStream) -> io::Result<String> {
    let mut text = Vec::new();
    let mut byte = [0];
    loop {
        stream.read_exact(&mut byte).await?;
        text.push(byte[0]);
        let told = String::from_utf8_lossy(&text);
        let id = told.split("\nid: ").nth(1).and_then(|rest| rest.split_once('\n'));
        if let Some((id, _)) = id {
            return Ok(id.trim().to_owned());
        }
        if told.contains("\r\n\r\n") && !told.starts_with("HTTP/1.1 200") {
            return Err(io::Error::other(told.lines().next().unwrap_or_default().to_owned()));
        }
    }
}
