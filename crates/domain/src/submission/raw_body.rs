//! A body as it was received, in a form that JSON and every store can keep.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The received bytes: as text if they are UTF-8, or else as base64.
///
/// A NUL is valid UTF-8, but PostgreSQL's `text` refuses it, so a body with a NUL is stored as base64 too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RawBody {
    Text(String),
    Base64(String),
}

impl RawBody {
    pub fn new(body: &[u8]) -> Self {
        match std::str::from_utf8(body) {
            Ok(text) if !text.contains('\0') => Self::Text(text.to_owned()),
            _ => Self::Base64(STANDARD.encode(body)),
        }
    }

    /// The received bytes; `None` if the base64 is not valid.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.clone().into_bytes()),
            Self::Base64(text) => STANDARD.decode(text).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_stored_body_keeps_its_bytes(body: Vec<u8>) {
            let json = serde_json::to_string(&RawBody::new(&body)).unwrap();
            prop_assert!(!json.contains("\\u0000"));
            let back: RawBody = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(back.bytes().unwrap(), body);
        }
    }
}
