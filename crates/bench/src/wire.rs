//! One connection that is kept, for what the load generator cannot do: read half an answer, and say
//! something elsewhere before the rest comes.

use std::{io, net::Ipv4Addr};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use crate::{cases::Ask, site::written};

/// A connection to a server on this machine.
#[derive(Debug)]
pub struct Wire {
    socket: BufReader<TcpStream>,
    port: u16,
    rest: Rest,
}

/// What of an answer has not been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Nothing,
    Length(usize),
    Chunks,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(port: u16) -> io::Result<Self> {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket: BufReader::new(socket), port, rest: Rest::Nothing })
    }

    /// Sends a request to the endpoint, and reads the answer until its body begins.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is no success.
    pub async fn ask(&mut self, ask: &Ask) -> io::Result<()> {
        let request = written(self.port, "/mcp", ask, "");
        self.socket.write_all(request.as_bytes()).await?;
        let status = self.line().await?;
        self.rest = Rest::Nothing;
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                self.rest = Rest::Length(value.trim().parse().map_err(io::Error::other)?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                self.rest = Rest::Chunks;
            }
        }
        if status.starts_with("HTTP/1.1 20") {
            return Ok(());
        }
        let body = self.whole().await?;
        Err(io::Error::other(format!("{status}: {}", String::from_utf8_lossy(&body))))
    }

    /// The next part of the body as the server has sent it; nothing at its end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn part(&mut self) -> io::Result<Option<Vec<u8>>> {
        let length = match self.rest {
            Rest::Nothing => return Ok(None),
            Rest::Length(length) => {
                self.rest = Rest::Nothing;
                length
            }
            Rest::Chunks => {
                let line = self.line().await?;
                usize::from_str_radix(&line, 16).map_err(io::Error::other)?
            }
        };
        let mut part = vec![0; length];
        self.socket.read_exact(&mut part).await?;
        if self.rest == Rest::Chunks {
            self.line().await?;
            if length == 0 {
                self.rest = Rest::Nothing;
            }
        }
        Ok((length > 0).then_some(part))
    }

    /// What is left of the body.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn whole(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(part) = self.part().await? {
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.socket.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use testkit::{PATIENCE, within};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that has two answers ready for whatever it is asked.
    async fn served(answers: &'static str) -> (Wire, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let wire = Wire::connect(listener.local_addr().unwrap().port()).await.unwrap();
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(answers.as_bytes()).await.unwrap();
        (wire, socket)
    }

    fn nothing() -> Ask {
        Ask { headers: Vec::new(), body: String::new() }
    }

    #[tokio::test]
    async fn answers_of_both_kinds_are_read_one_after_the_other() {
        let (mut wire, _socket) = served(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n\
             HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n\
             HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
        )
        .await;
        within(PATIENCE, async {
            wire.ask(&nothing()).await.unwrap();
            assert_eq!(wire.part().await.unwrap().unwrap(), b"abc");
            assert_eq!(wire.whole().await.unwrap(), b"de");
            wire.ask(&nothing()).await.unwrap();
            assert_eq!(wire.part().await.unwrap(), None);
            wire.ask(&nothing()).await.unwrap();
            assert_eq!(wire.whole().await.unwrap(), b"hi");
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_no_success_is_an_error_that_says_why() {
        let (mut wire, _socket) =
            served("HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone").await;
        let error = within(PATIENCE, wire.ask(&nothing())).await.unwrap_err();
        assert_eq!(error.to_string(), "HTTP/1.1 404 Not Found: gone");
    }
}
