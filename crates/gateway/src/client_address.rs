//! The address of the client that sent a request.

use std::net::{IpAddr, SocketAddr};
use std::sync::Once;

use actix_web::HttpRequest;
use actix_web::http::header::X_FORWARDED_FOR;
use ipnet::Ipv6Net;
use leadgate_domain::Network;

/// The client's address. This is the peer, unless the peer is a trusted proxy. Behind a trusted proxy it is
/// the rightmost address in `X-Forwarded-For` that is not a trusted proxy itself. Addresses to the left of it
/// can be forged by the client.
pub(crate) fn client_address(request: &HttpRequest, trusted: &[Network]) -> Option<IpAddr> {
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical())?;
    let lines: Vec<_> = request.headers().get_all(X_FORWARDED_FOR).collect();
    if !lines.is_empty() && is_private(peer) && !is_trusted(peer, trusted) {
        warn_once(peer);
    }
    let hops = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    Some(resolve_forwarded(peer, hops, trusted))
}

pub(crate) fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// Whether an address is private. The proxy of an operator usually has a private address. A public peer that
/// sends the header is not necessarily a proxy.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_loopback(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_loopback(),
    }
}

fn warn_once(peer: IpAddr) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::warn!(
            %peer,
            "X-Forwarded-For is ignored because the peer is not in gateway.trusted_proxies; add the address if it is \
             your proxy, or all clients share one rate limit"
        );
    });
}

fn resolve_forwarded<'h>(peer: IpAddr, hops: impl Iterator<Item = &'h [u8]>, trusted: &[Network]) -> IpAddr {
    let mut nearest = peer;
    for hop in hops {
        if !is_trusted(nearest, trusted) {
            break;
        }
        match address(hop) {
            Some(address) => nearest = address,
            None => break,
        }
    }
    nearest
}

/// Accepts `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:80`.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim().trim_matches('"');
    let plain = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = plain.parse().ok().or_else(|| hop.parse().ok().map(|socket: SocketAddr| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// The key under which the limiter counts an address. IPv6 addresses are grouped by /64 network, because one
/// household usually has a whole /64.
pub(crate) fn rate_limit_key(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            Ipv6Net::new(address, 64).map_or_else(|_| address.to_string(), |net| net.trunc().to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use proptest::prelude::*;

    use super::*;

    fn address_of(peer: &str, forwarded: &[&str]) -> String {
        let mut request = TestRequest::default().peer_addr(SocketAddr::new(peer.parse().unwrap(), 9));
        for line in forwarded {
            request = request.append_header((X_FORWARDED_FOR, *line));
        }
        let trusted = ["10.0.0.0/8", "2001:db8:1::/48"].map(|network| network.parse().unwrap());
        client_address(&request.to_http_request(), &trusted).unwrap().to_string()
    }

    #[test]
    fn a_client_cannot_forge_its_address() {
        assert_eq!(address_of("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(address_of("10.0.0.1", &["203.0.113.66, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(address_of("10.0.0.1", &["10.9.9.9, 198.51.100.7, 10.0.0.2"]), "198.51.100.7");
    }

    #[test]
    fn a_trusted_proxy_is_believed_up_to_the_first_unreadable_address() {
        assert_eq!(address_of("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(address_of("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(address_of("10.0.0.1", &["unknown"]), "10.0.0.1");
        assert_eq!(address_of("10.0.0.1", &["198.51.100.7, unknown, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(address_of("10.0.0.1", &["198.51.100.7", "10.0.0.2"]), "198.51.100.7", "several lines");
        assert_eq!(address_of("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
        assert_eq!(address_of("10.0.0.1", &[&["192.0.2.9"; 1_000].join(",")]), "192.0.2.9");
    }

    #[test]
    fn all_notations_of_an_address_are_equal() {
        for hop in
            ["198.51.100.7:443", "::ffff:198.51.100.7", "[::ffff:198.51.100.7]:80", " \"198.51.100.7\" "]
        {
            assert_eq!(address_of("::ffff:10.0.0.1", &[hop]), "198.51.100.7", "{hop}");
        }
        for hop in ["2001:db8::7", "[2001:db8::7]", "\"[2001:db8::7]:80\""] {
            assert_eq!(address_of("2001:db8:1::1", &[hop]), "2001:db8::7", "{hop}");
        }
    }

    #[test]
    fn ipv6_addresses_are_counted_by_network() {
        let key = |text: &str| rate_limit_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:0:1:aaaa::1"), key("2001:db8:0:1:bbbb::2"));
        assert_ne!(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
        assert_eq!(key("192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn networks_round_trip() {
        for text in ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
        assert!("192.0.2.1".parse::<Network>().unwrap().contains([192, 0, 2, 1].into()));
        for text in ["", "10.0.0.0/33", "example.com", "10.0.0"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_header_causes_a_panic(hops: Vec<u8>) {
            let trusted = ["0.0.0.0/0".parse().unwrap()];
            resolve_forwarded([10, 0, 0, 1].into(), hops.rsplit(|byte| *byte == b','), &trusted);
        }
    }
}
