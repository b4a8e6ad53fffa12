//! Whether streams arrive while they are being said, or a proxy keeps them back: all of one, or each
//! of its words for a while, or only for clients that accept compression.

use std::{io::Write as _, time::Duration};

use ambient::Secret;
use flate2::write::GzDecoder;
use http::{StatusCode, header};
use reqwest::{RequestBuilder, Response};
use serde_json::json;
use shared::mcp::{Revision, headers};

use super::{Bad, Doubtful, Finding, Found, Good, outside::Patient};
use crate::http::stream_check::{self, EVENTS, EVERY};

/// The first event is sent at once; this is for the way.
const AT_ONCE: Duration = Duration::from_secs(1);

/// How long events are waited for: longer than proxies hold one back that hold each.
const PATIENCE: Duration = Duration::from_secs(5);

const MEND: &str = "switch its buffering and its compression off";

/// Opens streams as clients do.
pub(super) async fn look(patient: &Patient<'_>, token: Option<&Secret>) -> Found {
    let mut found = vec![
        ("stream", rhythm(patient, None).await),
        ("compressed stream", rhythm(patient, Some("gzip")).await),
    ];
    if let Some(token) = token {
        found.push(("listening", listening(patient, token).await));
    }
    found
}

/// How the events of [`stream_check`] have come.
#[derive(Debug, Default)]
struct Arrivals {
    /// Since the request.
    at: Vec<Duration>,
    is_compressed: bool,
}

/// Asks for events that the server says at known moments.
async fn rhythm(patient: &Patient<'_>, encoding: Option<&'static str>) -> Finding {
    let url = format!("{}{}", patient.config.base, stream_check::path());
    let request = patient.http.get(url).header(header::ACCEPT, "text/event-stream");
    let request = match encoding {
        Some(encoding) => request.header(header::ACCEPT_ENCODING, encoding),
        None => request,
    };
    match arrivals(patient, request).await {
        Ok(arrivals) => judged(&arrivals, encoding.is_some()),
        Err(found) => found,
    }
}

async fn arrivals(patient: &Patient<'_>, request: RequestBuilder) -> Result<Arrivals, Finding> {
    let watch = patient.clock.stopwatch();
    let mut arrivals = Arrivals::default();
    let come = async {
        let mut response = opened(request).await?;
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        arrivals.is_compressed = encoding.is_some_and(|encoding| encoding == "gzip");
        let mut text = Text::new(arrivals.is_compressed);
        while let Ok(Some(chunk)) = response.chunk().await {
            text.add(&chunk).map_err(|()| Bad("a compressed stream cannot be read".to_owned()))?;
            while arrivals.at.len() < text.events() {
                arrivals.at.push(watch.elapsed());
            }
        }
        Ok(())
    };
    // What has not come by then is held back, and that is judged.
    match patient.clock.timeout(PATIENCE, come).await {
        Ok(Err(found)) => Err(found),
        Ok(Ok(())) | Err(_) => Ok(arrivals),
    }
}

/// A stream that has begun, or why not.
async fn opened(request: RequestBuilder) -> Result<Response, Finding> {
    let Ok(response) = request.send().await else {
        return Err(Bad("a stream cannot be opened".to_owned()));
    };
    match response.status() {
        StatusCode::OK => Ok(response),
        StatusCode::UNAUTHORIZED => {
            Err(Bad("the token is refused; `mcp-server check-auth --token -` says why".to_owned()))
        }
        StatusCode::NOT_FOUND => {
            let path = stream_check::path();
            Err(Doubtful(format!(
                "not looked at: {path} leads to no server that knows it; let the proxy hand on what \
                 is below the endpoint"
            )))
        }
        status => Err(Bad(format!("a stream is answered {status}"))),
    }
}

/// What has come of a stream.
enum Text {
    Plain(Vec<u8>),
    Gzip(GzDecoder<Vec<u8>>),
}

impl Text {
    fn new(is_compressed: bool) -> Self {
        if is_compressed { Self::Gzip(GzDecoder::new(Vec::new())) } else { Self::Plain(Vec::new()) }
    }

    fn add(&mut self, chunk: &[u8]) -> Result<(), ()> {
        match self {
            Self::Plain(text) => text.extend_from_slice(chunk),
            Self::Gzip(text) => {
                text.write_all(chunk).and_then(|()| text.flush()).map_err(drop)?;
            }
        }
        Ok(())
    }

    /// How many events are whole.
    fn events(&self) -> usize {
        let text = match self {
            Self::Plain(text) => text,
            Self::Gzip(text) => text.get_ref(),
        };
        text.windows(2).filter(|two| two == b"\n\n").count()
    }
}

/// What to make of the moments at which events have come.
fn judged(arrivals: &Arrivals, may_compress: bool) -> Finding {
    let whom = if may_compress { " for clients that accept compression" } else { "" };
    let (Some(first), Some(last)) = (arrivals.at.first(), arrivals.at.last()) else {
        return Bad(format!(
            "nothing of a stream arrives while it is open{whom}: a proxy holds it back; {MEND}"
        ));
    };
    let (first_ms, spread) = (first.as_millis(), last.saturating_sub(*first));
    if *first > AT_ONCE {
        return Bad(format!(
            "the first event of a stream arrives after {first_ms} ms{whom}: a proxy holds it back; \
             {MEND}"
        ));
    }
    if arrivals.at.len() < EVENTS {
        return Bad(format!(
            "a stream ends, or stops, before its last event{whom}; see the proxy's timeouts"
        ));
    }
    let (spread, every) = (spread.as_millis(), EVERY.as_millis());
    // Twice the time between two, if nothing holds them; half of that leaves room for a slow line.
    if spread < every {
        return Bad(format!(
            "{EVENTS} events that are said {every} ms apart arrive within {spread} ms{whom}: a proxy \
             gathers them; {MEND}"
        ));
    }
    if arrivals.is_compressed {
        return Doubtful(format!(
            "a proxy compresses streams, though they are marked as no-transform; they arrive in time, \
             and some clients cannot read them: {MEND}"
        ));
    }
    let as_they_are = if may_compress { ", and nobody compresses them" } else { "" };
    Good(format!(
        "the first event arrives after {first_ms} ms, {EVENTS} that are said {every} ms apart within \
         {spread} ms{as_they_are}"
    ))
}

/// Opens a stream of the protocol, which has something to say at once and then stays open.
async fn listening(patient: &Patient<'_>, token: &Secret) -> Finding {
    let revision = Revision::V2026_07_28.as_str();
    let message = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "subscriptions/listen",
        "params": {
            "notifications": { "toolsListChanged": true },
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": revision,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": { "name": "doctor", "version": "1" },
            },
        },
    });
    let request = patient
        .http
        .post(patient.config.resource())
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header(headers::PROTOCOL_VERSION, revision)
        .header(headers::METHOD, "subscriptions/listen")
        .bearer_auth(token.expose())
        .json(&message);
    let first = async { opened(request).await?.chunk().await.map_err(|_| ended()) };
    match patient.clock.timeout(AT_ONCE, first).await {
        Ok(Ok(Some(_))) => Good("with this token, a stream has its first event at once".to_owned()),
        Ok(Ok(None)) => ended(),
        Ok(Err(found)) => found,
        Err(_) => Bad(format!(
            "a stream that is asked for by POST has no event within a second: a proxy holds it back; \
             {MEND}"
        )),
    }
}

fn ended() -> Finding {
    Bad("a stream ends before its first event".to_owned())
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn of(millis: &[u64], is_compressed: bool) -> Finding {
        let at = millis.iter().map(|each| Duration::from_millis(*each)).collect();
        judged(&Arrivals { at, is_compressed }, is_compressed)
    }

    #[test]
    fn events_that_come_as_they_are_said_are_good() {
        for millis in [[3, 303, 603], [900, 1100, 1400], [1000, 1000, 1300]] {
            assert!(matches!(of(&millis, false), Good(_)), "{millis:?}");
        }
        assert!(matches!(of(&[3, 303, 603], true), Doubtful(_)), "somebody compresses them");
    }

    #[test]
    fn what_is_held_back_is_bad_and_its_numbers_are_told() {
        for (millis, words) in [
            (&[][..], "nothing of a stream arrives"),
            (&[3000, 3300, 3600], "after 3000 ms"),
            (&[3000], "after 3000 ms"),
            (&[700, 701, 702], "within 2 ms"),
            (&[3, 303], "before its last event"),
        ] {
            for is_compressed in [false, true] {
                let found = of(millis, is_compressed);
                assert!(matches!(&found, Bad(said) if said.contains(words)), "{found:?}");
            }
        }
    }

    #[test]
    fn compressed_events_are_counted_when_they_can_be_read() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let mut text = Text::new(true);
        let mut sent = 0;
        for event in 1..=3 {
            encoder.write_all(b"data: 1\n\n").unwrap();
            text.add(&encoder.get_ref()[sent..]).unwrap();
            sent = encoder.get_ref().len();
            assert_eq!(text.events(), event - 1, "the encoder keeps it");
            encoder.flush().unwrap();
            text.add(&encoder.get_ref()[sent..]).unwrap();
            sent = encoder.get_ref().len();
            assert_eq!(text.events(), event);
        }
        assert!(text.add(b"no gzip").is_err() || text.events() == 3);
    }
}
