//! An instance of a server: in this process, called as a service, without a socket.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use ambient::{Clock, Entropy};
use axum::{body::Body, extract::ConnectInfo, response::Response};
use chassis::{App, Lifecycle};
use futures_util::future::BoxFuture;
use http::Request;
use store::{Line, Store};

use crate::{
    dice::Dice,
    weather::{Mood, Sky},
};

/// Who asks, by the address that servers see.
const CLIENT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 40_000);

/// How long an instance that is asked to end may take.
const GRACE: Duration = Duration::from_secs(10);

/// Makes a server on a store, for a life; gives what answers its requests.
pub(crate) type Make = Arc<dyn Fn(Store, Entropy, &Lifecycle) -> App + Send + Sync>;

/// One instance, from its start to its end.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) name: String,
    app: App,
    pub(crate) sky: Sky,
    line: Line,
    lifecycle: Lifecycle,
}

impl Instance {
    pub(crate) fn start(
        name: String,
        make: &Make,
        store: &Store,
        clock: &Clock,
        dice: &Dice,
    ) -> Self {
        let sky = Sky::new(clock, dice);
        let line = Line::new(clock, sky.clone());
        let lifecycle = Lifecycle::new(clock.clone(), GRACE);
        let app = make(store.over_line(line.clone()), dice.entropy(), &lifecycle);
        Self { name, app, sky, line, lifecycle }
    }

    /// Answers a request, unless it dies meanwhile. A client that does not wait drops this.
    pub(crate) async fn answer(&self, mut request: Request<Body>) -> Option<Response> {
        use tower::Service as _;
        request.extensions_mut().insert(ConnectInfo(CLIENT));
        let mut app = self.app.clone();
        tokio::select! {
            biased;
            () = self.died() => None,
            answer = app.call(request) => match answer {
                Ok(response) => Some(response),
                Err(never) => { let never: Infallible = never; match never {} }
            },
        }
    }

    /// Waits until it is dead.
    pub(crate) fn died(&self) -> BoxFuture<'static, ()> {
        Box::pin(self.lifecycle.aborted())
    }

    /// Whether new requests are sent to it.
    pub(crate) fn serves(&self) -> bool {
        !self.lifecycle.is_leaving()
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) fn kill(&self) {
        self.sky.set(Mood::Dead);
        self.lifecycle.abort();
    }

    /// Asks it to end.
    pub(crate) fn stop(&self) {
        self.lifecycle.stop();
    }

    /// Changes the weather; what gets better is a line that was mended.
    pub(crate) fn weather(&self, mood: Mood) {
        let was = self.sky.mood();
        self.sky.set(mood);
        if mood == Mood::Fair && matches!(was, Mood::Cut | Mood::Changeable) {
            self.line.mended();
        }
    }
}
