//! What of a lead must never be found in a log.

use serde_json::Value;

/// Shorter things would be found in any text.
const SHORTEST_NAME: usize = 5;
const SHORTEST_NUMBER: usize = 8;

/// The phone as written and its bare digits, the email as written and in lower case, and the names, as far as they
/// are long enough not to be found by chance.
pub fn personal_data_of(body: &Value) -> Vec<String> {
    let text = |field| body.get(field).and_then(Value::as_str).map(str::trim);
    let mut data = Vec::new();
    if let Some(phone) = text("phone") {
        let digits = national_digits(phone);
        if digits.len() >= SHORTEST_NUMBER {
            data.extend([phone.to_owned(), digits]);
        }
    }
    if let Some(email) = text("email") {
        data.extend([email.to_owned(), email.to_lowercase()]);
    }
    for name in ["full_name", "first_name", "last_name"].into_iter().filter_map(text) {
        if name.chars().count() >= SHORTEST_NAME || (!name.is_ascii() && name.chars().count() > 1) {
            data.push(name.to_owned());
        }
    }
    data.sort();
    data.dedup();
    data
}

/// The digits that are part of the number however it is normalized: no extension, no leading zeros.
fn national_digits(phone: &str) -> String {
    let number = phone.split(" ext").next().unwrap_or(phone);
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0').to_owned()
}
