//! The toolset that takes data from elsewhere: off unless it is named.

mod data_url;
mod download;
mod file;
mod gzip;
mod gzip_file_as_resource;
mod rules;

use mcp_core::Catalog;

pub(super) use self::rules::Rules;
use super::App;

/// Adds the toolset to a catalog.
pub(super) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    catalog.tool::<gzip_file_as_resource::GzipFileAsResource>().resource::<file::SessionFile>()
}
