//! Credentials of clients, secrets of the installation, and the trust in submissions.

pub mod key;
pub mod sealing_key;
pub mod secret;
mod trust;

pub use key::{ApiKey, KeyId, KeyKind, Rate, Scope};
pub use trust::Trust;
