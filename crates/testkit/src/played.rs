//! A server for tests of the clients: it says exactly what a test has written down.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Answers one request after the other, each on a connection of its own, and keeps them.
pub(crate) struct Played {
    origin: String,
    requests: Arc<Mutex<Vec<String>>>,
    _server: JoinSet<()>,
}

impl Played {
    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The requests so far, as they came over the wire.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A server that gives these answers. `{origin}` in them stands for its own origin.
pub(crate) async fn play(answers: impl IntoIterator<Item = String>) -> Played {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let (seen, own) = (Arc::clone(&requests), origin.clone());
    let answers: Vec<String> = answers.into_iter().collect();
    let mut server = JoinSet::new();
    server.spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = read_request(&mut stream).await;
            seen.lock().unwrap().push(request);
            let answer = answer.replace("{origin}", &own);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    Played { origin, requests, _server: server }
}

/// An answer with the header fields that all answers have, ended by the end of the connection.
pub(crate) fn answer(status: u16, fields: &str, body: &str) -> String {
    let always = "x-request-id: 1\r\nx-content-type-options: nosniff\r\nconnection: close\r\n";
    format!("HTTP/1.1 {status} x\r\n{always}{fields}\r\n{body}")
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let field = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let wanted = field.map_or(0, |length| length.parse().unwrap());
            if body.len() >= wanted || length == 0 {
                return text;
            }
        }
    }
}
