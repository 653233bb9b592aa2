//! Texts that administrators enter.

use crate::OperationError;

/// The maximum length of a reason, in characters.
pub(crate) const MAX_REASON_LENGTH: usize = 500;

/// Trims a text and checks that it has 1 to `max_length` characters.
pub(crate) fn trimmed_text<'t>(
    name: &str,
    text: &'t str,
    max_length: usize,
) -> Result<&'t str, OperationError> {
    let text = text.trim();
    let is_valid = (1..=max_length).contains(&text.chars().count()) && !text.contains('\0');
    if is_valid {
        Ok(text)
    } else {
        Err(OperationError::Invalid(format!("`{name}` must have 1 to {max_length} characters")))
    }
}
