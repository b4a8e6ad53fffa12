//! Tells the code which commit it was built from, as `BUILD_REVISION`.
//!
//! For releases only: otherwise every commit would compile everything anew. A build without git,
//! such as that of an image, sets the variable itself.

#[path = "build/revision.rs"]
mod revision;

use std::{env, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build/revision.rs");
    println!("cargo::rerun-if-env-changed=BUILD_REVISION");
    let is_release = env::var_os("PROFILE").is_some_and(|profile| profile == "release");
    if env::var_os("BUILD_REVISION").is_some() || !is_release {
        return;
    }
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    if let Some(checkout) = package.and_then(|package| revision::of(&package.join("../.."))) {
        for path in &checkout.changes_with {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        println!("cargo::rustc-env=BUILD_REVISION={}", checkout.revision);
    }
}
