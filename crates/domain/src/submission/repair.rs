//! Repairs that are made to a value or a body before it is read. The trace names them. The original is kept.

use serde::{Deserialize, Serialize};

/// A repair. The codes are part of traces and of validation responses.
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

    /// The meaning as text.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::InvisibleCharacters => "invisible characters were removed from the phone",
            Self::DecimalZeros => {
                "the phone was sent as a decimal number; the zeros after the decimal point were removed"
            }
            Self::Exponent => "the phone was sent with an exponent and was expanded; no digit was missing",
            Self::NoteBesidePhone => "text or a second number was separated from the phone",
            Self::LostPlus => {
                "the plus sign of the phone was restored; the form sent it unescaped, as a space"
            }
            Self::TrunkZero => {
                "a zero in brackets was removed from the phone; it is dialled only within the country"
            }
            Self::OlderSpelling => {
                "the phone had an older format of its country and was converted to the current one"
            }
            Self::Windows1252 => {
                "the body was not UTF-8 and declared no charset; it was decoded as windows-1252"
            }
            Self::LineBreakInString => "an unescaped line break or tab in a JSON string was accepted",
        }
    }
}
