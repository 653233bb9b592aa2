use super::*;

fn matching() -> MatchKey {
    MatchKey::new([0x55; 32])
}

/// Whether an entry of this value would hold a lead with that phone and email.
fn holds(value: &SuppressedValue, e164: Option<&str>, email: Option<&str>) -> bool {
    let (matching, organization) = (matching(), OrganizationId::from_uuid(uuid::Uuid::from_u128(7)));
    let email = email.map(|email| Email::parse(email).unwrap());
    let watched = SuppressionKey::keys_for_contact(&matching, organization, e164, email.as_ref());
    watched.contains(&value.key(&matching, organization))
}

fn read(kind: SuppressionKind, raw: &str) -> SuppressedValue {
    SuppressedValue::parse_kind(kind, raw, "US".parse().ok()).unwrap()
}

#[test]
fn both_sides_are_normalized() {
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
        let held = value.is_ok_and(|value| holds(&value, phone, ann));
        assert_eq!(held, expected, "{kind} {raw}");
    }
}

#[test]
fn a_digest_holds_whichever_spelling_it_is_of() {
    for said in ["+14155550132", "14155550132", "4155550132"] {
        let digest = Sha256Digest::of(said.as_bytes()).to_string().to_uppercase();
        let value = SuppressedValue::digest(SuppressionKind::Phone, &digest).unwrap();
        assert!(holds(&value, Some("+14155550132"), None), "{said}");
        assert!(!holds(&value, Some("+14155550133"), None), "{said}");
    }
    let digest = Sha256Digest::of(b"ann@example.com").to_string();
    let value = SuppressedValue::digest(SuppressionKind::Email, &digest).unwrap();
    assert!(holds(&value, None, Some("Ann@Example.com")));
    let as_phone = SuppressedValue::digest(SuppressionKind::Phone, &digest).unwrap();
    assert!(!holds(&as_phone, None, Some("Ann@Example.com")));
}

#[test]
fn an_email_is_never_taken_for_a_domain() {
    let address = read(SuppressionKind::Email, "ann@example.com");
    assert!(!holds(&address, None, Some("bob@example.com")));
    let domain = read(SuppressionKind::Domain, "example.com");
    assert!(holds(&domain, None, Some("bob@example.com")));
}

#[test]
fn what_is_no_domain_and_what_is_everybodys_is_refused() {
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
fn an_entry_ends_at_its_end() {
    let at = Timestamp::from_microseconds;
    let value = read(SuppressionKind::Phone, "+14155550132");
    let organization = OrganizationId::from_uuid(uuid::Uuid::from_u128(7));
    let mut entry = Suppression::new(&matching(), organization, &value, at(1));
    assert!(entry.is_active_at(at(i64::MAX)));
    entry.expires_at = Some(at(5));
    assert_eq!([entry.is_active_at(at(4)), entry.is_active_at(at(5))], [true, false]);
}
