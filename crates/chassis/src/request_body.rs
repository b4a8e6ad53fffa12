//! A request body that must come to its end in time.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::{
    body::Incoming,
    rt::{Sleep, Timer as _},
};
use hyper_util::rt::TokioTimer;

use crate::pulse::Pulse;

/// Reads as `Incoming` does, but fails with [`io::ErrorKind::TimedOut`] when the time is over.
pub(crate) struct TimedBody {
    body: Incoming,
    limit: Duration,
    /// Made at the first wait: most bodies are there when they are read.
    timer: Option<Pin<Box<dyn Sleep>>>,
    pulse: Arc<Pulse>,
}

impl TimedBody {
    /// The body as axum wants it. An empty one needs no time.
    pub(crate) fn wrap(body: Incoming, limit: Duration, pulse: Arc<Pulse>) -> axum::body::Body {
        if body.is_end_stream() {
            return axum::body::Body::empty();
        }
        axum::body::Body::new(Self { body, limit, timer: None, pulse })
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let limit = this.limit;
        let timer = this.timer.get_or_insert_with(|| TokioTimer::new().sleep(limit));
        timer.as_mut().poll(cx).map(|()| {
            let late = "the request body did not end in time";
            Some(Err(io::Error::new(io::ErrorKind::TimedOut, late).into()))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TimedBody {
    fn drop(&mut self) {
        if !self.body.is_end_stream() {
            self.pulse.leave_body();
        }
    }
}
