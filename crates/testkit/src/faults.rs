//! A line that breaks on command: a TCP proxy on the machine, between a server and what it needs.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ambient::Clock;
use tokio::{
    io::{self, AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

use crate::fail::OrFail as _;

/// How the line behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Line {
    /// Everything passes.
    #[default]
    Open,
    /// Everything passes, each piece this much later.
    Slow(Duration),
    /// Connections stay, and can be made, but nothing passes: what a lost route looks like.
    Frozen,
    /// Connections are reset, new ones at once: what a dead process looks like.
    Cut,
}

/// A proxy in front of one address. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    made: Arc<AtomicUsize>,
    // Dropping the set ends the tasks.
    _tasks: JoinSet<()>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    line: Line,
    upstream: SocketAddr,
    /// Connections of an earlier generation are reset. A mere change of the line and back could be
    /// missed by them.
    generation: u64,
}

impl Proxy {
    /// A proxy on a free port, its line open.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.or_fail("a port is free");
        let address = listener.local_addr().or_fail("a listener has an address");
        let state = State { line: Line::Open, upstream, generation: 0 };
        let state = watch::Sender::new(state);
        let made = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, state.subscribe(), Arc::clone(&made)));
        Self { address, state, made, _tasks: tasks }
    }

    /// Where to connect to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes how the line behaves, for open connections too.
    pub fn set(&self, line: Line) {
        self.state.send_modify(|state| {
            state.line = line;
            state.generation += u64::from(line == Line::Cut);
        });
    }

    /// Resets all connections; new ones can be made at once.
    pub fn interrupt(&self) {
        self.set(Line::Cut);
        self.set(Line::Open);
    }

    /// Leads new connections to another address, and leaves those that stand alone: what a load
    /// balancer does.
    pub fn lead_to(&self, upstream: SocketAddr) {
        self.state.send_modify(|state| state.upstream = upstream);
    }

    /// How many connections have been made so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, state: watch::Receiver<State>, made: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        made.fetch_add(1, Ordering::SeqCst);
        connections.spawn(connection(client, state.clone()));
        // Finished connections are forgotten.
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(mut client: TcpStream, mut state: watch::Receiver<State>) {
    let State { upstream, generation: mine, .. } = *state.borrow();
    let carried = carry(&mut client, upstream, state.clone());
    let in_order = tokio::select! {
        biased;
        _ = state.wait_for(|now| now.line == Line::Cut || now.generation != mine) => false,
        carried = carried => carried.is_ok(),
    };
    if !in_order {
        // Without lingering, the end of the connection is a reset.
        let _ = client.set_zero_linger();
    }
}

async fn carry(
    client: &mut TcpStream,
    upstream: SocketAddr,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    passable(&mut state).await;
    let mut server = TcpStream::connect(upstream).await?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let there = pump(from_client, to_server, state.clone());
    let back = pump(from_server, to_client, state);
    tokio::try_join!(there, back).map(drop)
}

async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        passable(&mut state).await;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}

/// Waits until the line lets something pass.
async fn passable(state: &mut watch::Receiver<State>) {
    // An error means that the proxy is gone, and this task with it.
    let line = state.wait_for(|state| state.line != Line::Frozen).await.map(|state| state.line);
    if let Ok(Line::Slow(delay)) = line {
        Clock::system().sleep(delay).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PATIENCE, within};

    /// A server that sends back what it gets, the proxy before it, and a connection through both.
    async fn line() -> (JoinSet<()>, Proxy, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap()).await;
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                connections.spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = io::copy(&mut from, &mut to).await;
                });
            }
        });
        let client = TcpStream::connect(proxy.address()).await.unwrap();
        (server, proxy, client)
    }

    async fn echo(stream: &mut TcpStream) -> io::Result<[u8; 2]> {
        let mut answer = [0; 2];
        stream.write_all(b"hi").await?;
        within(PATIENCE, stream.read_exact(&mut answer)).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn an_open_line_carries_both_ways() {
        let (_server, proxy, mut client) = line().await;
        assert_eq!(echo(&mut client).await.unwrap(), *b"hi");
        assert_eq!(proxy.connections(), 1);
    }

    #[tokio::test]
    async fn an_interruption_resets_what_is_open_and_nothing_else() {
        let (_server, proxy, mut client) = line().await;
        echo(&mut client).await.unwrap();
        proxy.interrupt();
        let end = within(PATIENCE, client.read(&mut [0; 1])).await;
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let mut again = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(echo(&mut again).await.unwrap(), *b"hi");
    }

    #[tokio::test]
    async fn a_line_that_leads_elsewhere_keeps_what_it_carries() {
        let (_server, proxy, mut client) = line().await;
        let elsewhere = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        echo(&mut client).await.unwrap();
        proxy.lead_to(elsewhere.local_addr().unwrap());
        assert_eq!(echo(&mut client).await.unwrap(), *b"hi");
        let _other = TcpStream::connect(proxy.address()).await.unwrap();
        within(PATIENCE, elsewhere.accept()).await.unwrap();
    }

    #[tokio::test]
    async fn a_cut_line_resets_new_connections() {
        let (_server, proxy, _client) = line().await;
        proxy.set(Line::Cut);
        // The reset may come before the connection has been handed out.
        if let Ok(mut client) = TcpStream::connect(proxy.address()).await {
            assert!(echo(&mut client).await.is_err());
        }
    }

    #[tokio::test]
    async fn a_frozen_line_carries_on_when_it_thaws() {
        let (_server, proxy, mut client) = line().await;
        echo(&mut client).await.unwrap();
        proxy.set(Line::Frozen);
        client.write_all(b"hi").await.unwrap();
        let mut answer = [0; 2];
        {
            let mut reading = std::pin::pin!(client.read_exact(&mut answer));
            let early = Clock::system().timeout(Duration::from_millis(20), &mut reading).await;
            assert!(early.is_err());
            proxy.set(Line::Open);
            within(PATIENCE, reading).await.unwrap();
        }
        assert_eq!(&answer, b"hi");
    }

    #[tokio::test]
    async fn the_end_of_one_direction_is_passed_on() {
        let (_server, _proxy, mut client) = line().await;
        client.write_all(b"last").await.unwrap();
        client.shutdown().await.unwrap();
        let mut rest = Vec::new();
        within(PATIENCE, client.read_to_end(&mut rest)).await.unwrap();
        assert_eq!(rest, b"last");
    }
}
