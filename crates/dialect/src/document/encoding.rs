//! Corrects bodies whose encoding differs from their media type.

use std::borrow::Cow;

use encoding_rs::WINDOWS_1252;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Decodes UTF-8. Other bytes are decoded as windows-1252, and the second value is true.
///
/// Text in another encoding is very rarely valid UTF-8, so this also applies to bodies that declare
/// ISO-8859-1.
pub(super) fn decode_text(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.into(), false),
        Err(_) => (WINDOWS_1252.decode_without_bom_handling(bytes).0, true),
    }
}

pub(super) fn without_byte_order_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)
}

/// Whether a body looks like a JSON object. A form field cannot start like one.
pub(super) fn is_json_object(body: &[u8]) -> bool {
    let body = without_byte_order_mark(body).trim_ascii();
    let inside = body.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    body.ends_with(b"}") && inside.is_some_and(|inside| inside.starts_with(b"\"") || inside.starts_with(b"}"))
}

/// JSON with line breaks and tabs inside strings escaped; `None` if there are none.
pub(super) fn with_line_breaks_escaped(body: &[u8]) -> Option<Vec<u8>> {
    let mut escaped = Vec::with_capacity(body.len() + 16);
    let (mut in_string, mut after_backslash) = (false, false);
    for byte in body {
        match byte {
            b'\n' if in_string => escaped.extend(b"\\n"),
            b'\r' if in_string => escaped.extend(b"\\r"),
            b'\t' if in_string => escaped.extend(b"\\t"),
            byte => escaped.push(*byte),
        }
        in_string ^= *byte == b'"' && !after_backslash;
        after_backslash = in_string && *byte == b'\\' && !after_backslash;
    }
    (escaped.len() > body.len()).then_some(escaped)
}
