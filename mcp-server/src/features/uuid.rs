//! Names that nobody can guess, as the originals wrote them.

use ambient::Entropy;

/// A random UUID (RFC 9562, version 4).
pub(super) fn random(entropy: &Entropy) -> String {
    let mut bytes = entropy.bytes::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = const_hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_form_and_the_version() {
        let id = random(&Entropy::seeded(1));
        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&id[14..15], "4");
        assert!("89ab".contains(&id[19..20]));
    }
}
