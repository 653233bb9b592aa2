//! Infers the device and the location of a person from their browser's connection.

use std::collections::BTreeMap;
use std::net::IpAddr;

use leadgate_domain::{ClientInfo, InferenceBasis, InferredValue, Patch};

use crate::device;
use crate::geolocation::GeoDatabase;

/// The device and the location of a browser. Absent for a program, which says nothing about the person.
pub(crate) fn client(
    client: &ClientInfo,
    geo_database: Option<&GeoDatabase>,
) -> Patch<BTreeMap<String, InferredValue>> {
    let Some(device) = client.user_agent.as_deref().and_then(device::read) else { return Patch::Absent };
    let device = serde_json::to_value(device).unwrap_or_default();
    let mut observed =
        BTreeMap::from([("device".to_owned(), InferredValue::new(device, InferenceBasis::UserAgent))]);
    let address = client.address.as_deref().and_then(|address| address.parse::<IpAddr>().ok());
    if let Some(place) = geo_database.zip(address).and_then(|(database, address)| database.find(address)) {
        let place = serde_json::to_value(place).unwrap_or_default();
        observed.insert("place".to_owned(), InferredValue::new(place, InferenceBasis::ClientAddress));
    }
    Patch::Value(observed)
}
