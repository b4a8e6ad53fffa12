//! Redis behind TLS with a private authority and a password, both from files.

use std::{fs, path::Path, time::Duration};

use testkit::process::{Program, free_port};

use crate::{
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
    certificates(directory.path()).await;
    fs::write(file("password"), format!("{PASSWORD}\n")).expect("a new file can be written");
    let port = free_port();
    let (port, chain, key, authority) =
        (port.to_string(), file("server.pem"), file("server.key"), file("ca.pem"));
    let access = ["--save", "", "--requirepass", PASSWORD];
    let encrypted = [
        ["--tls-port", &port, "--tls-auth-clients", "no"],
        ["--tls-cert-file", &chain, "--tls-key-file", &key],
    ];
    let authorities = ["--tls-ca-cert-file", &authority];
    let _redis = Redis::with(&[&access[..], &encrypted.concat(), &authorities].concat()).await;
    let plan = Plan::new(2, &format!("rediss://localhost:{port}"))
        .setting("REDIS_PASSWORD_FILE", file("password"))
        .setting("REDIS_CA_FILE", &authority);
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

/// An authority, and what it says about this machine.
async fn certificates(directory: &Path) {
    let file = |name: &str| directory.join(name).to_string_lossy().into_owned();
    fs::write(file("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        .expect("a new file can be written");
    let (ca, ca_key) = (file("ca.pem"), file("ca.key"));
    let (request, key, chain, names) =
        (file("server.csr"), file("server.key"), file("server.pem"), file("names"));
    let new_key = ["-newkey", "rsa:2048", "-nodes", "-subj"];
    let commands = [
        [
            &["req", "-x509", "-days", "2"],
            &new_key[..],
            &["/CN=tests", "-keyout", &ca_key, "-out", &ca],
        ],
        [&["req", "-new"], &new_key[..], &["/CN=localhost", "-keyout", &key, "-out", &request]],
        [
            &["x509", "-req", "-days", "2", "-CAcreateserial"],
            &["-in", &request, "-CA", &ca, "-CAkey", &ca_key][..],
            &["-extfile", &names, "-out", &chain],
        ],
    ];
    for words in commands {
        let program = Program::new("openssl");
        let program = words.concat().into_iter().fold(program, Program::argument);
        let (status, said) = program.run().await;
        assert!(status.success(), "openssl: {said}");
    }
}
