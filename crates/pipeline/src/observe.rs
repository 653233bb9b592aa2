//! Infers the device and the location of a person from their browser's connection.

use std::collections::BTreeMap;
use std::net::IpAddr;

use leadgate_domain::{ClientInfo, InferenceBasis, InferredValue, Patch};

use crate::device;
use crate::geolocation::GeoDatabase;

/// The device and the location of a browser. Absent for a program, which says nothing about the person.
pub(crate) fn client(
    client: &ClientInfo,
    geolocation: Option<&GeoDatabase>,
) -> Patch<BTreeMap<String, InferredValue>> {
    let Some(device) = client.user_agent.as_deref().and_then(device::read) else { return Patch::Absent };
    let device = serde_json::to_value(device).unwrap_or_default();
    let mut observed =
        BTreeMap::from([("device".to_owned(), InferredValue::new(device, InferenceBasis::UserAgent))]);
    let address = client.address.as_deref().and_then(|address| address.parse::<IpAddr>().ok());
    if let Some(location) = geolocation.zip(address).and_then(|(database, address)| database.find(address)) {
        let location = serde_json::to_value(location).unwrap_or_default();
        observed.insert("location".to_owned(), InferredValue::new(location, InferenceBasis::ClientAddress));
    }
    Patch::Value(observed)
}
