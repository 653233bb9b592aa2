//! Which names mean what. A dialect is mostly a table of these.

use std::collections::HashMap;
use std::sync::LazyLock;

use leadgate_domain::TextField;
use leadgate_domain::certificate::{JORNAYA, LEADID, TRUSTEDFORM, TRUSTEDFORM_PING, without_number_suffix};
pub(crate) use leadgate_domain::text::fold;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    Phone,
    /// A region, such as `US`.
    PhoneCountry,
    /// A calling code, such as `+1`, or a region.
    CallingCode,
    Email,
    Text(TextField),
    Tags,
    Consent,
    ConsentPart(ConsentPart),
    /// The answer to a question for consent. A no holds the lead; a yes is no evidence.
    ConsentAnswer,
    /// A certificate of consent, kept with it under its own name.
    Certificate,
    /// The same under a name that means it only with a value that is one.
    LikelyCertificate,
    Attribution,
    /// A part of the attribution; the first of its names is the one under which it is kept.
    AttributionPart,
    /// An object with the parts of a campaign link (`utm_source` …), whose names may lack the `utm_`.
    Campaign,
    CustomFields,
    Automations,
    UserAssignments,
    OptOut,
    IsTest,
    /// Whether only a lead that is there may be changed.
    UpdateOnly,
    /// A credential, or an id that the URL says already: never kept with the lead.
    Discarded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ConsentPart {
    Timestamp,
    TextVersion,
    SourceUrl,
}

/// Slots and the names that fill them, the best first.
pub(crate) type SlotNames = &'static [(Slot, &'static [&'static str])];

/// How a dialect reads names and values.
pub(crate) struct Grammar {
    /// The names that its system documents. A value that does not fit one of them is a fault.
    pub(crate) documented: SlotNames,
    /// Names taken besides. A value that does not fit one of them is kept as a custom field.
    pub(crate) additional: &'static [SlotNames],
    /// What else a name can be told by.
    pub(crate) pattern: fn(&str) -> Option<Slot>,
    /// Nothing is a fault: what does not fit is kept as a custom field.
    pub(crate) lenient: bool,
    /// A flag is a boolean and tags are an array, where values have types.
    pub(crate) strict: bool,
    /// Custom fields are named in lower case.
    pub(crate) lower_case: bool,
}

impl Grammar {
    pub(crate) const fn of(own: SlotNames, also: &'static [SlotNames]) -> Self {
        Self {
            documented: own,
            additional: also,
            pattern: |_| None,
            lenient: false,
            strict: false,
            lower_case: false,
        }
    }
}

/// Where a name belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotMatch {
    pub(crate) slot: Slot,
    /// The best of the slot's names; `None` where a pattern told.
    pub(crate) canonical: Option<&'static str>,
    /// Exact names go first, then the order of the table.
    pub(crate) rank: (bool, usize),
    /// A value that does not fit is a fault.
    pub(crate) is_documented: bool,
}

/// A grammar, ready to be asked.
pub(crate) struct NameIndex {
    pub(crate) grammar: Grammar,
    exact: HashMap<&'static str, SlotMatch>,
    folded: HashMap<String, SlotMatch>,
}

impl NameIndex {
    pub(crate) fn new(grammar: Grammar) -> Self {
        let mut exact = HashMap::new();
        let mut folded = HashMap::new();
        let also = grammar.additional.iter().flat_map(|names| names.iter());
        let all =
            grammar.documented.iter().map(|entry| (true, entry)).chain(also.map(|entry| (false, entry)));
        let named =
            all.flat_map(|(own, (slot, names))| names.iter().map(move |name| (own, *slot, names, *name)));
        for (rank, (own, slot, names, name)) in named.enumerate() {
            let canonical = names.first().copied();
            let firm = own && !grammar.lenient;
            exact.entry(name).or_insert(SlotMatch {
                slot,
                canonical,
                rank: (false, rank),
                is_documented: firm,
            });
            let loose = SlotMatch { slot, canonical, rank: (true, rank), is_documented: false };
            if slot != Slot::LikelyCertificate {
                folded.entry(fold(name)).or_insert(loose);
            }
        }
        Self { grammar, exact, folded }
    }

    /// Exactly, else by the dialect's pattern, else without regard to case, `_`, `-` and spaces.
    pub(crate) fn find(&self, name: &str) -> Option<SlotMatch> {
        if let Some(place) = self.exact.get(name) {
            return Some(*place);
        }
        // The label of a field that must be filled: `Phone*`, `E-mail:`.
        let name = name.trim_end_matches(['*', ':', ' ']);
        let told = |slot| SlotMatch { slot, canonical: None, rank: (true, usize::MAX), is_documented: false };
        if let Some(slot) = (self.grammar.pattern)(name) {
            return Some(told(slot));
        }
        let campaign = || name.get(..4).filter(|start| start.eq_ignore_ascii_case("utm_"));
        // Pages with several forms number the hidden fields of the certificates.
        let numbered = || {
            self.folded
                .get(&fold(without_number_suffix(name)))
                .filter(|place| place.slot == Slot::Certificate)
        };
        let found = self.folded.get(&fold(name)).or_else(numbered).copied();
        found.or_else(|| campaign().map(|_| told(Slot::AttributionPart)))
    }
}

/// The names of the native dialect.
pub(crate) const NATIVE: SlotNames = &[
    (Slot::Phone, &["phone"]),
    (Slot::PhoneCountry, &["phone_country"]),
    (Slot::Email, &["email"]),
    (Slot::Text(TextField::FullName), &["full_name"]),
    (Slot::Text(TextField::FirstName), &["first_name"]),
    (Slot::Text(TextField::LastName), &["last_name"]),
    (Slot::Text(TextField::Company), &["company"]),
    (Slot::Text(TextField::ExternalId), &["external_id"]),
    (Slot::Text(TextField::LineId), &["line_id"]),
    (Slot::Text(TextField::Source), &["source"]),
    (Slot::Text(TextField::State), &["state"]),
    (Slot::Text(TextField::Timezone), &["timezone"]),
    (Slot::Text(TextField::Locale), &["locale"]),
    (Slot::Text(TextField::Currency), &["currency"]),
    (Slot::Text(TextField::PageUrl), &["page_url"]),
    (Slot::Tags, &["tags"]),
    (Slot::Consent, &["consent"]),
    (Slot::Attribution, &["attribution"]),
    (Slot::CustomFields, &["custom_fields"]),
    (Slot::Automations, &["automations"]),
    (Slot::UserAssignments, &["user_assignments"]),
    (Slot::OptOut, &["opt_out"]),
    (Slot::IsTest, &["is_test"]),
];

pub(crate) static NATIVE_INDEX: LazyLock<NameIndex> =
    LazyLock::new(|| NameIndex::new(Grammar { strict: true, ..Grammar::of(NATIVE, &[PEOPLE, SHARED]) }));

/// How people's forms call what everybody asks for.
pub(crate) const PEOPLE: SlotNames = &[
    (
        Slot::Phone,
        &[
            "phone_number",
            "telephone",
            "tel",
            "mobile",
            "mobile_phone",
            "cell",
            "cell_phone",
            "your_phone",
            "your_tel",
        ],
    ),
    (Slot::Email, &["email_address", "mail", "your_email"]),
    (Slot::Text(TextField::FullName), &["name", "contact_name", "your_name"]),
    (Slot::Text(TextField::FirstName), &["given_name", "fname", "forename"]),
    (Slot::Text(TextField::LastName), &["family_name", "surname", "lname"]),
    (Slot::Text(TextField::Company), &["company_name", "business_name", "your_company"]),
    (Slot::Text(TextField::State), &["state_code"]),
    (Slot::Text(TextField::Timezone), &["time_zone"]),
    (Slot::Text(TextField::PageUrl), &["page_uri"]),
];

/// What every dialect takes besides: that somebody is not to be contacted, consent in one piece or in parts, its
/// certificates, and where somebody came from.
pub(crate) const SHARED: SlotNames = &[
    (Slot::OptOut, &["opted_out", "do_not_call", "do_not_contact", "unsubscribed"]),
    (Slot::CallingCode, &["country_code"]),
    (
        Slot::ConsentAnswer,
        &[
            "optin",
            "sms_optin",
            "call_optin",
            "phone_optin",
            "text_optin",
            "whatsapp_optin",
            "marketing_optin",
            "tcpa_optin",
            "consent_given",
            "marketing_consent",
            "sms_consent",
            "call_consent",
            "phone_consent",
            "contact_consent",
            "tcpa_consent",
            "consent_to_call",
            "consent_to_contact",
            "agree_to_contact",
            "permission_to_call",
            "may_contact",
            "i_agree",
            "agree",
            "tcpa",
        ],
    ),
    (Slot::ConsentPart(ConsentPart::Timestamp), &["consent_timestamp"]),
    (Slot::ConsentPart(ConsentPart::TextVersion), &["consent_text_version"]),
    (Slot::ConsentPart(ConsentPart::SourceUrl), &["source_url"]),
    (Slot::Certificate, TRUSTEDFORM),
    (Slot::Certificate, TRUSTEDFORM_PING),
    (Slot::Certificate, JORNAYA),
    (Slot::LikelyCertificate, LEADID),
    // The words beside Jornaya's token.
    (Slot::Certificate, &["leadid_tcpa_disclosure"]),
    (Slot::AttributionPart, &["utm_source"]),
    (Slot::AttributionPart, &["utm_medium"]),
    (Slot::AttributionPart, &["utm_campaign"]),
    (Slot::AttributionPart, &["utm_term"]),
    (Slot::AttributionPart, &["utm_content"]),
    (Slot::AttributionPart, &["utm_id"]),
    (Slot::Campaign, &["_utm", "utm"]),
    (Slot::AttributionPart, &["referrer", "_referrer", "referer", "referrer_url"]),
    (Slot::AttributionPart, &["gclid", "gcl_id"]),
    (Slot::AttributionPart, &["gbraid"]),
    (Slot::AttributionPart, &["wbraid"]),
    (Slot::AttributionPart, &["dclid"]),
    (Slot::AttributionPart, &["fbclid"]),
    (Slot::AttributionPart, &["fbc", "_fbc"]),
    (Slot::AttributionPart, &["fbp", "_fbp"]),
    (Slot::AttributionPart, &["msclkid"]),
    (Slot::AttributionPart, &["ttclid"]),
    (Slot::AttributionPart, &["twclid"]),
    (Slot::AttributionPart, &["li_fat_id"]),
];
