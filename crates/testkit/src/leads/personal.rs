//! Lists the values of a lead that must not be in a log.

use serde_json::Value;

/// Shorter values would be in many texts by chance.
const MIN_NAME_LENGTH: usize = 5;
const MIN_NUMBER_LENGTH: usize = 8;

/// The phone as submitted and its digits, the email as submitted and in lower case, and the names. Values
/// that are too short to be searched for are left out.
pub fn personal_data_of(body: &Value) -> Vec<String> {
    let text = |field| body.get(field).and_then(Value::as_str).map(str::trim);
    let mut data = Vec::new();
    if let Some(phone) = text("phone") {
        let digits = national_digits(phone);
        if digits.len() >= MIN_NUMBER_LENGTH {
            data.extend([phone.to_owned(), digits]);
        }
    }
    if let Some(email) = text("email") {
        data.extend([email.to_owned(), email.to_lowercase()]);
    }
    for name in ["full_name", "first_name", "last_name"].into_iter().filter_map(text) {
        if name.chars().count() >= MIN_NAME_LENGTH || (!name.is_ascii() && name.chars().count() > 1) {
            data.push(name.to_owned());
        }
    }
    data.sort();
    data.dedup();
    data
}

/// The digits that every normalized form of the number contains: without extension and leading zeros.
fn national_digits(phone: &str) -> String {
    let number = phone.split(" ext").next().unwrap_or(phone);
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0').to_owned()
}
