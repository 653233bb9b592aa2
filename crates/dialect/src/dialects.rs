//! The table of all dialects. A new one is a file here, a row here, and a name in [`Dialect`].

mod abc_sales;
pub mod askad;
mod five_hundred_leads;
pub mod kickofflabs;
mod lead2inbound;
pub mod native;

use leadgate_domain::Dialect;

use crate::protocol::Protocol;

/// In the order in which the paths of leads are matched.
pub static PROTOCOLS: [&Protocol; 6] = [
    &native::PROTOCOL,
    &lead2inbound::PROTOCOL,
    &abc_sales::PROTOCOL,
    &five_hundred_leads::PROTOCOL,
    &kickofflabs::PROTOCOL,
    &askad::PROTOCOL,
];

/// What a dialect's clients send and expect.
pub fn protocol(dialect: Dialect) -> &'static Protocol {
    let found = PROTOCOLS.into_iter().find(|protocol| protocol.dialect() == dialect);
    // A test holds the table against `Dialect`.
    found.unwrap_or(&native::PROTOCOL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_has_one_protocol() {
        for dialect in Dialect::ALL.iter().copied() {
            assert_eq!(
                PROTOCOLS.iter().filter(|protocol| protocol.dialect() == dialect).count(),
                1,
                "{dialect}"
            );
            assert_eq!(protocol(dialect).dialect(), dialect);
        }
        assert_eq!(PROTOCOLS.len(), Dialect::ALL.len());
    }
}
