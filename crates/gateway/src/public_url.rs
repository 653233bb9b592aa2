//! Where clients reach the gateways, for URLs in answers.

use actix_web::HttpRequest;
use actix_web::http::header;
use url::Url;

use crate::refusal::Refusal;
use crate::state::State;

/// As configured, else the host that the client named. Without a slash at the end.
pub(crate) fn base_url(request: &HttpRequest, state: &State) -> Result<String, Refusal> {
    if let Some(url) = &state.config.public_url {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let url = host.and_then(|host| Url::parse(&format!("http://{host}")).ok());
    url.map(|url| url.origin().ascii_serialization()).ok_or(Refusal::NotFound)
}
