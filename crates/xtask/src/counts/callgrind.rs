//! What callgrind has written, read for one sum.

/// How many instructions a profile has counted; none, if it does not say.
pub(super) fn instructions(profile: &str) -> Option<u64> {
    let mut lines = profile.lines().rev();
    lines.find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_at_the_end() {
        assert_eq!(instructions("events: Ir\nfn=(1) main\n1 5\n\ntotals: 200\n"), Some(200));
        assert_eq!(instructions("events: Ir\n"), None);
    }
}
