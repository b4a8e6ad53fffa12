//! Tickets: random texts that are worth something to whoever holds them.
//!
//! One looks like `mcpa_` + 43 random letters + 6 letters that check the rest. The prefix says what
//! it is, so that scanners find leaked ones and one kind never passes for another; the check tells
//! garbage from tokens without asking the store. The store only ever sees the SHA-256.
//!
//! Of the tokens of a family the first 14 of these letters are its name, and 29 are random: the record of
//! the token and that of its family can then be asked for at once. Nobody believes the name who has not
//! found it in the record as well (decision 0092).

use std::{fmt, marker::PhantomData};

use ambient::{Entropy, Secret};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// 62^43 is a little more than 2^256.
const RANDOM_LETTERS: usize = 43;
const CHECK_LETTERS: usize = 6;

/// 62^14 is a little more than 2^83: enough that no two families have one name. The rest of a token, 29
/// letters, is a little more than 2^172.
const FAMILY_LETTERS: usize = 14;

/// A kind of ticket.
pub(crate) trait Kind {
    /// What its tickets begin with, the underscore included.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $kind:ident($prefix:literal);)*) => {$(
        $(#[$doc])*
        pub(crate) type $name = Ticket<$kind>;
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) struct $kind;
        impl Kind for $kind {
            const PREFIX: &'static str = $prefix;
        }
    )*};
}

kinds! {
    /// What a client shows to a resource.
    AccessToken = AccessKind("mcpa_");
    /// What a client redeems for new tokens.
    RefreshToken = RefreshKind("mcpr_");
    /// What a client redeems for its first tokens.
    AuthorizationCode = CodeKind("mcpc_");
    /// What a confidential client authenticates with.
    ClientSecret = SecretKind("mcps_");
    /// What a client changes its own registration with (RFC 7592).
    ManagementToken = ManagementKind("mcpm_");
    /// What names a transaction in forms and addresses. Of no use without the browser's key.
    Handle = HandleKind("mcph_");
    /// What binds a transaction to a browser: the value of its cookie.
    BrowserKey = BrowserKind("mcpb_");
    /// What shows that somebody is logged in: the value of a cookie.
    SessionKey = SessionKind("mcpu_");
    /// What makes the way to the identity provider and back a single trip.
    Nonce = NonceKind("mcpn_");
    /// What a device redeems when its user has decided.
    DeviceCode = DeviceCodeKind("mcpd_");
    /// What the page about devices gets back from login and consent.
    VisitKey = VisitKind("mcpv_");
    /// The end of a `request_uri`: names a request that was handed in ahead of the browser.
    PushedName = PushedKind("mcpq_");
    /// What the mock identity provider hands out after a login.
    LoginCode = LoginKind("idpc_");
}

/// A ticket of one kind.
pub(crate) struct Ticket<K> {
    text: Secret,
    kind: PhantomData<K>,
}

impl<K: Kind> Ticket<K> {
    /// A new ticket: 256 random bits.
    pub(crate) fn random(entropy: &Entropy) -> Self {
        Self::of_family("", entropy)
    }

    /// A new ticket that begins with the name of its family, if that is one of [`family_name`]: earlier
    /// versions gave others.
    pub(crate) fn of_family(family: &str, entropy: &Entropy) -> Self {
        let mut text = String::with_capacity(K::PREFIX.len() + RANDOM_LETTERS + CHECK_LETTERS);
        text.push_str(K::PREFIX);
        if family.len() == FAMILY_LETTERS && is_letters(family) {
            text.push_str(family);
        }
        fill(&mut text, K::PREFIX.len() + RANDOM_LETTERS, entropy);
        text.extend(check(&text));
        Self { text: Secret::new(text), kind: PhantomData }
    }

    /// The ticket in a request, if it can be one of this kind.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let random = text.strip_prefix(K::PREFIX)?;
        if random.len() != RANDOM_LETTERS + CHECK_LETTERS || !is_letters(random) {
            return None;
        }
        let (front, end) = text.split_at(text.len() - CHECK_LETTERS);
        check(front).eq(end.chars()).then(|| Self { text: Secret::new(text), kind: PhantomData })
    }

    /// Where the name of its family is, if it has one: of other tickets, these letters mean nothing.
    pub(crate) fn family(&self) -> &str {
        &self.expose()[K::PREFIX.len()..K::PREFIX.len() + FAMILY_LETTERS]
    }

    /// What is stored in its place.
    pub(crate) fn digest(&self) -> Digest<K> {
        Digest { hex: sha256_hex(&[self.expose()]), kind: PhantomData }
    }

    /// The ticket itself, for the one whom it is for.
    pub(crate) fn expose(&self) -> &str {
        self.text.expose()
    }
}

impl<K> Clone for Ticket<K> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), kind: PhantomData }
    }
}

impl<K> fmt::Debug for Ticket<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The SHA-256 of a ticket in hexadecimal: names it in the store and proves nothing. 256 random
/// bits need no slow hash.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Digest<K> {
    hex: String,
    #[serde(skip)]
    kind: PhantomData<K>,
}

impl<K: Kind> Digest<K> {
    /// The name in the store.
    pub(crate) fn as_str(&self) -> &str {
        &self.hex
    }

    /// Whether it is this ticket's. Timing tells nothing: whoever compares knows the ticket, and
    /// what it is compared with cannot be turned back.
    pub(crate) fn is_of(&self, ticket: &Ticket<K>) -> bool {
        *self == ticket.digest()
    }
}

impl<K> Clone for Digest<K> {
    fn clone(&self) -> Self {
        Self { hex: self.hex.clone(), kind: PhantomData }
    }
}

impl<K> PartialEq for Digest<K> {
    fn eq(&self, other: &Self) -> bool {
        self.hex == other.hex
    }
}

impl<K> Eq for Digest<K> {}

impl<K> fmt::Debug for Digest<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Enough to find it among others.
        write!(f, "{}…", &self.hex[..self.hex.len().min(8)])
    }
}

/// The SHA-256 of parts, each with its length, in hexadecimal.
pub(crate) fn sha256_hex(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    const_hex::encode(hash.finalize())
}

/// A name for a new family, which its tokens begin with. It opens nothing.
pub(crate) fn family_name(entropy: &Entropy) -> String {
    let mut name = String::with_capacity(FAMILY_LETTERS);
    fill(&mut name, FAMILY_LETTERS, entropy);
    name
}

/// Adds random letters until there are so many.
fn fill(text: &mut String, length: usize, entropy: &Entropy) {
    while text.len() < length {
        let missing = length - text.len();
        // 248 is the largest multiple of 62 in a byte: what is above would favour some letters.
        let fair = entropy.bytes::<64>().into_iter().filter(|byte| *byte < 248);
        text.extend(fair.take(missing).map(letter));
    }
}

fn is_letters(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn check(text: &str) -> impl Iterator<Item = char> + use<> {
    Sha256::digest(text).into_iter().take(CHECK_LETTERS).map(letter)
}

fn letter(byte: u8) -> char {
    char::from(LETTERS[usize::from(byte) % LETTERS.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> AccessToken {
        Ticket::random(&Entropy::seeded(1))
    }

    #[test]
    fn a_ticket_is_recognised_and_fits_into_64_bytes() {
        let token = token();
        assert!(token.expose().starts_with("mcpa_") && token.expose().len() <= 64);
        assert!(AccessToken::parse(token.expose()).unwrap().digest().is_of(&token));
    }

    #[test]
    fn a_ticket_of_a_family_begins_with_its_name_and_goes_on_at_random() {
        let entropy = Entropy::seeded(1);
        let family = family_name(&entropy);
        let tickets = [0; 2].map(|_| AccessToken::of_family(&family, &entropy));
        for ticket in &tickets {
            assert_eq!(ticket.expose().len(), token().expose().len());
            assert_eq!(AccessToken::parse(ticket.expose()).unwrap().family(), family);
        }
        let [one, other] = tickets.map(|ticket| ticket.expose()[19..48].to_owned());
        assert!(one != other && !one.contains(&family));
        assert_ne!(family_name(&entropy), family);
    }

    #[test]
    fn a_family_of_an_earlier_version_is_not_named() {
        let entropy = Entropy::seeded(1);
        for family in [entropy.hex::<16>(), "-".repeat(14), String::new()] {
            let ticket = AccessToken::of_family(&family, &entropy);
            assert!(AccessToken::parse(ticket.expose()).is_some());
            assert!(!family.starts_with(ticket.family()) && ticket.family() != family);
        }
    }

    #[test]
    fn a_ticket_of_another_kind_is_none_of_this() {
        assert!(RefreshToken::parse(token().expose()).is_none());
        let renamed = token().expose().replace("mcpa_", "mcpr_");
        assert!(RefreshToken::parse(&renamed).is_none());
    }

    #[test]
    fn garbage_is_told_without_asking_the_store() {
        let good = token();
        let good = good.expose();
        let wrong_letter =
            format!("{}{}", &good[..good.len() - 1], if good.ends_with('0') { '1' } else { '0' });
        for text in
            ["", "mcpa_", &good[..53], &format!("{good}0"), &wrong_letter, &good.replace('_', "-")]
        {
            assert!(AccessToken::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn neither_tickets_nor_their_names_print() {
        let token = token();
        assert_eq!(format!("{token:?}"), "[redacted]");
        assert!(format!("{:?}", token.digest()).len() < 16);
        assert!(!token.digest().as_str().contains(&token.expose()[5..20]));
    }

    #[test]
    fn parts_of_a_hash_cannot_be_shifted() {
        assert_ne!(sha256_hex(&["ab", "c"]), sha256_hex(&["a", "bc"]));
        assert_eq!(sha256_hex(&["a"]).len(), 64);
    }
}
