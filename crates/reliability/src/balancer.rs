//! A round-robin proxy of connections: what stands in front of instances in a deployment. It asks
//! each for its readiness and sends new connections to those that are ready.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ambient::Clock;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// How often each instance is asked.
const PROBE: Duration = Duration::from_millis(200);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The proxy; it ends when this is dropped.
#[derive(Debug)]
pub struct Balancer {
    address: SocketAddr,
    backends: Vec<Arc<Backend>>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Backend {
    address: SocketAddr,
    is_ready: watch::Sender<bool>,
}

impl Balancer {
    /// Stands in front of `ports` of this machine, on a port that the system chooses.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(ports: &[u16]) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let backend = |port: &u16| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
            Arc::new(Backend { address, is_ready: watch::Sender::new(false) })
        };
        let backends: Vec<_> = ports.iter().map(backend).collect();
        let mut tasks = JoinSet::new();
        for backend in &backends {
            tasks.spawn(probe(Arc::clone(backend)));
        }
        tasks.spawn(accept(listener, backends.clone()));
        Ok(Self { address, backends, _tasks: tasks })
    }

    /// Waits until it has found every instance ready.
    pub async fn all_ready(&self) {
        for backend in &self.backends {
            // The sender is the backend's own, so that it outlives the wait.
            let _ = backend.is_ready.subscribe().wait_for(|is_ready| *is_ready).await;
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn probe(backend: Arc<Backend>) {
    let clock = Clock::system();
    loop {
        let ready = clock.timeout(PATIENCE, is_ready(backend.address)).await;
        backend.is_ready.send_replace(matches!(ready, Ok(Ok(true))));
        clock.sleep(PROBE).await;
    }
}

async fn is_ready(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    Ok(status.ends_with(b" 200"))
}

async fn accept(listener: TcpListener, backends: Vec<Arc<Backend>>) {
    let mut connections = JoinSet::new();
    let next = AtomicUsize::new(0);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    connections.spawn(pass(client, in_turn(&backends, turn)));
                }
                // There are too many files open. Some are closed soon.
                Err(_) => Clock::system().sleep(PROBE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Those that are ready first, each in its turn; the others may have become so.
fn in_turn(backends: &[Arc<Backend>], turn: usize) -> Vec<SocketAddr> {
    let (ready, other): (Vec<_>, Vec<_>) =
        backends.iter().partition(|backend| *backend.is_ready.borrow());
    let from = turn.checked_rem(ready.len()).unwrap_or(0);
    let ready = ready[from..].iter().chain(&ready[..from]);
    ready.chain(&other).map(|backend| backend.address).collect()
}

async fn pass(mut client: TcpStream, candidates: Vec<SocketAddr>) {
    for address in candidates {
        if let Ok(mut server) = TcpStream::connect(address).await {
            // Either end may break: that is what is tested.
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            let _ = copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_ready_takes_turns_and_the_rest_is_a_last_resort() {
        let backend = |port, ready| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            Arc::new(Backend { address, is_ready: watch::Sender::new(ready) })
        };
        let backends = [backend(1, true), backend(2, false), backend(3, true)];
        let ports =
            |turn| in_turn(&backends, turn).iter().map(SocketAddr::port).collect::<Vec<_>>();
        assert_eq!(ports(0), [1, 3, 2]);
        assert_eq!(ports(1), [3, 1, 2]);
        assert_eq!(ports(2), [1, 3, 2]);
        assert!(in_turn(&[], 5).is_empty());
    }
}
