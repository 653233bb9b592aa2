//! Sample people. Their data is the same in all their leads.

use super::phones::{COUNTRIES, SampleNumber};
use super::seeded_random::SeededRandom;

/// The given name and the family name, which is empty if the person has none.
const NAMES: &[(&str, &str)] = &[
    ("Alice", "Whitfield"),
    ("Siobhán", "O'Brien"),
    ("Gabriele", "D’Annunzio"),
    ("Jean-Luc", "de la Fontaine"),
    ("María José", "Núñez Ibáñez"),
    ("Łukasz", "Wiśniewski"),
    ("Søren", "Ørsted"),
    ("Zoe\u{308}", "Nu\u{303}n\u{303}ez"),
    ("Nguye\u{302}\u{303}n", "Va\u{306}n Hu\u{300}ng"),
    ("太郎", "山田"),
    ("小明", "歐陽"),
    ("민수", "남궁"),
    ("محمد", "الأحمد"),
    ("שירה", "כהן־לוי"),
    ("Дмитрий", "Достоевский"),
    ("Ελένη", "Παπαδοπούλου"),
    ("अनन्या", "चतुर्वेदी"),
    ("สมชาย", "วงศ์สวัสดิ์"),
    ("Suharto", ""),
    ("Björk", ""),
    ("X Æ", "Ångström"),
    ("Wolfeschlegelstein", "Hausenbergerdorff-Featherstonehaugh von und zu Hohenlohe"),
    ("Ann 🌻", "Middleton"),
    ("Robert'); DROP TABLE leads;--", "Tables"),
    ("<b>Bold</b>", "${jndi:ldap}"),
    ("  Padded ", " Withspaces  "),
];

const FREE_MAIL: &[&str] = &["gmail.com", "yahoo.com", "web.de", "qq.com", "mail.ru"];
const COMPANIES: &[&str] =
    &["Acme & Söhne GmbH", "株式会社サンプル", "Smith, Jones \"and\" Partners", "شركة المثال", "Łódź Solar"];

#[derive(Clone, Debug)]
pub(super) struct SamplePerson {
    pub(super) given: String,
    pub(super) family: String,
    pub(super) number: SampleNumber,
    pub(super) email: String,
    pub(super) company: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) line_id: Option<String>,
}

impl SamplePerson {
    /// A person with a unique email and unique ids, which contain `index`. The phone number is random.
    pub(super) fn new(random: &mut SeededRandom, seed: u64, index: usize) -> Self {
        let (given, family) = *random.one_of(NAMES);
        let country = random.one_of(COUNTRIES);
        Self {
            given: given.to_owned(),
            family: family.to_owned(),
            number: SampleNumber::new(random, country),
            email: email(random, given, family, index),
            company: random.chance(40).then(|| random.pick(COMPANIES).to_owned()),
            external_id: random.chance(30).then(|| format!("crm-{seed:x}-{index}")),
            line_id: random.chance(5).then(|| format!("U{seed:016x}{index:016x}")),
        }
    }
}

fn email(random: &mut SeededRandom, given: &str, family: &str, index: usize) -> String {
    let plain = |name: &str| -> String { name.chars().filter(char::is_ascii_alphabetic).take(20).collect() };
    let (given, family) = (plain(given).to_lowercase(), plain(family).to_lowercase());
    let local = match (given.is_empty(), family.is_empty()) {
        (true, _) => format!("visitor{index}"),
        (false, true) => format!("{given}{index}"),
        (false, false) => format!("{given}.{family}{index}"),
    };
    match random.random_below(6) {
        0 => format!("{local}@{}", random.pick(FREE_MAIL)),
        1 => format!("{local}+offer@example.org"),
        2 => format!("{local}@sales.example.co.uk"),
        3 => format!("{local}@xn--mnchen-3ya.example"),
        4 => format!("{}@Example.COM", local.to_uppercase()),
        _ => format!("{local}@example.net"),
    }
}
