//! Digests of bodies and of values that are compared.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::SubmissionId;

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// Parses lower- or upper-case hexadecimal digits of the full length.
            pub fn parse(text: &str) -> Option<Self> {
                let mut bytes = [0; $bytes];
                hex::decode_to_slice(text, &mut bytes).ok()?;
                Some(Self(bytes))
            }

            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// `None` if their number is not that of a digest.
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&hex::encode(self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a digest in hexadecimal digits"))
            }
        }
    };
}

digest! {
    /// SHA-256 of a body as it was received. The same submission id with another hash is a conflict.
    BodyHash, 32
}

digest! {
    /// SHA-256 of a phone or an email, the form in which suppression lists are exchanged.
    Sha256Digest, 32
}

digest! {
    /// HMAC-SHA-256, truncated to 128 bits, of a value that identifies a person; see
    /// [`crate::credential::secret::MatchKey`].
    KeyHash, 16
}

digest! {
    /// 32 bytes that make the digests of the same person differ. Without the salt, a person cannot be guessed
    /// from a digest.
    Salt, 32
}

digest! {
    /// SHA-256 of a salt and the personal part of a consent; see [`crate::ConsentEvidence`].
    PersonDigest, 32
}

digest! {
    /// SHA-256 of a submission's id and its phone.
    PhoneDigest, 32
}

digest! {
    /// SHA-256 of an export up to its signature; see [`crate::export_signature`].
    ExportHash, 32
}

impl Salt {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl PersonDigest {
    pub(crate) fn compute(salt: &Salt, person: &str) -> Self {
        Self(Sha256::new().chain_update(salt.0).chain_update(person).finalize().into())
    }
}

impl PhoneDigest {
    pub fn compute(submission: SubmissionId, phone: &str) -> Self {
        Self(Sha256::new().chain_update(submission.as_uuid()).chain_update(phone).finalize().into())
    }
}

impl From<[u8; 32]> for ExportHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl BodyHash {
    pub fn compute(body: &[u8]) -> Self {
        Self(Sha256::digest(body).into())
    }

    /// Replaces the hash of an erased body, because a small body can be guessed from its hash. It is unique
    /// within an organization.
    pub fn erased(id: uuid::Uuid) -> Self {
        let mut bytes = [0; 32];
        for (byte, id_byte) in bytes.iter_mut().zip(id.as_bytes().iter().cycle()) {
            *byte = *id_byte;
        }
        Self(bytes)
    }
}

impl Sha256Digest {
    pub fn compute(value: &[u8]) -> Self {
        Self(Sha256::digest(value).into())
    }
}

impl KeyHash {
    pub(crate) fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A hash that is different in each epoch of the store. Markers outside of the store become invalid after
    /// a restore.
    pub fn with_epoch(self, epoch: uuid::Uuid) -> Self {
        Self((u128::from_be_bytes(self.0) ^ epoch.as_u128()).to_be_bytes())
    }
}
