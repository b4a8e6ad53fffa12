//! `cargo xtask deps`: the rules of the workspace that the compiler does not know.
//!
//! Who may use whom (`edges`, and `rooms` within the MCP server), that every crate has the lints of
//! the workspace (`manifest`), that every dependency has a reason (`reasons`), and that files stay
//! readable (`source`).

mod edges;
mod manifest;
mod reasons;
mod rooms;
mod source;

use std::fs;

use crate::{
    failure::Failure,
    workspace::{Package, Workspace},
};

/// Every broken rule, as a sentence with a place and a mend.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let mut wrong = edges::check(workspace);
    wrong.extend(reasons::check(&workspace.root)?);
    for package in &workspace.packages {
        manifest::check(workspace, package, &mut wrong)?;
        sources(workspace, package, &mut wrong)?;
    }
    Ok(wrong)
}

fn sources(
    workspace: &Workspace,
    package: &Package,
    wrong: &mut Vec<String>,
) -> Result<(), Failure> {
    for path in package.rust_files()? {
        let text = fs::read_to_string(&path).map_err(Failure::of_file(&path))?;
        let syntax = syn::parse_file(&text)
            .map_err(|source| Failure::NotRust { path: path.clone(), source })?;
        let shown = workspace.shown(&path).display().to_string();
        wrong.extend(source::check(&shown, &text, &syntax));
        wrong.extend(rooms::check(&shown, &syntax, workspace));
    }
    Ok(())
}
