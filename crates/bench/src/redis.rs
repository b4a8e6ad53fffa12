//! What Redis says of itself: how much it holds, and which commands it has run.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
};

/// What Redis has done until now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Bytes that it holds.
    pub bytes: u64,
    /// Commands by name, those of scripts among them.
    pub commands: BTreeMap<String, u64>,
}

impl Done {
    /// What the Redis on this port has done.
    ///
    /// # Errors
    /// When it does not answer, or says something else.
    pub fn read(port: u16) -> io::Result<Self> {
        let text = info(port, "memory")? + &info(port, "commandstats")?;
        Self::parsed(&text).ok_or_else(|| io::Error::other(format!("not about Redis: {text}")))
    }

    fn parsed(text: &str) -> Option<Self> {
        let mut done = Self::default();
        let bytes = text.lines().find_map(|line| line.strip_prefix("used_memory:"))?;
        done.bytes = bytes.trim().parse().ok()?;
        for line in text.lines().filter_map(|line| line.strip_prefix("cmdstat_")) {
            let (name, rest) = line.split_once(":calls=")?;
            let (calls, _) = rest.split_once(',')?;
            done.commands.insert(name.to_owned(), calls.parse().ok()?);
        }
        // These are our own questions.
        done.commands.remove("info");
        Some(done)
    }

    /// What has come since then. Memory that was given back is none.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let earlier = |name: &str| before.commands.get(name).copied().unwrap_or(0);
        let more = |(name, calls): (&String, &u64)| {
            let more = calls.saturating_sub(earlier(name));
            (more > 0).then(|| (name.clone(), more))
        };
        Self {
            bytes: self.bytes.saturating_sub(before.bytes),
            commands: self.commands.iter().filter_map(more).collect(),
        }
    }

    /// How many commands of all names.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.commands.values().sum()
    }
}

fn info(port: u16, section: &str) -> io::Result<String> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.write_all(format!("INFO {section}\r\n").as_bytes())?;
    let mut answer = BufReader::new(socket);
    let mut length = String::new();
    answer.read_line(&mut length)?;
    let length = length.trim().strip_prefix('$').and_then(|length| length.parse().ok());
    let length = length.ok_or_else(|| io::Error::other("Redis has not answered with a text"))?;
    let mut text = String::new();
    answer.take(length).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(bytes: u64, gets: u64) -> Done {
        let text = format!(
            "# Memory\r\nused_memory:{bytes}\r\nused_memory_human:1M\r\n# Commandstats\r\n\
             cmdstat_get:calls={gets},usec=1,usec_per_call=1.00\r\n\
             cmdstat_client|setname:calls=2,usec=1\r\ncmdstat_info:calls=9,usec=1\r\n"
        );
        Done::parsed(&text).unwrap()
    }

    #[test]
    fn what_has_come_since_is_the_difference() {
        let since = done(1500, 13).since(&done(1000, 3));
        assert_eq!((since.bytes, since.all()), (500, 10));
        assert_eq!(since.commands, BTreeMap::from([("get".to_owned(), 10)]));
        assert_eq!(done(900, 3).since(&done(1000, 3)), Done::default());
        assert_eq!(Done::parsed("-ERR"), None);
    }
}
