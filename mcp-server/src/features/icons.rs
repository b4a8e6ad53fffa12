//! Pictures of tools, for people who choose one. Each is a few strokes and needs no request.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use shared::mcp::Icon;

/// Strokes on a field of 24 by 24, as the `d` of an SVG path.
#[derive(Clone, Copy)]
pub(super) struct Drawing(&'static str);

impl Drawing {
    /// The drawing as a picture in itself. Its grey is seen on light and on dark.
    pub(super) fn icon(self) -> Icon {
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' \
             stroke='#888' stroke-width='2'><path d='{}'/></svg>",
            self.0
        );
        Icon {
            mime_type: Some("image/svg+xml".to_owned()),
            sizes: vec!["any".to_owned()],
            ..Icon::new(format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg)))
        }
    }
}

pub(super) const ARROW_OUT: Drawing = Drawing("M13 4h7v7M20 4l-9 9M17 14v6H4V7h6");
pub(super) const BAR: Drawing = Drawing("M3 9h18v6H3zM3 12h10");
pub(super) const BELL: Drawing = Drawing("M6 17V11a6 6 0 0 1 12 0v6l2 1H4zM10 21h4");
pub(super) const BOOKMARK: Drawing = Drawing("M6 3h12v18l-6-5-6 5z");
pub(super) const BOX: Drawing = Drawing("M4 4h16v5H4zM6 9v11h12V9M10 13h4");
pub(super) const BRACES: Drawing = Drawing("M9 4H7v6l-2 2 2 2v6h2M15 4h2v6l2 2-2 2v6h-2");
pub(super) const BUBBLE: Drawing = Drawing("M4 5h16v11H10l-4 4v-4H4z");
pub(super) const CALCULATOR: Drawing = Drawing("M5 3h14v18H5zM8 7h8M8 12h2M14 12h2M8 17h2M14 17h2");
pub(super) const CHAIN: Drawing = Drawing("M9 8H3v8h6M15 8h6v8h-6M8 12h8");
pub(super) const DIAMOND: Drawing = Drawing("M12 4l8 8-8 8-8-8z");
pub(super) const FACE: Drawing =
    Drawing("M4 12a8 8 0 1 0 16 0 8 8 0 0 0-16 0M8 14q4 4 8 0M9 9v1M15 9v1");
pub(super) const FOLDER: Drawing = Drawing("M3 5h6l2 3h10v11H3z");
pub(super) const FORM: Drawing = Drawing("M5 3h14v18H5zM8 8h8M8 12h8M8 16h4");
pub(super) const HOURGLASS: Drawing = Drawing("M6 3h12M6 21h12M8 3v4l8 10v4M16 3v4L8 17v4");
pub(super) const LINES: Drawing = Drawing("M4 6h16M4 12h10M4 18h13");
pub(super) const LIST: Drawing = Drawing("M9 6h12M9 12h12M9 18h12M4 6h1M4 12h1M4 18h1");
pub(super) const MAGNIFIER: Drawing = Drawing("M4 10a6 6 0 1 0 12 0 6 6 0 0 0-12 0M15 15l6 6");
pub(super) const PICTURE: Drawing = Drawing("M3 5h18v14H3zM3 16l5-5 4 4 4-3 5 5");
pub(super) const PLUS: Drawing = Drawing("M12 5v14M5 12h14");
pub(super) const PULSE: Drawing = Drawing("M3 12h4l3-7 4 14 3-7h4");
pub(super) const ROOT: Drawing = Drawing("M3 13h3l3 7 5-16h7");
pub(super) const SPARK: Drawing = Drawing("M12 3l2 7 7 2-7 2-2 7-2-7-7-2 7-2z");
pub(super) const TAG: Drawing = Drawing("M3 3h8l10 10-8 8L3 11zM7 7v1");
pub(super) const TERMINAL: Drawing = Drawing("M3 5h18v14H3zM7 9l3 3-3 3M12 15h5");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_icon_is_a_picture_in_itself() {
        let icon = PLUS.icon();
        let (_, encoded) = icon.src.split_once("base64,").unwrap();
        let svg = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
        assert!(svg.starts_with("<svg ") && svg.contains("d='M12 5v14M5 12h14'"), "{svg}");
    }
}
