//! The proxy through which requests are sent.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The URL of an HTTP proxy: `http://HOST:PORT` or `https://HOST:PORT`, with `USER:PASSWORD@` before the host if the proxy
/// asks for them. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Url);

/// The text is no URL of an HTTP proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the URL of an HTTP proxy, such as http://proxy.example:3128")]
pub struct InvalidProxyUrl;

impl ProxyUrl {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for ProxyUrl {
    type Err = InvalidProxyUrl;

    fn from_str(text: &str) -> Result<Self, InvalidProxyUrl> {
        let url: Url = text.trim().parse().map_err(|_| InvalidProxyUrl)?;
        let is_proxy = matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none();
        if is_proxy { Ok(Self(url)) } else { Err(InvalidProxyUrl) }
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ProxyUrl({:?}, {:?})", self.0.host_str(), self.0.port_or_known_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_http_url_without_a_path() {
        for text in ["http://proxy.example:3128", "https://user:hidden@[::1]:8443/", " http://10.0.0.1 "] {
            let proxy: ProxyUrl = text.parse().unwrap();
            assert!(!format!("{proxy:?}").contains("hidden"));
        }
        for text in
            ["", "proxy.example:3128", "socks5://proxy.example", "http://proxy.example/path", "http://p/?q"]
        {
            assert_eq!(text.parse::<ProxyUrl>(), Err(InvalidProxyUrl), "{text}");
        }
    }
}
