//! Where a request comes from: the other end of the connection, or what a trusted proxy says.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies that are believed: networks between commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// Who makes a request, as far as the network tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller(IpAddr);

impl TrustedProxies {
    /// Whether nobody is believed.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for TrustedProxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let networks = words.map(|word| {
            let network = word.parse::<IpNet>().ok();
            let network = network.or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from));
            // To believe everybody is to let every caller choose where he comes from.
            let network = network.filter(|network| network.prefix_len() > 0);
            network.ok_or_else(|| {
                format!("`{word}` is neither an address nor a network like 10.0.0.0/8")
            })
        });
        networks.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&networks.join(","))
    }
}

impl Caller {
    /// Walks back from the connection as long as each hop is trusted: the right-most address that no
    /// proxy of ours has is the caller. What stands further left was written by the caller, and so
    /// was all of it if the connection does not come from a proxy of ours.
    pub(crate) fn of(
        peer: Option<SocketAddr>,
        headers: &HeaderMap,
        proxies: &TrustedProxies,
    ) -> Self {
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        let mut caller = peer.to_canonical();
        let fields = headers.get_all(FORWARDED_FOR).iter().rev();
        let hops = fields.flat_map(|field| field.to_str().unwrap_or_default().rsplit(','));
        for hop in hops {
            if !proxies.trusts(caller) {
                break;
            }
            // A hop that cannot be read ends the walk: behind it, nothing is certain.
            let Some(address) = parse_hop(hop.trim()) else { break };
            caller = address.to_canonical();
        }
        Self(caller)
    }

    /// What limits are counted by: the address, or for IPv6 the network that one customer has, since
    /// within it addresses cost nothing. None for this machine's own addresses.
    pub(crate) fn prefix(&self) -> Option<String> {
        match self.0 {
            address if address.is_loopback() => None,
            IpAddr::V4(address) => Some(address.to_string()),
            IpAddr::V6(address) => {
                let network = u128::from(address) & (u128::MAX << 64);
                Some(format!("{}/64", Ipv6Addr::from(network)))
            }
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Some proxies add a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok();
    address.or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(peer: &str, fields: &[&str], proxies: &str) -> String {
        let fields = fields.iter().map(|field| (FORWARDED_FOR, field.parse().unwrap()));
        let headers = fields.collect();
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        Caller::of(Some(peer), &headers, &proxies.parse().unwrap()).to_string()
    }

    #[test]
    fn nobody_is_believed_by_default() {
        assert_eq!(caller("203.0.113.1", &["198.51.100.7"], ""), "203.0.113.1");
        assert_eq!(caller("10.0.0.1", &["198.51.100.7"], "192.168.0.0/16"), "10.0.0.1");
    }

    #[test]
    fn the_right_most_hop_that_is_not_ours_is_the_caller() {
        let ours = "10.0.0.0/8, 2001:db8::1";
        let table: [(&str, &[&str], &str); 9] = [
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.2.3.4"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            ("10.0.0.1", &["[2001:db8:9::9]:4711"], "2001:db8:9::9"),
            ("10.0.0.1", &["2001:db8:9::9, 2001:db8::1"], "2001:db8:9::9"),
            ("10.0.0.1", &["1.1.1.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
        ];
        for (peer, fields, expected) in table {
            assert_eq!(caller(peer, fields, ours), expected, "{peer} {fields:?}");
        }
    }

    #[test]
    fn a_customer_of_ipv6_is_one_caller_and_this_machine_is_none() {
        let prefix = |text: &str| Caller(text.parse().unwrap()).prefix();
        assert_eq!(prefix("203.0.113.7").as_deref(), Some("203.0.113.7"));
        assert_eq!(prefix("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1:2::/64"));
        assert_eq!(prefix("2001:db8:1:2::1"), prefix("2001:db8:1:2:ffff::"));
        assert_eq!((prefix("127.0.0.1"), prefix("::1")), (None, None));
    }

    #[test]
    fn a_network_that_is_none_is_told() {
        for text in ["10.0.0.0/33", "0.0.0.0/0", "::/0", "localhost", "10.0.0.1 10.0.0.2"] {
            assert!(text.parse::<TrustedProxies>().is_err(), "{text}");
        }
    }
}
