//! The validation that gateway and worker share. Every store can keep a submission that passes it.

use std::fmt;

use serde_json::Value;

use crate::value::json::{self, JsonFaultCode};
use crate::{BodyFormat, Consent, Fields, Patch, Submission, TextField};

pub const MAX_PHONE_LENGTH: usize = 100;
pub const MAX_EMAIL_LENGTH: usize = 320;
pub const MAX_TAG_LENGTH: usize = 100;
pub const MAX_TAGS: usize = 100;

/// Why a field cannot be accepted. It names the field and never contains its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// RFC 6901 pointer in native terms, such as `/phone` or `/tags/3`.
    pub pointer: String,
    pub code: &'static str,
    pub detail: String,
}

impl FieldFault {
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }

    fn too_long(pointer: impl Into<String>, max_length: usize) -> Self {
        Self::new(pointer, "too_long", format!("too long (at most {max_length} characters)"))
    }
}

/// Whether a text has more than this number of characters. A character has at least one byte.
pub fn is_longer(text: &str, max_length: usize) -> bool {
    text.len() > max_length && text.chars().nth(max_length).is_some()
}

/// The JSON pointer to a member of a document (RFC 6901).
pub fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Checks the lengths, counts and characters of decoded fields.
pub fn fields(fields: &Fields) -> Result<(), Vec<FieldFault>> {
    let mut faults = Vec::new();
    let mut text = |pointer: fmt::Arguments<'_>, value: &str, max_length: usize| {
        if is_longer(value, max_length) {
            faults.push(FieldFault::too_long(pointer.to_string(), max_length));
        }
        if value.contains('\0') {
            faults.push(FieldFault::new(
                pointer.to_string(),
                JsonFaultCode::NulCharacter.as_str(),
                JsonFaultCode::NulCharacter.detail(),
            ));
        }
    };
    if let Patch::Value(phone) = &fields.phone {
        text(format_args!("/phone"), phone, MAX_PHONE_LENGTH);
    }
    if let Patch::Value(email) = &fields.email {
        text(format_args!("/email"), email, MAX_EMAIL_LENGTH);
    }
    for (field, value) in &fields.texts {
        let value = value.as_deref().unwrap_or_default();
        text(format_args!("/{}", field.as_str()), value, field.max_length());
    }
    for (position, tag) in fields.tags.iter().enumerate() {
        text(format_args!("/tags/{position}"), tag, MAX_TAG_LENGTH);
    }
    if let Patch::Value(consent) = &fields.consent {
        for (name, part) in consent_parts(consent) {
            text(format_args!("/consent/{name}"), part, TextField::PageUrl.max_length());
        }
    }
    if fields.tags.len() > MAX_TAGS {
        faults.push(FieldFault::new("/tags", "too_many_tags", format!("too many tags (at most {MAX_TAGS})")));
    }
    for (pointer, verdict) in documents(fields) {
        if let Err(code) = verdict {
            faults.push(FieldFault::new(pointer, code.as_str(), code.detail()));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Whether a submission from the queue is within the limits that the gateway enforces.
pub fn submission(submission: &Submission) -> bool {
    fields(&submission.fields).is_ok()
        && json::check_object(&submission.unknown).is_ok()
        && submission.client.user_agent.as_deref().is_none_or(|agent| !agent.contains('\0'))
        && submission.client.address.as_deref().is_none_or(|address| !address.contains('\0'))
        && submission.traceparent.as_deref().is_none_or(|parent| !parent.contains('\0'))
        && submission.query.as_deref().is_none_or(|query| !query.contains('\0'))
        && !matches!(&submission.media, BodyFormat::Multipart(boundary) if boundary.contains('\0'))
        && submission.mapping_fault.as_ref().is_none_or(|fault| !fault.to.contains('\0'))
        && submission.raw.bytes().is_some()
}

fn consent_parts(consent: &Consent) -> impl Iterator<Item = (&'static str, &str)> {
    let parts = [
        ("consent_timestamp", &consent.consent_timestamp),
        ("consent_text_version", &consent.consent_text_version),
        ("source_url", &consent.source_url),
    ];
    parts.into_iter().filter_map(|(name, part)| part.as_deref().map(|part| (name, part)))
}

/// The results for the parts that are arbitrary JSON.
fn documents(fields: &Fields) -> [(&'static str, Result<(), JsonFaultCode>); 6] {
    let value = |patch: &Patch<Value>| patch.value().map_or(Ok(()), json::check);
    [
        ("/custom_fields", json::check_object(&fields.custom_fields)),
        ("/attribution", fields.attribution.value().map_or(Ok(()), json::check_object)),
        ("/consent", fields.consent.value().map_or(Ok(()), |consent| json::check_object(&consent.more))),
        ("/automations", value(&fields.automations)),
        ("/user_assignments", value(&fields.user_assignments)),
        ("/untrusted_fields", json::check_object(&fields.untrusted_fields)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_text_is_its_number_of_characters() {
        for (text, max_length, expected) in [
            ("", 0, false),
            ("abc", 3, false),
            ("abcd", 3, true),
            ("äöü", 3, false),
            ("äöüß", 3, true),
            ("ä", 1, false),
        ] {
            assert_eq!(is_longer(text, max_length), expected, "{text}");
        }
    }

    #[test]
    fn a_fault_has_a_pointer_to_its_field() {
        let all = Fields {
            phone: Patch::Value("1".repeat(101)),
            texts: [(TextField::Company, Some("a\0".to_owned()))].into(),
            tags: vec!["a".to_owned(), "b".repeat(101)],
            consent: Patch::Value(Consent { source_url: Some("x".repeat(2_049)), ..Consent::default() }),
            ..Fields::default()
        };
        let faults = fields(&all).unwrap_err();
        let faults: Vec<_> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.code)).collect();
        let expected = [
            ("/phone", "too_long"),
            ("/company", "nul_character"),
            ("/tags/1", "too_long"),
            ("/consent/source_url", "too_long"),
        ];
        assert_eq!(faults, expected);
    }
}
