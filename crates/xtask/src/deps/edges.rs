//! Which crate may depend on which: the table of the decision on crate boundaries.

use crate::workspace::{Package, Workspace};

/// What one crate may build on.
struct Rule {
    name: &'static str,
    /// Crates of ours.
    may_use: &'static [&'static str],
    /// Crates of others that would break what this crate is for.
    never: &'static [&'static str],
}

/// Everything that moves bytes over a network.
const SOCKETS: &[&str] = &["axum", "fred", "hyper", "hyper-util", "reqwest", "tower-http"];
/// What wire types need no more than they need sockets: a runtime.
const RUNTIME: &[&str] = &["axum", "fred", "hyper", "hyper-util", "reqwest", "tokio", "tower-http"];

const SERVER: &[&str] = &["shared", "ambient", "store", "chassis", "dpop"];
const MCP_SERVER: &[&str] = &["shared", "ambient", "store", "chassis", "dpop", "mcp-core"];

/// Both servers, and what a process makes for them: clock, entropy, store, life cycle, features.
const STANDALONE: &[&str] =
    &["auth-server", "mcp-server", "ambient", "chassis", "store", "mcp-core"];

/// What a fork's `main` needs: the server, the traits of features, the types they return, and what
/// a process ends with.
const EXAMPLE: &[&str] = &["mcp-server", "mcp-core", "shared", "ambient", "chassis"];

/// The servers describe their settings; a description is read through an empty environment.
const XTASK: &[&str] = &["ambient", "auth-server", "mcp-server", "e2e"];

/// It breaks programs, not parts of them; from the world of tests it has the way through the pages.
const RELIABILITY: &[&str] = &["ambient", "chassis", "testkit", "e2e"];

/// It counts parts of the MCP server, and measures programs beside a bare handler.
const BENCH: &[&str] =
    &["shared", "ambient", "store", "chassis", "mcp-core", "testkit", "mcp-server", "e2e"];

const EVERYTHING_BUT_TASKS: &[&str] = &[
    "shared",
    "ambient",
    "store",
    "chassis",
    "mcp-core",
    "testkit",
    "auth-server",
    "mcp-server",
    "standalone",
];

const TABLE: &[Rule] = &[
    Rule { name: "shared", may_use: &[], never: RUNTIME },
    Rule { name: "ambient", may_use: &[], never: SOCKETS },
    Rule { name: "store", may_use: &["ambient"], never: &["axum", "hyper", "reqwest"] },
    Rule { name: "chassis", may_use: &["ambient"], never: &["fred"] },
    Rule { name: "dpop", may_use: &["ambient"], never: RUNTIME },
    Rule { name: "mcp-core", may_use: &["shared", "ambient"], never: SOCKETS },
    Rule { name: "testkit", may_use: &["shared", "ambient"], never: &["axum", "rmcp"] },
    Rule { name: "auth-server", may_use: SERVER, never: &["fred"] },
    Rule { name: "mcp-server", may_use: MCP_SERVER, never: &["fred", "rmcp"] },
    Rule { name: "standalone", may_use: STANDALONE, never: &[] },
    Rule { name: "e2e", may_use: EVERYTHING_BUT_TASKS, never: &[] },
    Rule { name: "bench", may_use: BENCH, never: &["rmcp"] },
    Rule { name: "reliability", may_use: RELIABILITY, never: &["axum", "fred", "rmcp"] },
    Rule { name: "xtask", may_use: XTASK, never: &[] },
];

const EXAMPLES: Rule = Rule { name: "examples/*", may_use: EXAMPLE, never: &["axum", "fred"] };

/// Every edge that is not in the table. What only tests see is free.
pub(super) fn check(workspace: &Workspace) -> Vec<String> {
    workspace.packages.iter().flat_map(|package| edges_of(workspace, package)).collect()
}

fn edges_of(workspace: &Workspace, package: &Package) -> Vec<String> {
    let name = &package.name;
    let is_example = workspace.shown(package.folder()).starts_with("examples");
    let rule = TABLE.iter().find(|rule| rule.name == name).or(is_example.then_some(&EXAMPLES));
    let Some(rule) = rule else {
        return vec![format!(
            "{name} is not in the table of crates: decide what it may use in \
             docs/decisions/0008-crate-boundaries.md and crates/xtask/src/deps/edges.rs"
        )];
    };
    let ours = |other: &str| workspace.packages.iter().any(|package| package.name == other);
    let uses = package.dependencies.iter().filter(|dependency| !dependency.is_for_tests());
    let wrong = uses.filter_map(|dependency| {
        let other = dependency.name.as_str();
        if ours(other) && !rule.may_use.contains(&other) {
            let allowed = if rule.may_use.is_empty() {
                "nothing of ours".to_owned()
            } else {
                rule.may_use.join(", ")
            };
            return Some(format!("{name} depends on {other}; {} may use {allowed}", rule.name));
        }
        rule.never.contains(&other).then(|| {
            format!("{name} depends on {other}, which it must do without: see decision 0008")
        })
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::workspace::Dependency;

    fn package(folder: &str, uses: &[(&str, Option<&str>)]) -> Package {
        let name = folder.rsplit('/').next().unwrap_or(folder).to_owned();
        let dependency = |(name, kind): &(&str, Option<&str>)| Dependency {
            name: (*name).to_owned(),
            kind: kind.map(str::to_owned),
        };
        Package {
            name,
            manifest_path: PathBuf::from(format!("/w/{folder}/Cargo.toml")),
            dependencies: uses.iter().map(dependency).collect(),
        }
    }

    fn wrong(packages: Vec<Package>) -> Vec<String> {
        check(&Workspace { root: PathBuf::from("/w"), packages })
    }

    #[test]
    fn an_edge_of_the_table_is_fine_and_so_is_what_only_tests_see() {
        let store = package("crates/store", &[("ambient", None), ("testkit", Some("dev"))]);
        let others = [package("crates/ambient", &[("rand", None)]), package("crates/testkit", &[])];
        assert_eq!(wrong([store].into_iter().chain(others).collect()), Vec::<String>::new());
    }

    #[test]
    fn an_edge_between_the_servers_is_named_with_what_is_allowed() {
        let wrong = wrong(vec![
            package("mcp-server", &[("auth-server", None)]),
            package("auth-server", &[]),
        ]);
        assert_eq!(wrong.len(), 1);
        assert!(
            wrong[0].starts_with("mcp-server depends on auth-server; mcp-server may use shared")
        );
    }

    #[test]
    fn the_core_has_no_sockets() {
        let wrong = wrong(vec![package("crates/mcp-core", &[("axum", None)])]);
        assert!(wrong[0].contains("axum, which it must do without"), "{wrong:?}");
    }

    #[test]
    fn an_example_has_a_rule_and_an_unknown_crate_needs_one() {
        let server = || package("mcp-server", &[]);
        assert!(
            wrong(vec![package("examples/mine", &[("mcp-server", None)]), server()]).is_empty()
        );
        let wrong = wrong(vec![package("crates/mine", &[("mcp-server", None)]), server()]);
        assert!(wrong[0].starts_with("mine is not in the table"), "{wrong:?}");
    }
}
