//! One feed of changes, over all instances that share a store, and two views of it: the streams of
//! `subscriptions/listen` and the standalone streams of sessions.

mod feed;
mod hub;
mod joined;
mod tasks;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use mcp_core::{Announced, Change, Owners};
use shared::mcp::{
    AboutSubscription, AcknowledgedParams, ClientCapabilities, ListenFilter, ListenResult,
    RequestId, ServerNotification, ServerResult, SubscriptionMeta, UpdatedParams,
};
use store::{Start, StoreError};
use url::Url;

pub(crate) use self::feed::{Announcement, Feed, Listener};
use self::tasks::Followed;
use crate::{
    Server,
    auth::{Caller, over},
    http::{Outbox, Said, note_message},
    rhythms::Rhythms,
};

/// How many resources one subscription or session may watch.
pub(crate) const MOST_WATCHED: usize = 256;

/// How many tasks one subscription may follow: as many as may run of one caller.
pub(crate) const MOST_FOLLOWED: usize = 100;

/// How long to wait before a log that could not be read is read again.
pub(crate) const AGAIN: Duration = Duration::from_millis(500);

/// The longest address that can be watched, in bytes: it is kept as long as who watches it.
pub(crate) const LONGEST_WATCHED: usize = 2048;

/// Whether a text can be the address of a resource: an absolute URI (RFC 3986 section 4.3), not too
/// long. What `Url` would mend, such as space around it, is none.
pub(crate) fn is_watchable(uri: &str) -> bool {
    let is_written_out = !uri.chars().any(|char| char.is_whitespace() || char.is_control());
    uri.len() <= LONGEST_WATCHED && is_written_out && Url::parse(uri).is_ok()
}

/// What a client wants to be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) tools: bool,
    pub(crate) prompts: bool,
    pub(crate) resources: bool,
    pub(crate) watched: BTreeSet<String>,
    /// On whose behalf it listens.
    owners: Owners,
    /// Goes into every notification, in the modern era.
    pub(crate) subscription: Option<RequestId>,
}

impl Wish {
    /// What a session is told: every list that changes, and the resources it watches.
    pub(crate) fn of_session(
        announced: Announced,
        watched: &BTreeSet<String>,
        owners: Owners,
    ) -> Self {
        Self {
            tools: announced.tools,
            prompts: announced.prompts,
            resources: announced.resources,
            watched: watched.clone(),
            owners,
            subscription: None,
        }
    }

    /// What of a client's wish is granted. What cannot be an address is left out, like everything
    /// else that cannot be told.
    fn granted(wanted: ListenFilter, announced: Announced, id: &RequestId, owners: Owners) -> Self {
        let mut watched =
            if announced.resource_updates { wanted.resource_subscriptions } else { Vec::new() };
        watched.retain(|uri| is_watchable(uri));
        Self {
            tools: wanted.tools_list_changed && announced.tools,
            prompts: wanted.prompts_list_changed && announced.prompts,
            resources: wanted.resources_list_changed && announced.resources,
            watched: watched.into_iter().collect(),
            owners,
            subscription: Some(id.clone()),
        }
    }

    /// What the client is told of a change.
    pub(crate) fn notes(&self, heard: &Announcement) -> Vec<ServerNotification> {
        match heard {
            Announcement::Change(_, change) => return self.notes_of(change),
            Announcement::Gap => {}
        }
        // Something may have been missed. All of these say "look again", so saying one too many
        // does no harm and saying one too few would.
        let lists = [Change::Tools, Change::Prompts, Change::Resources];
        let watched = self.watched.iter().cloned().map(Change::Resource);
        lists.into_iter().chain(watched).filter_map(|change| self.note(&change)).collect()
    }

    fn notes_of(&self, change: &Change) -> Vec<ServerNotification> {
        match change {
            Change::Of { owner, changes } => {
                let heard = if self.owners.include(owner) { &**changes } else { &[] };
                heard.iter().filter_map(|change| self.note(change)).collect()
            }
            change => self.note(change).into_iter().collect(),
        }
    }

    pub(crate) fn note(&self, change: &Change) -> Option<ServerNotification> {
        let about = self.about();
        match change {
            Change::Tools if self.tools => Some(ServerNotification::ToolsChanged(about)),
            Change::Prompts if self.prompts => Some(ServerNotification::PromptsChanged(about)),
            Change::Resources if self.resources => {
                Some(ServerNotification::ResourcesChanged(about))
            }
            Change::Resource(uri) if self.watched.contains(uri) => {
                Some(ServerNotification::ResourceUpdated(UpdatedParams { about, uri: uri.clone() }))
            }
            _ => None,
        }
    }

    pub(super) fn about(&self) -> AboutSubscription {
        let meta = self.subscription.clone();
        AboutSubscription { meta: meta.map(|subscription_id| SubscriptionMeta { subscription_id }) }
    }

    fn acknowledgement(&self, task_ids: Vec<String>) -> ServerNotification {
        ServerNotification::Acknowledged(AcknowledgedParams {
            about: self.about(),
            notifications: ListenFilter {
                tools_list_changed: self.tools,
                prompts_list_changed: self.prompts,
                resources_list_changed: self.resources,
                resource_subscriptions: self.watched.iter().cloned().collect(),
                task_ids,
            },
        })
    }
}

/// What a client asks for with `subscriptions/listen`.
pub(crate) struct Wanted {
    pub(crate) filter: ListenFilter,
    /// What it has declared on this request: it is told of no question that it cannot answer.
    pub(crate) capabilities: ClientCapabilities,
}

/// Serves `subscriptions/listen`: acknowledges, tells what changes, and ends with a result when it
/// is over. A client that goes away drops it.
pub(crate) async fn listen(
    server: &Server,
    caller: &Caller,
    id: &RequestId,
    wanted: Wanted,
    outbox: Arc<Outbox>,
) -> Result<ServerResult, StoreError> {
    let Wanted { mut filter, capabilities } = wanted;
    let task_ids = std::mem::take(&mut filter.task_ids);
    let wish = Wish::granted(filter, server.features().announced(), id, Owners::of(caller, None));
    let mut tasks = Followed::of(server, caller, capabilities, task_ids).await?;
    // Listening comes before the acknowledgement, which promises that nothing is missed from here.
    let mut listener = server.feed().listen(Start::Newest, &wish.owners).await?;
    let _open = server.vitals().stream();
    let mut over = Box::pin(over(server, caller));
    let say = async |note| outbox.say(Said { id: None, message: note_message(&note) }).await;
    say(wish.acknowledgement(tasks.ids())).await;
    let began = server.clock().now();
    let mut rhythms = Rhythms::of(server, caller, None);
    loop {
        let heard = tokio::select! {
            biased;
            () = &mut over => break,
            heard = listener.next() => heard,
            task = tasks.next() => {
                say(task.note(wish.about())).await;
                continue;
            }
            due = rhythms.next() => {
                for note in rhythms.notes(due, &wish, None) {
                    say(note).await;
                }
                continue;
            }
        };
        let Some(heard) = heard else { break };
        let Ok(heard) = heard else {
            server.clock().sleep(AGAIN).await;
            continue;
        };
        if let Announcement::Change(at, _) = &heard {
            server.metrics().heard(at.moment(), began, server.clock().now());
        }
        rhythms.heard(heard.change());
        for note in wish.notes(&heard) {
            say(note).await;
        }
    }
    let mut result = ListenResult::default();
    result.head.meta.subscription_id = Some(id.clone());
    Ok(ServerResult::Listen(result))
}

#[cfg(test)]
mod tests {
    use mcp_core::Principal;
    use store::EventId;

    use super::*;

    const ALL: Announced =
        Announced { tools: true, prompts: true, resources: true, resource_updates: true };

    fn wanted() -> ListenFilter {
        ListenFilter {
            tools_list_changed: true,
            resource_subscriptions: vec!["test://a".to_owned()],
            ..ListenFilter::default()
        }
    }

    fn granted(wanted: ListenFilter, announced: Announced) -> Wish {
        let owners = Owners::of(&Principal::anonymous(), None);
        Wish::granted(wanted, announced, &RequestId::Number(1), owners)
    }

    fn methods(wish: &Wish, heard: Option<&Change>) -> Vec<String> {
        let method =
            |note| serde_json::to_value(note).unwrap()["method"].as_str().unwrap().to_owned();
        let heard = heard.map_or(Announcement::Gap, |change| {
            Announcement::Change(EventId::ZERO, Arc::new(change.clone()))
        });
        wish.notes(&heard).into_iter().map(method).collect()
    }

    #[test]
    fn only_what_was_wanted_is_told() {
        let wish = granted(wanted(), ALL);
        assert_eq!(methods(&wish, Some(&Change::Tools)), ["notifications/tools/list_changed"]);
        assert!(methods(&wish, Some(&Change::Prompts)).is_empty());
        let watched = Change::Resource("test://a".to_owned());
        assert_eq!(methods(&wish, Some(&watched)), ["notifications/resources/updated"]);
        assert!(methods(&wish, Some(&Change::Resource("test://b".to_owned()))).is_empty());
    }

    #[test]
    fn what_is_anothers_is_not_told() {
        let wish = granted(wanted(), ALL);
        let changes = vec![Change::Tools, Change::Resource("test://a".to_owned())];
        let of_another = Change::Of { owner: "another".to_owned(), changes };
        assert!(methods(&wish, Some(&of_another)).is_empty());
    }

    #[test]
    fn what_is_no_address_is_not_granted() {
        let long = format!("test://{}", "a".repeat(LONGEST_WATCHED - 7));
        let good = ["test://a", "test://a/{id}", "urn:x:y", long.as_str()];
        assert!(good.into_iter().all(is_watchable));
        let longer = format!("{long}a");
        let bad = ["", "%", "relative/path", "//a/b", " test://a", "test://a\n", "5:x", &longer];
        for uri in bad {
            assert!(!is_watchable(uri), "{uri}");
        }
        let wanted = ListenFilter {
            resource_subscriptions: good.iter().chain(&bad).map(|uri| (*uri).to_owned()).collect(),
            ..ListenFilter::default()
        };
        assert_eq!(granted(wanted, ALL).watched.len(), good.len());
    }

    #[test]
    fn only_what_is_announced_is_granted() {
        let wish = granted(wanted(), Announced::default());
        assert!(!wish.tools && wish.watched.is_empty());
    }

    #[test]
    fn after_a_gap_the_client_is_told_to_look_at_everything_it_wanted() {
        let wish = granted(wanted(), ALL);
        assert_eq!(
            methods(&wish, None),
            ["notifications/tools/list_changed", "notifications/resources/updated"]
        );
    }
}
