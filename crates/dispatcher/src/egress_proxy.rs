//! The proxy through which requests are sent.

use std::fmt;
use std::str::FromStr;

use reqwest::{NoProxy, Proxy};
use url::Url;

/// The URL of an HTTP proxy: `http://HOST:PORT` or `https://HOST:PORT`, with `USER:PASSWORD@` before the host if the proxy
/// asks for them. `Debug` shows neither the user nor the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Url);

/// Why a text is no URL of an HTTP proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProxyUrl {
    #[error("not a URL; expected one such as http://proxy.example:3128")]
    NotAUrl,
    #[error("the scheme is not http or https; expected a URL such as http://proxy.example:3128")]
    Scheme,
    #[error("the URL of a proxy has no path, query or fragment")]
    Path,
}

impl FromStr for ProxyUrl {
    type Err = InvalidProxyUrl;

    fn from_str(text: &str) -> Result<Self, InvalidProxyUrl> {
        let url: Url = text.trim().parse().map_err(|_| InvalidProxyUrl::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidProxyUrl::Scheme);
        }
        let has_path = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
        if has_path { Err(InvalidProxyUrl::Path) } else { Ok(Self(url)) }
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ProxyUrl({:?}, {:?})", self.0.host_str(), self.0.port_or_known_default())
    }
}

/// A proxy, and the hosts to which connections are opened without it.
#[derive(Debug, Clone)]
pub struct EgressProxy {
    pub url: ProxyUrl,
    /// Names, with all names below them, and networks.
    pub except: Vec<String>,
}

impl EgressProxy {
    /// The name or address of the proxy.
    pub(crate) fn host(&self) -> &str {
        self.url.0.host_str().unwrap_or_default()
    }

    /// # Errors
    /// When the client does not support the URL.
    pub(crate) fn for_client(&self) -> reqwest::Result<Proxy> {
        Ok(Proxy::all(self.url.0.as_str())?.no_proxy(NoProxy::from_string(&self.except.join(","))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_http_url_without_a_path() {
        for text in ["http://proxy.example:3128", "https://user:hidden@[::1]:8443/", " http://10.0.0.1 "] {
            let proxy: ProxyUrl = text.parse().unwrap();
            let shown = format!("{proxy:?}");
            assert!(!shown.contains("hidden") && !shown.contains("user"), "{shown}");
        }
        for (text, problem) in [
            ("", InvalidProxyUrl::NotAUrl),
            ("proxy.example:3128", InvalidProxyUrl::Scheme),
            ("socks5://proxy.example", InvalidProxyUrl::Scheme),
            ("http://proxy.example/path", InvalidProxyUrl::Path),
            ("http://proxy.example/?q", InvalidProxyUrl::Path),
            ("http://proxy.example/#f", InvalidProxyUrl::Path),
        ] {
            assert_eq!(text.parse::<ProxyUrl>(), Err(problem), "{text}");
        }
    }
}
