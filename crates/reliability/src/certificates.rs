//! A private authority, and what it says about this machine: for Redis behind TLS.

use std::{
    fs,
    path::{Path, PathBuf},
};

use testkit::process::Program;

/// Certificates in a directory, which must outlive them.
pub struct Certificates(PathBuf);

impl Certificates {
    /// Makes an authority and a certificate for `localhost` and `127.0.0.1`.
    ///
    /// # Panics
    /// When openssl does not.
    pub async fn new(directory: &Path) -> Self {
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
        Self(directory.to_owned())
    }

    /// The file of the authority's own certificate.
    #[must_use]
    pub fn authority(&self) -> String {
        self.file("ca.pem")
    }

    /// What a Redis is started with to speak TLS on a port, also to its replicas and to sentinels.
    #[must_use]
    pub fn on(&self, port: u16) -> Vec<String> {
        let words = self.settings(port).into_iter();
        words.flat_map(|(name, value)| [format!("--{name}"), value]).collect()
    }

    /// The same as lines of a file.
    #[must_use]
    pub fn lines(&self, port: u16) -> String {
        let lines = self.settings(port).into_iter();
        lines
            .flat_map(|(name, value)| [name.to_owned(), " ".to_owned(), value, "\n".to_owned()])
            .collect()
    }

    fn settings(&self, port: u16) -> [(&'static str, String); 6] {
        [
            ("tls-port", port.to_string()),
            ("tls-auth-clients", "no".to_owned()),
            ("tls-replication", "yes".to_owned()),
            ("tls-cert-file", self.file("server.pem")),
            ("tls-key-file", self.file("server.key")),
            ("tls-ca-cert-file", self.authority()),
        ]
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }
}
