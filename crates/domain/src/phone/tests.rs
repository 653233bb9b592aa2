use super::*;
use proptest::prelude::*;

fn e164(raw: &str, region: &str) -> Result<String, PhoneProblem> {
    Phone::parse(raw, region.parse().ok()).map(|phone| phone.e164().to_owned())
}

#[test]
fn numbers_are_read_as_people_write_them() {
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
fn what_is_dialled_before_a_number_is_the_regions_own() {
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
fn an_extension_is_kept_apart() {
    for raw in ["415 555 0132 ext. 89", "415 555 0132 x89", "tel:+1-415-555-0132;ext=89", "4155550132,,89"] {
        let phone = Phone::parse(raw, "US".parse().ok()).unwrap();
        assert_eq!((phone.e164(), phone.extension()), ("+14155550132", Some("89")), "{raw}");
    }
    assert_eq!(Phone::parse("+14155550132", None).unwrap().extension(), None);
}

#[test]
fn each_problem_has_its_own_name() {
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
    fn whatever_is_accepted_is_e164(raw in "[+0-9 ()./a-z٠-٩-]{0,40}", region in "[A-Z]{2}") {
        if let Ok(phone) = Phone::parse(&raw, region.parse().ok()) {
            let digits = phone.e164().strip_prefix('+').unwrap();
            prop_assert!(digits.len() <= 15 && digits.bytes().all(|digit| digit.is_ascii_digit()), "{phone:?}");
        }
    }
}

/// Region, text, and the number or why there is none.
type Case = (&'static str, &'static str, Result<&'static str, PhoneProblem>);

fn check(cases: &[Case]) {
    for (region, raw, expected) in cases {
        assert_eq!(e164(raw, region).as_deref(), expected.as_deref(), "{raw:?} of {region:?}");
    }
}

use PhoneProblem::{Ambiguous, NoRegion, NotANumber, NotAssigned, OneDigit};

#[test]
fn a_space_that_may_have_been_a_plus_is_ambiguous_where_both_are_numbers() {
    check(&[
        ("US", " 4587654321", Err(Ambiguous)),
        ("US", "\u{feff} 4587654321", Err(Ambiguous)),
        ("US", "4587654321", Ok("+14587654321")),
        ("US", "  4587654321", Err(Ambiguous)),
        ("US", "( 45) 87654321", Err(Ambiguous)),
        ("US", " 4155550132", Ok("+14155550132")),
        ("", " 4587654321", Err(NoRegion)),
        ("DK", " 4587654321", Ok("+4587654321")),
        ("US", " 14155550132", Ok("+14155550132")),
        ("US", " (458) 765-4321", Ok("+14587654321")),
    ]);
}

#[test]
fn what_spreadsheets_do_to_numbers_is_undone_or_refused() {
    check(&[
        ("DE", "309018204.0", Ok("+49309018204")),
        ("DE", "309018204,0", Ok("+49309018204")),
        ("DE", "309018204.00", Ok("+49309018204")),
        ("DE", "+49309018204.0", Ok("+49309018204")),
        ("AT", "66123456.0", Ok("+4366123456")),
        ("US", "4155550132.0", Ok("+14155550132")),
        ("US", "'4155550132", Ok("+14155550132")),
        ("US", "=\"4155550132\"", Ok("+14155550132")),
        ("US", "4.155550132E+09", Ok("+14155550132")),
        ("US", "4.155550132e9", Ok("+14155550132")),
        ("US", "1.4155550132E10", Ok("+14155550132")),
        ("DE", "4,9309018204E+10", Ok("+49309018204")),
        ("US", "4.15555E+09", Err(NotANumber)),
        ("US", "4.1555501322E+09", Err(NotANumber)),
        ("DE", "4.93E+10", Err(NotANumber)),
        ("FR", "6,12E+08", Err(NotANumber)),
        ("DE", "309018204.5", Err(NotANumber)),
        ("US", "4155550132.25", Err(NotANumber)),
        ("US", "4,155,550,132", Err(NotANumber)),
        ("US", "#REF!", Err(NotANumber)),
        ("US", "########", Err(NotANumber)),
    ]);
}

#[test]
fn letters_are_a_note_beside_a_number_or_make_it_none() {
    check(&[
        ("US", "+917878787xyz", Err(NotANumber)),
        ("US", "+44 7400 123abc", Err(NotANumber)),
        ("US", "abc4155550132", Err(NotANumber)),
        ("US", "4155550132cell", Err(NotANumber)),
        ("US", "555-0132 abc", Err(NotANumber)),
        ("US", "5550132abc", Err(NotANumber)),
        ("US", "415 555 O132", Err(NotANumber)),
        ("US", "415 555 0l32", Err(NotANumber)),
        ("DE", "030 9018 2O4", Err(NotANumber)),
        ("DE", "030 9018 null", Err(NotANumber)),
        ("US", "1-800-FLOWERS", Ok("+18003569377")),
        ("US", "+1 800 GO FEDEX", Ok("+18004633339")),
        ("CA", "(800) 555-ROSE", Ok("+18005557673")),
        ("US", "1-800-MATTRESS", Err(NotANumber)),
        ("DE", "0800 FLOWERS", Err(NotANumber)),
        ("GB", "0800 REPAIRS", Err(NotANumber)),
        ("US", "415-555-0132 (cell)", Ok("+14155550132")),
        ("US", "415-555-0132 [work]", Ok("+14155550132")),
        ("US", "415-555-0132 after 5pm", Ok("+14155550132")),
        ("US", "415-555-0132, ask for Ann", Ok("+14155550132")),
        ("US", "415-555-0132 - Ann", Ok("+14155550132")),
        ("US", "415-555-0132 \"Ann\"", Ok("+14155550132")),
        ("US", "415-555-0132 room 412", Ok("+14155550132")),
        ("US", "415-555-0132 ext.", Ok("+14155550132")),
        ("US", "415-555-0132 ext", Ok("+14155550132")),
        ("US", "415-555-0132 x", Ok("+14155550132")),
        ("US", "call me at 415.555.0132 please", Ok("+14155550132")),
        ("US", "p:+14155550132", Ok("+14155550132")),
        ("US", "Mobile: +1 415 555 0132", Ok("+14155550132")),
        ("US", "+1 (US) 415 555 0132", Ok("+14155550132")),
        ("GB", "+44 (UK) 7400 123456", Ok("+447400123456")),
        ("JP", "090-1234-5678（携帯）", Ok("+819012345678")),
        ("CN", "138 0013 8000（微信同号）", Ok("+8613800138000")),
        ("RU", "8 (912) 345-67-89 Иван", Ok("+79123456789")),
        ("SA", "٠٥٠١٢٣٤٥٦٧ جوال", Ok("+966501234567")),
        ("IL", "050-234-5678 נייד", Ok("+972502345678")),
        ("DE", "0171 1234567 (privat)", Ok("+491711234567")),
        ("DE", "0171 1234567, ab 18 Uhr", Ok("+491711234567")),
        ("DE", "030 1234567 after 5pm", Ok("+49301234567")),
        ("DE", "030 1234567 room 412", Err(NotANumber)),
        ("ES", "+34 612 34 56 78 (whatsapp)", Ok("+34612345678")),
        ("BR", "(11) 98888-7777 zap", Ok("+5511988887777")),
        ("US", "415-555-0132?", Err(NotANumber)),
    ]);
}

#[test]
fn digits_that_were_left_out_are_not_made_up() {
    check(&[
        ("US", "415-555-XXXX", Err(NotANumber)),
        ("US", "415-555-xxxx", Err(NotANumber)),
        ("US", "XXX-XXX-0132", Err(NotANumber)),
        ("US", "415-555-****", Err(NotANumber)),
        ("US", "415-555-____", Err(NotANumber)),
        ("US", "415-555-013x", Err(NotANumber)),
        ("DE", "+49 30 90180 xx", Err(NotANumber)),
        ("DE", "+49 30 9018…", Err(NotANumber)),
        ("DE", "+49 30 9018...", Err(NotANumber)),
        ("DE", "+49 30 9018 ••••", Err(NotANumber)),
        ("DE", "+49 30 9018 ??", Err(NotANumber)),
        ("BR", "0xx31 98888-8888", Ok("+5531988888888")),
        ("US", "8888888888", Err(OneDigit)),
        ("GB", "+44 7777777777", Err(OneDigit)),
    ]);
}

#[test]
fn of_two_numbers_the_first_is_taken_if_it_is_clear_where_it_ends() {
    check(&[
        ("US", "415-555-0132/415-555-0199", Ok("+14155550132")),
        ("US", "415-555-0132; 415-555-0199", Ok("+14155550132")),
        ("US", "415-555-0132, 415-555-0199", Ok("+14155550132")),
        ("US", "415-555-0132 or 415-555-0199", Ok("+14155550132")),
        ("US", "415-555-0132 & 415-555-0199", Ok("+14155550132")),
        ("US", "415-555-0132 | 415-555-0199", Ok("+14155550132")),
        ("US", "415-555-0132\n415-555-0199", Ok("+14155550132")),
        ("US", "415-555-0132 - 415-555-0199", Ok("+14155550132")),
        ("US", "415-555-0132 / 555-0199", Ok("+14155550132")),
        ("US", "Home: 415-555-0132 Work: 415-555-0199", Ok("+14155550132")),
        ("US", "415-555-0132 (cell) 415-555-0199 (home)", Ok("+14155550132")),
        ("GB", "07400 123456 (or 020 7946 0958)", Ok("+447400123456")),
        ("FR", "06 12 34 56 78 / 06 98 76 54 32", Ok("+33612345678")),
        ("FR", "06.12.34.56.78 ou 01.42.68.53.00", Ok("+33612345678")),
        ("IT", "+39 333 1234567 (cell.) 06 69812345 (casa)", Ok("+393331234567")),
        ("IN", "+91-98765-43210, +91-98765-43211", Ok("+919876543210")),
        ("IN", "09876543210 / 20", Ok("+919876543210")),
        ("CH", "044 668 18 00/01", Ok("+41446681800")),
        ("NO", "22345678, 32345678", Ok("+4722345678")),
        ("DE", "Tel: 030-9018204 Fax: 030-9018205", Ok("+49309018204")),
        ("DE", "030/9018204", Ok("+49309018204")),
        ("DE", "030 / 901 82 04", Ok("+49309018204")),
        ("AT", "0664/1234567", Ok("+436641234567")),
        ("DE", "030 12345/67", Err(Ambiguous)),
        ("AT", "0664 1234567/8", Err(Ambiguous)),
        ("US", "4155550132 4155550199", Err(NotANumber)),
        ("US", "41555501324155550199", Err(NotANumber)),
        ("US", "12345 or 415-555-0132", Err(NotANumber)),
    ]);
    let first = Phone::parse("415-555-0132 ext 5 (ask for Ann)", "US".parse().ok()).unwrap();
    assert_eq!((first.extension(), first.note()), (Some("5"), Some("ask for Ann")));
    let first = Phone::parse("+1 415 555 0132 / +1 415 555 0199", None).unwrap();
    assert_eq!((first.note(), first.repairs()), (Some("+1 415 555 0199"), &[Repair::NoteBesidePhone][..]));
}

#[test]
fn what_cannot_be_seen_and_every_kind_of_separator_is_left_out() {
    for between in [
        "\u{fe0d}",
        "\u{fe0f}",
        "\u{200b}",
        "\u{200c}",
        "\u{200d}",
        "\u{2060}",
        "\u{feff}",
        "\u{ad}",
        "\u{202a}",
        "\u{202c}",
        "\u{2068}",
        "\u{61c}",
        "\u{180e}",
        "\u{e0101}",
        "\u{e0020}",
        "\u{20e3}",
        "\u{3164}",
        "\u{a0}",
        "\u{1680}",
        "\u{2003}",
        "\u{2009}",
        "\u{202f}",
        "\u{205f}",
        "\u{3000}",
        "\t",
        "\u{b}",
        "·",
        "\u{2011}",
        "\u{2012}",
        "–",
        "—",
        "\u{2212}",
        "\u{fe63}",
        "\u{ff0d}",
        "\u{ff0e}",
        "／",
    ] {
        let raw = format!("+1{between}415{between}555{between}0132");
        assert_eq!(e164(&raw, "").as_deref(), Ok("+14155550132"), "{raw:?}");
    }
    check(&[
        ("US", "4\u{fe0f}\u{20e3}155550132", Ok("+14155550132")),
        ("US", "\u{202d}(415) 555-0132\u{202c}", Ok("+14155550132")),
        ("US", "①④①⑤5550132", Err(NotANumber)),
    ]);
}

#[test]
fn one_subscriber_has_one_spelling() {
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
        let one = |raw: &&str| {
            subscriber(&e164(raw, region).unwrap_or_else(|problem| panic!("{raw}: {problem}"))).into_owned()
        };
        let known: std::collections::BTreeSet<_> = spellings.iter().map(one).collect();
        assert_eq!(known.len(), 1, "{known:?}");
    }
    check(&[
        ("BR", "+55 31 3333-8888", Ok("+553133338888")),
        ("MX", "+52 33 1234 5678", Ok("+523312345678")),
        ("AR", "15 6677-3399", Err(NotAssigned)),
    ]);
    assert_eq!(subscriber("+5491166773399"), "+541166773399");
    assert_eq!(subscriber("+549116677339"), "+549116677339");
}

#[test]
fn a_digest_of_any_spelling_is_looked_for() {
    assert_eq!(spellings("+14155550132"), ["+14155550132", "14155550132", "4155550132"]);
    assert_eq!(spellings("+49309018204"), ["+49309018204", "49309018204", "309018204", "0309018204"]);
    let argentinian = spellings("+541166773399");
    assert!(
        argentinian.contains(&"+5491166773399".to_owned()) && argentinian.contains(&"1166773399".to_owned())
    );
}

#[test]
fn what_only_looks_like_a_number_is_none() {
    for (region, raw) in [
        ("US", "312 Chicago"),
        ("US", "415 unknown"),
        ("US", "212 private"),
        ("US", "+1 212 newyork"),
        ("US", "415-555-cell"),
        ("US", "415 555 home"),
        ("US", "415-555-NNNN"),
        ("US", "800 unknown"),
        ("US", "800-NNN-NNNN"),
        ("US", "2024-05-12 10"),
        ("US", "212.55.50.132"),
        ("US", "ann_4155550132"),
        ("US", "https://x.example/p/4155550132"),
        ("US", "-4155550132"),
        ("DE", "30.05.1980"),
        ("DE", "05/12/1980"),
        ("AT", "19.03.2025"),
        ("FI", "2025-03-19"),
        ("DE", "30123.45"),
        ("DE", "30.123,45"),
        ("DE", "52.520008"),
        ("DE", "2) 089 12345678"),
        ("DE", "2. 030 123456"),
        ("DE", "Nr. 2 030 123456"),
        ("DE", "#2 030 123456"),
        ("DE", "2 - 030 123456"),
        ("DE", "030 1234...567"),
        ("DE", "030 1234●●●"),
        ("DE", "030 1234567＊＊＊"),
        ("DE", "(030) 1234-5_"),
        ("DE", "030 12345 O6"),
        ("AT", "0664 12345 I1"),
        ("DE", "030 12345 sechs"),
        ("DE", "030 1234 null 56"),
        ("DE", "030 123456 (17-19 Uhr)"),
    ] {
        assert_eq!(e164(raw, region), Err(NotANumber), "{raw:?} of {region}");
    }
    for raw in [
        "415-555-0132 (do not call)",
        "do not call 415-555-0132",
        "415-555-0132 wrong number",
        "nicht anrufen 415-555-0132",
    ] {
        assert_eq!(e164(raw, "US"), Err(PhoneProblem::DoNotCall), "{raw:?}");
    }
}

#[test]
fn a_count_or_a_time_beside_a_number_makes_it_ambiguous_where_lengths_vary() {
    for (region, raw) in [
        ("DE", "030 123456 17 Uhr"),
        ("DE", "030 123456 10-12 Uhr"),
        ("DE", "030 123456 24 h"),
        ("DE", "030 123456 50 EUR"),
        ("DE", "030 123456 (0171)"),
        ("DE", "030 123456 17-19"),
        ("US", "+49 30 123456 2 pm"),
        ("AT", "0664 1234567 35 Jahre"),
        ("AT", "0664 1234567/8"),
        ("DE", "030 12345&nbsp;67 abends"),
    ] {
        assert_eq!(e164(raw, region), Err(Ambiguous), "{raw:?} of {region}");
    }
    check(&[
        ("US", "415-555-0132 2 pm", Err(NotANumber)),
        ("FR", "06 12 34 56 78 bureau", Ok("+33612345678")),
        ("DE", "0171 1234567 abends", Ok("+491711234567")),
        ("US", "415.5550132", Ok("+14155550132")),
        ("IT", "+39.02.2012", Ok("+39022012")),
    ]);
}
