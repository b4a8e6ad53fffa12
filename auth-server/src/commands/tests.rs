//! Commands, from their words to their text.

use std::time::Duration;

use ambient::Clock;
use axum::{Json, Router, response::IntoResponse as _};
use chassis::{Lifecycle, Limits, serve};
use http::{StatusCode, Uri};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::*;

async fn run_with(words: &[&str], pairs: &[(&str, &str)]) -> Result<String, CommandError> {
    let words = std::iter::once("auth-server").chain(words.iter().copied());
    let cli = Cli::try_parse_from(words).unwrap();
    let env = pairs.iter().fold(Env::default(), |env, (name, value)| env.with(name, value));
    run(cli, &env).await
}

#[test]
fn the_command_line_is_well_made() {
    <Cli as clap::CommandFactory>::command().debug_assert();
    let help = Cli::try_parse_from(["auth-server", "--help"]).unwrap_err().to_string();
    for word in ["serve", "config", "keys", "client", "doctor", "completions"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    assert!(Cli::try_parse_from(["auth-server", "key", "list"]).is_err());
}

#[test]
fn the_help_explains_every_setting() {
    let help = Cli::described().render_long_help().to_string();
    for setting in Config::from_env(&Env::default()).1 {
        assert!(help.contains(&format!("\n  {} [", setting.name)), "{}", setting.name);
    }
    assert!(help.contains("LOGIN_TTL [15552000]\n          Seconds after which"), "{help}");
}

#[tokio::test]
async fn completions_know_the_commands() {
    let script = run_with(&["completions", "bash"], &[]).await.unwrap();
    assert!(script.contains("auth-server") && script.contains("healthcheck"), "{script}");
}

#[tokio::test]
async fn settings_are_checked_and_shown_without_secrets() {
    let good = [("AUTH_SECRET", "hunter2-hunter2-hunter2-hunter2-"), ("AUTH_SCOPES", "a b")];
    let checked = run_with(&["config", "check"], &good).await.unwrap();
    assert!(checked.contains("http://localhost:3001"), "{checked}");
    let shown = run_with(&["config", "dump"], &good).await.unwrap();
    assert!(shown.contains("AUTH_SCOPES=a b"), "{shown}");
    assert!(shown.contains("AUTH_SECRET=[redacted]") && !shown.contains("hunter2"), "{shown}");
    let line = shown.lines().find(|line| line.starts_with("AUTH_SERVER_PORT=")).unwrap();
    assert!(line.contains("=3001 ") && line.ends_with("# default"), "{line}");
    let corp = [
        ("AUTH_UPSTREAMS", "corp"),
        ("AUTH_UPSTREAM_CORP_ISSUER", "https://id.example"),
        ("AUTH_UPSTREAM_CORP_CLIENT_ID", "us"),
        ("AUTH_UPSTREAM_CORP_CLIENT_SECRET", "hunter2"),
    ];
    let shown = run_with(&["config", "dump"], &corp).await.unwrap();
    for line in ["_CORP_ISSUER=https://id.example", "_CORP_CLIENT_SECRET=[redacted]"] {
        assert!(shown.contains(line) && !shown.contains("<NAME>"), "{line}: {shown}");
    }
    let wrong = run_with(&["config", "check"], &[("AUTH_SERVER_PORT", "x")]).await.unwrap_err();
    assert!(wrong.to_string().contains("AUTH_SERVER_PORT"), "{wrong}");
}

#[tokio::test]
async fn a_client_is_added_shown_and_removed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("clients.json");
    let env = [("AUTH_CLIENTS_FILE", path.to_str().unwrap())];
    let words = ["client", "add", "report", "--scope", "mcp", "--name", "Nightly"];
    let said = run_with(&words, &env).await.unwrap();
    let secret = said.lines().find_map(|line| line.strip_prefix("client_secret  ")).unwrap();
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept.contains("client_secret_sha256") && !kept.contains(secret), "{kept}");
    let config = Config::from_env(&Env::from(env)).0.unwrap();
    assert!(config.clients.find("report").is_some());
    let shown = run_with(&["client", "list"], &env).await.unwrap();
    assert_eq!(shown, "report  has a secret  mcp  Nightly\n");
    let _ = run_with(&["client", "remove", "report"], &env).await.unwrap();
    assert_eq!(run_with(&["client", "list"], &env).await.unwrap(), "");
    let gone = run_with(&["client", "remove", "report"], &env).await.unwrap_err();
    assert!(matches!(gone, CommandError::NoClient(id) if id == "report"));
}

#[tokio::test]
async fn what_is_in_the_file_is_changed_and_shown_while_the_store_is_away() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (folder, redis) = (TempDir::new().unwrap(), format!("redis://{closed}"));
    let path = folder.path().join("clients.json");
    let env = [("AUTH_CLIENTS_FILE", path.to_str().unwrap()), ("REDIS_URL", &redis)];
    let _ = run_with(&["client", "add", "report"], &env).await.unwrap();
    let part = run_with(&["client", "list"], &env).await.unwrap_err();
    assert!(part.report().unwrap().starts_with("report  has a secret"), "{part}");
    assert!(matches!(&part, CommandError::Unlisted { .. }) && part.status() == 1);
    let _ = run_with(&["client", "remove", "report"], &env).await.unwrap();
    let unknown = run_with(&["client", "remove", "report"], &env).await.unwrap_err();
    assert!(matches!(unknown, CommandError::Store(_)), "it may be in the store");
}

#[tokio::test]
async fn a_client_that_acts_for_users_is_added_with_its_addresses() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("clients.json");
    let env = [("AUTH_CLIENTS_FILE", path.to_str().unwrap())];
    let web = ["client", "add", "web", "--redirect-uri", "https://a.example/cb"];
    let said = run_with(&web, &env).await.unwrap();
    assert!(said.contains("client_secret  "), "{said}");
    let two = ["--redirect-uri", "http://127.0.0.1/cb", "--redirect-uri", "app.example:/cb"];
    let said = run_with(&[&["client", "add", "app", "--public"], &two[..]].concat(), &env).await;
    assert!(!said.unwrap().contains("client_secret"));
    let config = Config::from_env(&Env::from(env)).0.unwrap();
    let [web, app] = ["web", "app"].map(|id| config.clients.find(id).unwrap());
    assert!(!web.acts_for_itself && web.may_be_answered_at("https://a.example/cb"));
    assert!(app.may_be_answered_at("app.example:/cb") && app.may_call_unproven());
    let shown = run_with(&["client", "list"], &env).await.unwrap();
    assert_eq!(shown, "web  has a secret  all scopes  \napp  is public     all scopes  \n");
    let secretless = Cli::try_parse_from(["auth-server", "client", "add", "a", "--public"]);
    assert!(secretless.is_err(), "who acts for itself has to prove who it is");
}

#[tokio::test]
async fn a_client_that_the_server_would_refuse_is_not_written() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("clients.json");
    let env = [("AUTH_CLIENTS_FILE", path.to_str().unwrap())];
    for words in [
        &["client", "add", "mcp-server"][..],
        &["client", "add", "a b"],
        &["client", "add", "a", "--scope", "unknown"],
        &["client", "add", "a", "--jwks-uri", "http://a.example/"],
    ] {
        let refused = run_with(words, &env).await.unwrap_err();
        assert!(matches!(refused, CommandError::Clients(_)), "{words:?}");
    }
    assert!(!path.exists());
    let unset = run_with(&["client", "list"], &[]).await.unwrap_err();
    assert!(matches!(unset, CommandError::NoPlace));
}

#[tokio::test]
async fn keys_in_the_memory_of_another_process_are_out_of_reach() {
    for words in [["keys", "list"], ["keys", "rotate"]] {
        let refused = run_with(&words, &[]).await.unwrap_err();
        assert!(matches!(refused, CommandError::NoSharedStore));
    }
}

#[tokio::test]
async fn the_doctor_finds_what_is_not_there() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (issuer, redis) = (format!("http://{closed}"), format!("redis://{closed}"));
    let env = [("AUTH_SERVER_URL", &*issuer), ("REDIS_URL", &redis)];
    let unwell = run_with(&["doctor"], &env).await.unwrap_err();
    assert_eq!(unwell.status(), 1);
    let found = unwell.report().unwrap();
    for line in ["ok    settings", "BAD   store", "BAD   issuer", "hm    secrets: AUTH_SECRET"] {
        assert!(found.contains(line), "{line}: {found}");
    }
    let told = run_with(&["doctor", "--json"], &env).await.unwrap_err();
    let told: serde_json::Value = serde_json::from_str(told.report().unwrap()).unwrap();
    assert_eq!((&told["well"], &told["findings"][0]["verdict"]), (&false.into(), &"ok".into()));
    let wrong = run_with(&["doctor"], &[("AUTH_SERVER_PORT", "x")]).await.unwrap_err();
    assert_eq!(wrong.status(), 2, "there is nothing to look at");
    assert!(wrong.report().unwrap().contains("AUTH_SERVER_PORT"), "{wrong}");
}

#[tokio::test]
async fn the_doctor_finds_the_one_document_of_three_that_is_missing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}/auth", listener.local_addr().unwrap());
    let missing = "/auth/.well-known/openid-configuration";
    let document = serde_json::json!({ "issuer": issuer });
    let router = Router::new().fallback(async move |uri: Uri| match uri.path() {
        path if path == missing => StatusCode::NOT_FOUND.into_response(),
        _ => Json(document).into_response(),
    });
    let lifecycle = Lifecycle::new(Clock::system(), Duration::ZERO);
    let life = lifecycle.clone();
    lifecycle.spawn(async move {
        serve(listener, router, Limits::default(), &life).await.unwrap();
    });
    let unwell = run_with(&["doctor"], &[("AUTH_SERVER_URL", &issuer)]).await.unwrap_err();
    let found = unwell.report().unwrap();
    let missing = format!("BAD   issuer: {issuer}/.well-known/openid-configuration answers 404");
    assert!(found.contains(&missing) && found.contains("ok    issuer"), "{found}");
    assert_eq!(found.matches("BAD ").count(), 1, "{found}");
    lifecycle.abort();
}
