//! The public base URL of the gateways, for URLs in responses.

use actix_web::HttpRequest;
use actix_web::http::header;
use url::Url;

use crate::refusal::Refusal;
use crate::state::GatewayState;

/// The configured URL, without a trailing slash. If none is configured, the `Host` of the request with the
/// scheme in a trusted proxy's `X-Forwarded-Proto`.
pub(crate) fn base_url(request: &HttpRequest, state: &GatewayState) -> Result<String, Refusal> {
    if let Some(url) = &state.config.public_url {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    let header = |name: header::HeaderName| request.headers().get(name)?.to_str().ok();
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    let trusted = &state.config.trusted_proxies;
    let proxied = peer.is_some_and(|peer| trusted.iter().any(|network| network.contains(peer)));
    let secure = proxied && header(header::X_FORWARDED_PROTO) == Some("https");
    let scheme = if secure { "https" } else { "http" };
    let url = header(header::HOST).and_then(|host| Url::parse(&format!("{scheme}://{host}")).ok());
    let detail = "The Host header is missing or not valid. Send the host name of this gateway.";
    let named = url.filter(Url::has_host).map(|url| url.origin().ascii_serialization());
    named.ok_or(Refusal::InvalidParameter { name: "Host", detail: detail.into() })
}
