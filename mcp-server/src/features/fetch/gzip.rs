//! Compression that can be interrupted, and that stops when the result becomes too large.

use std::io::Write as _;

use flate2::{Compression, GzBuilder};

/// How many bytes are kept of one file at most.
pub(super) const MOST: usize = 256 * 1024;

/// How much is compressed between two looks at whether anybody still wants it.
const CHUNK: usize = 64 * 1024;

/// The operating system that the header names (RFC 1952): the original's was Unix.
const UNIX: u8 = 3;

/// The file has more than [`MOST`] bytes when it is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are more than {MOST} bytes when it is compressed")]
pub(super) struct TooLarge;

/// Compresses. Dropped half way, it stops there.
pub(super) async fn compressed(data: &[u8]) -> Result<Vec<u8>, TooLarge> {
    let header = GzBuilder::new().operating_system(UNIX);
    let mut encoder = header.write(Vec::new(), Compression::default());
    for chunk in data.chunks(CHUNK) {
        // A vector takes everything that is written to it.
        encoder.write_all(chunk).map_err(|_| TooLarge)?;
        if encoder.get_ref().len() > MOST {
            return Err(TooLarge);
        }
        tokio::task::yield_now().await;
    }
    let compressed = encoder.finish().map_err(|_| TooLarge)?;
    if compressed.len() > MOST { Err(TooLarge) } else { Ok(compressed) }
}

#[cfg(test)]
mod tests {
    use ambient::Entropy;
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    #[tokio::test]
    async fn it_is_written_as_in_the_original() {
        let hello = compressed(b"hello").await.unwrap();
        assert_eq!(STANDARD.encode(hello), "H4sIAAAAAAAAA8tIzcnJBwCGphA2BQAAAA==");
    }

    #[tokio::test]
    async fn what_does_not_become_small_is_refused() {
        assert!(compressed(&vec![0; 1 << 20]).await.is_ok());
        let entropy = Entropy::seeded(1);
        let random: Vec<u8> = (0..600).flat_map(|_| entropy.bytes::<1024>()).collect();
        assert_eq!(compressed(&random).await, Err(TooLarge));
    }
}
