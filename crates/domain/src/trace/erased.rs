use serde::{Deserialize, Serialize};

use super::extensible::StageRecord;
use super::sentences::date;
use crate::Timestamp;

/// When the values of the submission were erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedAt(pub Timestamp);

impl StageRecord for ErasedAt {
    fn sentences(&self) -> Vec<String> {
        let at = date(self.0);
        vec![format!("The submitted values, and all values derived from them, were erased on {at}.")]
    }

    fn erased(self) -> Option<Self> {
        Some(self)
    }
}
