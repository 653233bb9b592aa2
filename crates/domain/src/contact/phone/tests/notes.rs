//! Notes and second numbers that are sent with a number.

use super::*;
use PhoneProblem::{Ambiguous, NotANumber};

#[test]
fn words_are_a_note_and_letters_within_a_number_are_refused() {
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
fn the_first_of_two_numbers_is_used_if_its_end_is_clear() {
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
fn words_that_forbid_calls_are_a_note() {
    for (raw, note) in [
        ("415-555-0132 (do not call)", Some("do not call")),
        ("415-555-0132 [DO-NOT-CALL]", Some("DO-NOT-CALL")),
        ("415-555-0132 don\u{2019}t call!", Some("don\u{2019}t call!")),
        ("415-555-0132 don&#39;t call", Some("don t call")),
        ("415-555-0132 do\u{200b}not\u{a0}call", Some("donot call")),
        ("415-555-0132 / DNC", Some("DNC")),
        ("415-555-0132 no calls", Some("no calls")),
        ("415-555-0132, do not call after 5pm", Some("do not call after 5pm")),
        ("415-555-0132 wrong number", Some("wrong number")),
        ("415-555-0132 not my number", Some("not my number")),
        ("415-555-0132\nstop calling", Some("stop calling")),
        ("415-555-0132 bitte nicht anrufen", Some("bitte nicht anrufen")),
        ("415-555-0132 n\u{fa}mero equivocado", Some("n\u{fa}mero equivocado")),
        ("do not call 415-555-0132", None),
        ("nicht anrufen 415-555-0132", None),
    ] {
        assert!(forbids_calls(raw), "{raw:?}");
        let phone =
            Phone::parse(raw, "US".parse().ok()).unwrap_or_else(|problem| panic!("{raw:?}: {problem}"));
        assert_eq!((phone.e164(), phone.note()), ("+14155550132", note), "{raw:?}");
    }
    for raw in
        ["", "415-555-0132", "415-555-0132 call me", "415-555-0132 (cell, not landline)", "no callback"]
    {
        assert!(!forbids_calls(raw), "{raw:?}");
    }
    assert!(forbids_calls("030 12345/67 nicht anrufen") && forbids_calls("do not call"));
    check(&[("DE", "030 12345/67 nicht anrufen", Err(Ambiguous)), ("US", "do not call", Err(NotANumber))]);
}

#[test]
fn a_count_or_a_time_after_a_number_of_variable_length_is_ambiguous() {
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
