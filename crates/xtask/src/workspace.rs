//! The workspace as `cargo metadata` describes it, and the files in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use crate::failure::Failure;

/// The crates of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A crate of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A crate that another one names in its manifest.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Option<String>,
}

impl Dependency {
    /// Whether only tests see it.
    pub(crate) fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

/// Where cargo builds what is in the workspace at `root`.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

impl Workspace {
    /// Asks cargo, without the network.
    pub(crate) fn read() -> Result<Self, Failure> {
        let output = Command::new("cargo")
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
            .output()
            .map_err(Failure::NoCargo)?;
        if !output.status.success() {
            return Err(Failure::CargoRefused(String::from_utf8_lossy(&output.stderr).into()));
        }
        serde_json::from_slice(&output.stdout).map_err(Failure::Metadata)
    }

    /// A path as people write it: from the root of the workspace on.
    pub(crate) fn shown<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

impl Package {
    /// Where its manifest is.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }

    /// Every Rust file in it, sorted.
    pub(crate) fn rust_files(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut files = Vec::new();
        for room in ["build.rs", "src", "tests", "examples", "benches"] {
            collect(&self.folder().join(room), &mut files)?;
        }
        files.sort();
        Ok(files)
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(Failure::of_file(path))? {
            collect(&entry.map_err(Failure::of_file(path))?.path(), files)?;
        }
    } else if path.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
        files.push(path.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_and_the_rest_of_it_ignored() {
        let json = r#"{
            "workspace_root": "/w", "version": 1,
            "packages": [{
                "name": "a", "manifest_path": "/w/crates/a/Cargo.toml", "targets": [],
                "dependencies": [{ "name": "b", "kind": null }, { "name": "c", "kind": "dev" }]
            }]
        }"#;
        let workspace: Workspace = serde_json::from_str(json).unwrap();
        let package = &workspace.packages[0];
        assert_eq!(workspace.shown(package.folder()), Path::new("crates/a"));
        let for_tests: Vec<bool> =
            package.dependencies.iter().map(Dependency::is_for_tests).collect();
        assert_eq!(for_tests, [false, true]);
    }

    #[test]
    fn files_are_found_in_the_folders_that_cargo_builds() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["src/a/b.rs", "tests/api/main.rs", "target/x.rs", "src/page.html"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let manifest_path = folder.path().join("Cargo.toml");
        let package = Package { name: "a".to_owned(), manifest_path, dependencies: Vec::new() };
        let files = package.rust_files().unwrap();
        assert!(files[0].ends_with("src/a/b.rs") && files[1].ends_with("tests/api/main.rs"));
        assert_eq!(files.len(), 2);
    }
}
