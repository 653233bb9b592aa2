//! Enums whose values have stable codes.

use strum::VariantNames;

/// What is wrong with a text that is none of an enum's codes.
pub fn unknown_code<T: VariantNames>(text: &str) -> String {
    format!("`{text}` is unknown; expected one of {}", T::VARIANTS.join(", "))
}
