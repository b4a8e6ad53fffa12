//! What every Rust file keeps to: a front page, a size that can be read, and no lint switched off
//! in silence.

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, File, Meta, spanned::Spanned as _, visit::Visit};

/// The longest file, in lines.
const MAX_LINES: usize = 600;

/// A sentence for every rule that the file breaks.
pub(super) fn check(shown: &str, text: &str, syntax: &File) -> Vec<String> {
    let mut wrong = Vec::new();
    if !text.starts_with("//!") {
        wrong.push(format!("{shown}: no front page; begin with `//!`: what lives here, and why"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        wrong.push(format!("{shown}: {lines} lines; split it, {MAX_LINES} is the most"));
    }
    let mut finder = Allows::default();
    finder.visit_file(syntax);
    wrong.extend(finder.lines.into_iter().map(|line| {
        format!("{shown}:{line}: `#[allow]`; mend the cause, or `#[expect(…, reason = \"…\")]`")
    }));
    wrong
}

/// Finds `#[allow(…)]`, also behind a `cfg_attr`.
#[derive(Default)]
struct Allows {
    lines: Vec<usize>,
}

impl<'ast> Visit<'ast> for Allows {
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let conditional = match &attribute.meta {
            Meta::List(list) if list.path.is_ident("cfg_attr") => allows(list.tokens.clone()),
            _ => false,
        };
        if conditional || attribute.path().is_ident("allow") {
            self.lines.push(attribute.span().start().line);
        }
    }
}

fn allows(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| matches!(token, TokenTree::Ident(name) if name == "allow"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a file that has a front page and this below it.
    fn wrong(text: &str) -> Vec<String> {
        let text = format!("//! Front page.\n\n{text}");
        check("a.rs", &text, &syn::parse_file(&text).unwrap())
    }

    #[test]
    fn a_switched_off_lint_is_found_with_its_line() {
        let wrong = wrong("#[allow(dead_code)]\nfn f() {}\n");
        assert!(wrong[0].starts_with("a.rs:3: `#[allow]`"), "{wrong:?}");
    }

    #[test]
    fn it_is_found_inside_out_and_under_a_condition() {
        let texts = [
            "#![allow(x)]",
            "fn f() { #[allow(x)] let y = 1; }",
            "#[cfg_attr(test, allow(x))] fn f() {}",
        ];
        for text in texts {
            assert_eq!(wrong(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn an_expectation_and_a_mention_are_fine() {
        let text =
            "#[expect(dead_code, reason = \"…\")]\nfn f() { \"#[allow(x)]\"; } // #[allow(x)]";
        assert_eq!(wrong(text), Vec::<String>::new());
    }

    #[test]
    fn a_long_file_is_told_its_length() {
        assert!(wrong(&"// x\n".repeat(MAX_LINES - 2)).is_empty());
        assert!(wrong(&"// x\n".repeat(MAX_LINES - 1))[0].contains("601 lines"));
    }

    #[test]
    fn a_file_without_a_front_page_is_told_to_have_one() {
        let wrong = check("a.rs", "fn f() {}", &syn::parse_file("fn f() {}").unwrap());
        assert!(wrong[0].starts_with("a.rs: no front page"), "{wrong:?}");
    }
}
