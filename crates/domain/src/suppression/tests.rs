use super::*;

fn matching() -> MatchKey {
    MatchKey::new([0x55; 32])
}

/// Whether an entry with this value holds a lead with that phone and email.
fn holds(value: &SuppressedValue, e164: Option<&str>, email: Option<&str>) -> bool {
    let (matching, organization) = (matching(), OrganizationId::from_uuid(uuid::Uuid::from_u128(7)));
    let email = email.map(|email| Email::parse(email).unwrap());
    let keys = SuppressionKey::keys_for_contact(&matching, organization, e164, email.as_ref());
    keys.contains(&value.key(&matching, organization))
}

fn read(kind: SuppressionKind, raw: &str) -> SuppressedValue {
    SuppressedValue::parse_kind(kind, raw, "US".parse().ok()).unwrap()
}

#[test]
fn entries_and_leads_are_compared_in_normalized_form() {
    use SuppressionKind::{Domain, Email, Phone};
    let (ann, phone) = (Some("ann.lee@mail.xn--mnchen-3ya.de"), Some("+14155550132"));
    for (kind, raw, expected) in [
        (Phone, "(415) 555-0132", true),
        (Phone, "415-555-0132 (do not call)", true),
        (Phone, "415-555-0132 wrong number", true),
        (Phone, "0011 1 415 555 0132", false),
        (Email, "mailto:Ann.Lee@Mail.München.de", true),
        (Email, "annlee@mail.münchen.de", false),
        (Domain, "münchen.de", true),
        (Domain, "https://www.münchen.de/contact?x", true),
        (Domain, "@mail.MÜNCHEN.de", true),
        (Domain, "other.mail.münchen.de", false),
        (Domain, "nchen.de", false),
    ] {
        let value = SuppressedValue::parse_kind(kind, raw, "US".parse().ok());
        let matches = value.is_ok_and(|value| holds(&value, phone, ann));
        assert_eq!(matches, expected, "{kind} {raw}");
    }
}

#[test]
fn a_digest_matches_every_common_spelling() {
    for text in ["+14155550132", "14155550132", "4155550132"] {
        let digest = Sha256Digest::compute(text.as_bytes()).to_string().to_uppercase();
        let value = SuppressedValue::digest(SuppressionKind::Phone, &digest).unwrap();
        assert!(holds(&value, Some("+14155550132"), None), "{text}");
        assert!(!holds(&value, Some("+14155550133"), None), "{text}");
    }
    let digest = Sha256Digest::compute(b"ann@example.com").to_string();
    let value = SuppressedValue::digest(SuppressionKind::Email, &digest).unwrap();
    assert!(holds(&value, None, Some("Ann@Example.com")));
    let as_phone = SuppressedValue::digest(SuppressionKind::Phone, &digest).unwrap();
    assert!(!holds(&as_phone, None, Some("Ann@Example.com")));
}

#[test]
fn an_email_entry_does_not_match_its_domain() {
    let address = read(SuppressionKind::Email, "ann@example.com");
    assert!(!holds(&address, None, Some("bob@example.com")));
    let domain = read(SuppressionKind::Domain, "example.com");
    assert!(holds(&domain, None, Some("bob@example.com")));
}

#[test]
fn invalid_domains_and_public_suffixes_are_refused() {
    for raw in ["", "localhost", "a b.example", "exa_mple.com", ".com", "-x.example"] {
        assert_eq!(Domain::parse(raw), Err(SuppressedValueProblem::NotADomain), "{raw}");
    }
    for raw in ["co.uk", "www.co.uk", "@com.au"] {
        assert_eq!(Domain::parse(raw), Err(SuppressedValueProblem::PublicEnding), "{raw}");
    }
    assert!(Domain::parse("gmail.com").is_ok());
    for raw in ["", "12", &"g".repeat(64)] {
        assert_eq!(
            SuppressedValue::digest(SuppressionKind::Email, raw),
            Err(SuppressedValueProblem::NotADigest),
            "{raw}"
        );
    }
}

#[test]
fn an_entry_is_inactive_from_its_expiry() {
    let at = Timestamp::from_microseconds;
    let value = read(SuppressionKind::Phone, "+14155550132");
    let organization = OrganizationId::from_uuid(uuid::Uuid::from_u128(7));
    let mut entry = Suppression::new(&matching(), organization, &value, at(1));
    assert!(entry.is_active_at(at(i64::MAX)));
    entry.expires_at = Some(at(5));
    assert_eq!([entry.is_active_at(at(4)), entry.is_active_at(at(5))], [true, false]);
}
