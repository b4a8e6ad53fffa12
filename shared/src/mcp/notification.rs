//! What is told without being asked, in both directions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DetailedTask, ProgressToken, RequestId};

/// How much a log message matters (RFC 5424), least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For developers.
    Debug,
    /// Normal operation.
    Info,
    /// Normal but significant.
    Notice,
    /// Something is not right.
    Warning,
    /// Something failed.
    Error,
    /// A part of the system is down.
    Critical,
    /// Somebody must act now.
    Alert,
    /// The system is unusable.
    Emergency,
}

/// What a server tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "method", content = "params")]
pub enum ServerNotification {
    /// How far a call is.
    #[serde(rename = "notifications/progress")]
    Progress(ProgressParams),
    /// A log message.
    #[serde(rename = "notifications/message")]
    Log(LogParams),
    /// A resource has changed.
    #[serde(rename = "notifications/resources/updated")]
    ResourceUpdated(UpdatedParams),
    /// There are other tools.
    #[serde(rename = "notifications/tools/list_changed")]
    ToolsChanged(AboutSubscription),
    /// There are other prompts.
    #[serde(rename = "notifications/prompts/list_changed")]
    PromptsChanged(AboutSubscription),
    /// There are other resources.
    #[serde(rename = "notifications/resources/list_changed")]
    ResourcesChanged(AboutSubscription),
    /// A subscription has begun; since 2026-07-28.
    #[serde(rename = "notifications/subscriptions/acknowledged")]
    Acknowledged(AcknowledgedParams),
    /// A task has changed; the extension of 2026-07-28.
    #[serde(rename = "notifications/tasks")]
    Task(Box<TaskNoteParams>),
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgressParams {
    /// Of the call.
    pub progress_token: ProgressToken,
    /// Grows with every notification.
    pub progress: f64,
    /// What it grows to, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
    /// What is being done; since 2025-03-26.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A log message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogParams {
    /// How much it matters.
    pub level: LogLevel,
    /// Who says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logger: Option<String>,
    /// What is said.
    pub data: Value,
}

/// Which subscription a notification belongs to; nothing in the legacy era.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AboutSubscription {
    /// The subscription.
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    pub meta: Option<SubscriptionMeta>,
}

/// Names a subscription.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubscriptionMeta {
    /// The id of the listen request, of the same JSON type.
    #[serde(rename = "io.modelcontextprotocol/subscriptionId")]
    pub subscription_id: RequestId,
}

/// A resource has changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UpdatedParams {
    /// Which subscription brings it.
    #[serde(flatten)]
    pub about: AboutSubscription,
    /// The resource, or a part of one that is subscribed to.
    pub uri: String,
}

/// A task has changed: what `tasks/get` would say of it now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskNoteParams {
    /// Which subscription brings it.
    #[serde(flatten)]
    pub about: AboutSubscription,
    /// The task.
    #[serde(flatten)]
    pub task: DetailedTask,
}

/// A subscription has begun.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AcknowledgedParams {
    /// Which subscription.
    #[serde(flatten)]
    pub about: AboutSubscription,
    /// What of the wish is granted.
    pub notifications: ListenFilter,
}

/// What a client wants to be told; since 2026-07-28.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenFilter {
    /// Other tools.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tools_list_changed: bool,
    /// Other prompts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prompts_list_changed: bool,
    /// Other resources.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resources_list_changed: bool,
    /// Changes of these resources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_subscriptions: Vec<String>,
    /// Changes of these tasks: the extension.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub task_ids: Vec<String>,
}

/// The parameters of `notifications/cancelled`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelledParams {
    /// Which request; optional in 2025-11-25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::keys, *};

    #[test]
    fn a_notification_of_a_subscription_names_it_by_the_type_of_its_id() {
        let subscription = |subscription_id| AboutSubscription {
            meta: Some(SubscriptionMeta { subscription_id }),
        };
        let about = subscription(RequestId::Number(5));
        let note = ServerNotification::ToolsChanged(about);
        let note = serde_json::to_value(note).unwrap();
        assert_eq!(note["method"], "notifications/tools/list_changed");
        assert_eq!(note["params"], json!({ "_meta": { keys::SUBSCRIPTION_ID: 5 } }));
        let uri = "test://a".to_owned();
        let about = subscription(RequestId::String("5".to_owned()));
        let updated = UpdatedParams { about, uri };
        let note = serde_json::to_value(ServerNotification::ResourceUpdated(updated)).unwrap();
        assert_eq!(
            note["params"],
            json!({ "uri": "test://a", "_meta": { keys::SUBSCRIPTION_ID: "5" } })
        );
    }

    #[test]
    fn levels_are_ordered_by_how_much_they_matter() {
        assert!(LogLevel::Debug < LogLevel::Info && LogLevel::Alert < LogLevel::Emergency);
    }
}
