//! Reads a header that may be sent only once.

use actix_web::http::header::{AsHeaderName, HeaderMap};

/// Why the text of a header cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// It was sent several times.
    Repeated,
    /// It contains characters other than visible ASCII, spaces and tabs.
    NotText,
}

/// The text of a header that may be sent only once; `None` if it was not sent.
pub(crate) fn single_header(
    headers: &HeaderMap,
    name: impl AsHeaderName,
) -> Result<Option<&str>, HeaderFault> {
    let mut values = headers.get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(HeaderFault::Repeated);
    }
    value.to_str().map(Some).map_err(|_| HeaderFault::NotText)
}

/// The same for a header that is ignored if its text cannot be used.
pub(crate) fn valid_single_header(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    single_header(headers, name).ok().flatten()
}
