use proptest::prelude::*;

use super::*;
use EmailProblem::{BadPunycode, Empty, LabelTooLong, LocalTooLong, NotAnAddress, TooLong};

fn address(raw: &str) -> Result<String, EmailProblem> {
    Email::parse(raw).map(|email| email.address().to_owned())
}

#[test]
fn addresses_that_were_typed_copied_or_linked_are_accepted() {
    for (raw, expected) in [
        ("  Ann.Lee@Example.COM ", "Ann.Lee@example.com"),
        ("\u{a0}a@b.com\u{200b} ", "a@b.com"),
        ("\u{202a}a@b.com\u{202c}", "a@b.com"),
        ("\u{feff}a@b\u{ad}.com", "a@b.com"),
        ("a@b.com.", "a@b.com"),
        ("mailto:a@b.com", "a@b.com"),
        ("MailTo: a@b.com?subject=Hi", "a@b.com"),
        ("\"quoted local\"@x.com", "\"quoted local\"@x.com"),
        ("First.Last+tag@GMail.com", "First.Last+tag@gmail.com"),
        ("ü@münchen.de", "ü@xn--mnchen-3ya.de"),
        ("ü@MÜNCHEN.DE", "ü@xn--mnchen-3ya.de"),
        ("ü@xn--mnchen-3ya.de", "ü@xn--mnchen-3ya.de"),
        ("ü@XN--MNCHEN-3YA.de", "ü@xn--mnchen-3ya.de"),
        ("a@b。com", "a@b.com"),
        ("a@straße.de", "a@xn--strae-oqa.de"),
        ("a@उदाहरण.मराठी", "a@xn--p1b6ci4b4b3a.xn--d2b1ag0dl"),
        ("क्षमा@x.com", "क्षमा@x.com"),
        ("e\u{301}@example.com", "é@example.com"),
        ("аdmin@example.com", "аdmin@example.com"),
    ] {
        assert_eq!(address(raw).as_deref(), Ok(expected), "{raw:?}");
    }
}

#[test]
fn spellings_of_one_address_have_the_same_comparison_form() {
    let form = |raw| Email::parse(raw).unwrap().comparison_form();
    for (first, second) in [
        ("Ann@example.com", "ann@EXAMPLE.com"),
        ("u@münchen.de", "u@xn--mnchen-3ya.de"),
        ("Ü@münchen.de", "u\u{308}@MÜNCHEN.de"),
        ("jose\u{301}@x.com", "josé@x.com"),
        ("İ@x.com", "i\u{307}@x.com"),
        ("a\u{200b}@x.com", "mailto:A@x.com."),
    ] {
        assert_eq!(form(first), form(second), "{first} {second}");
    }
    for (first, second) in [
        ("ann+a@gmail.com", "ann@gmail.com"),
        ("a.nn@gmail.com", "ann@gmail.com"),
        ("аdmin@x.com", "admin@x.com"),
        ("u@münchen.de", "ü@münchen.de"),
        ("u@münchen.de", "u@muenchen.de"),
    ] {
        assert_ne!(form(first), form(second), "{first} {second}");
    }
}

#[test]
fn each_problem_has_its_own_code() {
    let label = |letter: &str, length| format!("a@{}.com", letter.repeat(length));
    let (local, total) = (format!("{}@b.com", "a".repeat(65)), format!("a@{}com", "abcdefgh.".repeat(28)));
    let (accents, umlauts) = (format!("{}@b.com", "é".repeat(33)), label("ü", 61));
    for (raw, problem) in [
        (" ", Empty),
        ("\u{200b}", Empty),
        ("mailto:", Empty),
        (&local, LocalTooLong),
        (&accents, LocalTooLong),
        (&label("d", 64), LabelTooLong),
        (&umlauts, LabelTooLong),
        (&total, TooLong),
        (&"a".repeat(100_000), TooLong),
        ("a@xn--", BadPunycode),
        ("a@xn--a-\u{fc}.de", BadPunycode),
        ("a@x.XN--99999999", BadPunycode),
    ] {
        assert_eq!(address(raw), Err(problem), "{raw:.40}");
    }
    assert!(address(&format!("{}@{}.com", "a".repeat(64), "d".repeat(63))).is_ok());
}

#[test]
fn invalid_addresses_are_refused() {
    for raw in [
        "a",
        "a@b",
        "a@@b.com",
        "a b@c.com",
        "a\u{a0}b@c.com",
        "a@b..com",
        "a@b.com..",
        "a@.b.com",
        "a@-b.com",
        "a@b_c.com",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a@b.com\r\nBcc:x",
        "a@b.com\r\nBcc:x@y.com",
        "mailto:a@b.com,",
        "\u{1b}a@b.com",
        "a\u{85}b@c.com",
        "@b.com",
        "a@",
    ] {
        assert_eq!(address(raw), Err(NotAnAddress), "{raw:?}");
    }
}

proptest! {
    #[test]
    fn an_accepted_address_parses_to_itself(raw in "\\PC{0,20}@?\\PC{0,20}(\\.com)?") {
        if let Ok(email) = Email::parse(&raw) {
            prop_assert_eq!(format!("{}@{}", email.local(), email.domain()), email.address());
            prop_assert!(email.domain().is_ascii());
            prop_assert_eq!(Email::parse(email.address()), Ok(email.clone()));
            prop_assert_eq!(Email::from_stored(email.address()), Some(email.clone()));
            let again = Email::parse(&email.comparison_form()).map(|email| email.comparison_form());
            prop_assert_eq!(again, Ok(email.comparison_form()));
        }
    }
}

#[test]
fn the_first_address_of_a_text_is_used() {
    for raw in [
        "ann@acme.example, bob@acme.example",
        "ann@acme.example;bob@acme.example",
        "ann@acme.example / bob@acme.example",
        "ann@acme.example or bob@acme.example",
        "Ann Lee <ann@acme.example>",
        "\"Lee, Ann\" <ann@acme.example>, Bob <bob@acme.example>",
        "mailto:ann@acme.example",
        "<ann@acme.example>",
        "ann\u{ff20}acme.example",
    ] {
        assert_eq!(Email::parse(raw).as_ref().map(Email::address), Ok("ann@acme.example"), "{raw}");
    }
    for raw in [
        "ann lee@acme.example bob@x.example",
        "max mann@gmx.de / moritz@gmx.de",
        "ann lee@acme.example, bob@x.example",
        "ann@acme@example.com",
        "<ann>, <bob>",
        "ann@acme.example\nbob@acme.example",
    ] {
        assert_eq!(Email::parse(raw), Err(EmailProblem::NotAnAddress), "{raw}");
    }
}

#[test]
fn all_addresses_of_a_gmail_mailbox_have_the_same_mailbox() {
    let mailbox = |raw: &str| Email::parse(raw).unwrap().gmail_mailbox();
    for raw in
        ["annlee@gmail.com", "Ann.Lee@GMail.com", "a.n.n.lee+shop.1@googlemail.com", "annlee+@gmail.com"]
    {
        assert_eq!(mailbox(raw).as_deref(), Some("annlee@gmail.com"), "{raw}");
    }
    for raw in ["ann.lee@acme.example", "ann.lee@gmail.com.example", "ann.lee@mail.gmail.com", "+x@gmail.com"]
    {
        assert_eq!(mailbox(raw), None, "{raw}");
    }
    assert_ne!(mailbox("ann_lee@gmail.com"), mailbox("annlee@gmail.com"));
}

#[test]
fn gmail_spellings_lack_the_dots_or_the_tag() {
    let spellings = |raw: &str| Email::parse(raw).unwrap().gmail_spellings().into_iter().collect::<Vec<_>>();
    assert_eq!(spellings("Ann.Lee+x@Gmail.com"), ["annlee+x@gmail.com", "annlee@gmail.com"]);
    assert_eq!(spellings("Ann.Lee@googlemail.com"), ["annlee@gmail.com", "annlee@googlemail.com"]);
    assert_eq!(spellings("ann.lee@gmail.com"), ["annlee@gmail.com"]);
    assert!(spellings("annlee@gmail.com").is_empty() && spellings("ann.lee@acme.example").is_empty());
}
