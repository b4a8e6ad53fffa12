//! Answers that last: streams that stay open for hours and say little.
//!
//! hyper keeps some 20 KiB for each connection, because the next request may come at any moment.
//! Behind a stream without an end none comes. So where an answer is marked as [`Lasting`], the socket
//! is taken out of hyper as soon as the answer begins, and the rest is written here: a header, and
//! chunks (RFC 9112 section 7.1). The connection ends with the answer. HTTP/2 stays as it is, since
//! its connection carries other requests.

use std::{
    fmt::Write as _,
    future::poll_fn,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ambient::Timestamp;
use axum::body::Body;
use bytes::{Buf as _, Bytes};
use http::{Request, Response, Version, header};
use http_body_util::BodyExt as _;
use hyper::rt::Timer as _;
use hyper_util::rt::TokioTimer;
use tokio::{
    io::AsyncWriteExt as _,
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
};

use crate::{Lifecycle, pulse::Held};

/// Marks an answer, in its extensions: it goes on until one side ends it, and nothing else is to be
/// sent over its connection meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Lasting;

/// An answer as it goes through a connection.
pub(crate) type Answer = Response<Held<Body>>;

/// Where an answer waits to be taken out of hyper.
#[derive(Default)]
pub(crate) struct Exit(Mutex<Option<Answer>>);

impl Exit {
    /// Lays an answer down.
    pub(crate) fn offer(&self, answer: Answer) {
        *self.slot() = Some(answer);
    }

    /// Picks it up: the connection, to take it out, or the request, when nobody has.
    pub(crate) fn take(&self) -> Option<Answer> {
        self.slot().take()
    }

    fn slot(&self) -> MutexGuard<'_, Option<Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the answer to a request may be one of chunks that ends with its connection.
pub(crate) fn can_last<B>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_11 && request.method() != http::Method::HEAD
}

/// Sends an answer to its end, or until the client has gone, does not read for `patience`, or the
/// server stops hard.
///
/// A block and no `async fn`, of what is needed to the end and nothing else: there is one of these for
/// every open stream, and what an `async fn` is given it keeps twice.
pub(crate) fn send(
    mut stream: TcpStream,
    answer: Answer,
    patience: Duration,
    lifecycle: &Lifecycle,
) -> impl Future<Output = ()> + Send + 'static {
    let (parts, mut body) = answer.into_parts();
    let mut head = head(&parts, lifecycle.clock().now());
    let aborted = lifecycle.aborted();
    async move {
        let (reader, mut writer) = stream.split();
        let sent = async {
            write(&mut writer, std::mem::take(&mut head), patience).await?;
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(io::Error::other)?;
                // Trailers have no place here; an empty chunk would be the last one.
                if let Some(data) = frame.into_data().ok().filter(|data| !data.is_empty()) {
                    write(&mut writer, chunk(data), patience).await?;
                }
            }
            write(&mut writer, Bytes::from_static(b"0\r\n\r\n"), patience).await?;
            writer.shutdown().await
        };
        tokio::select! {
            biased;
            sent = sent => if let Err(error) = sent {
                tracing::debug!(%error, "a lasting answer was cut");
            },
            () = gone(&reader) => tracing::debug!("the client of a lasting answer has gone"),
            () = aborted => tracing::debug!("a lasting answer was dropped at the hard stop"),
        }
    }
}

/// Status line and header.
fn head(parts: &http::response::Parts, now: Timestamp) -> Bytes {
    let status = parts.status;
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    let ours = [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH];
    for (name, value) in parts.headers.iter().filter(|(name, _)| !ours.contains(name)) {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    let date = std::time::UNIX_EPOCH + Duration::from_secs(now.as_secs());
    let date = httpdate::fmt_http_date(date);
    let end = format!("date: {date}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n");
    head.extend_from_slice(end.as_bytes());
    head.into()
}

/// Data as a chunk: its length in hexadecimal, the data, and the ends of both lines.
fn chunk(data: Bytes) -> impl bytes::Buf {
    let mut length = String::new();
    // A string takes whatever it is given.
    let _ = write!(length, "{:x}\r\n", data.len());
    Bytes::from(length).chain(data).chain(&b"\r\n"[..])
}

/// Writes all of it, unless the client does not read.
async fn write(
    writer: &mut WriteHalf<'_>,
    mut bytes: impl bytes::Buf,
    patience: Duration,
) -> io::Result<()> {
    tokio::select! {
        biased;
        written = writer.write_all_buf(&mut bytes) => written,
        () = TokioTimer::new().sleep(patience) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Waits until the client closes its side. What it sends before that is no request of ours.
///
/// The socket knows one task that reads, and keeps it in memory: asked in this way, it forgets the one
/// that has served the request.
async fn gone(reader: &ReadHalf<'_>) {
    while poll_fn(|cx| reader.as_ref().poll_read_ready(cx)).await.is_ok() {
        match reader.try_read(&mut [0; 512]) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        sync::Arc,
        task::{Context, Wake, Waker},
    };

    use futures_util::FutureExt as _;
    use tokio::{
        io::{AsyncRead as _, ReadBuf},
        net::TcpListener,
    };

    use super::*;

    /// The task that has served a request.
    struct Former;

    impl Wake for Former {
        fn wake(self: Arc<Self>) {}
    }

    #[tokio::test]
    async fn the_socket_does_not_keep_the_task_that_has_read_from_it_before() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let former = Arc::new(Former);
        let waker = Waker::from(Arc::clone(&former));
        // As hyper waits for the next request.
        let (mut bytes, mut cx) = ([0; 8], Context::from_waker(&waker));
        let read = Pin::new(&mut stream).poll_read(&mut cx, &mut ReadBuf::new(&mut bytes));
        assert!(read.is_pending());
        drop(waker);
        assert_eq!(Arc::strong_count(&former), 2, "the socket wakes it");
        let (reader, _) = stream.split();
        assert!(gone(&reader).now_or_never().is_none());
        assert_eq!(Arc::strong_count(&former), 1);
    }
}
