//! What callgrind has written, read for one sum, and for what single functions cost.

use std::collections::HashMap;

/// How many instructions a profile has counted; none, if it does not say.
pub(super) fn instructions(profile: &str) -> Option<u64> {
    let mut lines = profile.lines().rev();
    lines.find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}

/// How many instructions a function has taken, with all that it calls; none, if it was never called.
/// A function that calls itself is counted too often.
pub(super) fn inclusive(profile: &str, function: &str) -> Option<u64> {
    let mut names = HashMap::new();
    let (mut is_inside, mut sum) = (false, None);
    for line in profile.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            is_inside = is_named(&mut names, name, function);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            // A name is written out where it stands first.
            is_named(&mut names, name, function);
        } else if is_inside
            && line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first))
        {
            // A position, and what it has cost: itself, or a call from there with all below it.
            let cost = line.split_once(' ').and_then(|(_, cost)| cost.trim().parse::<u64>().ok());
            sum = Some(sum.unwrap_or(0) + cost.unwrap_or(0));
        }
    }
    sum
}

/// Whether `(7) name`, or `(7)` when the name was told before, is this function.
fn is_named<'a>(names: &mut HashMap<&'a str, &'a str>, text: &'a str, function: &str) -> bool {
    let (number, name) = text.split_once(' ').unwrap_or((text, ""));
    if !name.is_empty() {
        names.insert(number, name);
    }
    names.get(number).is_some_and(|name| *name == function)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_at_the_end() {
        assert_eq!(instructions("events: Ir\nfn=(1) main\n1 5\n\ntotals: 200\n"), Some(200));
        assert_eq!(instructions("events: Ir\n"), None);
    }

    #[test]
    fn a_function_costs_what_it_and_its_callees_cost() {
        let profile = "\
events: Ir
fn=(1) outer
10 5
cfn=(2) a::inner::{{closure}}
calls=3 20
+2 60

fn=(2)
20 40
+1 15
cfn=(3) leaf
calls=1 1
* 5

fn=(3)
1 5

totals: 125
";
        assert_eq!(inclusive(profile, "a::inner::{{closure}}"), Some(60));
        assert_eq!(inclusive(profile, "outer"), Some(65));
        assert_eq!(inclusive(profile, "inner"), None);
    }
}
