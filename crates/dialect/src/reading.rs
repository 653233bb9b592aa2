//! The machine that all dialects share: members of a document into the slots that their names mean.
//!
//! Where several members mean the same slot one wins; the others are kept as custom fields, like every member
//! whose name means nothing. So nothing that was said is lost, whatever it was called.

mod parts;
mod values;

use std::collections::HashMap;

use leadgate_domain::json::says_something;
use leadgate_domain::validate::{self, FieldFault};
use leadgate_domain::{Fields, Said, TextField};
use serde_json::{Map, Value};

use crate::names::{ConsentPart, Index, NATIVE_INDEX, Place, Slot};
use values::Taken;

/// As many faults are named at once; a hostile body has thousands.
pub(crate) const MOST_FAULTS: usize = 50;

/// What is read, and how.
#[derive(Clone, Copy)]
pub(crate) struct Text<'d> {
    pub(crate) members: &'d Map<String, Value>,
    /// What a mapping filled, in native names; it goes before what is in `members`.
    pub(crate) mapped: Option<&'d Map<String, Value>>,
    /// Whether values have JSON types.
    pub(crate) typed: bool,
    pub(crate) plus_is_space: bool,
}

/// What was understood so far.
pub(crate) struct Reading<'d> {
    index: &'static Index,
    typed: bool,
    plus_is_space: bool,
    pub(crate) fields: Fields,
    pub(crate) faults: Vec<FieldFault>,
    /// Custom fields that were sent as such: they keep their names.
    explicit: Map<String, Value>,
    /// Slots for which something came that did not fit.
    unfit: Vec<Slot>,
    /// By which names fields came, where those are not ours.
    renamed: Vec<(&'static str, &'d str)>,
}

/// A member and what its name means.
struct Found<'d> {
    name: &'d str,
    value: &'d Value,
    place: Option<Place>,
    mapped: bool,
}

/// Objects in which form builders send their fields.
const CONTAINERS: [&str; 4] = ["form_fields", "fields", "form_data", "formData"];

/// What only one member can fill.
type Contest = (Slot, &'static str);

impl Found<'_> {
    fn contest(&self) -> Option<Contest> {
        let place = self.place?;
        match place.slot {
            Slot::Origin => place.canonical.map(|canonical| (Slot::Origin, canonical)),
            Slot::Tags
            | Slot::Consent
            | Slot::ConsentAnswer
            | Slot::Evidence
            | Slot::LikelyEvidence
            | Slot::Attribution
            | Slot::Campaign
            | Slot::CustomFields
            | Slot::OptOut
            | Slot::IsTest
            | Slot::MustExist
            | Slot::Stripped => None,
            slot => Some((slot, "")),
        }
    }

    /// A mapping's word goes before everything, an exact name before one that is merely alike, a value before
    /// nothing.
    fn standing(&self) -> (bool, bool, bool, usize) {
        let (loose, rank) = self.place.map_or((true, usize::MAX), |place| place.rank);
        (!self.mapped, loose, !says_something(self.value), rank)
    }

    /// Whether it is a phone with words that say not to call it. They count also where another phone is taken, or none.
    fn forbids_calls(&self) -> bool {
        self.place.is_some_and(|place| place.slot == Slot::Phone) && values::forbids_calls(self.value)
    }

    /// What comes in one piece is read before what may be a part of it. An address of a page comes last: alone it
    /// is no consent.
    fn turn(&self) -> u8 {
        match self.place.map(|place| place.slot) {
            Some(Slot::ConsentPart(ConsentPart::SourceUrl)) => 2,
            Some(
                Slot::ConsentPart(_)
                | Slot::Evidence
                | Slot::LikelyEvidence
                | Slot::Origin
                | Slot::Campaign
                | Slot::CallingCode,
            ) => 1,
            _ => 0,
        }
    }
}

impl<'d> Reading<'d> {
    /// Reads everything; what is required is asked for by the dialect afterwards.
    pub(crate) fn of(index: &'static Index, text: Text<'d>) -> Self {
        let mut reading = Self {
            index,
            typed: text.typed,
            plus_is_space: text.plus_is_space,
            fields: Fields::default(),
            faults: Vec::new(),
            explicit: Map::new(),
            unfit: Vec::new(),
            renamed: Vec::new(),
        };
        let found = find(index, text);
        reading.fields.opt_out = found.iter().any(Found::forbids_calls);
        let mut contests = contests(&found);
        for turn in 0..=2 {
            for one in found.iter().filter(|one| one.turn() == turn) {
                match (one.contest(), one.place) {
                    (Some(contest), _) => reading.decide(contests.remove(&contest).unwrap_or_default()),
                    (None, Some(place)) => {
                        reading.take(place, one);
                    }
                    (None, None) => reading.keep(one.name, one.value),
                }
            }
        }
        reading.settle_custom_fields();
        reading
    }

    /// Adds a fault of the dialect's own.
    pub(crate) fn fault(&mut self, pointer: &str, code: &'static str, detail: &str) {
        self.faults.push(FieldFault::new(pointer, code, detail));
    }

    /// Whether a slot was filled with something, or something came for it that was reported already.
    pub(crate) fn tried(&self, slot: Slot) -> bool {
        let said = |said: &Said<String>| said.value().is_some_and(|text| !text.trim().is_empty());
        let filled = match slot {
            Slot::Phone => said(&self.fields.phone),
            Slot::Email => said(&self.fields.email),
            Slot::Text(field) => self.fields.text(field).is_some(),
            _ => false,
        };
        filled || self.unfit.contains(&slot)
    }

    /// The fields, if the shared validator finds nothing either.
    pub(crate) fn finish(self) -> Result<Fields, Vec<FieldFault>> {
        let Self { fields, mut faults, renamed, .. } = self;
        for fault in validate::fields(&fields).err().unwrap_or_default() {
            let fault = FieldFault { pointer: in_client_terms(fault.pointer, &renamed), ..fault };
            if !faults.iter().any(|known| (&known.pointer, known.code) == (&fault.pointer, fault.code)) {
                faults.push(fault);
            }
        }
        faults.truncate(MOST_FAULTS);
        if faults.is_empty() { Ok(fields) } else { Err(faults) }
    }

    /// Keeps what has no other place. Texts that are empty say nothing in a form.
    fn keep(&mut self, name: &str, value: &Value) {
        if self.typed || says_something(value) {
            keep_in(&mut self.fields.custom_fields, name, value);
        }
    }

    /// The first of the rivals that fits wins.
    fn decide(&mut self, rivals: Vec<&Found<'d>>) {
        let mut decided = false;
        for one in rivals {
            match one.place {
                Some(place) if !decided => decided = self.take(place, one),
                _ if says_something(one.value) => self.keep(one.name, one.value),
                _ => {}
            }
        }
    }

    /// Whether the slot is decided then. A value that does not fit is a fault under a name that the dialect
    /// documents, and else kept.
    fn take(&mut self, place: Place, one: &Found<'d>) -> bool {
        if !self.typed && !says_something(one.value) {
            return false;
        }
        // A person who submits a form cannot correct its fields.
        let place = Place { firm: place.firm && self.typed, ..place };
        let Err(unfit) = self.fill(place, one) else { return true };
        if place.firm {
            self.unfit.push(place.slot);
            self.faults.extend(unfit);
        } else {
            self.keep(one.name, one.value);
        }
        place.firm
    }

    fn fill(&mut self, place: Place, one: &Found<'d>) -> Taken {
        let firm = place.firm;
        match place.slot {
            Slot::Phone => {
                let said = self.said(one, firm, validate::LONGEST_PHONE, values::phone)?;
                self.rename("phone", one);
                self.fields.phone = self.with_plus(said);
            }
            Slot::Email => {
                let said = self.said(one, firm, validate::LONGEST_EMAIL, values::text)?;
                self.rename("email", one);
                self.fields.email = said;
            }
            Slot::Text(field) => self.text(field, one, firm)?,
            Slot::PhoneCountry => self.region(one)?,
            Slot::CallingCode => self.calling_code(one)?,
            Slot::Tags => self.tags(one, firm)?,
            Slot::Consent => self.consent(one, firm)?,
            Slot::ConsentPart(part) => self.consent_part(part, one)?,
            Slot::ConsentAnswer => self.consent_answer(one)?,
            Slot::Evidence => self.evidence(one),
            Slot::LikelyEvidence => self.likely_evidence(one)?,
            Slot::Attribution => self.attribution(one)?,
            Slot::Origin => self.origin(place.canonical.unwrap_or(one.name), one),
            Slot::Campaign => self.campaign(one),
            Slot::CustomFields => self.custom_fields(one)?,
            Slot::Automations => self.fields.automations = values::anything(one.value),
            Slot::UserAssignments => self.fields.user_assignments = values::anything(one.value),
            Slot::OptOut => self.opt_out(one, firm)?,
            Slot::IsTest => self.fields.is_test |= self.flag(one)?,
            Slot::MustExist => self.fields.must_exist |= self.flag(one)?,
            Slot::Stripped => {}
        }
        Ok(())
    }

    fn text(&mut self, field: TextField, one: &Found<'d>, firm: bool) -> Taken {
        let read = match field {
            TextField::ExternalId | TextField::LineId => values::text_or_integer,
            _ => values::text,
        };
        let said = self.said(one, firm, field.longest(), read)?;
        self.rename(field.as_str(), one);
        self.fields.texts.insert(field, said.value().cloned());
        Ok(())
    }

    fn rename(&mut self, native: &'static str, one: &Found<'d>) {
        if one.name != native && !one.mapped {
            self.renamed.push((native, one.name));
        }
    }
}

/// A pointer to where the client wrote what the validator knows by our name.
fn in_client_terms(pointer: String, renamed: &[(&str, &str)]) -> String {
    let field = pointer.trim_start_matches('/');
    let client = renamed.iter().find(|(native, _)| *native == field);
    client.map_or(pointer.clone(), |(_, client)| validate::pointer(client))
}

/// Two things of one name are both kept, the second as `name (2)`.
fn keep_in(members: &mut Map<String, Value>, name: &str, value: &Value) {
    let names = (2..).map(|count| format!("{name} ({count})"));
    for name in std::iter::once(name.to_owned()).chain(names) {
        match members.get(&name) {
            Some(held) if held != value => {}
            Some(_) => return,
            None => {
                members.insert(name, value.clone());
                return;
            }
        }
    }
}

fn find<'d>(index: &'static Index, text: Text<'d>) -> Vec<Found<'d>> {
    let mapped = text.mapped.into_iter().flatten().map(|(name, value)| Found {
        name,
        value,
        place: NATIVE_INDEX.find(name).map(|place| Place { firm: !index.grammar.lenient, ..place }),
        mapped: true,
    });
    let sent = text.members.iter().map(|(name, value)| Found {
        name,
        value,
        place: index.find(name),
        mapped: false,
    });
    mapped.chain(sent).chain(contained(index, text.members)).collect()
}

/// What form builders send in one object (`form_fields[email]`), as if each had come by itself. The object is also kept as
/// it came.
fn contained<'d>(index: &'static Index, members: &'d Map<String, Value>) -> impl Iterator<Item = Found<'d>> {
    let inner = CONTAINERS.iter().filter_map(|name| members.get(*name)?.as_object()).flatten();
    inner.filter_map(|(name, value)| {
        let is_taken = |slot| {
            matches!(slot, Slot::Phone | Slot::Email | Slot::Text(_) | Slot::ConsentAnswer | Slot::OptOut)
        };
        let place = index.find(name).filter(|place| is_taken(place.slot))?;
        let place = Place { firm: false, rank: (true, usize::MAX), ..place };
        Some(Found { name, value, place: Some(place), mapped: false })
    })
}

/// The members that compete for each slot, the best first.
fn contests<'f, 'd>(found: &'f [Found<'d>]) -> HashMap<Contest, Vec<&'f Found<'d>>> {
    let mut contests: HashMap<Contest, Vec<&Found<'_>>> = HashMap::new();
    for one in found {
        if let Some(contest) = one.contest() {
            contests.entry(contest).or_default().push(one);
        }
    }
    contests.values_mut().for_each(|rivals| rivals.sort_by_key(|one| one.standing()));
    contests
}
