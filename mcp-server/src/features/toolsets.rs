//! The toolsets of this server, and which of them an operator has chosen.

use std::{fmt, str::FromStr};

use mcp_core::Catalog;

use super::{App, apps, calculator, diagnostics, everything, fetch, skills};

/// Features that are switched on and off together.
struct Toolset {
    /// What an operator calls it.
    name: &'static str,
    /// Whether it is there unless something else is said: what reaches beyond the server, shows
    /// what is not the caller's, or is not of the originals, is not.
    by_default: bool,
    /// Adds it to a catalog.
    add: fn(Catalog<App>) -> Catalog<App>,
}

/// All of them, in the order in which they are listed. A line here is all that a new one needs.
const TOOLSETS: &[Toolset] = &[
    Toolset { name: "everything", by_default: true, add: everything::add_to },
    Toolset { name: "calculator", by_default: true, add: calculator::add },
    Toolset { name: "apps", by_default: true, add: apps::add },
    Toolset { name: "skills", by_default: false, add: skills::add_to },
    Toolset { name: "fetch", by_default: false, add: fetch::add_to },
    Toolset { name: "diagnostics", by_default: false, add: diagnostics::add_to },
];

/// The toolsets that are offered: names of the table, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Toolsets(Vec<&'static str>);

impl Default for Toolsets {
    fn default() -> Self {
        Self(TOOLSETS.iter().filter(|one| one.by_default).map(|one| one.name).collect())
    }
}

impl Toolsets {
    /// Whether one of them is chosen.
    pub(super) fn includes(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    /// All that they offer, in the order of the table.
    pub(super) fn catalog(&self) -> Catalog<App> {
        let chosen = TOOLSETS.iter().filter(|one| self.includes(one.name));
        chosen.fold(Catalog::new(), |catalog, one| (one.add)(catalog))
    }
}

/// All that any toolset offers.
#[cfg(test)]
pub(super) fn all() -> Catalog<App> {
    TOOLSETS.iter().fold(Catalog::new(), |catalog, one| (one.add)(catalog))
}

impl fmt::Display for Toolsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// Why a list of toolsets cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    /// A name that no toolset has.
    #[error("there is no toolset `{0}`, only {known}", known = known())]
    Unknown(String),
    /// Whoever wants a server without features has none to run.
    #[error("no toolset is named; name some of {known}, or leave it out", known = known())]
    None,
}

fn known() -> String {
    TOOLSETS.iter().map(|one| one.name).collect::<Vec<_>>().join(", ")
}

impl FromStr for Toolsets {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let names: Vec<_> =
            text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let unknown = names.iter().find(|name| !TOOLSETS.iter().any(|one| one.name == **name));
        if let Some(unknown) = unknown {
            return Err(Unusable::Unknown((*unknown).to_owned()));
        }
        if names.is_empty() {
            return Err(Unusable::None);
        }
        let chosen = TOOLSETS.iter().map(|one| one.name).filter(|name| names.contains(name));
        Ok(Self(chosen.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_setting_does_not_change_the_order_of_the_list() {
        let chosen: Toolsets = " calculator, everything,,".parse().unwrap();
        assert_eq!(chosen.to_string(), "everything,calculator");
    }

    #[test]
    fn what_is_offered_at_first_is_what_is_harmless() {
        assert_eq!(Toolsets::default().to_string(), "everything,calculator,apps");
    }

    #[test]
    fn an_unknown_name_is_refused_with_those_that_are_known() {
        let wrong = "everything,calcualtor".parse::<Toolsets>().unwrap_err().to_string();
        assert!(wrong.contains("`calcualtor`") && wrong.contains("everything, calculator, apps"));
    }

    #[test]
    fn what_is_not_chosen_is_not_there() {
        let chosen: Toolsets = "calculator".parse().unwrap();
        assert!(chosen.includes("calculator") && !chosen.includes("everything"));
    }
}
