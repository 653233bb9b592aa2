//! Counts how often the two parsers agree.

use std::collections::BTreeMap;
use std::fmt;

use leadgate_domain::{Phone, Repair};

use crate::oracle::{self, OracleNumber};
use crate::samples::Sample;

/// A plus and the 15 digits of E.164.
const MAX_E164_LENGTH: usize = 16;

#[derive(Default)]
pub(crate) struct Tally {
    rows: BTreeMap<Group, Row>,
    wrong: Vec<String>,
}

/// The group by which results are counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    /// One of the 40 largest countries, for its fixed lines and mobiles.
    country: Option<&'static str>,
    kind: String,
    format_name: &'static str,
}

/// The number of equal results, and of each kind of difference.
#[derive(Clone, Copy, Default)]
struct Row {
    equal: u32,
    both_refuse: u32,
    /// Refused only here, because so many digits cannot be dialled from other countries.
    too_long_for_e164: u32,
    refused_only_here: u32,
    /// Accepted only here, by a documented repair, as the intended number.
    repaired: u32,
    wrong: u32,
}

impl Tally {
    pub(crate) fn compare(
        &mut self,
        sample: &Sample,
        format_name: &'static str,
        text: &str,
        default_region: Option<&str>,
    ) {
        let group =
            Group { country: sample.largest_country(), kind: format!("{:?}", sample.kind), format_name };
        let row = self.rows.entry(group).or_default();
        let ours = Phone::parse(text, default_region.and_then(|region| region.parse().ok()));
        match (&ours, oracle::parse(text, default_region)) {
            (Ok(ours), Some(expected)) if equal(ours, &expected) => row.equal += 1,
            // Google also reads the words of a note as digits.
            (Ok(ours), _) if is_repaired(ours, sample, text) => row.repaired += 1,
            (Err(_), None) => row.both_refuse += 1,
            (Err(_), Some(expected)) if expected.e164.len() > MAX_E164_LENGTH => row.too_long_for_e164 += 1,
            (Err(_), Some(_)) => row.refused_only_here += 1,
            (Ok(ours), expected) => {
                row.wrong += 1;
                self.wrong.push(format!(
                    "{format_name}: {text:?} of {default_region:?} is {expected:?}, not {ours:?}"
                ));
            }
        }
    }

    pub(crate) fn wrong(&self) -> &[String] {
        &self.wrong
    }

    pub(crate) fn texts(&self) -> u32 {
        self.sum(|_| true).texts()
    }

    /// The share of equal results.
    pub(crate) fn agreement(&self) -> f64 {
        self.sum(|_| true).agreement()
    }

    /// The share for the fixed lines and mobiles of the 40 largest countries.
    pub(crate) fn agreement_of_largest_countries(&self) -> f64 {
        self.sum(|group| group.country.is_some()).agreement()
    }

    /// The share for one of these countries, without the numbers that are too long for E.164.
    pub(crate) fn agreement_of_country(&self, country: &str) -> f64 {
        Row { too_long_for_e164: 0, ..self.sum(|group| group.country == Some(country)) }.agreement()
    }

    fn sum(&self, is_counted: impl Fn(&Group) -> bool) -> Row {
        let rows = self.rows.iter().filter(|(group, _)| is_counted(group));
        rows.fold(Row::default(), |sum, (_, row)| sum.plus(row))
    }

    fn by(&self, formatter: &mut fmt::Formatter<'_>, name: impl Fn(&Group) -> Option<String>) -> fmt::Result {
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for (group, row) in &self.rows {
            let Some(name) = name(group) else { continue };
            let sum = rows.entry(name).or_default();
            *sum = sum.plus(row);
        }
        rows.iter().try_for_each(|(name, row)| writeln!(formatter, "  {name:<38}{row}"))
    }
}

/// Whether number, region, kind and extension are equal.
fn equal(ours: &Phone, expected: &OracleNumber) -> bool {
    ours.e164() == expected.e164
        && ours.region().map(|region| region.to_string()) == expected.region
        && ours.kind() == expected.kind
        && ours.extension() == expected.extension.as_deref()
}

/// Whether it is the intended number and valid in libphonenumber: the sample, or its current format.
fn is_repaired(ours: &Phone, sample: &Sample, text: &str) -> bool {
    let is_known = oracle::parse(ours.e164(), None).is_some_and(|expected| expected.e164 == ours.e164());
    let is_sample = ours.e164() == format!("+{}{}", sample.code, sample.national);
    let subscriber = ours.national().get(ours.national().len().saturating_sub(8)..).unwrap_or_default();
    let is_older = ours.repairs().contains(&Repair::OlderSpelling) && text.ends_with(subscriber);
    is_known && !ours.repairs().is_empty() && (is_sample || is_older)
}

impl Row {
    fn counts(self) -> [u32; 6] {
        [
            self.equal,
            self.both_refuse,
            self.repaired,
            self.too_long_for_e164,
            self.refused_only_here,
            self.wrong,
        ]
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            equal: self.equal + other.equal,
            both_refuse: self.both_refuse + other.both_refuse,
            too_long_for_e164: self.too_long_for_e164 + other.too_long_for_e164,
            refused_only_here: self.refused_only_here + other.refused_only_here,
            repaired: self.repaired + other.repaired,
            wrong: self.wrong + other.wrong,
        }
    }

    fn texts(self) -> u32 {
        self.counts().iter().sum()
    }

    fn agreement(self) -> f64 {
        f64::from(self.equal + self.both_refuse + self.repaired) / f64::from(self.texts())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts().iter().try_for_each(|count| write!(formatter, "{count:>13}"))?;
        write!(formatter, "{:>11.3} %", self.agreement() * 100.0)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["equal", "both refuse", "repaired", "too long", "refused here", "wrong", "agreement"];
        write!(formatter, "{:<40}", "")?;
        heads.iter().try_for_each(|head| write!(formatter, "{head:>13}"))?;
        writeln!(formatter, "\n{:<40}{}", "all", self.sum(|_| true))?;
        let largest = self.sum(|group| group.country.is_some());
        writeln!(formatter, "{:<40}{largest}", "fixed and mobile, 40 largest countries")?;
        self.by(formatter, |group| Some(group.kind.clone()))?;
        self.by(formatter, |group| Some(group.format_name.to_owned()))?;
        self.by(formatter, |group| group.country.map(|country| format!("fixed and mobile, {country}")))
    }
}
