//! The names of the machine that a server runs on.

use std::net::{IpAddr, Ipv6Addr};

/// Whether what a `Host` header says, with or without a port, is this machine: `localhost`, a name
/// below it, or a loopback address. A page of another site cannot make a browser send that.
#[must_use]
pub fn names_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let last = name.rsplit('.').next().unwrap_or(name);
    // Asked for every request: nothing is copied.
    last.eq_ignore_ascii_case("localhost")
        || bare.is_some_and(|address| address.parse().is_ok_and(|it: Ipv6Addr| it.is_loopback()))
        || name.parse().is_ok_and(|it: IpAddr| it.is_ipv4() && it.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_taken_for_it() {
        let ours =
            ["localhost", "LOCALHOST:80", "a.localhost:1", "127.0.0.1:9", "127.8.8.8", "[::1]:9"];
        let others = [
            "",
            "evil.example",
            "localhost.evil.example:80",
            "10.0.0.1",
            "::1",
            "[::2]:1",
            "127.0.0.1.nip.io",
        ];
        assert!(ours.into_iter().all(names_this_machine));
        assert!(!others.into_iter().any(names_this_machine));
    }
}
