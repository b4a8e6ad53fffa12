//! Starts and stops log messages that nobody needs, in a session; without one, logs a single one.

use mcp_core::{Ctx, Info, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::features::{
    App,
    everything::rhythms::{SimulatedLogging, random_message},
    icons,
};

/// Toggles simulated, random-leveled logging on or off.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ToggleLogging {}

const STARTED: &str = "Started simulated, random-leveled logging for this session at a 20 second \
    pace. Client's selected logging level will be respected. If an interval elapses and the \
    message to be sent is below the selected level, it will not be sent. Thus at higher chosen \
    logging levels, messages should arrive further apart. It ends by itself after an hour.";

const STOPPED: &str = "Stopped simulated logging for this session";

/// Since 2026-07-28 a message belongs to the request that asks for it.
const ONCE: &str = "Logged one message of a random level. This revision of the protocol has log \
    messages only for the request that asks for them, so there is nothing to start: set \
    `io.modelcontextprotocol/logLevel` in `_meta` to get the message with this result.";

impl Tool<App> for ToggleLogging {
    const NAME: &'static str = "toggle-logging";
    type Output = String;

    fn info(info: Info) -> Info {
        info.title("Toggle Simulated Logging")
            .icon(icons::LINES.icon())
            .alias("toggle-simulated-logging")
            .additive()
            .closed_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        if ctx.session().is_none() {
            let message = random_message(ctx.entropy());
            ctx.log(message.level, None, message.data).await;
            return Ok(ONCE.to_owned());
        }
        let is_on = ctx.rhythm::<SimulatedLogging>().toggle().await?;
        Ok(if is_on { STARTED } else { STOPPED }.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures_util::FutureExt as _;
    use mcp_core::{Told, testing::Asker};
    use serde_json::json;

    use super::{ONCE, STARTED, STOPPED};
    use crate::features::{App, catalog};

    async fn toggled(asker: &Asker) -> String {
        let result = asker.call("toggle-logging", json!({})).await;
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_session_is_told_messages_between_the_toggles() {
        let [asker, _] = Asker::both(catalog, App::default);
        assert_eq!(toggled(&asker).await, STARTED);
        let mut beats = asker.beats();
        let due = beats.next().now_or_never().expect("the first is told at once");
        let told = beats.told(due, &BTreeSet::new());
        assert!(matches!(&told[..], [Told::Log(_)]), "{told:?}");
        assert_eq!(toggled(&asker).await, STOPPED);
        assert!(asker.beats().next().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_caller_without_a_session_gets_one_message_if_it_asks_and_nothing_uninvited() {
        let [_, asker] = Asker::both(catalog, App::default);
        assert_eq!(toggled(&asker).await, ONCE);
        assert!(asker.beats().next().now_or_never().is_none());
    }
}
