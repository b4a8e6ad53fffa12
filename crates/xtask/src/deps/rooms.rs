//! Who may name whom inside the MCP server, so that a fork replaces one folder and nothing else.
//!
//! `features` uses nothing of the server but itself; the rooms between socket and feature never
//! name `features`. Both are read off the paths that the code writes.

use syn::{File, ItemMod, ItemUse, Path, UseTree, spanned::Spanned as _, visit::Visit};

use crate::workspace::Workspace;

const SOURCES: &str = "mcp-server/src/";

/// The rooms that serve features without knowing any.
const BLIND: [&str; 4] = ["http", "era", "auth", "session"];

/// The crates of ours that features may name: they reach the outside world through `Ctx` only.
const FOR_FEATURES: [&str; 3] = ["mcp_core", "shared", "ambient"];

/// A sentence for every path that crosses a wall.
pub(super) fn check(shown: &str, syntax: &File, workspace: &Workspace) -> Vec<String> {
    let Some(inside) = shown.strip_prefix(SOURCES) else { return Vec::new() };
    let module = module_of(inside);
    let Some(room) = module.first().cloned() else { return Vec::new() };
    let mut paths = Paths { module, found: Vec::new() };
    paths.visit_file(syntax);
    let ours = |name: &str| workspace.packages.iter().any(|p| p.name.replace('-', "_") == name);
    let crosses = |path: &[String]| match path {
        [start, first, ..] if start == "crate" => {
            (room == "features" && first != "features")
                || (BLIND.contains(&room.as_str()) && first == "features")
        }
        [name, ..] => room == "features" && ours(name) && !FOR_FEATURES.contains(&name.as_str()),
        [] => false,
    };
    let rule = if room == "features" {
        "features use `crate::features`, mcp_core, shared and ambient only, so that they can be replaced"
    } else {
        "what stands between socket and feature must not know any feature; take it as an argument"
    };
    let wrong = paths.found.iter().filter(|(path, _)| crosses(path));
    wrong.map(|(path, line)| format!("{shown}:{line}: `{}`; {rule}", path.join("::"))).collect()
}

/// `http/mod.rs` is `[http]`, `era/modern.rs` is `[era, modern]`, `lib.rs` is the root.
fn module_of(inside: &str) -> Vec<String> {
    let stem = inside.strip_suffix(".rs").unwrap_or(inside);
    let parts = stem.split('/').filter(|part| !["mod", "lib", "main"].contains(part));
    parts.map(str::to_owned).collect()
}

/// All paths of a file that start at a crate, `self` and `super` resolved.
struct Paths {
    module: Vec<String>,
    found: Vec<(Vec<String>, usize)>,
}

impl Paths {
    fn add(&mut self, segments: Vec<String>, line: usize) {
        if let Some(path) = self.resolve(segments) {
            self.found.push((path, line));
        }
    }

    fn resolve(&self, segments: Vec<String>) -> Option<Vec<String>> {
        let first = segments.first()?.as_str();
        if first != "self" && first != "super" {
            return Some(segments);
        }
        let mut module = self.module.clone();
        let mut rest = segments.into_iter().peekable();
        while let Some(step) = rest.next_if(|step| step == "self" || step == "super") {
            if step == "super" {
                module.pop();
            }
        }
        Some(["crate".to_owned()].into_iter().chain(module).chain(rest).collect())
    }

    fn add_tree(&mut self, prefix: &[String], tree: &UseTree, line: usize) {
        let with = |name: String| prefix.iter().cloned().chain([name]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.add_tree(&with(path.ident.to_string()), &path.tree, line),
            UseTree::Name(name) => self.add(with(name.ident.to_string()), line),
            UseTree::Rename(name) => self.add(with(name.ident.to_string()), line),
            UseTree::Glob(_) => self.add(prefix.to_vec(), line),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_tree(prefix, tree, line));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        syn::visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_tree(&[], &item.tree, item.span().start().line);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string());
        self.add(segments.collect(), path.span().start().line);
        syn::visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::workspace::Package;

    fn wrong(shown: &str, text: &str) -> Vec<String> {
        let packages = ["mcp-core", "shared", "store"].map(|name| Package {
            name: name.to_owned(),
            manifest_path: PathBuf::new(),
            dependencies: Vec::new(),
        });
        let workspace = Workspace { root: PathBuf::new(), packages: packages.into() };
        check(shown, &syn::parse_file(text).unwrap(), &workspace)
    }

    const TOOL: &str = "mcp-server/src/features/everything/tools/echo.rs";

    #[test]
    fn a_feature_uses_itself_and_the_core() {
        let text = "use crate::features::App; use mcp_core::{Ctx, Tool}; use super::Other; use serde::Deserialize;
                    mod tests { use super::*; use crate::features::{App, catalog}; }";
        assert_eq!(wrong(TOOL, text), Vec::<String>::new());
    }

    #[test]
    fn a_feature_that_reaches_into_the_server_is_named_with_its_line() {
        let cases = [
            "use crate::session::Sessions;",
            "use super::super::super::super::http;",
            "fn f() { crate::config::x(); }",
            "use store::Store;",
            "use crate::{features::App, http::Reply};",
        ];
        for text in cases {
            let wrong = wrong(TOOL, text);
            assert_eq!(wrong.len(), 1, "{text} {wrong:?}");
            assert!(wrong[0].starts_with(&format!("{TOOL}:1: `")), "{wrong:?}");
        }
    }

    #[test]
    fn the_rooms_between_socket_and_feature_know_none() {
        let shown = "mcp-server/src/http/splash.rs";
        assert_eq!(
            wrong(shown, "fn f(s: &Server) { s.features().list(); } use crate::Server;"),
            Vec::<String>::new()
        );
        for text in [
            "use crate::features;",
            "use super::super::features::App;",
            "fn f() { crate::features::catalog(); }",
        ] {
            assert_eq!(wrong(shown, text).len(), 1, "{text}");
        }
    }

    #[test]
    fn the_program_may_know_its_features() {
        assert_eq!(
            wrong("mcp-server/src/main.rs", "use mcp_server::features;"),
            Vec::<String>::new()
        );
        assert_eq!(
            wrong("mcp-server/src/lib.rs", "pub mod features; use crate::features::App;"),
            Vec::<String>::new()
        );
    }
}
