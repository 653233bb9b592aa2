//! Texts that administrators give.

use crate::OperationError;

/// Of a reason, in characters.
pub(crate) const LONGEST_REASON: usize = 500;

/// A text of 1 to `longest` characters, trimmed.
pub(crate) fn trimmed_text<'t>(name: &str, text: &'t str, longest: usize) -> Result<&'t str, OperationError> {
    let text = text.trim();
    let is_good = (1..=longest).contains(&text.chars().count()) && !text.contains('\0');
    if is_good {
        Ok(text)
    } else {
        Err(OperationError::Invalid(format!("`{name}` has 1 to {longest} characters")))
    }
}
