//! The table of all dialects. A new one is a file here, a row here, and a name in [`Dialect`].

mod abc_sales;
pub mod askad;
mod five_hundred_leads;
pub mod kickofflabs;
mod lead2inbound;
pub mod native;

use leadgate_domain::Dialect;

use crate::protocol::Protocol;

/// What a dialect's clients send and expect.
pub fn protocol(dialect: Dialect) -> &'static Protocol {
    match dialect {
        Dialect::Native => &native::PROTOCOL,
        Dialect::AbcSales => &abc_sales::PROTOCOL,
        Dialect::Lead2inbound => &lead2inbound::PROTOCOL,
        Dialect::FiveHundredLeads => &five_hundred_leads::PROTOCOL,
        Dialect::KickoffLabs => &kickofflabs::PROTOCOL,
        Dialect::AskAd => &askad::PROTOCOL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_is_that_of_its_dialect_and_its_region_exists() {
        for dialect in Dialect::ALL.iter().copied() {
            assert_eq!(protocol(dialect).dialect(), dialect);
            let region = protocol(dialect).source_defaults.region;
            assert!(
                region.is_none_or(|region| region.parse::<leadgate_domain::Region>().is_ok()),
                "{dialect}"
            );
        }
    }
}
