//! The standalone stream of a session: what is announced, on whatever instance, is heard.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    client::{Client, message},
    wire::{Asked, Events},
};

/// How many resources each client watches.
const WATCHED: usize = 6;

/// What was announced for certain, and what of it was heard.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    announced: Vec<String>,
    heard: HashSet<String>,
    is_over: bool,
}

impl Heard {
    /// A resource has changed, and whoever said so was told that it is known.
    pub(crate) fn announced(&self, uri: &str) {
        self.state().announced.push(uri.to_owned());
    }

    fn missing(&self) -> Vec<String> {
        let state = self.state();
        state.announced.iter().filter(|uri| !state.heard.contains(*uri)).cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches some resources, which nobody else watches.
pub(crate) async fn watch(client: &Client) -> Arc<Mutex<Vec<String>>> {
    let uris: Vec<_> = (0..WATCHED).map(|n| format!("sim://{}/{n}", client.name)).collect();
    for uri in &uris {
        loop {
            let subscribe = message(uri, "resources/subscribe", &json!({ "uri": uri }));
            if let Asked::Answered(answer) = client.send(&subscribe).await
                && let Some(reply) = answer.json().await
                && reply["result"].is_object()
            {
                break;
            }
            if client.is_late() {
                client.wrong("a resource cannot be watched");
                break;
            }
            client.pause().await;
        }
    }
    Arc::new(Mutex::new(uris))
}

/// Whoever reads the stream.
pub(crate) struct Listening(JoinSet<()>);

/// Begins to listen. The first stream is there before anything is announced.
pub(crate) async fn begin(client: &Client, heard: &Heard) -> Listening {
    let mut reader =
        Reader { client: client.clone(), heard: heard.clone(), last: None, place: (0, 0) };
    let first = reader.open().await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { reader.read_on(first).await });
    Listening(tasks)
}

impl Listening {
    /// Waits until everything that was announced was heard.
    pub(crate) async fn finish(mut self, client: &Client, heard: &Heard) {
        while !heard.missing().is_empty() && !client.is_late() {
            client.pause().await;
        }
        heard.state().is_over = true;
        for uri in heard.missing() {
            client.wrong(format_args!("it was never told of {uri}, which was announced"));
        }
        self.0.abort_all();
        while let Some(ended) = self.0.join_next().await {
            if let Err(error) = ended
                && !error.is_cancelled()
            {
                client.wrong(error);
            }
        }
    }
}

struct Reader {
    client: Client,
    heard: Heard,
    /// The last event it had.
    last: Option<String>,
    /// Where that is in the feed.
    place: (u64, u64),
}

impl Reader {
    async fn open(&mut self) -> Option<Events> {
        loop {
            match self.client.get(self.last.as_deref()).await {
                Asked::Answered(answer) if answer.status == 200 => {
                    let mut events = answer.events();
                    // Who has no place yet must have one before anything is announced.
                    if self.last.is_none() {
                        let Some(first) = events.next().await else { continue };
                        self.last = first.id;
                    }
                    return Some(events);
                }
                Asked::Answered(answer) => {
                    self.client.wrong(format_args!("a standalone stream gives {}", answer.status));
                    return None;
                }
                Asked::Refused | Asked::Broken if self.client.is_late() => {
                    self.client.wrong("no standalone stream can be opened");
                    return None;
                }
                Asked::Refused | Asked::Broken => self.client.pause().await,
            }
        }
    }

    /// Reads, leaves, and comes back, until it is over.
    async fn read_on(mut self, mut events: Option<Events>) {
        while let Some(mut stream) = events {
            let (clock, dice) = (self.client.world.clock.clone(), self.client.world.dice.clone());
            let stays = clock.sleep(dice.millis(500, 6000));
            let mut stays = std::pin::pin!(stays);
            loop {
                tokio::select! {
                    biased;
                    event = stream.next() => match event {
                        Some(event) => self.take(event.id.as_deref(), event.message()),
                        None => break,
                    },
                    () = &mut stays => break,
                }
            }
            if self.heard.state().is_over {
                return;
            }
            // Sometimes the next connection is there before the last one is given up.
            let kept = dice.chance(50).then_some(stream);
            events = self.open().await;
            if let Some(mut old) = kept {
                let rest = async {
                    while let Some(event) = old.next().await {
                        self.take(None, event.message());
                    }
                };
                let _ = clock.timeout(dice.millis(0, 300), rest).await;
            }
        }
    }

    fn take(&mut self, id: Option<&str>, text: Option<&str>) {
        if let Some(id) = id {
            let place = place(id);
            if place < self.place {
                self.client.wrong(format_args!("{id} comes after {:?}", self.place));
            }
            self.place = place;
            self.last = Some(id.to_owned());
        }
        let Some(text) = text else { return };
        self.client.world.history.count(|counts| counts.events += 1);
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let Some(uri) = message["params"]["uri"].as_str() else {
            return self.client.wrong(format_args!("said beside the calls: {text}"));
        };
        self.client.note(format_args!("hears of {uri}"));
        if !uri.starts_with(&format!("sim://{}/", self.client.name)) {
            self.client.wrong(format_args!("it is told of {uri}, which it does not watch"));
        }
        self.heard.state().heard.insert(uri.to_owned());
    }
}

/// Where an event is in the feed of changes: the last part of its name.
fn place(id: &str) -> (u64, u64) {
    let last = id.rsplit('.').next().unwrap_or_default();
    let (millis, sequence) = last.split_once('-').unwrap_or((last, "0"));
    (millis.parse().unwrap_or_default(), sequence.parse().unwrap_or_default())
}

/// The resources that nobody has changed yet.
pub(crate) fn next_of(uris: &Mutex<Vec<String>>) -> Option<String> {
    uris.lock().unwrap_or_else(PoisonError::into_inner).pop()
}
