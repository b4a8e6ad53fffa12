//! How the server is right now: sessions, streams, messages between instances. The page asks again
//! while somebody looks at it.

use mcp_core::{Ctx, Info, Snapshot, Tool, ToolError, Worded};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::linked;
use crate::features::{App, apps::resources::LiveStatePage, icons};

/// Shows the live state of this server: its instances, sessions, open streams and the messages on
/// the bus between instances
#[derive(Deserialize, JsonSchema)]
pub(crate) struct LiveState {}

/// All instances at one moment. It tells numbers and no names of sessions or users.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    /// When, in milliseconds since 1970
    at: u64,
    /// Sessions that have not ended
    sessions: u64,
    /// Streams to clients that are open now, on all instances
    streams: u64,
    /// Messages that instances have put on the bus between them since they started
    messages_sent: u64,
    /// Messages that instances have heard on the bus since they started: an instance that listens
    /// where it speaks hears itself
    messages_received: u64,
    /// The instances, by name
    instances: Vec<Instance>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct Instance {
    /// Tells it from the others; made up when it starts
    name: String,
    /// Whether it is the one that answers
    answers: bool,
    /// For how many seconds it has been running
    uptime_seconds: u64,
    /// For how many seconds nothing was heard of it
    silent_seconds: u64,
    /// Streams to clients that are open now
    streams: u64,
    /// Messages that it has put on the bus, for whatever instance listens
    messages_sent: u64,
    /// Messages that it has heard on the bus, its own among them where it listens to itself
    messages_received: u64,
}

impl State {
    fn of(snapshot: Snapshot, now: ambient::Timestamp) -> Self {
        let all = &snapshot.instances;
        Self {
            at: now.as_millis(),
            sessions: snapshot.sessions,
            streams: all.iter().map(|one| one.streams).sum(),
            messages_sent: all.iter().map(|one| one.sent).sum(),
            messages_received: all.iter().map(|one| one.received).sum(),
            instances: snapshot
                .instances
                .into_iter()
                .map(|one| Instance {
                    uptime_seconds: now.since(one.started).as_secs(),
                    silent_seconds: now.since(one.reported).as_secs(),
                    name: one.name,
                    answers: one.answers,
                    streams: one.streams,
                    messages_sent: one.sent,
                    messages_received: one.received,
                })
                .collect(),
        }
    }

    /// The same for those who see no page.
    fn words(&self) -> String {
        let Self { sessions, streams, messages_sent, messages_received, .. } = self;
        let instances = u64::try_from(self.instances.len()).unwrap_or(u64::MAX);
        let mut lines = vec![format!(
            "{}, {}, {}; on the bus between instances {} sent and {messages_received} heard.",
            counted(instances, "instance"),
            counted(*sessions, "session"),
            counted(*streams, "open stream"),
            counted(*messages_sent, "message"),
        )];
        lines.extend(self.instances.iter().map(|one| {
            format!(
                "- {}{}: up {} s, {}, {} sent, {} heard",
                one.name,
                if one.answers { " (this one)" } else { "" },
                one.uptime_seconds,
                counted(one.streams, "stream"),
                one.messages_sent,
                one.messages_received,
            )
        }));
        lines.join("\n")
    }
}

/// So many of something, in English.
fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl Tool<App> for LiveState {
    const NAME: &'static str = "mcp_apps_live_state";
    type Output = Worded<State>;

    fn info(info: Info) -> Info {
        linked(info, LiveStatePage::ADDRESS)
            .title("MCP Apps Live State")
            .icon(icons::PULSE.icon())
            .read_only()
            .idempotent()
            .closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<Worded<State>, ToolError> {
        let state = State::of(ctx.vitals().snapshot().await?, ctx.clock().now());
        Ok(Worded { text: state.words(), value: state })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ambient::Timestamp;
    use mcp_core::{
        InstanceFacts, Snapshot,
        testing::{Asker, TestVitals},
    };
    use serde_json::json;

    use crate::features::{App, catalog};

    fn instance(name: &str, answers: bool) -> InstanceFacts {
        InstanceFacts {
            name: name.to_owned(),
            answers,
            started: Timestamp::from_secs(1_800_000_000 - 60),
            reported: Timestamp::from_secs(1_800_000_000 - 2),
            streams: 3,
            sent: 10,
            received: 7,
        }
    }

    #[tokio::test]
    async fn all_instances_are_told_of_and_added_up() {
        for asker in Asker::both(catalog, App::default) {
            let instances = vec![instance("a", true), instance("b", false)];
            let snapshot = Snapshot { sessions: 5, instances };
            let asker = asker.vitals(Arc::new(TestVitals { snapshot, session: None }));
            let result = asker.call("mcp_apps_live_state", json!({})).await;
            let state = &result["structuredContent"];
            assert_eq!((&state["sessions"], &state["streams"]), (&json!(5), &json!(6)));
            assert_eq!(state["instances"][1]["uptimeSeconds"], 60);
            let text = result["content"][0]["text"].as_str().unwrap();
            let first = "2 instances, 5 sessions, 6 open streams; on the bus between instances 20 \
                         messages sent and 14 heard.\n";
            assert!(text.starts_with(first), "{text}");
            assert!(
                text.contains("- a (this one): up 60 s, 3 streams, 10 sent, 7 heard"),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn one_is_not_told_of_as_several() {
        let [asker, _] = Asker::both(catalog, App::default);
        let one = InstanceFacts { streams: 1, sent: 1, received: 1, ..instance("a", true) };
        let snapshot = Snapshot { sessions: 1, instances: vec![one] };
        let asker = asker.vitals(Arc::new(TestVitals { snapshot, session: None }));
        let result = asker.call("mcp_apps_live_state", json!({})).await;
        let text = result["content"][0]["text"].as_str().unwrap();
        let expected = "1 instance, 1 session, 1 open stream; on the bus between instances 1 message \
                        sent and 1 heard.\n- a (this one): up 60 s, 1 stream, 1 sent, 1 heard";
        assert_eq!(text, expected);
    }
}
