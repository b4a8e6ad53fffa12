//! The toolset for those who run the server: off unless it is named, and behind a scope of its own.

mod print_env;
mod shown;

use mcp_core::Catalog;

pub(super) use self::shown::Shown;
use super::App;

/// Adds the toolset to a catalog.
pub(super) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    catalog.tool::<print_env::PrintEnv>()
}
