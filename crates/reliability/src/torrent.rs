//! Requests at a rate, whatever becomes of them. A client that waits for each answer gives a slow
//! server a rest; this one goes on sending, over a few connections with many requests under way on
//! each, and costs the machine little beside the servers.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use ambient::Clock;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// How often a connection sends what is due.
const TICK: Duration = Duration::from_millis(20);
/// How many requests may be under way on one connection: more only fills the kernel's buffers.
const UNDER_WAY: usize = 500;

/// What came of it.
#[derive(Debug, Default)]
pub struct Poured {
    /// How many requests were sent.
    pub sent: usize,
    /// What they were answered with, and how often.
    pub answers: BTreeMap<u16, usize>,
    /// Answers whose body is not JSON.
    pub bare: usize,
}

impl Poured {
    /// Adds what came over another connection.
    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.bare += other.bare;
        for (status, count) in other.answers {
            *self.answers.entry(status).or_default() += count;
        }
    }
}

/// What both sides of a connection count.
#[derive(Default)]
struct Counts {
    sent: AtomicUsize,
    answered: AtomicUsize,
}

/// Sends requests that `make` makes, `rate` a second over one connection, until told to end. A
/// connection that the server closes is opened again.
pub async fn pour(
    address: SocketAddr,
    rate: f64,
    make: impl Fn() -> String,
    is_over: Arc<AtomicBool>,
) -> Poured {
    let mut poured = Poured::default();
    while !is_over.load(Ordering::Relaxed) {
        let Ok(stream) = TcpStream::connect(address).await else {
            Clock::system().sleep(TICK).await;
            continue;
        };
        let (reader, writer) = stream.into_split();
        let counts = Counts::default();
        let writing = write(writer, rate, &make, &counts, &is_over);
        let reading = read(reader, &counts);
        let (writing, mut reading) = (std::pin::pin!(writing), std::pin::pin!(reading));
        // What is written to a connection that the server has closed is not sent.
        let (answers, bare) = tokio::select! {
            read = &mut reading => read,
            () = writing => reading.await,
        };
        poured.add(Poured { sent: counts.sent.load(Ordering::Relaxed), answers, bare });
    }
    poured
}

/// Sends what is due, and closes its side at the end.
async fn write(
    mut writer: OwnedWriteHalf,
    rate: f64,
    make: &impl Fn() -> String,
    counts: &Counts,
    is_over: &AtomicBool,
) {
    let (clock, mut due) = (Clock::system(), 0.0);
    let mut next = clock.now();
    while !is_over.load(Ordering::Relaxed) {
        due += rate * TICK.as_secs_f64();
        let mut requests = String::new();
        let mut number = 0;
        while due >= 1.0 {
            due -= 1.0;
            // What finds no room is not sent later: the rate that was reached is printed.
            let sent = counts.sent.load(Ordering::Relaxed) + number;
            if sent - counts.answered.load(Ordering::Relaxed) < UNDER_WAY {
                requests.push_str(&make());
                number += 1;
            }
        }
        counts.sent.fetch_add(number, Ordering::Relaxed);
        if writer.write_all(requests.as_bytes()).await.is_err() {
            break;
        }
        next = next + TICK;
        clock.sleep_until(next).await;
    }
}

/// Reads answers until the connection ends.
async fn read(mut reader: OwnedReadHalf, counts: &Counts) -> (BTreeMap<u16, usize>, usize) {
    let (mut answers, mut bare) = (BTreeMap::new(), 0);
    let mut buffer = Vec::new();
    while reader.read_buf(&mut buffer).await.is_ok_and(|read| read > 0) {
        let mut done = 0;
        while let Some((status, body, length)) = answer(&buffer[done..]) {
            *answers.entry(status).or_default() += 1;
            bare += usize::from(serde_json::from_slice::<serde_json::Value>(body).is_err());
            counts.answered.fetch_add(1, Ordering::Relaxed);
            done += length;
        }
        buffer.drain(..done);
    }
    (answers, bare)
}

/// The first answer in `bytes`, if it is there to its end: status, body, and how long it is in all.
fn answer(bytes: &[u8]) -> Option<(u16, &[u8], usize)> {
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let end = head + length.unwrap_or(0);
    Some((status, bytes.get(head..end)?, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let two =
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 503 S\r\n\r\nrest";
        let (status, body, length) = answer(two).unwrap();
        assert_eq!((status, body), (401, b"{}".as_slice()));
        let (status, body, _) = answer(&two[length..]).unwrap();
        assert_eq!((status, body), (503, b"".as_slice()));
        assert!(answer(&two[..length - 1]).is_none() && answer(b"HTTP/1.1 401").is_none());
    }
}
