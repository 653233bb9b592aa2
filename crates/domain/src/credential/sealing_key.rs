//! Encryption of what is stored and must stay secret, under a key that is derived from the installation's secret.
//!
//! The text form is `v1.<fingerprint of the secret>.<base64 of nonce and ciphertext>`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretBox};

const NONCE_BYTES: usize = 24;

/// Encrypts (XChaCha20-Poly1305). The current secret encrypts. The current and the previous secret decrypt.
///
/// The purpose of a ciphertext is authenticated with it: it cannot be opened for another purpose.
pub struct SealingKey(Vec<(SecretBox<[u8; 32]>, String)>);

/// The secret that decrypted a sealed text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretVersion {
    Current,
    /// The text must be sealed again under the current secret.
    Previous,
}

impl SealingKey {
    /// `keys` are keys with the fingerprints of their secrets, the current one first.
    pub(crate) fn new(keys: Vec<(SecretBox<[u8; 32]>, String)>) -> Self {
        Self(keys)
    }

    pub(crate) fn seal(&self, purpose: &[u8], plain: &[u8]) -> Option<String> {
        let (sealing, fingerprint) = self.0.first()?;
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: plain, aad: purpose };
        let sealed = cipher(sealing).encrypt(&XNonce::from(nonce), payload).ok()?;
        Some(format!("v1.{fingerprint}.{}", STANDARD.encode([&nonce[..], &sealed].concat())))
    }

    /// `None` if it was sealed under another secret or for another purpose, or was changed.
    pub(crate) fn open(&self, purpose: &[u8], sealed: &str) -> Option<(Vec<u8>, SecretVersion)> {
        let (fingerprint, bytes) = sealed.strip_prefix("v1.")?.split_once('.')?;
        let bytes = STANDARD.decode(bytes).ok()?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let position = self.0.iter().position(|(_, known)| known == fingerprint)?;
        let (key, _) = self.0.get(position)?;
        let payload = Payload { msg: ciphertext, aad: purpose };
        let opened = cipher(key).decrypt(&XNonce::from(*nonce), payload).ok()?;
        let version = if position == 0 { SecretVersion::Current } else { SecretVersion::Previous };
        Some((opened, version))
    }
}

fn cipher(key: &SecretBox<[u8; 32]>) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key.expose_secret()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::secret::RootSecret;

    const PURPOSE: &[u8] = b"a test";
    const OLD: &str = "the old secret, long enough to be one";
    const NEW: &str = "the new secret, long enough to be one";

    fn key(current: &str, previous: Option<&str>) -> SealingKey {
        RootSecret::new(current, previous).unwrap().sealing()
    }

    #[test]
    fn a_sealed_key_opens_only_under_its_secret() {
        let sealed = key(OLD, None).seal(PURPOSE, &[7; 32]).unwrap();
        assert_ne!(sealed, key(OLD, None).seal(PURPOSE, &[7; 32]).unwrap(), "each has its own nonce");
        assert_eq!(key(OLD, None).open(PURPOSE, &sealed), Some((vec![7; 32], SecretVersion::Current)));
        assert_eq!(key(NEW, Some(OLD)).open(PURPOSE, &sealed), Some((vec![7; 32], SecretVersion::Previous)));
        assert_eq!(key(NEW, None).open(PURPOSE, &sealed), None);
        assert_eq!(key(OLD, None).open(b"another purpose", &sealed), None);
    }

    #[test]
    fn a_changed_text_does_not_open() {
        let sealed = key(OLD, None).seal(PURPOSE, &[7; 32]).unwrap();
        for position in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(key(OLD, None).open(PURPOSE, &changed), None, "{changed}");
        }
        for text in ["", "v1.", "v1..", &hex::encode([7; 32])] {
            assert_eq!(key(OLD, None).open(PURPOSE, text), None, "{text}");
        }
    }
}
