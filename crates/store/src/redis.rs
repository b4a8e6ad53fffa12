//! The backend in Redis: four multiplexed connections for commands, one for subscriptions.
//!
//! Every operation is one command on one key (a script where Redis has no such command), so it is
//! one round trip, atomic, and at home in a cluster. Two records that are read at once are two commands
//! there. No command is sent twice but what a node of a
//! cluster has sent elsewhere undone: when a connection breaks under a command, whether it was done is
//! unknown, and the caller is told so.

mod bus;
mod connect;
mod counter;
mod failure;
mod log;
mod many;
mod moving;
mod ring;
mod roster;
mod script;
mod table;
mod tally;
mod tls;
mod write;

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ambient::Clock;
use fred::{
    clients::{Client, Pool},
    error::Error,
    interfaces::ClientLike,
    types::{ClusterHash, CustomCommand, Value},
};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use crate::{
    about::About,
    error::{Action, StoreError},
    observer::{self, Observer, Ran},
};

/// The connections to one Redis, and the prefix of all names there.
#[derive(Debug)]
pub(crate) struct Redis {
    commands: Pool,
    channels: Arc<bus::Channels>,
    namespace: String,
    command_timeout: Duration,
    observer: Option<Observer>,
    wait_replicas: u8,
    scripts: Box<script::Scripts>,
    closed: AtomicBool,
    /// Dropping this ends the tasks, and with them the connections.
    tasks: Mutex<JoinSet<()>>,
}

/// Whether a URL can be used, as far as it can be told without asking; what is wrong with it if not.
pub(crate) fn is_usable(url: &str) -> Result<(), &'static str> {
    connect::parsed(url).map(drop)
}

impl Redis {
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        let action = Action::new("reach", "Redis");
        let _: String = self.run(action, |client| client.ping(None)).await?;
        Ok(())
    }

    pub(crate) async fn about(&self) -> Result<About, StoreError> {
        let info = CustomCommand::new_static("INFO", ClusterHash::Random, false);
        let action = Action::new("read", "INFO");
        let text: String =
            self.run(action, |client| client.custom(info.clone(), Vec::<Value>::new())).await?;
        Ok(About::read(&text))
    }

    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.channels.close();
        let mut tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }

    /// A connection that is up, so that an outage is told at once and not after a timeout.
    fn client(&self, action: Action) -> Result<&Client, StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(action.unavailable("the store is closed"));
        }
        let client = self.commands.next_connected();
        if client.is_connected() { Ok(client) } else { Err(failure::not_connected(action)) }
    }

    /// Runs one command, made for a connection that is up. The futures of the client take several
    /// kilobytes, so this one is boxed: every caller up to a request handler would carry it.
    async fn run<'a, T, F>(
        &'a self,
        action: Action,
        command: impl Fn(&'a Client) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        Box::pin(self.observed(action.command(), self.settled(action, command))).await
    }

    /// Runs a command in a span of its own, and tells the observer what became of it. The span has
    /// the conventions' names, is recorded where traces are, and holds no key.
    async fn observed<T>(
        &self,
        command: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let span = tracing::trace_span!(
            target: "otel::span",
            "redis",
            otel.name = command,
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            db.system.name = "redis",
            db.operation.name = command,
            error.type = tracing::field::Empty,
        );
        let watch = self.observer.as_ref().map(|observer| (observer, Clock::system().stopwatch()));
        let done = work.instrument(span.clone()).await;
        let failure = done.as_ref().err().map(observer::kind);
        if let Some(kind) = failure {
            span.record("error.type", kind);
            span.record("otel.status_code", "ERROR");
        }
        if let Some((observer, watch)) = watch {
            observer.tell(&Ran { command, took: watch.elapsed(), failure });
        }
        done
    }

    fn explain(&self, action: Action, error: &Error) -> StoreError {
        failure::explain(action, error, self.command_timeout)
    }

    fn name(&self, name: &str) -> String {
        [&self.namespace, name].concat()
    }
}

/// Waits until Redis has done everything that was sent on the connection of `client` before:
/// answers come in order, so the one to a PING says so. In a cluster it goes to the node at which
/// the client subscribes.
async fn confirm(client: &Client) -> Result<(), Error> {
    let ping = CustomCommand::new_static("PING", ClusterHash::from(client.id()), false);
    let _: Value = Box::pin(client.custom(ping, Vec::<Value>::new())).await?;
    Ok(())
}
