//! Keys that clients show, keys that the installation keeps, and how far each is trusted.

pub mod key;
pub mod sealing_key;
pub mod secret;
mod trust;

pub use key::{ApiKey, KeyId, KeyKind, Rate, Scope};
pub use trust::Trust;
