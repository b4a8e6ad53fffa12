//! Starts and stops updates of whatever the caller has subscribed to.

use mcp_core::{Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::features::{App, everything::rhythms::SubscriberUpdates, icons};

/// Toggles simulated resource subscription updates on or off.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ToggleSubscriberUpdates {}

const STARTED: &str = "Started simulated resource updated notifications at a 10 second pace. \
    Client will receive updates for any resources it is subscribed to. They end by themselves \
    after an hour.";

const STOPPED: &str = "Stopped simulated resource updates";

impl Tool<App> for ToggleSubscriberUpdates {
    const NAME: &'static str = "toggle-subscriber-updates";
    type Output = String;

    fn info(info: Info) -> Info {
        // A bell.
        info.title("Toggle Subscriber Updates").icon(icons::BELL.icon()).additive().closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let is_on = ctx.rhythm::<SubscriberUpdates>().toggle().await?;
        Ok(if is_on { STARTED } else { STOPPED }.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use futures_util::FutureExt as _;
    use mcp_core::{Told, testing::Asker};
    use serde_json::json;

    use super::{STARTED, STOPPED};
    use crate::features::{App, catalog};

    async fn toggled(asker: &Asker) -> String {
        let result = asker.call("toggle-subscriber-updates", json!({})).await;
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn what_is_subscribed_to_is_updated_every_ten_seconds_between_the_toggles() {
        for asker in Asker::both(catalog, App::default) {
            let watched = BTreeSet::from(["test://static/resource/1".to_owned()]);
            assert_eq!(toggled(&asker).await, STARTED);
            let mut beats = asker.beats();
            let due = beats.next().now_or_never().expect("the first is told at once");
            let first = Told::Updated("test://static/resource/1".to_owned());
            assert_eq!(beats.told(due, &watched), [first]);
            assert!(beats.next().now_or_never().is_none());
            asker.clock().advance(Duration::from_secs(10));
            assert!(beats.next().now_or_never().is_some());
            assert_eq!(toggled(&asker).await, STOPPED);
            assert!(asker.beats().next().now_or_never().is_none());
        }
    }

    #[tokio::test]
    async fn the_toggle_of_one_user_is_nothing_to_another() {
        for asker in Asker::both(catalog, App::default) {
            toggled(&asker).await;
            let bob = asker.user("bob");
            assert!(bob.beats().next().now_or_never().is_none());
            assert_eq!(toggled(&bob).await, STARTED, "bob's own was off");
        }
    }
}
