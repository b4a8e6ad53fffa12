//! Which HTTP a client speaks, looked at and not read: what it has sent stays in the socket for
//! whoever serves it. A few bytes that were read ahead would make hyper double its first buffer.

use std::io;

use rustix::net::{RecvFlags, recv};
use tokio::{io::Interest, net::TcpStream};

/// What HTTP/2 begins with (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether the connection begins as HTTP/2 does; ready as soon as that can be told.
pub(crate) async fn is_http2(stream: &TcpStream) -> io::Result<bool> {
    let look = || {
        let mut start = [0; PREFACE.len()];
        let (seen, _) = recv(stream, &mut start, RecvFlags::PEEK)?;
        // Not ready, to the runtime: it calls again when there is more.
        tell(&start[..seen]).ok_or_else(|| io::ErrorKind::WouldBlock.into())
    };
    stream.async_io(Interest::READABLE, look).await
}

/// Whether it is HTTP/2; nothing while it could be both. An end without a beginning is neither.
fn tell(start: &[u8]) -> Option<bool> {
    if start.is_empty() || !PREFACE.starts_with(start) {
        return Some(false);
    }
    (start.len() == PREFACE.len()).then_some(true)
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt as _, net::TcpListener};

    use super::*;

    #[test]
    fn a_method_is_told_from_the_preface_by_its_first_other_byte() {
        let table: [(&[u8], Option<bool>); 7] = [
            (b"", Some(false)),
            (b"P", None),
            (b"PR", None),
            (b"PO", Some(false)),
            (b"GET /", Some(false)),
            (&PREFACE[..23], None),
            (PREFACE, Some(true)),
        ];
        for (start, told) in table {
            assert_eq!(tell(start), told, "{start:?}");
        }
    }

    #[tokio::test]
    async fn bytes_that_come_one_by_one_are_waited_for_and_stay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        client.set_nodelay(true).unwrap();
        let sending = async {
            for byte in PREFACE {
                client.write_u8(*byte).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (told, ()) = tokio::join!(is_http2(&server), sending);
        assert!(told.unwrap());
        let mut start = [0; 24];
        assert_eq!(server.try_read(&mut start).unwrap(), 24);
        assert_eq!(&start, PREFACE);
    }
}
