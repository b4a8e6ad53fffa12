//! Channels in this process.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::bus::{Mailbox, Mailboxes};

/// Who listens to what. A channel exists as long as somebody does.
#[derive(Debug, Default)]
pub(crate) struct Channels(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    listeners: HashMap<String, Mailboxes>,
    closed: bool,
}

impl Channels {
    pub(crate) fn publish(&self, channel: &str, message: &str) {
        if let Some(listeners) = self.state().listeners.get(channel) {
            listeners.iter().for_each(|mailbox| mailbox.message(message));
        }
    }

    /// Publishes a message that is made only if somebody listens.
    pub(crate) fn publish_with(&self, channel: &str, message: impl FnOnce() -> String) {
        if let Some(listeners) = self.state().listeners.get(channel) {
            let message = message();
            listeners.iter().for_each(|mailbox| mailbox.message(&message));
        }
    }

    pub(crate) fn add(&self, channel: &str, mailbox: &Mailbox) {
        let mut state = self.state();
        if state.closed {
            mailbox.close();
        }
        let listeners = state.listeners.entry(channel.to_owned()).or_default();
        listeners.add(mailbox);
    }

    pub(crate) fn remove(&self, channel: &str, mailbox: &Mailbox) {
        let mut state = self.state();
        if let Some(listeners) = state.listeners.get_mut(channel)
            && listeners.remove(mailbox)
        {
            state.listeners.remove(channel);
        }
    }

    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        for mailbox in state.listeners.values().flat_map(Mailboxes::iter) {
            mailbox.close();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_without_listeners_is_forgotten() {
        let channels = Channels::default();
        let (one, two) = (Mailbox::default(), Mailbox::default());
        channels.add("a", &one);
        channels.add("a", &two);
        channels.remove("a", &one);
        assert_eq!(channels.state().listeners.len(), 1);
        channels.remove("a", &two);
        assert!(channels.state().listeners.is_empty());
    }
}
