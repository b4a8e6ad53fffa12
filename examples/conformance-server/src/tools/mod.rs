//! The tools, by what they show. Names and texts are the suite's.

mod changes;
mod content;
mod input_required;
mod questions;
mod schema;
mod stream;
mod tasks;

use mcp_core::Catalog;

use crate::App;

/// Adds all of them. The suite calls the first one without arguments.
pub(crate) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    let catalog = content::add_to(catalog);
    let catalog = stream::add_to(catalog);
    let catalog = questions::add_to(catalog);
    let catalog = input_required::add_to(catalog);
    let catalog = changes::add_to(catalog);
    let catalog = schema::add_to(catalog);
    tasks::add_to(catalog)
}
