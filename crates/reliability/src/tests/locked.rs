//! Redis behind TLS with a private authority and a password, both from files.

use std::{fs, time::Duration};

use testkit::process::free_port;

use crate::{
    certificates::Certificates,
    redis::Redis,
    report::{Report, Size},
    site::Plan,
};

const PASSWORD: &str = "p@ss word/?#";

/// The servers get in with `REDIS_URL`, the file of the password and that of the authority; what is
/// between them and Redis cannot be read.
pub(super) async fn tls(_: Size) -> Report {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let file = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    let certificates = Certificates::new(directory.path()).await;
    fs::write(file("password"), format!("{PASSWORD}\n")).expect("a new file can be written");
    let port = free_port();
    let access = ["--save", "", "--requirepass", PASSWORD];
    let encrypted = certificates.on(port);
    let encrypted = encrypted.iter().map(String::as_str);
    let _redis = Redis::with(&access.into_iter().chain(encrypted).collect::<Vec<_>>()).await;
    let plan = Plan::new(2, &format!("rediss://localhost:{port}"))
        .setting("REDIS_PASSWORD_FILE", file("password"))
        .setting("REDIS_CA_FILE", certificates.authority());
    let site = plan.start().await;
    let mut report = Report::default();
    let caller = site.login("alice").await;
    let link = caller.open().await.expect("a session can be opened");
    let mut wrong = 0;
    for index in 0..2 {
        wrong += usize::from(!link.at(&site.endpoint_at(index)).echo("x").await.is_ok());
    }
    report.none("instances that do not know the session", wrong);
    let (seen, _) = link.follow(Duration::from_secs(1), 5).await;
    report.equal("events of a call", seen.steps(), 5);
    report.none("logs with the password", usize::from(site.logs().contains(PASSWORD)));
    report
}
