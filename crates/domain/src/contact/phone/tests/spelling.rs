//! Different formats of the number of one subscriber.

use super::*;
use PhoneProblem::NotAssigned;

#[test]
fn all_formats_of_a_subscriber_have_the_same_canonical_number() {
    for (region, spellings) in [
        (
            "MX",
            &[
                "+5215512345678",
                "+525512345678",
                "5512345678",
                "044 55 1234 5678",
                "01 55 1234 5678",
                "1 55 1234 5678",
            ][..],
        ),
        (
            "AR",
            &[
                "011 15 6677-3399",
                "+54 9 11 6677 3399",
                "+54 11 6677-3399",
                "+54 11 15 6677-3399",
                "9 11 6677 3399",
            ],
        ),
        (
            "BR",
            &["+55 31 8888-8888", "+55 31 98888-8888", "(31) 8888-8888", "031 98888-8888", "0xx31 8888-8888"],
        ),
        ("PL", &["+48 (0) 22 512 34 56", "+48 22 512 34 56", "22 512 34 56"]),
        ("GB", &["+44 (0)20 7946 0958", "020 7946 0958", "0044 20 7946 0958"]),
        ("IT", &["+39 (0)6 69812345", "06 69812345"]),
        ("DE", &["+49 (0) 30 / 901 82 04", "+49-30-9018204", "(030) 9018204"]),
    ] {
        let canonical = |raw: &&str| {
            canonical_e164(&e164(raw, region).unwrap_or_else(|problem| panic!("{raw}: {problem}")))
                .into_owned()
        };
        let numbers: std::collections::BTreeSet<_> = spellings.iter().map(canonical).collect();
        assert_eq!(numbers.len(), 1, "{numbers:?}");
    }
    check(&[
        ("BR", "+55 31 3333-8888", Ok("+553133338888")),
        ("MX", "+52 33 1234 5678", Ok("+523312345678")),
        ("AR", "15 6677-3399", Err(NotAssigned)),
    ]);
    assert_eq!(canonical_e164("+5491166773399"), "+541166773399");
    assert_eq!(canonical_e164("+549116677339"), "+549116677339");
}

#[test]
fn digests_of_all_spellings_are_looked_up() {
    assert_eq!(spellings("+14155550132"), ["+14155550132", "14155550132", "4155550132"]);
    assert_eq!(spellings("+49309018204"), ["+49309018204", "49309018204", "309018204", "0309018204"]);
    let argentinian = spellings("+541166773399");
    assert!(
        argentinian.contains(&"+5491166773399".to_owned()) && argentinian.contains(&"1166773399".to_owned())
    );
}
