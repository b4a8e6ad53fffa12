//! A connection that is held to see when it ends.
//!
//! A server that dies ends its connections: who holds one knows at once. An HTTP client keeps
//! connections too, and does not tell when an idle one ends.

use std::fmt;

use axum::body::Body;
use futures_util::{FutureExt as _, future::BoxFuture};
use http::{Request, Response, Version, header};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use tokio::net::TcpStream;

/// A connection over plain HTTP/1.1 on which one question was answered and no other will be asked.
pub struct HeldConnection {
    ended: BoxFuture<'static, ()>,
    // Without it hyper would end the connection.
    _sender: SendRequest<Body>,
}

/// There is no answer, so there is nothing to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server cannot be connected to, or does not answer")]
pub struct NoAnswer;

impl HeldConnection {
    /// Connects to the host of `url`, asks for the head of what is there, whatever it may be, and
    /// holds the connection; none if the server wants to keep none. Whoever calls bounds the time.
    ///
    /// # Errors
    /// [`NoAnswer`]; also when `url` is not one of http.
    pub async fn open(url: &Url, user_agent: &str) -> Result<Option<Self>, NoAnswer> {
        let request = head(url, user_agent).ok_or(NoAnswer)?;
        let addresses = (url.host_str(), url.port_or_known_default());
        let (Some(host), Some(port)) = addresses else { return Err(NoAnswer) };
        // A resolver wants addresses of version 6 without the brackets that they have in URLs.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, port)).await.map_err(|_| NoAnswer)?;
        let shaken = handshake::<_, Body>(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(|_| NoAnswer)?;
        let mut ended = connection.map(drop).boxed();
        let mut answering = Box::pin(sender.send_request(request));
        let answer = tokio::select! {
            biased;
            answer = &mut answering => answer,
            // With the connection, the answer has come or will not.
            () = &mut ended => return answering.await.map(|_| None).map_err(|_| NoAnswer),
        };
        drop(answering);
        let is_kept = is_kept(&answer.map_err(|_| NoAnswer)?);
        Ok(is_kept.then_some(Self { ended, _sender: sender }))
    }

    /// Waits until it ends.
    pub async fn ended(&mut self) {
        (&mut self.ended).await;
    }
}

impl fmt::Debug for HeldConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeldConnection")
    }
}

/// Whether the server leaves the connection open (RFC 9112 section 9.3).
fn is_kept<T>(answer: &Response<T>) -> bool {
    let mut said = answer.headers().get_all(header::CONNECTION).iter();
    let closes = said.any(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
    answer.version() == Version::HTTP_11 && !closes
}

fn head(url: &Url, user_agent: &str) -> Option<Request<Body>> {
    let place = (url.scheme() == "http").then(|| url.authority())?;
    let request = Request::head(url.path()).header(header::HOST, place);
    request.header(header::USER_AGENT, user_agent).body(Body::empty()).ok()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// What comes of a server that answers so, and its side of the connection.
    async fn answered(
        answer: &'static str,
    ) -> (Result<Option<HeldConnection>, NoAnswer>, TcpStream, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/a?b", listener.local_addr().unwrap()).parse().unwrap();
        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 1024];
            let length = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            (stream, String::from_utf8_lossy(&asked[..length]).into_owned())
        };
        let opening = HeldConnection::open(&url, "test");
        let (opened, (stream, asked)) = futures_util::future::join(opening, serving).await;
        (opened, stream, asked)
    }

    #[tokio::test]
    async fn it_is_held_until_the_server_ends() {
        let (opened, server, asked) =
            answered("HTTP/1.1 405 No\r\ncontent-length: 5\r\n\r\n").await;
        assert!(asked.starts_with("HEAD /a HTTP/1.1\r\nhost: 127.0.0.1:"), "{asked}");
        let mut held = opened.unwrap().unwrap();
        assert!(held.ended().now_or_never().is_none());
        drop(server);
        held.ended().await;
    }

    #[tokio::test]
    async fn a_farewell_is_an_end() {
        let (opened, mut server, _) =
            answered("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let mut held = opened.unwrap().unwrap();
        server.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await.unwrap();
        held.ended().await;
    }

    #[tokio::test]
    async fn a_server_that_keeps_no_connection_is_no_failure() {
        for answer in ["HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n"] {
            assert!(matches!(answered(answer).await.0, Ok(None)), "{answer}");
        }
    }

    #[tokio::test]
    async fn nobody_is_no_answer() {
        assert!(matches!(answered("SSH-2.0-x\r\n\r\n").await.0, Err(NoAnswer)));
        for url in ["http://127.0.0.1:1/", "https://127.0.0.1/", "mailto:a@b.example"] {
            let opened = HeldConnection::open(&url.parse().unwrap(), "test").await;
            assert!(matches!(opened, Err(NoAnswer)), "{url}");
        }
    }
}
