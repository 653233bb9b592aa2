//! Evidence that a person agreed to be called.

pub mod certificate;
mod evidence;
pub mod export_signature;

pub use certificate::CertificateProblem;
pub use evidence::{ConsentEvidence, PersonDocument};
