//! The dashboards and alerts name what the servers measure: every name and label in them is in a
//! scrape of both servers after they have done what there is to do.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use e2e::{Backend, Setup, World};
use serde_json::{Value, json};
use shared::mcp::Revision;
use testkit::{faults::Line, http::Http, rpc::OldSession};

use crate::support::{asking, forms, person};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/observability")
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).expect("the file is there")
}

/// Every expression of a dashboard.
fn expressions(dashboard: &str) -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read(dashboard)).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().expect("targets"));
    targets.map(|target| target["expr"].as_str().expect("an expression").to_owned()).collect()
}

/// Words of `PromQL` that are ours to define: what looks like a name and is none of its functions.
fn names(expression: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c: char| !is_name(c)).filter(|word| word.contains('_'));
    words.filter(|word| *word != "histogram_quantile").map(str::to_owned).collect()
}

/// What both servers tell.
async fn scraped(world: &World) -> String {
    let mut text = String::new();
    for server in [&world.mcp[0].origin, &world.auth[0].origin] {
        text += Http::new(server).get("/metrics").await.expect(200).text();
    }
    text
}

/// Scrapes after something of everything that is measured, with Redis and without it.
async fn busy() -> String {
    let setup = Setup::new(Backend::Redis);
    let world = setup.setting("METRICS_ON_MAIN_PORT", "1").start().await;
    let alice = world.login("alice").await;
    let modern = world.modern(alice.access());
    modern.tool("echo", json!({ "message": "hi" })).await;
    modern.tool("add", json!({ "a": "no number" })).await;
    // The caller is at fault: it cannot be asked what this has to ask.
    modern.call("tools/call", asking()).await;
    let draft = modern.draft("tools/list", json!({}));
    modern.send(draft.without_header("mcp-method")).await;
    let opening = world.session(alice.access()).capabilities(forms()).script(person("Alice"));
    let session = opening.open().await;
    session.call("tools/call", asking()).await;
    let mut stream = session.listen(None).await;
    stream.next_event().await;
    session.end().await;
    while stream.next_event().await.is_some() {}
    let mut old = OldSession::open(&world.mcp[0].origin, Some(alice.access())).await;
    drop(old.initialize(Revision::V2024_11_05, json!({})).await);
    world.modern("garbage").call("ping", json!({})).await;
    let with_redis = scraped(&world).await;
    let line = world.redis_line.as_ref().expect("it is a world with Redis");
    line.set(Line::Cut);
    testkit::eventually(testkit::PATIENCE, || async {
        let ready = Http::new(&world.mcp[0].origin).get("/readyz").await;
        (ready.status.as_u16() == 503).then_some(())
    })
    .await;
    with_redis + &scraped(&world).await
}

#[tokio::test]
async fn what_dashboards_and_alerts_name_is_measured() {
    let scrapes = busy().await;
    let lines = scrapes.lines().filter(|line| !line.starts_with('#'));
    let measured: BTreeSet<_> = lines.flat_map(names).collect();
    let mut wanted: BTreeSet<_> = ["grafana/mcp.json", "grafana/auth.json"]
        .into_iter()
        .flat_map(expressions)
        .flat_map(|expression| names(&expression))
        .collect();
    let alerts = read("prometheus/alerts.yml");
    let rules = alerts.lines().filter(|line| !line.trim_start().starts_with("summary"));
    wanted.extend(rules.flat_map(names));
    assert!(wanted.len() > 40, "{wanted:?}");
    let missing: Vec<_> = wanted.difference(&measured).collect();
    assert!(missing.is_empty(), "not measured: {missing:?}");
}

#[tokio::test]
async fn the_table_of_the_page_names_every_metric_and_nothing_else() {
    let page = read("../observability.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|row| {
        let (name, _) = row.split_once('`')?;
        (name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
            .then_some(name)
    });
    let told: BTreeSet<_> = rows.map(str::to_owned).collect();
    let scrapes = busy().await;
    let types = scrapes.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let measured = types.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert_eq!(told, measured);
}

#[tokio::test]
async fn prometheus_accepts_what_is_measured_where_its_tool_is_installed() {
    if Command::new("promtool").arg("--version").output().is_err() {
        return;
    }
    let setup = Setup::new(Backend::Memory).setting("METRICS_ON_MAIN_PORT", "1");
    let world = setup.start().await;
    let alice = world.login("alice").await;
    world.modern(alice.access()).tool("echo", json!({ "message": "hi" })).await;
    for server in [&world.mcp[0].origin, &world.auth[0].origin] {
        let scrape = Http::new(server).get("/metrics").await.expect(200);
        let found = promtool_finds(scrape.text());
        assert!(found.is_empty(), "{found:?}");
    }
}

/// What the tool says of a scrape: nothing, if all is well.
fn promtool_finds(scrape: &str) -> Vec<String> {
    let mut tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it was there a moment ago");
    let mut input = tool.stdin.take().expect("it is piped");
    input.write_all(scrape.as_bytes()).expect("it reads");
    drop(input);
    let output = tool.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).expect("text"));
    let lines = said.iter().flat_map(|said| said.lines());
    lines.map(str::to_owned).collect()
}

#[test]
fn prometheus_accepts_the_files_where_its_tool_is_installed() {
    let Ok(version) = Command::new("promtool").arg("--version").output() else { return };
    assert!(version.status.success());
    for arguments in [["check", "rules", "alerts.yml"], ["check", "config", "prometheus.yml"]] {
        let checked = Command::new("promtool")
            .args(arguments)
            .current_dir(folder().join("prometheus"))
            .output()
            .expect("it was there a moment ago");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}
