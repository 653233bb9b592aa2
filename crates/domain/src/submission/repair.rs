//! What was put right in a value or a body before it was read. The trace names it; what came is kept beside it.

use serde::{Deserialize, Serialize};

/// The codes stand in traces and in the answers of validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Repair {
    InvisibleCharacters,
    DecimalZeros,
    Exponent,
    NoteBesidePhone,
    LostPlus,
    TrunkZero,
    OlderSpelling,
    #[strum(serialize = "windows_1252")]
    Windows1252,
    LineBreakInString,
}

impl Repair {
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What it means, for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::InvisibleCharacters => "characters that cannot be seen were left out of the phone",
            Self::DecimalZeros => {
                "the phone came as a decimal number; its zeros after the point were left out"
            }
            Self::Exponent => "the phone came with an exponent, and was written out; no digit was missing",
            Self::NoteBesidePhone => "words or a further number beside the phone were left out of it",
            Self::LostPlus => {
                "the form had not escaped the plus sign of the phone, so that it came as a space"
            }
            Self::TrunkZero => {
                "a zero in brackets, which is dialled within the country only, was left out of the phone"
            }
            Self::OlderSpelling => {
                "the phone was written as its country did it once, and is kept in today's spelling"
            }
            Self::Windows1252 => "the body was no UTF-8 and named no encoding; it was read as windows-1252",
            Self::LineBreakInString => "a line break or tab within a JSON string was not escaped",
        }
    }
}
