//! What callgrind has written, read for two sums: instructions, and calls of the allocator.

use std::collections::HashMap;

/// What one run has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) instructions: u64,
    pub(super) allocations: u64,
}

/// What asks the allocator for memory. To give it back is not counted: it is the same number.
const ALLOCATING: [&str; 6] =
    ["malloc", "calloc", "realloc", "aligned_alloc", "memalign", "posix_memalign"];

/// Reads a profile. A name stands in it once, as `(7) name`, and after that as `(7)`.
pub(super) fn read(profile: &str) -> Cost {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut cost = Cost::default();
    let mut is_allocator = false;
    for line in profile.lines() {
        let Some((key, value)) = line.split_once(['=', ':']) else { continue };
        match key {
            "fn" | "cfn" => {
                let (number, name) = value.split_once(' ').unwrap_or((value, ""));
                if !name.is_empty() {
                    names.insert(number, name);
                }
                let name = names.get(number).copied().unwrap_or_default();
                is_allocator = key == "cfn" && ALLOCATING.contains(&without_recursion(name));
            }
            "calls" if is_allocator => {
                let count = value.split_whitespace().next().and_then(|count| count.parse().ok());
                cost.allocations += count.unwrap_or(0_u64);
            }
            "totals" | "summary" => {
                cost.instructions = value.trim().parse().unwrap_or(cost.instructions);
            }
            _ => {}
        }
    }
    cost
}

/// Callgrind marks how deep a function has called itself: `malloc'2`.
fn without_recursion(name: &str) -> &str {
    name.split('\'').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_the_allocator_are_counted_by_their_compressed_names() {
        let profile = "fn=(1) main\n1 5\ncfn=(2) malloc\ncalls=3 0\n1 60\nfn=(2)\n0 60\n\
                       fn=(3) other\ncfn=(2)\ncalls=4 0\n1 80\ncfn=(1)\ncalls=9 0\n1 1\ntotals: 200\n";
        assert_eq!(read(profile), Cost { instructions: 200, allocations: 7 });
    }

    #[test]
    fn a_profile_of_nothing_costs_nothing() {
        assert_eq!(read("events: Ir\n\ntotals: 0\n"), Cost::default());
    }
}
