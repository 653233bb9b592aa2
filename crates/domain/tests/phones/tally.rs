//! How often two readers agree.

use std::collections::BTreeMap;
use std::fmt;

use leadgate_domain::Phone;

use crate::oracle::{self, Known};
use crate::samples::{self, Sample};

/// A plus and the 15 digits of E.164.
const LONGEST: usize = 16;

#[derive(Default)]
pub(crate) struct Tally {
    judged: Vec<Judged>,
    wrong: Vec<String>,
}

struct Judged {
    sample: Sample,
    way: &'static str,
    verdict: Verdict,
}

#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    SameNumber,
    BothRefuse,
    /// Refused here alone, because nobody could dial it from abroad.
    OverLong,
    OnlyWeRefuse,
    Wrong,
}

impl Tally {
    pub(crate) fn judge(&mut self, sample: &Sample, way: &'static str, text: &str, home: Option<String>) {
        let home = home.as_deref();
        let ours = Phone::parse(text, home.and_then(|home| home.parse().ok()));
        let verdict = match (&ours, oracle::read(text, home)) {
            (Ok(ours), Some(known)) if same(ours, &known) => Verdict::SameNumber,
            (Err(_), None) => Verdict::BothRefuse,
            (Err(_), Some(known)) if known.e164.len() > LONGEST => Verdict::OverLong,
            (Err(_), Some(_)) => Verdict::OnlyWeRefuse,
            (Ok(ours), known) => {
                let known = known.map(|known| (known.e164, known.region, known.kind, known.extension));
                self.wrong.push(format!("{way}: {text:?} of {home:?} is {known:?}, not {ours:?}"));
                Verdict::Wrong
            }
        };
        self.judged.push(Judged { sample: sample.clone(), way, verdict });
    }

    pub(crate) fn texts(&self) -> usize {
        self.judged.len()
    }

    pub(crate) fn wrong(&self) -> &[String] {
        &self.wrong
    }

    /// The share of equal answers.
    pub(crate) fn agreement(&self, of: impl Fn(&Sample) -> bool) -> f64 {
        Row::of(self.judged.iter().filter(|one| of(&one.sample))).agreement()
    }

    /// The same among what E.164 allows.
    pub(crate) fn agreement_of_e164(&self, of: impl Fn(&Sample) -> bool) -> f64 {
        let short = |one: &&Judged| one.verdict != Verdict::OverLong && of(&one.sample);
        Row::of(self.judged.iter().filter(short)).agreement()
    }
}

/// The same number, of the same region and kind, with the same extension.
fn same(ours: &Phone, known: &Known) -> bool {
    ours.e164() == known.e164
        && ours.region().map(|region| region.to_string()) == known.region
        && ours.kind() == known.kind
        && ours.extension() == known.extension.as_deref()
}

#[derive(Default)]
struct Row([u32; 5]);

impl Row {
    fn of<'j>(judged: impl Iterator<Item = &'j Judged>) -> Self {
        let mut row = Self::default();
        for one in judged {
            row.0[match one.verdict {
                Verdict::SameNumber => 0,
                Verdict::BothRefuse => 1,
                Verdict::OverLong => 2,
                Verdict::OnlyWeRefuse => 3,
                Verdict::Wrong => 4,
            }] += 1;
        }
        row
    }

    fn agreement(&self) -> f64 {
        f64::from(self.0[0] + self.0[1]) / f64::from(self.0.iter().sum::<u32>())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|count| write!(formatter, "{count:>13}"))?;
        write!(formatter, "{:>11.3} %", self.agreement() * 100.0)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["same", "both refuse", "over-long", "we refuse", "wrong", "agreement"];
        write!(formatter, "{:<40}", "")?;
        heads.iter().try_for_each(|head| write!(formatter, "{head:>13}"))?;
        writeln!(formatter, "\n{:<40}{}", "all", Row::of(self.judged.iter()))?;
        let largest = |one: &&Judged| samples::largest(&one.sample);
        let row = Row::of(self.judged.iter().filter(largest));
        writeln!(formatter, "{:<40}{row}", "fixed and mobile, 40 largest countries")?;
        self.by(formatter, |one| format!("{:?}", one.sample.kind))?;
        self.by(formatter, |one| one.way.to_owned())?;
        self.by(formatter, |one| match samples::largest(&one.sample) {
            true => format!("fixed and mobile, {}", one.sample.region),
            false => "all others".to_owned(),
        })
    }
}

impl Tally {
    fn by(&self, formatter: &mut fmt::Formatter<'_>, name: impl Fn(&Judged) -> String) -> fmt::Result {
        let mut groups: BTreeMap<String, Vec<&Judged>> = BTreeMap::new();
        for one in &self.judged {
            groups.entry(name(one)).or_default().push(one);
        }
        let mut row = |(name, group): (String, Vec<&Judged>)| {
            writeln!(formatter, "  {name:<38}{}", Row::of(group.into_iter()))
        };
        groups.into_iter().try_for_each(&mut row)
    }
}
