//! The machine that all dialects share: members of a document into the slots that their names mean.
//!
//! Where several members mean the same slot one wins; the others are kept as custom fields, like every member
//! whose name means nothing. So nothing that was said is lost, whatever it was called.

mod parts;
mod values;

use std::collections::HashMap;

use leadgate_domain::json::has_content;
use leadgate_domain::validate::{self, FieldFault};
use leadgate_domain::{Fields, Patch, TextField};
use serde_json::{Map, Value};

use crate::name_index::{ConsentPart, NATIVE_INDEX, NameIndex, Slot, SlotMatch};
use values::SlotResult;

/// As many faults are named at once; a hostile body has thousands.
pub(crate) const MOST_FAULTS: usize = 50;

/// What is read, and how.
#[derive(Clone, Copy)]
pub(crate) struct ReaderInput<'d> {
    pub(crate) members: &'d Map<String, Value>,
    /// What a mapping filled, in native names; it goes before what is in `members`.
    pub(crate) mapped: Option<&'d Map<String, Value>>,
    /// Whether values have JSON types.
    pub(crate) typed: bool,
    pub(crate) plus_is_space: bool,
}

/// What was understood so far.
pub(crate) struct FieldReader<'d> {
    index: &'static NameIndex,
    typed: bool,
    plus_is_space: bool,
    pub(crate) fields: Fields,
    pub(crate) faults: Vec<FieldFault>,
    /// Custom fields that were sent as such: they keep their names.
    explicit: Map<String, Value>,
    /// Slots for which something came that did not fit.
    invalid_slots: Vec<Slot>,
    /// By which names fields came, where those are not ours.
    renamed: Vec<(&'static str, &'d str)>,
}

/// A member and what its name means.
struct InputMember<'d> {
    name: &'d str,
    value: &'d Value,
    place: Option<SlotMatch>,
    mapped: bool,
}

/// Objects in which form builders send their fields.
const CONTAINERS: [&str; 4] = ["form_fields", "fields", "form_data", "formData"];

/// What only one member can fill.
type FieldKey = (Slot, &'static str);

impl InputMember<'_> {
    fn field_key(&self) -> Option<FieldKey> {
        let place = self.place?;
        match place.slot {
            Slot::AttributionPart => place.canonical.map(|canonical| (Slot::AttributionPart, canonical)),
            Slot::Tags
            | Slot::Consent
            | Slot::ConsentAnswer
            | Slot::Certificate
            | Slot::LikelyCertificate
            | Slot::Attribution
            | Slot::Campaign
            | Slot::CustomFields
            | Slot::OptOut
            | Slot::IsTest
            | Slot::UpdateOnly
            | Slot::Discarded => None,
            slot => Some((slot, "")),
        }
    }

    /// A mapping's word goes before everything, an exact name before one that is merely alike, a value before
    /// nothing.
    fn priority(&self) -> (bool, bool, bool, usize) {
        let (loose, rank) = self.place.map_or((true, usize::MAX), |place| place.rank);
        (!self.mapped, loose, !has_content(self.value), rank)
    }

    /// Whether it is a phone with words that say not to call it. They count also where another phone is taken, or none.
    fn forbids_calls(&self) -> bool {
        self.place.is_some_and(|place| place.slot == Slot::Phone) && values::forbids_calls(self.value)
    }

    /// What comes in one piece is read before what may be a part of it. An address of a page comes last: alone it
    /// is no consent.
    fn pass(&self) -> u8 {
        match self.place.map(|place| place.slot) {
            Some(Slot::ConsentPart(ConsentPart::SourceUrl)) => 2,
            Some(
                Slot::ConsentPart(_)
                | Slot::Certificate
                | Slot::LikelyCertificate
                | Slot::AttributionPart
                | Slot::Campaign
                | Slot::CallingCode,
            ) => 1,
            _ => 0,
        }
    }
}

impl<'d> FieldReader<'d> {
    /// Reads everything; what is required is asked for by the dialect afterwards.
    pub(crate) fn of(index: &'static NameIndex, text: ReaderInput<'d>) -> Self {
        let mut reading = Self {
            index,
            typed: text.typed,
            plus_is_space: text.plus_is_space,
            fields: Fields::default(),
            faults: Vec::new(),
            explicit: Map::new(),
            invalid_slots: Vec::new(),
            renamed: Vec::new(),
        };
        let found = find(index, text);
        reading.fields.opt_out = found.iter().any(InputMember::forbids_calls);
        let mut contests = group_by_field(&found);
        for turn in 0..=2 {
            for one in found.iter().filter(|one| one.pass() == turn) {
                match (one.field_key(), one.place) {
                    (Some(contest), _) => {
                        reading.fill_from_candidates(contests.remove(&contest).unwrap_or_default())
                    }
                    (None, Some(place)) => {
                        reading.try_candidate(place, one);
                    }
                    (None, None) => reading.add_custom_field(one.name, one.value),
                }
            }
        }
        reading.settle_custom_fields();
        reading
    }

    /// Adds a fault of the dialect's own.
    pub(crate) fn add_fault(&mut self, pointer: &str, code: &'static str, detail: &str) {
        self.faults.push(FieldFault::new(pointer, code, detail));
    }

    /// Whether a slot was filled with something, or something came for it that was reported already.
    pub(crate) fn was_attempted(&self, slot: Slot) -> bool {
        let said = |said: &Patch<String>| said.value().is_some_and(|text| !text.trim().is_empty());
        let filled = match slot {
            Slot::Phone => said(&self.fields.phone),
            Slot::Email => said(&self.fields.email),
            Slot::Text(field) => self.fields.text(field).is_some(),
            _ => false,
        };
        filled || self.invalid_slots.contains(&slot)
    }

    /// The fields, if the shared validator finds nothing either.
    pub(crate) fn finish(self) -> Result<Fields, Vec<FieldFault>> {
        let Self { fields, mut faults, renamed, .. } = self;
        for fault in validate::fields(&fields).err().unwrap_or_default() {
            let fault = FieldFault { pointer: with_client_names(fault.pointer, &renamed), ..fault };
            if !faults.iter().any(|known| (&known.pointer, known.code) == (&fault.pointer, fault.code)) {
                faults.push(fault);
            }
        }
        faults.truncate(MOST_FAULTS);
        if faults.is_empty() { Ok(fields) } else { Err(faults) }
    }

    /// Keeps what has no other place. Texts that are empty say nothing in a form.
    fn add_custom_field(&mut self, name: &str, value: &Value) {
        if self.typed || has_content(value) {
            insert_numbered(&mut self.fields.custom_fields, name, value);
        }
    }

    /// The first of the rivals that fits wins.
    fn fill_from_candidates(&mut self, rivals: Vec<&InputMember<'d>>) {
        let mut decided = false;
        for one in rivals {
            match one.place {
                Some(place) if !decided => decided = self.try_candidate(place, one),
                _ if has_content(one.value) => self.add_custom_field(one.name, one.value),
                _ => {}
            }
        }
    }

    /// Whether the slot is decided then. A value that does not fit is a fault under a name that the dialect
    /// documents, and else kept.
    fn try_candidate(&mut self, place: SlotMatch, one: &InputMember<'d>) -> bool {
        if !self.typed && !has_content(one.value) {
            return false;
        }
        // A person who submits a form cannot correct its fields.
        let place = SlotMatch { is_documented: place.is_documented && self.typed, ..place };
        let Err(unfit) = self.fill_slot(place, one) else { return true };
        if place.is_documented {
            self.invalid_slots.push(place.slot);
            self.faults.extend(unfit);
        } else {
            self.add_custom_field(one.name, one.value);
        }
        place.is_documented
    }

    fn fill_slot(&mut self, place: SlotMatch, one: &InputMember<'d>) -> SlotResult {
        let firm = place.is_documented;
        match place.slot {
            Slot::Phone => {
                let said = self.text_patch(one, firm, validate::LONGEST_PHONE, values::phone)?;
                self.rename("phone", one);
                self.fields.phone = self.with_plus(said);
            }
            Slot::Email => {
                let said = self.text_patch(one, firm, validate::LONGEST_EMAIL, values::text)?;
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
            Slot::Certificate => self.evidence(one),
            Slot::LikelyCertificate => self.likely_evidence(one)?,
            Slot::Attribution => self.attribution(one)?,
            Slot::AttributionPart => self.origin(place.canonical.unwrap_or(one.name), one),
            Slot::Campaign => self.campaign(one),
            Slot::CustomFields => self.custom_fields(one)?,
            Slot::Automations => self.fields.automations = values::any_value(one.value),
            Slot::UserAssignments => self.fields.user_assignments = values::any_value(one.value),
            Slot::OptOut => self.opt_out(one, firm)?,
            Slot::IsTest => self.fields.is_test |= self.flag(one)?,
            Slot::UpdateOnly => self.fields.must_exist |= self.flag(one)?,
            Slot::Discarded => {}
        }
        Ok(())
    }

    fn text(&mut self, field: TextField, one: &InputMember<'d>, firm: bool) -> SlotResult {
        let read = match field {
            TextField::ExternalId | TextField::LineId => values::text_or_integer,
            _ => values::text,
        };
        let said = self.text_patch(one, firm, field.max_length(), read)?;
        self.rename(field.as_str(), one);
        self.fields.texts.insert(field, said.value().cloned());
        Ok(())
    }

    fn rename(&mut self, native: &'static str, one: &InputMember<'d>) {
        if one.name != native && !one.mapped {
            self.renamed.push((native, one.name));
        }
    }
}

/// A pointer to where the client wrote what the validator knows by our name.
fn with_client_names(pointer: String, renamed: &[(&str, &str)]) -> String {
    let field = pointer.trim_start_matches('/');
    let client = renamed.iter().find(|(native, _)| *native == field);
    client.map_or(pointer.clone(), |(_, client)| validate::pointer(client))
}

/// Two things of one name are both kept, the second as `name (2)`.
fn insert_numbered(members: &mut Map<String, Value>, name: &str, value: &Value) {
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

fn find<'d>(index: &'static NameIndex, text: ReaderInput<'d>) -> Vec<InputMember<'d>> {
    let mapped = text.mapped.into_iter().flatten().map(|(name, value)| InputMember {
        name,
        value,
        place: NATIVE_INDEX
            .find(name)
            .map(|place| SlotMatch { is_documented: !index.grammar.lenient, ..place }),
        mapped: true,
    });
    let sent = text.members.iter().map(|(name, value)| InputMember {
        name,
        value,
        place: index.find(name),
        mapped: false,
    });
    mapped.chain(sent).chain(container_members(index, text.members)).collect()
}

/// What form builders send in one object (`form_fields[email]`), as if each had come by itself. The object is also kept as
/// it came.
fn container_members<'d>(
    index: &'static NameIndex,
    members: &'d Map<String, Value>,
) -> impl Iterator<Item = InputMember<'d>> {
    let inner = CONTAINERS.iter().filter_map(|name| members.get(*name)?.as_object()).flatten();
    inner.filter_map(|(name, value)| {
        let is_taken = |slot| {
            matches!(slot, Slot::Phone | Slot::Email | Slot::Text(_) | Slot::ConsentAnswer | Slot::OptOut)
        };
        let place = index.find(name).filter(|place| is_taken(place.slot))?;
        let place = SlotMatch { is_documented: false, rank: (true, usize::MAX), ..place };
        Some(InputMember { name, value, place: Some(place), mapped: false })
    })
}

/// The members that compete for each slot, the best first.
fn group_by_field<'f, 'd>(found: &'f [InputMember<'d>]) -> HashMap<FieldKey, Vec<&'f InputMember<'d>>> {
    let mut contests: HashMap<FieldKey, Vec<&InputMember<'_>>> = HashMap::new();
    for one in found {
        if let Some(contest) = one.field_key() {
            contests.entry(contest).or_default().push(one);
        }
    }
    contests.values_mut().for_each(|rivals| rivals.sort_by_key(|one| one.priority()));
    contests
}
