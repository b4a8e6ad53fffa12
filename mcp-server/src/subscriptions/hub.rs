//! Who on this instance listens to changes. Each change is read once, and goes to those whom it may
//! concern: what is somebody's own to those who listen on his behalf, everything else to all.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mcp_core::{Change, Owners};
use store::EventId;
use tokio::sync::Notify;

use super::Announcement;

/// How many changes wait for a stream before it is told that it has missed some.
const MOST: usize = 256;

/// The streams of this instance.
#[derive(Clone, Default)]
pub(super) struct Hub(Arc<Shared>);

#[derive(Default)]
struct Shared {
    listeners: Mutex<Listeners>,
    /// The last change that was told, or the last one before that, if there was any.
    at: Mutex<Option<EventId>>,
}

#[derive(Default)]
struct Listeners {
    /// In the order in which they came, which is that of telling them.
    all: BTreeMap<u64, Arc<Post>>,
    /// Who listens on whose behalf.
    of: HashMap<String, Vec<u64>>,
    /// The name of the next one.
    next: u64,
    is_closed: bool,
}

/// What waits for one stream.
#[derive(Default)]
struct Post {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    heard: VecDeque<Announcement>,
    is_closed: bool,
}

/// Where one stream finds what has changed. Dropping it is leaving.
pub(super) struct Inbox {
    hub: Hub,
    name: u64,
    owners: Owners,
    post: Arc<Post>,
}

impl Hub {
    /// Somebody listens from now on.
    pub(super) fn enter(&self, owners: &Owners) -> Inbox {
        let (post, owners) = (Arc::<Post>::default(), owners.clone());
        let mut listeners = lock(&self.0.listeners);
        let name = listeners.next;
        listeners.next += 1;
        listeners.all.insert(name, Arc::clone(&post));
        for owner in owners.iter() {
            listeners.of.entry(owner.to_owned()).or_default().push(name);
        }
        lock(&post.waiting).is_closed = listeners.is_closed;
        drop(listeners);
        Inbox { hub: self.clone(), name, owners, post }
    }

    /// Tells those whom it may concern.
    pub(super) fn tell(&self, heard: &Announcement) {
        let listeners = lock(&self.0.listeners);
        match heard.change() {
            Some(Change::Of { owner, .. } | Change::Rhythm(owner)) => {
                let names = listeners.of.get(owner).into_iter().flatten();
                let theirs = names.filter_map(|name| listeners.all.get(name));
                theirs.for_each(|post| post.put(heard.clone()));
            }
            _ => listeners.all.values().for_each(|post| post.put(heard.clone())),
        }
        drop(listeners);
        if let Announcement::Change(at, _) = heard {
            self.reached(*at);
        }
    }

    /// Everything up to here was told, or came before anybody listened.
    pub(super) fn reached(&self, at: EventId) {
        *lock(&self.0.at) = (at != EventId::ZERO).then_some(at);
    }

    /// No more will come. What waits is still read.
    pub(super) fn close(&self) {
        let mut listeners = lock(&self.0.listeners);
        listeners.is_closed = true;
        for post in listeners.all.values() {
            lock(&post.waiting).is_closed = true;
            post.arrived.notify_one();
        }
    }

    fn leave(&self, name: u64, owners: &Owners) {
        let mut listeners = lock(&self.0.listeners);
        listeners.all.remove(&name);
        for owner in owners.iter() {
            if let Some(names) = listeners.of.get_mut(owner) {
                names.retain(|other| *other != name);
                if names.is_empty() {
                    listeners.of.remove(owner);
                }
            }
        }
    }
}

impl Post {
    /// Puts it in, or a gap in its place if there is no room. Never waits.
    fn put(&self, heard: Announcement) {
        let mut waiting = lock(&self.waiting);
        if waiting.heard.len() < MOST {
            waiting.heard.push_back(heard);
        } else if !matches!(waiting.heard.back(), Some(Announcement::Gap)) {
            waiting.heard.push_back(Announcement::Gap);
        }
        drop(waiting);
        self.arrived.notify_one();
    }
}

impl Inbox {
    /// What comes next; nothing once it is closed. Safe to drop and call again.
    pub(super) async fn next(&mut self) -> Option<Announcement> {
        loop {
            {
                let mut waiting = lock(&self.post.waiting);
                if let Some(heard) = waiting.heard.pop_front() {
                    if waiting.heard.is_empty() {
                        // A burst must not keep its memory for the rest of a long stream.
                        waiting.heard.shrink_to(4);
                    }
                    return Some(heard);
                }
                if waiting.is_closed {
                    return None;
                }
            }
            // What arrived in between has left a permit, so this returns at once.
            self.post.arrived.notified().await;
        }
    }

    /// Up to where everything was told, if all of it has been taken out.
    pub(super) fn place(&self) -> Option<EventId> {
        // In this order: what is told meanwhile is not covered by what was reached before.
        let at = *lock(&self.hub.0.at);
        at.filter(|_| lock(&self.post.waiting).heard.is_empty())
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.hub.leave(self.name, &self.owners);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use mcp_core::Principal;

    use super::*;

    fn owners(name: &str) -> Owners {
        Owners::of(
            &Principal { user: Some(name.to_owned()), ..Principal::anonymous() },
            Some("session"),
        )
    }

    fn own(owners: &Owners) -> Change {
        Change::Of { owner: owners.iter().next().unwrap().to_owned(), changes: Vec::new() }
    }

    fn at(millis: u64, change: Change) -> Announcement {
        Announcement::Change(format!("{millis}-0").parse().unwrap(), Arc::new(change))
    }

    /// What is there, by when it happened; 0 for a gap.
    fn heard(inbox: &mut Inbox) -> Vec<u64> {
        let next = || inbox.next().now_or_never().flatten();
        let moment = |heard| match heard {
            Announcement::Change(at, _) => at.moment().as_millis(),
            Announcement::Gap => 0,
        };
        std::iter::from_fn(next).map(moment).collect()
    }

    #[test]
    fn what_is_somebodys_own_goes_to_him_and_everything_else_to_all() {
        let (hub, alice, bob) = (Hub::default(), owners("alice"), owners("bob"));
        let (mut hers, mut his, mut also_his) =
            (hub.enter(&alice), hub.enter(&bob), hub.enter(&bob));
        hub.tell(&at(1, own(&alice)));
        hub.tell(&at(2, Change::Rhythm(bob.iter().next().unwrap().to_owned())));
        hub.tell(&at(3, Change::Tools));
        hub.tell(&Announcement::Gap);
        drop(also_his.next().now_or_never());
        assert_eq!(heard(&mut hers), [1, 3, 0]);
        assert_eq!(heard(&mut his), [2, 3, 0]);
        assert_eq!(heard(&mut also_his), [3, 0]);
        drop((hers, his));
        assert_eq!(lock(&hub.0.listeners).of.len(), 2, "he is still there");
        drop(also_his);
        let listeners = lock(&hub.0.listeners);
        assert!(listeners.all.is_empty() && listeners.of.is_empty());
    }

    #[test]
    fn who_does_not_read_misses_some_and_is_told_so_once() {
        let hub = Hub::default();
        let mut inbox = hub.enter(&owners("alice"));
        let most = u64::try_from(MOST).unwrap();
        (1..=most + 10).for_each(|millis| hub.tell(&at(millis, Change::Tools)));
        let expected: Vec<_> = (1..=most).chain([0]).collect();
        assert_eq!(heard(&mut inbox), expected);
    }

    #[test]
    fn a_place_is_known_when_nothing_waits() {
        let (hub, alice) = (Hub::default(), owners("alice"));
        let mut inbox = hub.enter(&alice);
        assert_eq!(inbox.place(), None, "nothing has ever changed");
        hub.tell(&at(1, own(&owners("bob"))));
        assert_eq!(inbox.place().unwrap().to_string(), "1-0");
        hub.tell(&at(2, own(&alice)));
        assert_eq!(inbox.place(), None);
        assert_eq!(heard(&mut inbox), [2]);
        assert_eq!(inbox.place().unwrap().to_string(), "2-0");
    }

    #[test]
    fn who_enters_when_it_is_closed_hears_so() {
        let hub = Hub::default();
        let mut before = hub.enter(&owners("alice"));
        hub.close();
        for inbox in [&mut before, &mut hub.enter(&owners("bob"))] {
            assert!(inbox.next().now_or_never().is_some_and(|heard| heard.is_none()));
        }
    }
}
