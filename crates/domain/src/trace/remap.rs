use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::part::Record;
use super::words::recorded_besides;
use crate::QuarantineReason;
use crate::validate::FieldFault;

/// That a stored submission was read once more from the bytes that came in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Remap {
    Refused {
        quarantined: QuarantineReason,
        faults: Vec<RemapFault>,
        #[serde(flatten)]
        other: Map<String, Value>,
    },
    Read {
        /// `None` without a mapping.
        mapping_version: Option<u32>,
        #[serde(flatten)]
        other: Map<String, Value>,
    },
}

/// What is wrong with a body: a field and a code, never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemapFault {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    pub code: String,
}

impl RemapFault {
    pub fn of_field(fault: &FieldFault) -> Self {
        Self { pointer: Some(fault.pointer.clone()), code: fault.code.to_owned() }
    }

    /// A fault of the body as a whole.
    pub fn of_body(code: &str) -> Self {
        Self { pointer: None, code: code.to_owned() }
    }
}

impl Remap {
    pub fn read(mapping_version: Option<u32>) -> Self {
        Self::Read { mapping_version, other: Map::new() }
    }

    pub fn refused(quarantined: QuarantineReason, faults: Vec<RemapFault>) -> Self {
        Self::Refused { quarantined, faults, other: Map::new() }
    }
}

impl Record for Remap {
    fn sentences(&self) -> Vec<String> {
        let (by, besides) = match self {
            Self::Read { mapping_version: Some(version), other } => {
                (format!("by version {version} of the mapping"), other.clone())
            }
            Self::Read { mapping_version: None, other } => ("without a mapping".to_owned(), other.clone()),
            Self::Refused { quarantined, faults, other } => {
                let mut besides = other.clone();
                besides.insert("quarantined".to_owned(), json!(quarantined));
                besides.insert("faults".to_owned(), json!(faults));
                ("without a mapping".to_owned(), besides)
            }
        };
        let sentence = format!("Its body was read once more, {by}.");
        std::iter::once(sentence).chain(recorded_besides(&besides)).collect()
    }

    fn erased(self) -> Option<Self> {
        match self {
            Self::Read { mapping_version, .. } => Some(Self::read(mapping_version)),
            Self::Refused { .. } => Some(Self::read(None)),
        }
    }
}
