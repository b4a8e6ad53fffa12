//! A stream that breaks: cut, ended too early, or silent for good.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{BoxError, body::Body};
use bytes::Bytes;
use http_body::Frame;

/// How a stream breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// The connection is gone.
    Cut,
    /// It ends as if that were all.
    End,
    /// Nothing comes any more.
    Stall,
}

impl How {
    /// All, with the names of their faults.
    pub(super) const ALL: [(&'static str, Self); 3] =
        [("cut_stream", Self::Cut), ("end_stream", Self::End), ("stall_stream", Self::Stall)];
}

/// The body of a stream that breaks after so many events.
pub(super) struct Broken {
    pub(super) body: Body,
    pub(super) left: u32,
    pub(super) how: How,
    /// Whether what came before has had the time to go out.
    pub(super) is_flushed: bool,
}

/// What hyper is told, so that it closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("the stream was cut on purpose")]
struct CutOnPurpose;

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.left == 0 {
            return match self.how {
                // hyper sends what it has when nothing more is ready, and forgets it on an error.
                How::Cut if !self.is_flushed => {
                    self.is_flushed = true;
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                How::Cut => Poll::Ready(Some(Err(CutOnPurpose.into()))),
                How::End => Poll::Ready(None),
                // Nobody wakes it: the connection lives until the client or the process leaves.
                How::Stall => Poll::Pending,
            };
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && frame.data_ref().is_some_and(|data| is_event(data))
        {
            self.left -= 1;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.left > 0 && self.body.is_end_stream()
    }
}

/// Comments, and hints of when to come back, are no events.
fn is_event(data: &[u8]) -> bool {
    data.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"data:"))
}
