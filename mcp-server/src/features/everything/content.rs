//! Content that several features of this toolset show.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use shared::mcp::ContentBlock;

/// 20 by 20 pixels, as in the reference servers; a picture of our own.
const TINY_IMAGE: &[u8] = include_bytes!("assets/tiny-image.png");

/// The picture in base64.
static TINY_IMAGE_BASE64: LazyLock<String> = LazyLock::new(|| STANDARD.encode(TINY_IMAGE));

/// The picture, as content.
pub(super) fn tiny_image() -> ContentBlock {
    ContentBlock::image(TINY_IMAGE_BASE64.as_str(), "image/png")
}

#[cfg(test)]
mod tests {
    use shared::mcp::MediaContent;

    use super::*;

    #[test]
    fn the_picture_is_a_png_of_the_size_that_the_reference_servers_have() {
        let ContentBlock::Image(MediaContent { data, .. }) = tiny_image() else {
            panic!("it is a picture")
        };
        let bytes = STANDARD.decode(data).unwrap();
        // The signature, then the first chunk: its length, its name, width and height.
        assert_eq!(&bytes[..16], b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR");
        assert_eq!(&bytes[16..24], [0, 0, 0, 20, 0, 0, 0, 20]);
        assert!(bytes.ends_with(b"IEND\xae\x42\x60\x82"));
    }
}
