//! Access tokens of the authorization server of this repository check themselves: the last six
//! letters follow from those before. Garbage that was made to look like one needs no question.
//!
//! This refuses and never accepts, and tokens of all other servers begin in another way.

use sha2::{Digest as _, Sha256};

/// What such a token begins with (decision 0005).
const PREFIX: &str = "mcpa_";

const CHECK_LETTERS: usize = 6;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Whether a token begins like one of our authorization server, and is none.
pub(crate) fn looks_broken(token: &str) -> bool {
    if !token.starts_with(PREFIX) {
        return false;
    }
    let end = token.len().checked_sub(CHECK_LETTERS).and_then(|at| token.split_at_checked(at));
    end.is_none_or(|(front, check)| !checks(front, check))
}

fn checks(front: &str, check: &str) -> bool {
    let hash = Sha256::digest(front);
    let letters = hash.iter().map(|byte| LETTERS[usize::from(*byte) % LETTERS.len()]);
    letters.take(CHECK_LETTERS).eq(check.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the authorization server makes it.
    const TOKEN: &str = "mcpa_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgNpouBV";

    #[test]
    fn a_token_of_ours_is_whole_or_broken() {
        assert!(!looks_broken(TOKEN));
        for place in [5, 20, TOKEN.len() - 1] {
            let mut other = TOKEN.to_owned();
            other.replace_range(place..=place, "-");
            assert!(looks_broken(&other), "{other}");
        }
        assert!(looks_broken(&TOKEN[..TOKEN.len() - 1]) && looks_broken("mcpa_"));
    }

    #[test]
    fn nobody_elses_token_is_broken() {
        for token in
            ["", "x", "mcpr_x", "MCPA_x", "eyJhbGciOiJSUzI1NiJ9.e30.x", "ya29.x", "ory_at_x"]
        {
            assert!(!looks_broken(token), "{token}");
        }
    }
}
