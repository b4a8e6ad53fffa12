//! The dashboards and alerts name what the servers measure: every name and label in them is in a
//! scrape of both servers after they have done what there is to do.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use e2e::{Backend, Setup, World};
use serde_json::{Value, json};
use testkit::{faults::Line, http::Http};

use crate::support::{asking, forms, person, standing};

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

/// The words of a scrape: names of metrics and of labels.
async fn scraped(world: &World) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for server in [&world.mcp[0].origin, &world.auth[0].origin] {
        let answer = Http::new(server).get("/metrics").await.expect(200);
        words.extend(answer.text().lines().filter(|line| !line.starts_with('#')).flat_map(names));
    }
    words
}

/// Something of everything that is measured.
async fn busy() -> World {
    let setup = Setup::new(Backend::Redis).clock(standing());
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
    world.modern("garbage").call("ping", json!({})).await;
    let line = world.redis_line.as_ref().expect("it is a world with Redis");
    line.set(Line::Cut);
    testkit::eventually(testkit::PATIENCE, || async {
        let ready = Http::new(&world.mcp[0].origin).get("/readyz").await;
        (ready.status.as_u16() == 503).then_some(())
    })
    .await;
    world
}

#[tokio::test]
async fn what_dashboards_and_alerts_name_is_measured() {
    let measured = scraped(&busy().await).await;
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
    let world = busy().await;
    let mut measured = BTreeSet::new();
    for server in [&world.mcp[0].origin, &world.auth[0].origin] {
        let answer = Http::new(server).get("/metrics").await.expect(200);
        let types = answer.text().lines().filter_map(|line| line.strip_prefix("# TYPE "));
        measured.extend(
            types.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect::<Vec<_>>(),
        );
    }
    assert_eq!(told, measured);
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
