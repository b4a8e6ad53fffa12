//! Every crate has the lints of the workspace.

use std::fs;

use crate::{
    failure::Failure,
    workspace::{Package, Workspace},
};

/// Adds a sentence if a crate goes its own way.
pub(super) fn check(
    workspace: &Workspace,
    package: &Package,
    wrong: &mut Vec<String>,
) -> Result<(), Failure> {
    let path = &package.manifest_path;
    let manifest = fs::read_to_string(path).map_err(Failure::of_file(path))?;
    if !inherits_lints(&manifest) {
        let path = workspace.shown(path).display();
        wrong.push(format!(
            "{path}: the lints are not those of the workspace; add\n  [lints]\n  workspace = true"
        ));
    }
    Ok(())
}

/// Whether the table `[lints]` says `workspace = true`.
fn inherits_lints(manifest: &str) -> bool {
    let mut in_lints = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_lints = line == "[lints]";
        } else if in_lints && line.replace(' ', "") == "workspace=true" {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lints_are_inherited_in_their_own_table_only() {
        assert!(inherits_lints("[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n"));
        assert!(!inherits_lints("[lints]\n\n[dependencies]\nworkspace = true\n"));
        assert!(!inherits_lints("[lints.rust]\nunsafe_code = \"allow\"\n"));
        assert!(!inherits_lints("# [lints]\n# workspace = true\n"));
    }
}
