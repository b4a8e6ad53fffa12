//! Settings of the signing keys.

use std::time::Duration;

use ambient::{
    Entropy, Reader, Secret,
    values::{BaseUrl, Seconds},
};

use store::Seal;

use super::{Sealer, SigningAlgorithm};

/// Shorter secrets can be guessed by who has the store.
const MIN_SECRET: usize = 32;

/// What keys are sealed with on a developer's machine. Refused for any issuer elsewhere that keeps
/// its keys outside its own process.
const DEVELOPMENT_SECRET: &str = "development-only-secret-of-the-keys";

/// How this server signs, and how its keys are kept.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    /// The algorithm of new keys.
    pub algorithm: SigningAlgorithm,
    /// How long a key signs.
    pub period: Duration,
    /// What private keys and records about people are sealed with in the store; none on a
    /// developer's machine.
    pub secret: Option<Secret>,
    /// What those were sealed with before the secret was changed.
    pub previous: Option<Secret>,
}

impl SigningKeys {
    /// Reads the settings. `is_shared` is whether keys are kept outside this process.
    pub(crate) fn read(read: &mut Reader<'_>, issuer: &BaseUrl, is_shared: bool) -> Self {
        const SECRET: &str = "AUTH_SECRET";
        const PREVIOUS: &str = "AUTH_SECRET_PREVIOUS";
        let algorithm = read
            .setting("AUTH_SIGNING_ALG", "How tokens are signed: ES256, RS256 or EdDSA.")
            .or(SigningAlgorithm::default());
        let meaning = "Secret that the signing keys and what is known of users are sealed with in \
                       Redis, 32 characters or more.";
        let secret = read.setting(SECRET, meaning).secret();
        let meaning = "The value of AUTH_SECRET before its last change, for the longest of LOGIN_TTL, \
                       AUTH_KEY_PERIOD and 90 days after it.";
        let previous = read.setting(PREVIOUS, meaning).secret();
        for (name, secret) in [(SECRET, &secret), (PREVIOUS, &previous)] {
            if secret.as_ref().is_some_and(|secret| secret.expose().len() < MIN_SECRET) {
                read.mistake(name, "is shorter than 32 characters; use `openssl rand -hex 32`");
            }
        }
        if secret.is_none() && is_shared && !issuer.is_loopback() {
            let mend = "is needed for a server that is not on localhost and has a REDIS_URL; make \
                        one with `openssl rand -hex 32` and set it for all instances";
            read.mistake(SECRET, mend);
        }
        Self { algorithm, period: period(read), secret, previous }
    }

    /// Whether the secret is the one that everybody knows.
    pub(crate) fn is_development(&self) -> bool {
        self.secret.is_none()
    }

    /// What seals the keys. In memory they end with the process, and so may what seals them.
    pub(crate) fn sealer(&self, is_shared: bool, entropy: &Entropy) -> Sealer {
        Sealer::new(&self.secrets(is_shared, entropy))
    }

    /// What seals records outside this process that say something of people.
    pub(crate) fn seal(&self, entropy: &Entropy) -> Seal {
        Seal::new(&self.secrets(true, entropy), entropy)
    }

    /// The secret, and the one before.
    fn secrets(&self, is_shared: bool, entropy: &Entropy) -> Vec<Secret> {
        let otherwise = || {
            let secret = if is_shared { DEVELOPMENT_SECRET.into() } else { entropy.hex::<32>() };
            Secret::new(secret)
        };
        let secret = self.secret.clone().unwrap_or_else(otherwise);
        [secret].into_iter().chain(self.previous.clone()).collect()
    }
}

fn period(read: &mut Reader<'_>) -> Duration {
    const NAME: &str = "AUTH_KEY_PERIOD";
    const DAY: u64 = 24 * 60 * 60;
    let meaning = "Seconds that a signing key is used before the next one takes over by itself.";
    let Seconds(seconds) = read.setting(NAME, meaning).or(Seconds(30 * DAY));
    if !(3600..=365 * DAY).contains(&seconds) {
        read.mistake(NAME, format!("is out of range; use 3600 to {} seconds", 365 * DAY));
    }
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use ambient::Env;

    use super::*;

    fn mistakes<const N: usize>(
        issuer: &str,
        is_shared: bool,
        pairs: [(&str, &str); N],
    ) -> Vec<String> {
        let issuer = issuer.parse().unwrap();
        let env = Env::from(pairs);
        let (read, _) = env.read(|read| SigningKeys::read(read, &issuer, is_shared));
        let names = |mistakes: ambient::Mistakes| mistakes.0.into_iter().map(|one| one.setting);
        read.err().map(|mistakes| names(mistakes).collect()).unwrap_or_default()
    }

    #[test]
    fn keys_that_leave_the_process_of_a_public_server_need_a_secret() {
        let none: [&str; 0] = [];
        assert_eq!(mistakes("http://localhost:1", true, []), none);
        assert_eq!(mistakes("https://auth.example", false, []), none);
        assert_eq!(mistakes("https://auth.example", true, []), ["AUTH_SECRET"]);
        let secret = ("AUTH_SECRET", "0123456789abcdef0123456789abcdef");
        assert_eq!(mistakes("https://auth.example", true, [secret]), none);
    }

    #[test]
    fn what_cannot_be_is_told() {
        let wrong = [
            ("AUTH_SECRET", "short"),
            ("AUTH_SIGNING_ALG", "HS256"),
            ("AUTH_SECRET_PREVIOUS", "short"),
            ("AUTH_KEY_PERIOD", "60"),
        ];
        let names = ["AUTH_SIGNING_ALG", "AUTH_SECRET", "AUTH_SECRET_PREVIOUS", "AUTH_KEY_PERIOD"];
        assert_eq!(mistakes("http://localhost:1", false, wrong), names);
    }
}
