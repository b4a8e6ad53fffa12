//! A connection to the authorization server that is only held. When it ends, the server may have
//! ended too: that is known at once then, and not at the next look (decision 0060).
//!
//! It proves nothing. Its end is a reason to look, and what the look finds decides.

use std::time::Duration;

use ambient::{Clock, Timestamp};
use chassis::HeldConnection;
use url::Url;

/// The longest wait for a connection and the answer to its one question.
const OPENING: Duration = Duration::from_secs(1);

/// A connection that ends sooner is one that the server does not leave idle: its end says nothing, and
/// there is no new one before the next look that is due anyway.
const TELLING: Duration = Duration::from_secs(5);

/// How we call ourselves.
const AGENT: &str = concat!("mcp-server/", env!("CARGO_PKG_VERSION"));

/// What the end of a connection says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The server may have ended.
    Telling,
    /// It came so soon that the next one would come as soon.
    Mute,
}

/// A place, and at most one connection to it.
pub(super) struct Line {
    url: Option<Url>,
    clock: Clock,
    state: State,
}

enum State {
    /// There is no connection, and none is missed.
    Down,
    /// There should be one and cannot: the server has ended since somebody looked.
    Refused,
    /// This one, since then.
    Up(HeldConnection, Timestamp),
}

impl Line {
    /// To the host of this URL; nowhere without one.
    pub(super) const fn to(url: Option<Url>, clock: Clock) -> Self {
        Self { url, clock, state: State::Down }
    }

    /// Makes a connection if there is none.
    pub(super) async fn restore(&mut self) {
        let Some(url) = &self.url else { return };
        if matches!(self.state, State::Up(..)) {
            return;
        }
        let opening = HeldConnection::open(url, AGENT);
        self.state = match self.clock.timeout(OPENING, opening).await {
            Ok(Ok(Some(held))) => State::Up(held, self.clock.now()),
            Ok(Ok(None)) => State::Down,
            Ok(Err(_)) | Err(_) => State::Refused,
        };
    }

    /// Gives the connection up.
    pub(super) fn give_up(&mut self) {
        self.state = State::Down;
    }

    /// Waits until the connection ends; for ever if there is none.
    pub(super) async fn ended(&mut self) -> End {
        let end = match &mut self.state {
            State::Down => std::future::pending().await,
            State::Refused => End::Mute,
            State::Up(held, since) => {
                held.ended().await;
                let lived = self.clock.now().since(*since);
                if lived < TELLING { End::Mute } else { End::Telling }
            }
        };
        self.state = State::Down;
        end
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use testkit::{PATIENCE, within};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    async fn place() -> (TcpListener, Line, Clock) {
        let clock = Clock::manual(Timestamp::from_secs(1000));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let line = Line::to(Some(Url::parse(&url).unwrap()), clock.clone());
        (listener, line, clock)
    }

    /// Restores the line, and gives the server's side of its connection.
    async fn restored(line: &mut Line, listener: &TcpListener) -> TcpStream {
        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            stream
        };
        let restoring = futures_util::future::join(line.restore(), serving);
        within(PATIENCE, restoring).await.1
    }

    #[tokio::test]
    async fn an_end_is_noticed_while_no_time_passes_and_tells_if_the_connection_has_lived() {
        let (listener, mut line, clock) = place().await;
        for (lived, end) in [(TELLING, End::Telling), (Duration::ZERO, End::Mute)] {
            let server = restored(&mut line, &listener).await;
            clock.advance(lived);
            assert!(line.ended().now_or_never().is_none());
            drop(server);
            assert_eq!(within(PATIENCE, line.ended()).await, end);
            assert!(line.ended().now_or_never().is_none(), "it is told once");
        }
    }

    #[tokio::test]
    async fn what_is_there_stays_and_is_given_up_without_an_end() {
        let (listener, mut line, _) = place().await;
        let mut server = restored(&mut line, &listener).await;
        // Nobody accepts another one.
        within(PATIENCE, line.restore()).await;
        line.give_up();
        assert_eq!(within(PATIENCE, server.read(&mut [0])).await.unwrap(), 0);
        assert!(line.ended().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_connection_that_cannot_be_made_is_told_once() {
        let (listener, mut line, _) = place().await;
        drop(listener);
        line.restore().await;
        assert_eq!(line.ended().now_or_never(), Some(End::Mute));
        assert!(line.ended().now_or_never().is_none());
    }
}
