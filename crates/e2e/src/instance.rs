//! One server on its socket.

use ambient::Clock;
use chassis::{App, Lifecycle, Limits};
use testkit::{PATIENCE, http::Http, within};
use tokio::{net::TcpListener, task::JoinSet};

use crate::setup::origin;

/// A running server. It ends when it is dropped.
#[derive(Debug)]
pub struct Instance {
    /// Where it listens, for example `http://127.0.0.1:40000`.
    pub origin: String,
    /// The same socket again, for another instance to take over: an address that was given back
    /// could be somebody else's at once.
    socket: Option<std::net::TcpListener>,
    life: Life,
    serving: JoinSet<()>,
}

/// Drops what the server has started when the instance goes.
pub(crate) struct Life(Lifecycle);

impl Instance {
    pub(crate) fn start(listener: TcpListener, app: impl Into<App>, life: Life) -> Self {
        let address = listener.local_addr().expect("a listener that was bound has an address");
        let socket = listener.into_std().expect("a socket can be taken out");
        let kept = socket.try_clone().expect("a socket can be shared");
        let listener = TcpListener::from_std(socket).expect("a socket can be put back");
        let mut serving = JoinSet::new();
        let (app, lifecycle) = (app.into(), life.lifecycle());
        serving.spawn(async move {
            let served = chassis::serve(listener, app, Limits::default(), &lifecycle).await;
            served.expect("a listener that was bound has an address");
        });
        Self { origin: origin(address), socket: Some(kept), life, serving }
    }

    /// The address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// A plain client of this instance alone.
    #[must_use]
    pub fn http(&self) -> Http {
        Http::new(&self.origin)
    }

    /// Asks it to stop, and waits until it has: what a deployment does.
    pub async fn stop(&mut self) {
        self.socket = None;
        self.life.0.stop();
        within(PATIENCE, async {
            while self.serving.join_next().await.is_some() {}
            self.life.0.finished().await;
        })
        .await;
    }

    /// Ends it in the middle of whatever it does: what a crash does.
    pub async fn kill(&mut self) {
        drop(self.end().await);
    }

    /// Ends it like [`kill`](Self::kill), and hands over its socket.
    pub(crate) async fn end(&mut self) -> Option<TcpListener> {
        self.life.0.abort();
        self.serving.shutdown().await;
        let socket = self.socket.take()?;
        Some(TcpListener::from_std(socket).expect("a socket can be put back"))
    }
}

impl Life {
    /// A life on the machine's clock: the grace of a stop is about sockets, not about the world.
    pub(crate) fn new() -> Self {
        Self(Lifecycle::new(Clock::system(), PATIENCE / 2))
    }

    pub(crate) fn lifecycle(&self) -> Lifecycle {
        self.0.clone()
    }
}

impl std::fmt::Debug for Life {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Life").field("stopping", &self.0.is_stopping()).finish()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.0.abort();
    }
}
