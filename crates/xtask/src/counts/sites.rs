//! `cargo xtask counts --sites CASE`: where a request of one case asks for memory, as DHAT sees it.
//! A line for each place, the most frequent first: how often and how many bytes a request, then the
//! function that asks, then the first function of ours that has called it.

use std::{cmp::Reverse, collections::HashMap, fmt::Write as _};

use serde::Deserialize;

/// What counts as ours: the crates that a server is made of.
const OURS: [&str; 7] = ["ambient", "chassis", "dpop", "mcp_core", "mcp_server", "shared", "store"];

/// What only passes a wish for memory on.
const PASSING: [&str; 8] =
    ["alloc", "core", "std", "hashbrown", "allocation_counter", "malloc", "realloc", "__rustc"];

/// The parts of DHAT's profile that are read here.
#[derive(Deserialize)]
struct Profile {
    /// The places.
    pps: Vec<Place>,
    /// Frames, which places name by number.
    ftbl: Vec<String>,
}

#[derive(Deserialize)]
struct Place {
    /// How often memory was asked for here.
    tbk: u64,
    /// How many bytes.
    tb: u64,
    /// The frames, innermost first.
    fs: Vec<usize>,
}

/// The list, of a profile of so many requests; nothing if it is no profile.
pub(super) fn list(profile: &str, requests: u64) -> Option<String> {
    let Profile { pps, ftbl } = serde_json::from_str(profile).ok()?;
    let mut sites: HashMap<String, (u64, u64)> = HashMap::new();
    for Place { tbk, tb, fs } in pps {
        let frames: Vec<_> = fs.iter().filter_map(|frame| function(ftbl.get(*frame)?)).collect();
        let Some(end) = frames.iter().position(|frame| frame.contains("count::measured")) else {
            continue;
        };
        let (times, bytes) = sites.entry(site(&frames[..end])).or_default();
        *times += tbk;
        *bytes += tb;
    }
    let mut sites: Vec<_> = sites.into_iter().collect();
    sites.sort_by_key(|(name, (times, bytes))| (Reverse((*times, *bytes)), name.clone()));
    let mut text = String::new();
    for (name, (times, bytes)) in sites {
        // Two decimals, without numbers that are not whole.
        let hundredths = times * 100 / requests;
        let (whole, rest, bytes) = (hundredths / 100, hundredths % 100, bytes / requests);
        let _ = writeln!(text, "{whole:3}.{rest:02} {bytes:6} B  {name}");
    }
    Some(text)
}

/// A frame without its address.
fn function(frame: &str) -> Option<&str> {
    frame.split_once(": ").map(|(_, function)| function)
}

/// Who asks, and for whom of ours.
fn site(frames: &[&str]) -> String {
    let asking = frames.iter().find(|frame| has_path(frame) && !is_of(frame, &PASSING));
    let ours = frames.iter().find(|frame| is_of(frame, &OURS));
    match (asking, ours) {
        (Some(asking), Some(ours)) if asking != ours => format!("{asking}  <  {ours}"),
        (Some(asking), _) => (*asking).to_owned(),
        (None, _) => frames.first().map_or_else(String::new, |frame| (*frame).to_owned()),
    }
}

/// What was inlined is told without its path; that is seldom more than a detail of a collection.
fn has_path(frame: &str) -> bool {
    let name = frame.split([' ', '<']).next().unwrap_or_default();
    frame.starts_with(['<', '[', '&']) || name.contains("::")
}

fn is_of(frame: &str, crates: &[&str]) -> bool {
    let name = frame.trim_start_matches(['<', '&', '(', '[']);
    // What is for every type is of the crate of the trait.
    let name = name.strip_prefix("dyn ").or_else(|| name.strip_prefix("T as ")).unwrap_or(name);
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    crates.contains(&&name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_by_who_asks_and_for_whom_of_ours() {
        let profile = r#"{
            "pps": [
                { "tbk": 200, "tb": 6400, "fs": [0, 1, 2, 3, 4] },
                { "tbk": 50, "tb": 100, "fs": [0, 5, 3, 4] },
                { "tbk": 999, "tb": 9, "fs": [0, 1] }
            ],
            "ftbl": [
                "0x1: alloc::alloc::alloc (alloc.rs:95)",
                "0x2: <http::HeaderMap as core::Clone>::clone (map.rs:10)",
                "0x3: tower::util::call (util.rs:1)",
                "0x4: <mcp_server::http::Hot as tower::Service>::call (hot.rs:20)",
                "0x5: count::measured (count.rs:70)",
                "0x6: with_capacity_in<http::Value> (raw_vec.rs:1)"
            ]
        }"#;
        let ours = "<mcp_server::http::Hot as tower::Service>::call (hot.rs:20)";
        let expected = format!(
            "  2.00     64 B  <http::HeaderMap as core::Clone>::clone (map.rs:10)  <  {ours}\n  \
             0.50      1 B  {ours}\n"
        );
        assert_eq!(list(profile, 100), Some(expected));
        assert_eq!(list("{}", 1), None);
    }
}
