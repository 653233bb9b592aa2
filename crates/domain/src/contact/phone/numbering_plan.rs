//! The numbering plans of `phonenumber`'s metadata, and the checks of national numbers.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, OnceLock};

use phonenumber::Metadata;
use phonenumber::country;
use phonenumber::metadata::{DATABASE, Descriptor};
use regex::{Regex, RegexBuilder};

use super::PhoneKind;

/// A pattern over ASCII digits that is compiled on first use. The compiled patterns of the metadata are not
/// used: they share a cache of 100 entries behind one lock, and they also match a prefix of a longer number.
#[derive(Debug)]
struct DigitPattern {
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

impl DigitPattern {
    fn at_start(source: &str) -> Self {
        let source: String = source.split_whitespace().collect();
        Self { source: format!("^(?:{source})"), compiled: OnceLock::new() }
    }

    fn whole(source: &str) -> Self {
        let mut pattern = Self::at_start(source);
        pattern.source.push('$');
        pattern
    }

    /// `None` if the pattern cannot be compiled, which never happens. Such a pattern matches nothing.
    fn regex(&self) -> Option<&Regex> {
        let compile = || RegexBuilder::new(&self.source).unicode(false).build().ok();
        self.compiled.get_or_init(compile).as_ref()
    }

    fn matches(&self, digits: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(digits))
    }
}

/// The pattern and lengths of the numbers of one kind.
#[derive(Debug)]
struct KindPattern {
    lengths: Vec<usize>,
    pattern: DigitPattern,
}

impl KindPattern {
    fn new(descriptor: &Descriptor) -> Self {
        let lengths = descriptor.possible_length().iter().copied().map(usize::from).collect();
        Self { lengths, pattern: DigitPattern::whole(descriptor.national_number().as_str()) }
    }

    fn is_valid(&self, national: &str) -> bool {
        (self.lengths.is_empty() || self.lengths.contains(&national.len())) && self.pattern.matches(national)
    }
}

/// The length of a number, compared with the lengths in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LengthCheck {
    Possible,
    LocalOnly,
    TooShort,
    InvalidLength,
    TooLong,
}

/// The numbering plan of a region.
#[derive(Debug)]
pub(super) struct NumberingPlan {
    pub(super) code: u16,
    pub(super) region: Option<country::Id>,
    general: DigitPattern,
    lengths: BTreeSet<usize>,
    local_lengths: BTreeSet<usize>,
    /// The kinds that are checked before fixed lines and mobiles, in this order.
    special: Vec<(PhoneKind, KindPattern)>,
    fixed: Option<KindPattern>,
    mobile: Option<KindPattern>,
    same_fixed_and_mobile: bool,
    leading: Option<DigitPattern>,
    international_prefix: Option<DigitPattern>,
    national_prefix: Option<DigitPattern>,
    national_rule: Option<&'static str>,
}

impl NumberingPlan {
    fn new(metadata: &'static Metadata) -> Self {
        let all = metadata.descriptors();
        let kinds = [
            (PhoneKind::PremiumRate, all.premium_rate()),
            (PhoneKind::TollFree, all.toll_free()),
            (PhoneKind::SharedCost, all.shared_cost()),
            (PhoneKind::Voip, all.voip()),
            (PhoneKind::PersonalNumber, all.personal_number()),
            (PhoneKind::Pager, all.pager()),
            (PhoneKind::Other, all.uan()),
            (PhoneKind::Other, all.voicemail()),
        ];
        let special = kinds.into_iter().filter_map(|(kind, range)| Some((kind, range?)));
        let special: Vec<(PhoneKind, &Descriptor)> = special.collect();
        let ranges = || special.iter().map(|(_, range)| *range).chain(all.fixed_line()).chain(all.mobile());
        let lengths =
            |of: fn(&Descriptor) -> &[u16]| ranges().flat_map(of).copied().map(usize::from).collect();
        let pattern =
            |range: Option<&Descriptor>| range.map(|range| range.national_number().as_str().to_owned());
        let national_prefix = metadata.national_prefix_for_parsing().map(|prefix| prefix.as_str());
        Self {
            code: metadata.country_code(),
            region: metadata.id().parse().ok(),
            general: DigitPattern::whole(all.general().national_number().as_str()),
            lengths: lengths(Descriptor::possible_length),
            local_lengths: lengths(Descriptor::possible_local_length),
            special: special.iter().map(|(kind, range)| (*kind, KindPattern::new(range))).collect(),
            fixed: all.fixed_line().map(KindPattern::new),
            mobile: all.mobile().map(KindPattern::new),
            same_fixed_and_mobile: pattern(all.fixed_line()) == pattern(all.mobile()),
            leading: metadata.leading_digits().map(|leading| DigitPattern::at_start(leading.as_str())),
            international_prefix: metadata
                .international_prefix()
                .map(|prefix| DigitPattern::at_start(prefix.as_str())),
            national_prefix: national_prefix.or(metadata.national_prefix()).map(DigitPattern::at_start),
            national_rule: metadata.national_prefix_transform_rule(),
        }
    }

    pub(super) fn for_region(region: country::Id) -> Option<&'static Self> {
        let code = DATABASE.by_id(region.as_ref())?.country_code();
        Self::for_code(code).iter().find(|plan| plan.region == Some(region))
    }

    /// The plans that share a country code, the main one first; empty if the code does not exist.
    pub(super) fn for_code(code: u16) -> &'static [Self] {
        static PLANS: LazyLock<HashMap<u16, Vec<NumberingPlan>>> = LazyLock::new(|| {
            let of =
                |code| Some((code, DATABASE.by_code(&code)?.into_iter().map(NumberingPlan::new).collect()));
            (1..1_000).filter_map(of).collect()
        });
        PLANS.get(&code).map_or(&[], Vec::as_slice)
    }

    /// The digits after the exit code, which is the region's prefix for international calls. No country code
    /// begins with 0.
    pub(super) fn without_exit_code<'d>(&self, digits: &'d str) -> Option<&'d str> {
        let prefix = self.international_prefix.as_ref()?.regex()?.find(digits)?;
        digits.get(prefix.end()..).filter(|rest| !rest.starts_with('0'))
    }

    /// The number without the national prefix, which is dialled only within the country.
    ///
    /// The prefix is removed if the rest is a possible number, or if the whole number is not. A Russian
    /// toll-free number begins with the same digit as the prefix.
    pub(super) fn without_national_prefix<'d>(&self, digits: &'d str) -> Cow<'d, str> {
        let Some(prefix) = self.national_prefix.as_ref().and_then(DigitPattern::regex) else {
            return digits.into();
        };
        let Some(parts) = prefix.captures(digits) else { return digits.into() };
        let non_empty = |group| parts.get(group).filter(|part| !part.is_empty());
        // The rule rewrites the number if its last group matched digits.
        let rewritten = if parts.get(2).is_some() { non_empty(2) } else { non_empty(1) };
        let national = match (self.national_rule, rewritten) {
            (Some(rule), Some(_)) => prefix.replace(digits, rule),
            _ => parts.get(0).and_then(|prefix| digits.get(prefix.end()..)).unwrap_or(digits).into(),
        };
        if self.is_possible_number(digits) && !self.is_possible_number(&national) {
            digits.into()
        } else {
            national
        }
    }

    pub(super) fn is_possible_number(&self, national: &str) -> bool {
        self.general.matches(national)
    }

    pub(super) fn length(&self, national: &str) -> LengthCheck {
        let length = national.len();
        if self.lengths.contains(&length) {
            LengthCheck::Possible
        } else if self.local_lengths.contains(&length) {
            LengthCheck::LocalOnly
        } else if self.lengths.first().is_none_or(|shortest| length < *shortest) {
            LengthCheck::TooShort
        } else if self.lengths.last().is_some_and(|longest| length > *longest) {
            LengthCheck::TooLong
        } else {
            LengthCheck::InvalidLength
        }
    }

    /// Whether the number belongs to this region, among the regions that share its country code.
    pub(super) fn has_leading_digits(&self, national: &str) -> bool {
        match &self.leading {
            Some(leading) => leading.matches(national),
            None => self.kind(national).is_some(),
        }
    }

    /// The kind of a number; `None` if the number is not valid in the plan.
    pub(super) fn kind(&self, national: &str) -> Option<PhoneKind> {
        if !self.is_possible_number(national) {
            return None;
        }
        if let Some((kind, _)) = self.special.iter().find(|(_, range)| range.is_valid(national)) {
            return Some(*kind);
        }
        let has = |range: &Option<KindPattern>| range.as_ref().is_some_and(|range| range.is_valid(national));
        match (has(&self.fixed), has(&self.mobile)) {
            (true, false) if !self.same_fixed_and_mobile => Some(PhoneKind::FixedLine),
            (true, _) => Some(PhoneKind::FixedLineOrMobile),
            (false, true) if !self.same_fixed_and_mobile => Some(PhoneKind::Mobile),
            (false, _) => None,
        }
    }
}
