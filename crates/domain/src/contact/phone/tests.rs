use super::*;
use proptest::prelude::*;

mod not_a_number;
mod notes;
mod repairs;
mod spelling;

fn e164(raw: &str, region: &str) -> Result<String, PhoneProblem> {
    Phone::parse(raw, region.parse().ok()).map(|phone| phone.e164().to_owned())
}

#[test]
fn the_formats_that_people_use_are_accepted() {
    for raw in ["+1 415-555-0132", "(415) 555-0132", "1.415.555.0132", "tel:+1-415-555-0132"] {
        assert_eq!(e164(raw, "US").as_deref(), Ok("+14155550132"), "{raw}");
    }
    assert_eq!(e164("020 7946 0958", "gb").as_deref(), Ok("+442079460958"));
    assert_eq!(e164("+81 3-3224-9999", "").as_deref(), Ok("+81332249999"));
    assert_eq!(e164("+44 (0)20 7946 0958", "US").as_deref(), Ok("+442079460958"));
    assert_eq!(e164("＋８１ ３-３２２４-９９９９", "").as_deref(), Ok("+81332249999"));
    assert_eq!(e164("٤١٥٥٥٥٠١٣٢", "US").as_deref(), Ok("+14155550132"));
    assert_eq!(e164("1-800-FLOWERS", "US").as_deref(), Ok("+18003569377"));
}

#[test]
fn the_exit_code_depends_on_the_region() {
    assert_eq!(e164("011 358 18 1234567", "US").as_deref(), Ok("+358181234567"));
    assert_eq!(e164("00 44 20 7946 0958", "DE").as_deref(), Ok("+442079460958"));
    assert_eq!(e164("00 44 20 7946 0958", "US"), Err(PhoneProblem::NotAssigned));
    assert_eq!(e164("+00 44 20 7946 0958", "DE").as_deref(), Ok("+442079460958"));
}

#[test]
fn a_number_that_begins_like_the_trunk_prefix_keeps_its_digits() {
    assert_eq!(e164("+7 800 555 35 35", "").as_deref(), Ok("+78005553535"));
    assert_eq!(e164("8 800 555 35 35", "RU").as_deref(), Ok("+78005553535"));
    assert_eq!(e164("+370 800 12345", "").as_deref(), Ok("+37080012345"));
    assert_eq!(e164("8 (800) 080-00-00", "KZ").as_deref(), Ok("+78000800000"));
}

#[test]
fn an_extension_is_not_part_of_the_number() {
    for raw in ["415 555 0132 ext. 89", "415 555 0132 x89", "tel:+1-415-555-0132;ext=89", "4155550132,,89"] {
        let phone = Phone::parse(raw, "US".parse().ok()).unwrap();
        assert_eq!((phone.e164(), phone.extension()), ("+14155550132", Some("89")), "{raw}");
    }
    assert_eq!(Phone::parse("+14155550132", None).unwrap().extension(), None);
}

#[test]
fn each_problem_has_its_own_code() {
    assert_eq!(e164("  ", "US"), Err(PhoneProblem::Empty));
    assert_eq!(e164(&"5".repeat(10_000), "US"), Err(PhoneProblem::TooLong));
    assert_eq!(e164("415 555 0132", ""), Err(PhoneProblem::NoRegion));
    for raw in ["call me", "+1", "4155550132 4155559876", "½ 415 555 0132"] {
        assert_eq!(e164(raw, "US"), Err(PhoneProblem::NotANumber), "{raw}");
    }
    for raw in ["0000000000", "+999999999999999", "112", "+1 415 555 01320", "12345678901234567"] {
        assert_eq!(e164(raw, "US"), Err(PhoneProblem::NotAssigned), "{raw}");
    }
}

proptest! {
    #[test]
    fn an_accepted_number_is_e164(raw in "[+0-9 ()./a-z٠-٩-]{0,40}", region in "[A-Z]{2}") {
        if let Ok(phone) = Phone::parse(&raw, region.parse().ok()) {
            let digits = phone.e164().strip_prefix('+').unwrap();
            prop_assert!(digits.len() <= 15 && digits.bytes().all(|digit| digit.is_ascii_digit()), "{phone:?}");
        }
    }
}

/// Region, text, and the number or the problem.
type PhoneTestCase = (&'static str, &'static str, Result<&'static str, PhoneProblem>);

fn check(cases: &[PhoneTestCase]) {
    for (region, raw, expected) in cases {
        assert_eq!(e164(raw, region).as_deref(), expected.as_deref(), "{raw:?} of {region:?}");
    }
}
