//! Counts how often the two parsers agree.

use std::collections::BTreeMap;
use std::fmt;

use leadgate_domain::{Phone, Repair};

use crate::oracle::{self, Known};
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
    same: u32,
    both_refuse: u32,
    /// Refused only here, because so many digits cannot be dialled from abroad.
    over_long: u32,
    we_refuse: u32,
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
        home: Option<&str>,
    ) {
        let group = Group { country: sample.largest(), kind: format!("{:?}", sample.kind), format_name };
        let row = self.rows.entry(group).or_default();
        let ours = Phone::parse(text, home.and_then(|home| home.parse().ok()));
        match (&ours, oracle::read(text, home)) {
            (Ok(ours), Some(known)) if same(ours, &known) => row.same += 1,
            // Google also reads the words of a note as digits.
            (Ok(ours), _) if is_repaired(ours, sample, text) => row.repaired += 1,
            (Err(_), None) => row.both_refuse += 1,
            (Err(_), Some(known)) if known.e164.len() > MAX_E164_LENGTH => row.over_long += 1,
            (Err(_), Some(_)) => row.we_refuse += 1,
            (Ok(ours), known) => {
                row.wrong += 1;
                self.wrong.push(format!("{format_name}: {text:?} of {home:?} is {known:?}, not {ours:?}"));
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
    pub(crate) fn agreement_of_largest(&self) -> f64 {
        self.sum(|group| group.country.is_some()).agreement()
    }

    /// The share for one of these countries, without the numbers that are too long for E.164.
    pub(crate) fn agreement_of(&self, country: &str) -> f64 {
        Row { over_long: 0, ..self.sum(|group| group.country == Some(country)) }.agreement()
    }

    fn sum(&self, is_counted: impl Fn(&Group) -> bool) -> Row {
        let rows = self.rows.iter().filter(|(group, _)| is_counted(group));
        rows.fold(Row::default(), |sum, (_, row)| sum.and(row))
    }

    fn by(&self, formatter: &mut fmt::Formatter<'_>, name: impl Fn(&Group) -> Option<String>) -> fmt::Result {
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for (group, row) in &self.rows {
            let Some(name) = name(group) else { continue };
            let sum = rows.entry(name).or_default();
            *sum = sum.and(row);
        }
        rows.iter().try_for_each(|(name, row)| writeln!(formatter, "  {name:<38}{row}"))
    }
}

/// Whether number, region, kind and extension are equal.
fn same(ours: &Phone, known: &Known) -> bool {
    ours.e164() == known.e164
        && ours.region().map(|region| region.to_string()) == known.region
        && ours.kind() == known.kind
        && ours.extension() == known.extension.as_deref()
}

/// Whether it is the intended number and valid in libphonenumber: the sample, or its current format.
fn is_repaired(ours: &Phone, sample: &Sample, text: &str) -> bool {
    let is_known = oracle::read(ours.e164(), None).is_some_and(|known| known.e164 == ours.e164());
    let is_sample = ours.e164() == format!("+{}{}", sample.code, sample.national);
    let subscriber = ours.national().get(ours.national().len().saturating_sub(8)..).unwrap_or_default();
    let is_older = ours.repairs().contains(&Repair::OlderSpelling) && text.ends_with(subscriber);
    is_known && !ours.repairs().is_empty() && (is_sample || is_older)
}

impl Row {
    fn counts(self) -> [u32; 6] {
        [self.same, self.both_refuse, self.repaired, self.over_long, self.we_refuse, self.wrong]
    }

    fn and(self, other: &Self) -> Self {
        Self {
            same: self.same + other.same,
            both_refuse: self.both_refuse + other.both_refuse,
            over_long: self.over_long + other.over_long,
            we_refuse: self.we_refuse + other.we_refuse,
            repaired: self.repaired + other.repaired,
            wrong: self.wrong + other.wrong,
        }
    }

    fn texts(self) -> u32 {
        self.counts().iter().sum()
    }

    fn agreement(self) -> f64 {
        f64::from(self.same + self.both_refuse + self.repaired) / f64::from(self.texts())
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
        let heads = ["same", "both refuse", "repaired", "over-long", "we refuse", "wrong", "agreement"];
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
