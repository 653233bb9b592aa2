//! The addresses to which connections may be opened. It is the only guard against requests into the operator's own
//! networks (server-side request forgery), and it looks at the address that is connected to. For requests through a proxy
//! it checks only hosts that are addresses or `localhost`; the proxy must check the others.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use leadgate_domain::Network;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;
use tokio::sync::Semaphore;
use url::{Host, Url};

/// Look-ups at the same time. Each occupies a thread, and the store needs threads, too.
const LOOKUPS: usize = 32;

/// Addresses that are not on the public internet, or that reach into another network
/// (IANA's registries of special-purpose addresses).
const REFUSED: [&str; 33] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

static REFUSED_NETWORKS: LazyLock<Vec<Network>> =
    LazyLock::new(|| REFUSED.iter().filter_map(|network| network.parse().ok()).collect());

/// The host has an address that must not be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host has an address that this installation does not connect to")]
pub(crate) struct AddressRefused;

/// The host has no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host has no address")]
pub(crate) struct UnknownHost;

/// Looks up the addresses of a host.
pub type HostLookup =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> + Send + Sync>;

/// Decides to which addresses connections may be opened.
#[derive(Clone)]
pub struct AddressGuard {
    /// Private networks that the operator allows.
    allowed: Arc<[Network]>,
    /// The host of the proxy, which the operator chose.
    proxy: Option<Arc<str>>,
    /// One permit for each look-up that runs.
    lookups: Arc<Semaphore>,
    look_up: HostLookup,
}

impl fmt::Debug for AddressGuard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AddressGuard").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Default for AddressGuard {
    fn default() -> Self {
        Self::new([])
    }
}

impl AddressGuard {
    /// Allows these networks in addition to the public internet.
    pub fn new(allowed: impl IntoIterator<Item = Network>) -> Self {
        Self {
            allowed: allowed.into_iter().collect(),
            proxy: None,
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
            look_up: Arc::new(|host| Box::pin(look_up(host))),
        }
    }

    /// Looks hosts up in another way than the system.
    #[must_use]
    pub fn with_lookup(self, look_up: HostLookup) -> Self {
        Self { look_up, ..self }
    }

    /// Allows all addresses of this host.
    #[must_use]
    pub(crate) fn with_proxy(self, host: &str) -> Self {
        Self { proxy: Some(host.into()), ..self }
    }

    /// Whether a connection to this address may be opened.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = canonical(address);
        let is_in = |networks: &[Network]| networks.iter().any(|network| network.contains(address));
        is_in(&self.allowed) || !is_in(&REFUSED_NETWORKS)
    }

    /// Checks a URL whose host is an address. It is not looked up, so [`Resolve`] does not see it. Names of this machine
    /// (RFC 6761, section 6.3) are checked, too, because a proxy would look them up.
    pub(crate) fn check_literal(&self, url: &Url) -> Result<(), AddressRefused> {
        // [`Resolve`] allows all addresses of the proxy, which a request without the proxy would reach.
        if self.proxy.is_some() && url.host_str().map(without_dot) == self.proxy.as_deref().map(without_dot) {
            return Err(AddressRefused);
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(name)) if is_localhost(name) && self.allows(Ipv6Addr::LOCALHOST.into()) => {
                return Ok(());
            }
            Some(Host::Domain(name)) if is_localhost(name) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(AddressRefused),
        };
        if self.allows(address) { Ok(()) } else { Err(AddressRefused) }
    }
}

/// A name without the dot of the root.
fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn is_localhost(name: &str) -> bool {
    let name = without_dot(name);
    name == "localhost" || name.ends_with(".localhost")
}

async fn look_up(host: String) -> io::Result<Vec<IpAddr>> {
    Ok(lookup_host((host.as_str(), 0)).await?.map(|found| found.ip()).collect())
}

/// An IPv4 address that is written as an IPv6 address is that IPv4 address.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] if high != 0 || low > 1 => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        [0, 0, 0, 0, 0, 0xffff, ..] => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        _ => address,
    }
}

/// Looks names up, and refuses a name with any refused address. The connection is opened to an address of the result,
/// so that a later change of the name has no effect.
impl Resolve for AddressGuard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let permit = Arc::clone(&guard.lookups).acquire_owned().await?;
            // A task of its own, because a look-up goes on when its attempt has timed out.
            let looking_up = (guard.look_up)(name.as_str().to_owned());
            let looked_up = tokio::spawn(async move {
                let found = looking_up.await;
                drop(permit);
                found
            });
            let found = looked_up.await?.unwrap_or_default();
            if found.is_empty() {
                return Err(UnknownHost.into());
            }
            let is_proxy = guard.proxy.as_deref() == Some(name.as_str());
            if !is_proxy && !found.iter().all(|address| guard.allows(*address)) {
                return Err(AddressRefused.into());
            }
            // The client sets the port.
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(guard: &AddressGuard, address: &str) -> bool {
        guard.allows(address.parse().unwrap())
    }

    #[test]
    fn all_networks_of_the_list_are_read() {
        assert_eq!(REFUSED_NETWORKS.len(), REFUSED.len());
    }

    #[test]
    fn only_public_addresses_are_allowed() {
        let guard = AddressGuard::default();
        for text in REFUSED {
            let network: ipnet::IpNet = text.parse().unwrap();
            assert!(!guard.allows(network.network()), "{network}");
            assert!(!guard.allows(network.broadcast()), "{network}");
        }
        for address in [
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0.0.0.0",
            "::127.0.0.1",
            "::10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
            "fe80::1",
            "fd00::1",
        ] {
            assert!(!allows(&guard, address), "{address}");
        }
        for address in
            ["1.1.1.1", "9.255.255.255", "11.0.0.0", "172.32.0.1", "::ffff:8.8.8.8", "2606:4700::1111"]
        {
            assert!(allows(&guard, address), "{address}");
        }
    }

    #[test]
    fn an_operator_can_allow_private_networks() {
        let guard = AddressGuard::new(["10.1.0.0/16".parse().unwrap(), "::1/128".parse().unwrap()]);
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "::1"] {
            assert!(allows(&guard, address), "{address}");
        }
        for address in ["10.2.0.1", "127.0.0.1"] {
            assert!(!allows(&guard, address), "{address}");
        }
    }

    #[test]
    fn every_spelling_of_an_address_is_refused() {
        let guard = AddressGuard::default();
        let spellings = [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "017700000001",
            "0177.0.0.1",
            "0x7f.0x0.0x0.0x1",
            "127.0.0.1.",
            "0",
            "0.0.0.0",
            "0x0",
            "[::1]",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "169.254.169.254",
            "0xa9fea9fe",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "①②⑦.⓪.⓪.①",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
        ];
        for spelling in spellings {
            let url: Url = format!("http://{spelling}/x").parse().unwrap();
            assert_eq!(guard.check_literal(&url), Err(AddressRefused), "{spelling}");
        }
    }
}
