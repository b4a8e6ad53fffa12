//! A client of every feature, in both eras. It is told a URL and finds everything else.
//!
//! Read `login.rs` for how it gets a token, `wire.rs` for what goes over the wire, `modern.rs` and
//! `session.rs` for what the eras do differently, `answers.rs` and `own.rs` for what a client
//! answers, and `tour.rs` for what there is to see.

mod answers;
mod calls;
mod catalogue;
mod login;
mod modern;
mod own;
mod session;
mod streams;
mod tasks;
mod tour;
mod wire;

use std::{env, error::Error, fmt, io::Write as _, process::ExitCode, time::Duration};

use chassis::client::{Timeouts, http_client};

use reqwest::Client;

use crate::{
    login::Login,
    modern::Modern,
    session::Session,
    tour::Server,
    wire::{NeedsScope, Wire},
};

/// What went wrong, in words.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str = "\
usage: example-client [--era modern|legacy] [--browser COMMAND] [URL]

URL        the MCP endpoint; http://localhost:3232/mcp unless told
--era      one of them alone; both unless told
--browser  opens the page to log in: COMMAND ADDRESS; you open it unless told";

/// What was asked for.
struct Wanted {
    url: String,
    eras: Vec<&'static str>,
    browser: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(wanted) = wanted(env::args().skip(1)) else {
        say(USAGE);
        return ExitCode::from(2);
    };
    match run(&wanted).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn wanted(mut arguments: impl Iterator<Item = String>) -> Option<Wanted> {
    let url = "http://localhost:3232/mcp".to_owned();
    let mut wanted = Wanted { url, eras: vec!["modern", "legacy"], browser: None };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--era" => {
                let era = arguments.next()?;
                wanted.eras.retain(|known| *known == era);
            }
            "--browser" => wanted.browser = Some(arguments.next()?),
            url if url.starts_with("http") => argument.clone_into(&mut wanted.url),
            _ => return None,
        }
    }
    (!wanted.eras.is_empty()).then_some(wanted)
}

async fn run(wanted: &Wanted) -> Result<()> {
    let waiting = Timeouts { connect: Duration::from_secs(5), total: Duration::from_mins(2) };
    let http = http_client("example-client/0.1", waiting)?;
    let mut login = Login::new(http.clone(), &wanted.url, wanted.browser.as_deref()).await?;
    for era in &wanted.eras {
        say(format_args!("\n=== {era}"));
        let needed = match show(&http, wanted, &login, era).await {
            Ok(()) => continue,
            Err(error) => error.downcast::<NeedsScope>()?,
        };
        login.step_up(&needed.0, wanted.browser.as_deref()).await?;
        show(&http, wanted, &login, era).await?;
    }
    login.refresh().await?;
    login.revoke().await?;
    say("\nThat is everything.");
    Ok(())
}

/// Everything in one era.
async fn show(http: &Client, wanted: &Wanted, login: &Login, era: &str) -> Result<()> {
    let wire = Wire::new(http.clone(), &wanted.url, login.token());
    let mut server = match era {
        "modern" => Server::Modern(Modern::new(wire)),
        _ => Server::Session(Session::open(wire).await?),
    };
    tour::all(&mut server).await
}

/// Writes a line for whoever reads along. That nobody does is no reason to fail.
fn say(text: impl fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
