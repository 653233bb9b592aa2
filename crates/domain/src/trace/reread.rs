use serde::{Deserialize, Serialize};

use super::extensible::{MaybeKnown, StageRecord, TraceItem};
use super::sentences::listed;
use crate::validate::FieldFault;
use crate::{Patch, QuarantineReason};

/// The body of a stored submission was decoded again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RereadTrace {
    /// Why the body was rejected, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<MaybeKnown<QuarantineReason>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<TraceItem<RereadFault>>,
    /// Null without a mapping, absent if the body was rejected.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub mapping_version: Patch<u32>,
}

/// A fault in a body: a field and a code, never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RereadFault {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    pub code: String,
}

impl RereadFault {
    pub fn from_field_fault(fault: &FieldFault) -> Self {
        Self { pointer: Some(fault.pointer.clone()), code: fault.code.to_owned() }
    }

    /// A fault of the body as a whole.
    pub fn for_body(code: &str) -> Self {
        Self { pointer: None, code: code.to_owned() }
    }
}

impl RereadTrace {
    pub fn read(mapping_version: Option<u32>) -> Self {
        Self { mapping_version: mapping_version.into(), ..Self::default() }
    }

    pub fn refused(quarantined: QuarantineReason, faults: Vec<RereadFault>) -> Self {
        let faults = faults.into_iter().map(TraceItem::from).collect();
        Self { quarantined: Some(quarantined.into()), faults, ..Self::default() }
    }
}

impl StageRecord for RereadTrace {
    fn sentences(&self) -> Vec<String> {
        let result = match (&self.quarantined, &self.mapping_version) {
            (Some(reason), _) => {
                let known = reason.known().map(|known| known.sentence().to_owned());
                format!(" and rejected: {}", known.unwrap_or_else(|| reason.words()))
            }
            (None, Patch::Value(version)) => format!(" with version {version} of the mapping"),
            (None, Patch::Null) => " without a mapping".to_owned(),
            (None, Patch::Absent) => String::new(),
        };
        let faults: Vec<_> = self.faults.iter().map(fault).collect();
        let sentence = format!("Its body was decoded again{result}.");
        std::iter::once(sentence).chain(listed("Faults", &faults)).collect()
    }

    /// The faults are removed: a pointer may contain a field name of the client.
    fn erased(self) -> Option<Self> {
        let quarantined = self.quarantined.and_then(MaybeKnown::erased);
        let erased = Self { quarantined, faults: Vec::new(), ..self };
        (erased != Self::default()).then_some(erased)
    }
}

fn fault(fault: &TraceItem<RereadFault>) -> String {
    match fault {
        MaybeKnown::Known(part) if part.other.is_empty() => match &part.known {
            RereadFault { pointer: Some(pointer), code } => format!("{pointer} ({code})"),
            RereadFault { pointer: None, code } => code.clone(),
        },
        other => other.words(),
    }
}
