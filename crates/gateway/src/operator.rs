//! Which requests may see metrics and readiness details.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};
use actix_web::http::uri::Authority;

use crate::GatewayConfig;
use crate::client_address::is_trusted;

/// Whether a request to the public address comes from the machine itself, and not through a proxy on it. Where
/// operators have an address of their own, no request to the public one does.
pub(crate) fn is_operator_request(request: &HttpRequest, config: &GatewayConfig) -> bool {
    let Some(peer) = request.peer_addr().map(|peer| peer.ip().to_canonical()) else { return false };
    let forwarded = [header::X_FORWARDED_FOR, header::FORWARDED, header::VIA];
    config.metrics_listen.is_none()
        && peer.is_loopback()
        && !is_trusted(peer, &config.trusted_proxies)
        && !forwarded.iter().any(|name| request.headers().contains_key(name))
        && !is_from_a_page(request)
}

/// Whether a web page in a browser on this machine may have sent the request. The browser would let it read the answer
/// (CORS), or take it for the page's own where the page's host name leads here (DNS rebinding).
fn is_from_a_page(request: &HttpRequest) -> bool {
    let value = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let fetch_site = value(HeaderName::from_static("sec-fetch-site"));
    let host = value(header::HOST).and_then(|host| host.parse::<Authority>().ok());
    let named = host.is_some_and(|host| {
        let host = host.host().trim_matches(['[', ']']);
        host != "localhost" && host.parse::<IpAddr>().is_err()
    });
    request.headers().contains_key(header::ORIGIN) || fetch_site.is_some_and(|site| site != "none") || named
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn operators_ask_from_the_machine_itself() {
        let allowed = |peer: &str, name: header::HeaderName, config: &GatewayConfig| {
            let request =
                TestRequest::default().peer_addr(peer.parse().unwrap()).insert_header((name, "1.1.1.1"));
            is_operator_request(&request.to_http_request(), config)
        };
        let open = GatewayConfig::default();
        assert!(!allowed("127.0.0.1:9", header::ORIGIN, &open));
        assert!(allowed("127.0.0.1:9", header::ACCEPT, &open) && allowed("[::1]:9", header::ACCEPT, &open));
        assert!(
            !allowed("192.0.2.1:9", header::ACCEPT, &open) && !allowed("10.0.0.1:9", header::ACCEPT, &open)
        );
        for name in [header::X_FORWARDED_FOR, header::FORWARDED, header::VIA] {
            assert!(!allowed("127.0.0.1:9", name, &open));
        }
        let behind = GatewayConfig { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..open.clone() };
        assert!(!allowed("127.0.0.1:9", header::ACCEPT, &behind));
        let apart = GatewayConfig { metrics_listen: Some(([127, 0, 0, 1], 9).into()), ..open };
        assert!(!allowed("127.0.0.1:9", header::ACCEPT, &apart));
    }
}
