//! The bare handler on a socket: `ceiling PORT FILE`, where the file holds the bytes of its answers.

use std::{env, fs, process::ExitCode};

use bench::ceiling;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    let port = words.next().and_then(|port| port.parse::<u16>().ok());
    let answer = words.next().and_then(|file| fs::read(file).ok());
    let (Some(port), Some(answer)) = (port, answer) else { return ExitCode::FAILURE };
    let Ok(listener) = tokio::net::TcpListener::bind(("127.0.0.1", port)).await else {
        return ExitCode::FAILURE;
    };
    match axum::serve(listener, ceiling(answer.into())).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
