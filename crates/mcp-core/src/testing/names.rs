//! The names that the tools of a catalog answer to.

use std::collections::{BTreeMap, BTreeSet};

use crate::Catalog;

/// Every tool of a catalog, listed or not, with the other names that it answers to.
#[must_use]
pub fn tool_names<S: Send + Sync + 'static>(
    catalog: &Catalog<S>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut names = BTreeMap::<_, BTreeSet<_>>::new();
    for (name, entry) in catalog.answered_names() {
        let others = names.entry(entry.listed.name.clone()).or_default();
        if name != entry.listed.name {
            others.insert(name.to_owned());
        }
    }
    names
}
