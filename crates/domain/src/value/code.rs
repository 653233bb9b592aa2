//! Enums whose values have stable codes.

use strum::VariantNames;

/// The error text for a text that is not a code of the enum.
pub fn unknown_code<T: VariantNames>(text: &str) -> String {
    format!("`{text}` is unknown; expected one of {}", T::VARIANTS.join(", "))
}
