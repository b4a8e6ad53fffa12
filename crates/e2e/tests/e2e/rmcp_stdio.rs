//! The official Rust SDK starts the program itself and speaks to it over its standard streams, in
//! every revision.

use std::process::Stdio;

use rmcp::transport::TokioChildProcess;
use serde_json::json;
use shared::mcp::Revision;
use tempfile::TempDir;
use testkit::process::Program;

use crate::rmcp_app::{App, Connected, Told, call, walk};

/// The program that a client starts, in a directory without settings.
async fn started(revision: Revision) -> (Connected, TempDir) {
    let directory = TempDir::new().expect("there is room for a directory");
    let program = Program::built("mcp-server").argument("stdio").command(directory.path());
    let spawned = TokioChildProcess::builder(program).stderr(Stdio::null()).spawn();
    let (process, _) = spawned.expect("it starts");
    (App::speaking(revision).connect(process).await, directory)
}

#[tokio::test]
async fn it_walks_the_whole_catalogue_of_a_program_in_every_revision() {
    for revision in Revision::ALL {
        let (client, _directory) = started(revision).await;
        Box::pin(walk(&client)).await;
        let _ = client.cancel().await.expect("it ends in order");
    }
}

#[tokio::test]
async fn progress_comes_over_a_pipe_in_order() {
    for revision in [Revision::V2026_07_28, Revision::V2025_11_25] {
        let (client, _directory) = started(revision).await;
        let steps = json!({ "duration": 0.02, "steps": 3 });
        call(&client, "long-running-operation", steps).await;
        client.service().hears(|told| *told == Told::Progress(3.0)).await;
        let _ = client.cancel().await.expect("it ends in order");
    }
}
