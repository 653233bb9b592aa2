//! Signatures of exports: Ed25519 (RFC 8032) over the hash of the export.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::ExportHash;

/// The keys for signing exports. The first key signs. Signatures of all keys are verified.
pub struct ExportSigningKey(Vec<SigningKey>);

impl ExportSigningKey {
    pub(crate) fn new<'k>(seeds: impl Iterator<Item = &'k [u8; 32]>) -> Self {
        Self(seeds.map(SigningKey::from_bytes).collect())
    }

    /// Signs the hash of an export's bytes and the number of its rows. `None` if there is no key.
    pub fn sign(&self, sha256: ExportHash, rows: u64) -> Option<ExportSignature> {
        let key = self.0.first()?;
        let signature = key.sign(signed_text(sha256, rows).as_bytes());
        Some(ExportSignature {
            algorithm: Algorithm::Ed25519,
            public_key: PublicKey(key.verifying_key().to_bytes()),
            rows,
            sha256,
            signature: STANDARD.encode(signature.to_bytes()),
        })
    }

    /// The public keys, the current one first.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.0.iter().map(|key| PublicKey(key.verifying_key().to_bytes())).collect()
    }
}

/// The text that is signed.
fn signed_text(sha256: ExportHash, rows: u64) -> String {
    format!("leadgate consent export v1\n{sha256}\n{rows}\n")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Algorithm {
    Ed25519,
}

/// The last line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportSignature {
    algorithm: Algorithm,
    pub public_key: PublicKey,
    pub rows: u64,
    pub sha256: ExportHash,
    signature: String,
}

impl ExportSignature {
    /// Whether the signature was made with `public_key` over `sha256` and `rows`. The caller must compare the
    /// key with the expected key, and the hash and the number with the export.
    pub fn verifies(&self) -> bool {
        let key = VerifyingKey::from_bytes(&self.public_key.0);
        let signature = STANDARD.decode(&self.signature).ok();
        let signature = signature.and_then(|bytes| Signature::from_slice(&bytes).ok());
        let content = signed_text(self.sha256, self.rows);
        match (key, signature) {
            (Ok(key), Some(signature)) => key.verify_strict(content.as_bytes(), &signature).is_ok(),
            _ => false,
        }
    }
}

/// The public key that verifies a signature: 32 bytes, written as base64.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

impl FromStr for PublicKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("not a public key; expected 32 bytes in base64")
    }
}

impl TryFrom<String> for PublicKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::secret::RootSecret;

    const OLD: &str = "the old secret, long enough to be one";
    const NEW: &str = "the new secret, long enough to be one";

    fn keys(current: &str, previous: Option<&str>) -> ExportSigningKey {
        RootSecret::new(current, previous).unwrap().export_signatures()
    }

    #[test]
    fn a_signature_verifies_unless_any_part_changes() {
        let hash = ExportHash::from([7; 32]);
        let signed = keys(NEW, None).sign(hash, 3).unwrap();
        assert!(signed.verifies());
        let other = keys(OLD, None).sign(hash, 3).unwrap();
        assert_ne!(signed.public_key, other.public_key);
        for changed in [
            ExportSignature { rows: 4, ..signed.clone() },
            ExportSignature { sha256: ExportHash::from([8; 32]), ..signed.clone() },
            ExportSignature { public_key: other.public_key, ..signed.clone() },
            ExportSignature { signature: other.signature, ..signed.clone() },
            ExportSignature { signature: "none".to_owned(), ..signed.clone() },
            ExportSignature { public_key: PublicKey([0; 32]), ..signed },
        ] {
            assert!(!changed.verifies(), "{changed:?}");
        }
    }

    #[test]
    fn the_previous_secret_still_verifies_and_the_current_one_signs() {
        let before = keys(OLD, None).public_keys();
        let during = keys(NEW, Some(OLD));
        assert_eq!(during.public_keys(), [keys(NEW, None).public_keys(), before.clone()].concat());
        assert_eq!(during.sign(ExportHash::from([7; 32]), 0).unwrap().public_key, during.public_keys()[0]);
        assert!(!keys(NEW, None).public_keys().contains(&before[0]));
    }

    #[test]
    fn a_printed_key_parses_to_the_same_key() {
        let key = keys(NEW, None).public_keys()[0];
        assert_eq!(key.to_string().parse(), Ok(key));
        for text in ["", "AAAA", "not base64!", &"A".repeat(44)] {
            assert!(text.parse::<PublicKey>().is_err(), "{text}");
        }
    }
}
