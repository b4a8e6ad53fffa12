//! What a client does in its session, and what must come of it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use ambient::Timestamp;
use serde_json::{Value, json};
use testkit::rpc::sse::Event;

use crate::{
    client::{Client, message, tool},
    instance::Instance,
    listener::{Heard, next_of},
    wire::{Answer, Asked, Events},
};

/// Does one thing.
pub(crate) async fn deed(client: Client, number: u64, heard: Heard, uris: Arc<Mutex<Vec<String>>>) {
    let id = format!("{}-{number}", client.name);
    match client.world.dice.below(10) {
        0..4 => count(&client, id, false).await,
        4 => count(&client, id, true).await,
        5 | 6 => ask(&client, id).await,
        7 | 8 => announce(&client, &id, &heard, &uris).await,
        _ => ping(&client, &id).await,
    }
}

async fn ping(client: &Client, id: &str) {
    let ping = message(id, "ping", &json!({}));
    if let Asked::Answered(answer) = client.send(&ping).await
        && let Some(reply) = answer.json().await
    {
        client.world.history.count(|counts| counts.answers += 1);
        if reply["id"] != id || !reply["result"].is_object() {
            client.wrong(format_args!("the answer to {ping} is {reply}"));
        }
    }
}

/// Changes a resource. If the instance could reach the store all the time, it is known then.
async fn announce(client: &Client, id: &str, heard: &Heard, uris: &Mutex<Vec<String>>) {
    let Some(uri) = next_of(uris) else { return };
    let began = client.world.clock.now();
    let call = tool(id, "announce", &json!({ "uri": uri }));
    let Asked::Answered(answer) = client.send(&call).await else { return };
    let instance = answer.instance.clone();
    if let Some(reply) = answer.json().await
        && reply["result"]["content"][0]["text"] == *uri
        && instance.sky.was_fair_since(began)
    {
        client.world.history.count(|counts| counts.answers += 1);
        client.note(format_args!("{uri} is announced"));
        heard.announced(&uri);
    }
}

/// A call that counts, perhaps cancelled on the way.
async fn count(client: &Client, id: String, is_cancelled: bool) {
    let dice = &client.world.dice;
    let steps = 1 + dice.below(8);
    let arguments = json!({ "call": id, "steps": steps, "pause": dice.below(500) });
    let call = tool(&id, "count", &arguments);
    let mut following = Following::new(client, id.clone());
    let cancel = async {
        if !is_cancelled {
            return;
        }
        client.world.clock.sleep(dice.millis(0, 1500)).await;
        let params = json!({ "requestId": id });
        let cancelled = json!({
            "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params,
        });
        client.post(cancelled, 202).await;
    };
    let (end, ()) = tokio::join!(following.follow(&call), cancel);
    match end {
        End::Answer(answer) => following.check_count(&answer, steps),
        End::Nothing if is_cancelled => client.note(format_args!("{id} was cancelled")),
        End::Nothing => client.wrong(format_args!("{id} ended without an answer")),
        End::Unknown => client.world.history.count(|counts| counts.lost += 1),
    }
}

/// A call that asks, and is answered on whatever instance.
async fn ask(client: &Client, id: String) {
    let call = tool(&id, "ask", &json!({ "call": id }));
    let mut following = Following::new(client, id.clone());
    following.word = Some(format!("word of {id}"));
    match following.follow(&call).await {
        End::Answer(answer) => following.check_text(&answer, &format!("word of {id}")),
        End::Nothing => client.wrong(format_args!("{id} ended without an answer")),
        End::Unknown => client.world.history.count(|counts| counts.lost += 1),
    }
}

/// How a call ended, as its client saw it.
enum End {
    Answer(Value),
    /// The stream ended, and there was no answer.
    Nothing,
    /// The client never heard of it, or knows no event to come back to.
    Unknown,
}

/// A client that follows its call.
struct Following<'a> {
    client: &'a Client,
    id: String,
    /// The word that answers a question.
    word: Option<String>,
    began: Timestamp,
    /// Who runs the call.
    runs: Option<Instance>,
    last: Option<String>,
    /// Where the last event was in its log.
    place: (u64, u64),
    /// The last number that came with a name.
    number: f64,
    numbers: BTreeSet<u64>,
    /// Whether the client was told that something is missing.
    is_gap: bool,
    answered: BTreeSet<String>,
}

impl<'a> Following<'a> {
    fn new(client: &'a Client, id: String) -> Self {
        Self {
            client,
            id,
            word: None,
            began: client.world.clock.now(),
            runs: None,
            last: None,
            place: (0, 0),
            number: 0.0,
            numbers: BTreeSet::new(),
            is_gap: false,
            answered: BTreeSet::new(),
        }
    }

    /// Makes the call, and comes back to its stream as often as it takes.
    async fn follow(&mut self, call: &Value) -> End {
        let Asked::Answered(answer) = self.client.send(call).await else { return End::Unknown };
        self.runs = Some(answer.instance.clone());
        if !answer.is_stream() {
            return answer.json().await.map_or(End::Unknown, End::Answer);
        }
        let (mut events, mut empty) = (answer.events(), 0);
        loop {
            let heard = self.place;
            if let Some(answer) = self.read(&mut events).await {
                return End::Answer(answer);
            }
            // The stream of an instance that is to end does so as well, and goes on elsewhere. Of one that
            // stays, three ends in a row mean that it is over.
            let is_over = events.has_ended() && heard == self.place && events.instance().serves();
            empty = if is_over { empty + 1 } else { 0 };
            drop(events);
            let Some(last) = self.last.clone() else { return End::Unknown };
            if empty == 3 {
                return End::Nothing;
            }
            let Ok(answer) = self.come_back(&last).await else { return End::Unknown };
            events = answer.events();
        }
    }

    /// Reads until the answer, the end of the stream, or until it has enough of this connection.
    async fn read(&mut self, events: &mut Events) -> Option<Value> {
        let (clock, dice) = (&self.client.world.clock, &self.client.world.dice);
        let stays =
            if dice.chance(40) { dice.millis(0, 1500) } else { dice.millis(60_000, 60_000) };
        let mut stays = std::pin::pin!(clock.sleep(stays));
        loop {
            let event = tokio::select! {
                biased;
                event = events.next() => event?,
                () = &mut stays => return None,
            };
            if let Some(answer) = self.take(&event).await {
                return Some(answer);
            }
            if self.client.is_late() {
                self.client.wrong(format_args!("{} has no end", self.id));
                return Some(Value::Null);
            }
        }
    }

    /// The rest of the stream, unless nobody knows it.
    async fn come_back(&self, last: &str) -> Result<Box<Answer>, ()> {
        loop {
            self.client.pause().await;
            if self.client.is_late() {
                self.client.wrong(format_args!("{} has no end", self.id));
                return Err(());
            }
            match self.client.get(Some(last)).await {
                Asked::Answered(answer) if answer.status == 200 => {
                    self.client.world.history.count(|counts| counts.resumed += 1);
                    return Ok(answer);
                }
                Asked::Answered(answer) => {
                    self.client
                        .wrong(format_args!("coming back to {last} gives {}", answer.status));
                    return Err(());
                }
                Asked::Refused | Asked::Broken => {}
            }
        }
    }

    /// Takes an event; gives the answer, if it is that.
    async fn take(&mut self, event: &Event) -> Option<Value> {
        if let Some(id) = &event.id {
            self.named(id);
        }
        let message: Value = serde_json::from_str(event.message()?).unwrap_or_default();
        self.client.world.history.count(|counts| counts.events += 1);
        self.client.note(format_args!("{}: {message}", self.id));
        if message["id"] == *self.id && message.get("method").is_none() {
            return Some(message);
        }
        match message["method"].as_str() {
            Some("notifications/progress") => self.progress(&message["params"], event.id.is_some()),
            Some("elicitation/create") => self.reply(&message).await,
            // The server does not wait for its answer any more.
            Some("notifications/cancelled") => {}
            Some("notifications/message") if message["params"]["logger"] == "stream" => {
                self.is_gap = true;
            }
            _ => self.client.wrong(format_args!("on the stream of {}: {message}", self.id)),
        }
        None
    }

    /// Events come in the order of their names, and each on its own stream.
    fn named(&mut self, id: &str) {
        let mut parts = id.split('.');
        let stream = parts.next().unwrap_or_default();
        let (millis, sequence) = parts.next().and_then(|at| at.split_once('-')).unwrap_or_default();
        let place = (millis.parse().unwrap_or_default(), sequence.parse().unwrap_or_default());
        if stream != format!("x{}", self.id) {
            self.client.wrong(format_args!("{id} is on the stream of {}", self.id));
        }
        if place <= self.place {
            self.client.wrong(format_args!("{id} comes after {:?}", self.place));
        }
        self.place = place;
        self.last = Some(id.to_owned());
    }

    fn progress(&mut self, params: &Value, is_named: bool) {
        let number = params["progress"].as_f64().unwrap_or_default();
        if params["progressToken"] != *self.id || params["message"] != *self.id {
            self.client.wrong(format_args!("on the stream of {}: {params}", self.id));
        }
        if is_named {
            // What was written although nobody heard so comes twice, and in its place.
            if number < self.number {
                let last = self.number;
                self.client.wrong(format_args!("{}: {number} comes after {last}", self.id));
            }
            self.number = number;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small steps")]
        self.numbers.insert(number as u64);
    }

    /// Answers a question, on any instance.
    async fn reply(&mut self, question: &Value) {
        let (id, asked) = (question["id"].to_string(), &question["params"]["message"]);
        if *asked != *self.id {
            self.client.wrong(format_args!("{} is asked {asked}", self.id));
        }
        // The same question may come again, and has its answer then.
        if self.answered.insert(id) {
            let content = json!({ "word": self.word });
            let result = json!({ "action": "accept", "content": content });
            let reply = json!({ "jsonrpc": "2.0", "id": question["id"], "result": result });
            self.client.post(reply, 202).await;
        }
    }

    /// Whether the instance that ran the call could reach the store all the time.
    fn was_fair(&self) -> bool {
        self.runs.as_ref().is_some_and(|runs| runs.sky.was_fair_since(self.began))
    }

    fn check_text(&self, answer: &Value, expected: &str) {
        self.client.world.history.count(|counts| counts.answers += 1);
        if answer["result"]["content"][0]["text"] == *expected {
            return;
        }
        // A call ends with an error when its instance dies, is asked to end, or cannot reach the store.
        // A question that cannot be put fails the tool, whose result says so.
        let is_lost = answer["error"]["code"] == -32603 || answer["result"]["isError"] == true;
        let serves = self.runs.as_ref().is_some_and(Instance::serves);
        if !is_lost || (self.was_fair() && serves) {
            self.client.wrong(format_args!("{} is answered {answer}", self.id));
        }
    }

    /// If it has an answer and was told of no gap, it has every number before.
    fn check_count(&self, answer: &Value, steps: u64) {
        self.check_text(answer, &self.id);
        let is_whole = self.numbers.iter().copied().eq(1..=steps);
        if answer["result"].is_object() && !is_whole && !self.is_gap {
            self.client.wrong(format_args!("{}: only {:?} of {steps}", self.id, self.numbers));
        }
    }
}
