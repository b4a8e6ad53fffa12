//! Subscriptions: one connection for all channels of this process.
//!
//! The registry says which channels somebody here listens to. One task makes Redis agree with it:
//! it subscribes to what is new and unsubscribes from what nobody listens to any more, many
//! channels in one command. When the connection was lost, it subscribes to everything again and
//! then tells every listener that there may be a gap. A second task hands out the messages.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ambient::Clock;
use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, PubsubInterface},
    types::{Message, config::Server},
};
use tokio::sync::{
    Notify,
    broadcast::{Receiver, error::RecvError},
    oneshot,
};

use super::{Redis, confirm, failure};
use crate::{
    bus::{Mailbox, Mailboxes},
    error::{Action, StoreError},
};

/// How long to wait after a failure.
const RETRY: Duration = Duration::from_millis(200);

/// The channels that this process listens to.
#[derive(Debug)]
pub(super) struct Channels {
    client: Client,
    registry: Mutex<Registry>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Registry {
    channels: HashMap<String, Channel>,
    /// Nobody listens to these any more, but Redis does not know yet.
    leaving: HashSet<String>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Channel {
    listeners: Mailboxes,
    state: State,
    waiting: Vec<oneshot::Sender<Result<(), Error>>>,
}

/// What Redis knows about a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing yet.
    #[default]
    New,
    /// It has confirmed the subscription.
    Live,
    /// It had, but the connection was lost.
    Lost,
}

impl Redis {
    pub(crate) async fn publish(
        &self,
        action: Action,
        channel: &str,
        message: &str,
    ) -> Result<(), StoreError> {
        let name = self.name(channel);
        self.run(action, |client| client.publish(name.clone(), message)).await
    }

    pub(crate) async fn subscribe(
        &self,
        action: Action,
        channel: &str,
        mailbox: &Mailbox,
    ) -> Result<(), StoreError> {
        if !self.channels.client.is_connected() {
            return Err(failure::not_connected(action));
        }
        let Some(ready) = self.channels.add(self.name(channel), mailbox) else {
            return Ok(());
        };
        let timeout = self.command_timeout;
        match Clock::system().timeout(timeout, ready).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(self.explain(action, &error)),
            Ok(Err(_)) => Err(action.unavailable("the store is closed")),
            Err(_) => Err(failure::timed_out(action, timeout)),
        }
    }

    pub(crate) fn unsubscribe(&self, channel: &str, mailbox: &Mailbox) {
        self.channels.remove(&self.name(channel), mailbox);
    }
}

impl Channels {
    pub(super) fn new(client: Client) -> Self {
        Self { client, registry: Mutex::default(), changed: Notify::new() }
    }

    /// Adds a listener. Returns what to wait for, unless the channel is live already.
    fn add(&self, name: String, mailbox: &Mailbox) -> Option<oneshot::Receiver<Result<(), Error>>> {
        let mut registry = self.registry();
        let (sender, ready) = oneshot::channel();
        if registry.closed {
            // Dropping the sender tells the caller.
            return Some(ready);
        }
        let channel = registry.channels.entry(name).or_default();
        channel.listeners.add(mailbox);
        if channel.state == State::Live {
            return None;
        }
        channel.waiting.push(sender);
        drop(registry);
        self.changed.notify_one();
        Some(ready)
    }

    fn remove(&self, name: &str, mailbox: &Mailbox) {
        let mut registry = self.registry();
        if let Some(channel) = registry.channels.get_mut(name)
            && channel.listeners.remove(mailbox)
            && let Some((name, _)) = registry.channels.remove_entry(name)
        {
            registry.leaving.insert(name);
            drop(registry);
            self.changed.notify_one();
        }
    }

    pub(super) fn close(&self) {
        let mut registry = self.registry();
        registry.closed = true;
        for channel in registry.channels.values_mut() {
            channel.waiting.clear();
            channel.listeners.iter().for_each(Mailbox::close);
        }
    }

    /// Hands out messages until the client is gone.
    pub(super) async fn deliver(self: Arc<Self>, mut messages: Receiver<Message>) {
        loop {
            match messages.recv().await {
                Ok(message) => self.registry().deliver(&message),
                Err(RecvError::Lagged(_)) => self.registry().gap_everywhere(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Makes Redis agree with the registry, again and again.
    pub(super) async fn keep_subscribed(self: Arc<Self>, mut reconnections: Receiver<Server>) {
        let clock = Clock::system();
        loop {
            let settled = self.settle().await;
            tokio::select! {
                () = self.changed.notified() => {}
                event = reconnections.recv() => match event {
                    Ok(_) | Err(RecvError::Lagged(_)) => self.registry().lost(),
                    Err(RecvError::Closed) => return,
                },
                () = clock.sleep(RETRY), if !settled => {}
            }
        }
    }

    /// One round: says whether Redis and the registry agree now.
    async fn settle(&self) -> bool {
        let (joining, leaving) = self.registry().differences();
        if !leaving.is_empty() && self.client.unsubscribe(leaving.clone()).await.is_err() {
            self.registry().leaving.extend(leaving);
            return false;
        }
        if joining.is_empty() {
            return true;
        }
        let outcome = self.join(&joining).await;
        let settled = outcome.is_ok();
        self.registry().joined(&joining, &outcome);
        settled
    }

    async fn join(&self, names: &[String]) -> Result<(), Error> {
        self.client.subscribe(names.to_vec()).await?;
        // The client calls a SUBSCRIBE done when it is sent.
        confirm(&self.client).await
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    fn deliver(&self, message: &Message) {
        // A channel that was left a moment ago has no listeners.
        let Some(channel) = self.channels.get(&*message.channel) else {
            return;
        };
        match message.value.as_str() {
            Some(text) => channel.listeners.iter().for_each(|mailbox| mailbox.message(&text)),
            // Not of our making and not readable: something is missing here.
            None => channel.listeners.iter().for_each(Mailbox::gap),
        }
    }

    fn gap_everywhere(&self) {
        let listeners = self.channels.values().flat_map(|channel| channel.listeners.iter());
        listeners.for_each(Mailbox::gap);
    }

    /// The connection is a new one: Redis knows nothing of what the old one had.
    fn lost(&mut self) {
        self.leaving.clear();
        for channel in self.channels.values_mut() {
            if channel.state == State::Live {
                channel.state = State::Lost;
            }
        }
    }

    /// What to subscribe to, and what to unsubscribe from.
    fn differences(&mut self) -> (Vec<String>, Vec<String>) {
        let joining = self.channels.iter().filter(|(_, channel)| channel.state != State::Live);
        let joining = joining.map(|(name, _)| name.clone()).collect();
        // Somebody may have come back in the meantime.
        let mut leaving = std::mem::take(&mut self.leaving);
        leaving.retain(|name| !self.channels.contains_key(name));
        (joining, leaving.into_iter().collect())
    }

    fn joined(&mut self, names: &[String], outcome: &Result<(), Error>) {
        for name in names {
            let Some(channel) = self.channels.get_mut(name) else {
                continue;
            };
            if outcome.is_ok() {
                if channel.state == State::Lost {
                    // Only now is a reader who looks again sure to miss nothing more.
                    channel.listeners.iter().for_each(Mailbox::gap);
                }
                channel.state = State::Live;
            }
            for waiting in channel.waiting.drain(..) {
                // Whoever gave up waiting has gone.
                let _ = waiting.send(outcome.clone());
            }
        }
    }
}
