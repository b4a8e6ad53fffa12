//! The tools with a page, one file each.

mod hello_world;
mod live_state;

use mcp_core::Info;

pub(super) use self::{hello_world::HelloWorld, live_state::LiveState};
use super::shown_by;

/// Links a tool to its page, in today's form and in the flat one that older hosts read.
fn linked(info: Info, page: &'static str) -> Info {
    info.meta("ui", shown_by(page)).meta("ui/resourceUri", page.into())
}
