//! From a document to what it says about a person.

use leadgate_domain::mapping::{Mapping, MappingFault};
use leadgate_domain::validate::FieldFault;
use leadgate_domain::{Dialect, Fields};

use crate::document::Document;
use crate::reading::{Reading, Text};
use crate::{abc_sales, askad, five_hundred_leads, kickofflabs, lead2inbound, native};

/// Why a document is no lead. Names fields, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undecodable {
    /// Nothing was said at all, and the dialect asks for nothing more than something.
    Empty,
    Faulty(Vec<FieldFault>),
    Mapping(MappingFault),
}

/// Reads what a document says about a person, or everything that is wrong with it.
///
/// What the source's mapping fills goes before what its dialect finds in the rest.
pub fn decode(
    dialect: Dialect,
    document: &Document,
    mapping: Option<&Mapping>,
) -> Result<Fields, Undecodable> {
    let any = matches!(dialect, Dialect::FiveHundredLeads | Dialect::AskAd);
    if any && !document.says_something() {
        return Err(Undecodable::Empty);
    }
    let mapped = mapping.map(|mapping| mapping.apply(&document.members)).transpose();
    let mapped = mapped.map_err(Undecodable::Mapping)?;
    let Document { members, typed, plus_is_space, repairs } = document;
    let (members, mapped) = match &mapped {
        Some(mapped) => (&mapped.rest, Some(&mapped.native)),
        None => (members, None),
    };
    let text = Text { members, mapped, typed: *typed, plus_is_space: *plus_is_space };
    let mut fields = read(dialect, text).map_err(Undecodable::Faulty)?;
    fields.repairs.extend(repairs.iter().map(|repair| repair.as_str().to_owned()));
    Ok(fields)
}

pub(crate) fn read(dialect: Dialect, text: Text<'_>) -> Result<Fields, Vec<FieldFault>> {
    let (index, require): (_, fn(&mut Reading<'_>)) = match dialect {
        Dialect::Native => (&native::INDEX, native::require),
        Dialect::AbcSales => (&abc_sales::INDEX, abc_sales::require),
        Dialect::Lead2inbound => (&lead2inbound::INDEX, lead2inbound::require),
        Dialect::FiveHundredLeads => (&five_hundred_leads::INDEX, |_| {}),
        Dialect::KickoffLabs => (&kickofflabs::INDEX, kickofflabs::require),
        Dialect::AskAd => (&askad::INDEX, |_| {}),
    };
    let mut reading = Reading::of(index, text);
    require(&mut reading);
    reading.finish()
}
