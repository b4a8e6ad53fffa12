//! What operators set about Redis: the same names in every server.

use std::{fs, path::PathBuf, time::Duration};

use ambient::{Reader, Secret, values::has_password};

use crate::{Observer, redis};

/// How to reach Redis, and what it takes to believe it.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// `redis://`, `rediss://` (TLS), `redis-sentinel://` or `redis-cluster://`, with credentials.
    pub url: Secret,
    /// The password of the user in the URL, when that is not in the URL.
    pub password: Option<Secret>,
    /// Certificates in PEM form to trust beside the system's.
    pub trusted: Option<String>,
    /// How many replicas must have a record before it counts as written; see
    /// [`settings::WAIT_REPLICAS`](RedisOptions::read). Zero waits for none.
    pub wait_replicas: u8,
    /// Put in front of every key and channel, so that tests can share a server. Empty in production.
    pub namespace: String,
    /// How long an operation waits for its answer.
    pub command_timeout: Duration,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
    /// Who is told of every command.
    pub observer: Option<Observer>,
}

const PASSWORD_FILE: &str = "REDIS_PASSWORD_FILE";
const CA_FILE: &str = "REDIS_CA_FILE";

impl RedisOptions {
    /// The server at `url` with the defaults: no namespace, 500 ms for a command and 1 s to connect.
    #[must_use]
    pub fn new(url: Secret) -> Self {
        Self {
            url,
            password: None,
            trusted: None,
            wait_replicas: 0,
            namespace: String::new(),
            command_timeout: Duration::from_millis(500),
            connect_timeout: Duration::from_secs(1),
            observer: None,
        }
    }

    /// Reads the settings; none when there is no Redis.
    pub fn read(read: &mut Reader<'_>) -> Option<Self> {
        let url = read
            .setting("REDIS_URL", "Redis or Valkey for all state; in memory when not set.")
            .secret();
        let password = file(
            read,
            PASSWORD_FILE,
            "File with the password of the user in REDIS_URL, which then has none.",
        );
        let trusted = file(
            read,
            CA_FILE,
            "PEM file of certificates to trust for rediss://, beside the system's.",
        );
        let wait_replicas = read
            .setting(
                "REDIS_WAIT_REPLICAS",
                "Replicas of Redis that must have a record before it counts as written.",
            )
            .or(0);
        let Some(url) = url else {
            let set = [(PASSWORD_FILE, password.is_some()), (CA_FILE, trusted.is_some())];
            for (name, _) in set.into_iter().filter(|(_, is_set)| *is_set) {
                read.mistake(name, "is of use with REDIS_URL only; set that too, or remove it");
            }
            return None;
        };
        if let Err(why) = redis::is_usable(url.expose()) {
            read.mistake("REDIS_URL", why);
        }
        if password.is_some() && has_password(url.expose()) {
            read.mistake(PASSWORD_FILE, "REDIS_URL has a password too; remove one of them");
        }
        if trusted.is_some() && !url.expose().starts_with("rediss") {
            read.mistake(CA_FILE, "is of use with rediss:// only; change REDIS_URL or remove it");
        }
        let password = password.map(Secret::new);
        Some(Self { password, trusted, wait_replicas, ..Self::new(url) })
    }

    /// The same, with somebody who is told of every command.
    #[must_use]
    pub fn observed(self, observer: Option<Observer>) -> Self {
        Self { observer, ..self }
    }
}

/// The text of the file that a setting names.
fn file(read: &mut Reader<'_>, name: &'static str, meaning: &'static str) -> Option<String> {
    let path = read.setting(name, meaning).optional::<PathBuf>()?;
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Ok(_) => {
            read.mistake(name, "names an empty file");
            None
        }
        Err(error) => {
            read.mistake(name, format!("names a file that cannot be read: {error}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use ambient::Env;

    use super::*;

    #[test]
    fn options_do_not_print_the_url_or_the_password() {
        let url = Secret::new("redis://:hunter2@localhost");
        let password = Some(Secret::new("hunter3"));
        let options = RedisOptions { password, ..RedisOptions::new(url) };
        assert!(!format!("{options:?}").contains("hunter"));
    }

    #[test]
    fn a_password_is_seen_wherever_a_url_can_have_one() {
        for url in [
            "redis://:p@h",
            "redis-cluster://u:p@h:1/0?node=x:1",
            "rediss://u:p%40@h",
            "redis://u:p/w@h",
            "redis://u:/@h",
            "redis://u:p?w@h",
            "redis://u:p#w@h",
        ] {
            assert!(has_password(url), "{url}");
        }
        for url in ["redis://h:6379", "redis://u@h:1", "redis://u:@h", "h:1", "", "redis://h?a=b:c"]
        {
            assert!(!has_password(url), "{url}");
        }
    }

    #[test]
    fn a_file_without_a_redis_is_a_mistake() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, "secret").unwrap();
        for name in [PASSWORD_FILE, CA_FILE] {
            let wrong = Env::from([(name, path.to_str().unwrap())]).read(RedisOptions::read).0;
            let wrong = wrong.unwrap_err().to_string();
            assert!(wrong.contains(name) && wrong.contains("with REDIS_URL only"), "{wrong}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_used_is_a_mistake_that_does_not_show_it() {
        for url in ["http://:hunter2@x", "redis-sentinel://:hunter2@h:1/0", "hunter2"] {
            let wrong = Env::from([("REDIS_URL", url)]).read(RedisOptions::read).0.unwrap_err();
            assert_eq!(wrong.0[0].setting, "REDIS_URL");
            assert!(!wrong.to_string().contains("hunter2"), "{wrong}");
        }
    }

    #[test]
    fn settings_that_contradict_each_other_are_mistakes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let text = path.to_str().unwrap();
        let mistakes = |url: &str, name: &str| {
            let env = Env::from([("REDIS_URL", url), (name, text)]);
            env.read(RedisOptions::read).0.map(Option::unwrap)
        };
        let missing = mistakes("redis://h", PASSWORD_FILE).unwrap_err().to_string();
        assert!(missing.contains("REDIS_PASSWORD_FILE"), "{missing}");
        fs::write(&path, "secret\n").unwrap();
        let read = mistakes("redis://h", PASSWORD_FILE).unwrap();
        assert_eq!(read.password.unwrap().expose(), "secret");
        assert!(mistakes("redis://:p@h", PASSWORD_FILE).is_err());
        assert!(mistakes("redis://h", CA_FILE).is_err());
        assert!(mistakes("rediss://h", CA_FILE).is_ok());
    }
}
