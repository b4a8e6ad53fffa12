//! Tells the code which commit it was built from, as `BUILD_REVISION`.
//!
//! For releases only: otherwise every commit would compile everything anew. A build without git,
//! such as that of an image, sets the variable itself.

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-env-changed=BUILD_REVISION");
    let is_release = env::var_os("PROFILE").is_some_and(|profile| profile == "release");
    if env::var_os("BUILD_REVISION").is_some() || !is_release {
        return;
    }
    let git = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    if let Ok(output) = git
        && output.status.success()
        && let Ok(revision) = String::from_utf8(output.stdout)
    {
        println!("cargo::rustc-env=BUILD_REVISION={}", revision.trim());
    }
}
