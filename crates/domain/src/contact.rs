//! Contact values of a person: phone, email, name and state.

pub(crate) mod email;
pub mod name;
pub(crate) mod phone;
pub mod states;

pub use email::{Email, EmailKind, EmailProblem};
pub use phone::{Phone, PhoneKind, PhoneProblem, Region, canonical_e164, forbids_calls, may_lack_plus};
