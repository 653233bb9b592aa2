//! Consent certificates of TrustedForm and Jornaya.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::submission::Consent;
use crate::value::text::fold;

/// Field names for a TrustedForm certificate, the best first: the hidden fields of ActiveProspect, and the
/// names that networks and CRMs use. Names are compared after [`fold`].
pub const TRUSTEDFORM: &[&str] = &[
    "xxTrustedFormCertUrl",
    "trustedform_cert_url",
    "trustedform_certificate_url",
    "trustedform_url",
    "trustedform_cert",
    "trustedform_certificate",
    "trustedform",
    // Contains the same URL as the first name.
    "xxTrustedFormToken",
    "xxTrustedFormCertToken",
    "trustedform_token",
    "trustedform_cert_token",
    "trustedform_cert_id",
    "trustedform_certificate_id",
    "trustedform_id",
    "trustedform_masked_cert_url",
];

/// Field names for the URL that allows to view a certificate but not to store it.
pub const TRUSTEDFORM_PING: &[&str] = &["xxTrustedFormPingUrl", "trustedform_ping_url"];

/// Field names for Jornaya's token, also named LeadiD.
pub const JORNAYA: &[&str] = &[
    "jornaya_leadid",
    "universal_leadid",
    "leadid_token",
    "jornaya_token",
    "jornaya_leadid_token",
    "jornaya_id",
    "jornaya",
];

/// Jornaya's own spellings. Other systems use them for record numbers, so they are accepted only in this
/// exact spelling and only for a GUID.
pub const LEADID: &[&str] = &["leadid", "LeadiD"];

const CERTIFICATES: &str = "cert.trustedform.com";
const PINGS: &str = "ping.trustedform.com";

/// Why a value is not a valid certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum CertificateProblem {
    #[error("not the URL of a certificate")]
    NotAUrl,
    #[error("the URL is not https")]
    NotHttps,
    #[error("the host of the URL is not {CERTIFICATES}")]
    OtherHost,
    #[error("the URL has no certificate id")]
    NoId,
    #[error("not a GUID")]
    NotAGuid,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Issuer {
    TrustedForm,
    Jornaya,
}

/// The issuer and the rank of each folded name.
static NAMES: LazyLock<HashMap<String, (Issuer, usize)>> = LazyLock::new(|| {
    let trustedform = TRUSTEDFORM.iter().chain(TRUSTEDFORM_PING).map(|name| (Issuer::TrustedForm, name));
    // Inside a consent, LEADID cannot be the number of another record.
    let jornaya = JORNAYA.iter().chain(LEADID).map(|name| (Issuer::Jornaya, name));
    let ranked = trustedform.chain(jornaya).enumerate();
    let mut names = HashMap::new();
    for (rank, (issuer, name)) in ranked {
        names.entry(fold(name)).or_insert((issuer, rank));
    }
    names
});

/// A name without the numeric suffix that pages with several forms, and Leadgate for repeated names, append.
pub fn without_number_suffix(name: &str) -> &str {
    let name = name.split_once(" (").map_or(name, |(name, _)| name);
    name.trim_end_matches(|c: char| c.is_ascii_digit())
}

impl Consent {
    /// The URL of the TrustedForm certificate without its query; `None` if none was sent. If several were
    /// sent, the well-formed one with the best name is used.
    pub fn trustedform_certificate(&self) -> Option<Result<String, CertificateProblem>> {
        self.certificate(Issuer::TrustedForm, trustedform)
    }

    /// Jornaya's token, chosen in the same way.
    pub fn jornaya_leadid(&self) -> Option<Result<String, CertificateProblem>> {
        self.certificate(Issuer::Jornaya, jornaya)
    }

    fn certificate(
        &self,
        issuer: Issuer,
        parse: fn(&str) -> Result<String, CertificateProblem>,
    ) -> Option<Result<String, CertificateProblem>> {
        let rank = |name: &str| match NAMES
            .get(&fold(name))
            .or_else(|| NAMES.get(&fold(without_number_suffix(name))))
        {
            Some((known, rank)) if *known == issuer => Some(*rank),
            _ => None,
        };
        let named = self.more.iter().filter_map(|(name, value)| Some((rank(name)?, value)));
        let texts = named.flat_map(|(rank, value)| non_empty_texts(value).map(move |text| (rank, text)));
        let results = texts.map(|(rank, text)| (rank, parse(text)));
        results.min_by_key(|(rank, result)| (result.is_err(), *rank)).map(|(_, result)| result)
    }
}

/// The non-blank texts of a value: a text, or the items of a list.
fn non_empty_texts(value: &Value) -> impl Iterator<Item = &str> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        value => std::slice::from_ref(value),
    };
    items.iter().filter_map(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// The URL of a certificate. An id alone is accepted too: 40 hexadecimal digits, as the script of TrustedForm
/// creates.
fn trustedform(text: &str) -> Result<String, CertificateProblem> {
    if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(format!("https://{CERTIFICATES}/{}", text.to_ascii_lowercase()));
    }
    let (scheme, rest) = text.split_once("://").ok_or(CertificateProblem::NotAUrl)?;
    if !scheme.eq_ignore_ascii_case("https") {
        return Err(CertificateProblem::NotHttps);
    }
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = [CERTIFICATES, PINGS].into_iter().find(|known| known.eq_ignore_ascii_case(host));
    let host = host.ok_or(CertificateProblem::OtherHost)?;
    let id = path.trim_start_matches('/').split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let is_id_character = |c: char| c.is_ascii_alphanumeric() || "-._~=%".contains(c);
    // Ids from apps and from Facebook are encrypted and longer than a page's 40 digits.
    if !(1..=255).contains(&id.len()) || !id.chars().all(is_id_character) {
        return Err(CertificateProblem::NoId);
    }
    Ok(format!("https://{host}/{id}"))
}

fn jornaya(text: &str) -> Result<String, CertificateProblem> {
    match Uuid::try_parse(text) {
        Ok(guid) if text.len() == 36 && !guid.is_nil() => Ok(text.to_owned()),
        _ => Err(CertificateProblem::NotAGuid),
    }
}

/// Whether a value is certainly Jornaya's token.
pub fn is_leadid(value: &Value) -> bool {
    non_empty_texts(value).next().is_some_and(|text| jornaya(text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use CertificateProblem::{NoId, NotAGuid, NotAUrl, NotHttps, OtherHost};
    use serde_json::json;

    const ID: &str = "1a2e71c22c16765fe114f8d7a99bc7a1b2583621";
    const GUID: &str = "79D2D183-1012-02CF-6EF5-BF3AACE09570";

    fn consent(more: Value) -> Consent {
        serde_json::from_value(more).unwrap()
    }

    #[test]
    fn a_certificate_is_found_under_every_name_and_spelling() {
        let url = format!("https://cert.trustedform.com/{ID}");
        let names =
            TRUSTEDFORM.iter().copied().chain(["trusted_form_cert_url", "TrustedForm Certificate URL"]);
        for name in
            names.chain(["xxTrustedFormCertUrl_0", "xxTrustedFormCertUrl (2)", "XXTRUSTEDFORMCERTURL"])
        {
            let certificate = consent(json!({ name: url })).trustedform_certificate();
            assert_eq!(certificate, Some(Ok(url.clone())), "{name}");
        }
        for name in JORNAYA.iter().chain(LEADID).chain(&["jornaya_lead_id", "universalLeadID", "lead_id"]) {
            assert_eq!(consent(json!({ *name: GUID })).jornaya_leadid(), Some(Ok(GUID.to_owned())), "{name}");
        }
        let other_fields =
            consent(json!({ "consent_timestamp": "x", "ip": "192.0.2.1", "xxTrustedFormCertUrl": " " }));
        assert_eq!((other_fields.trustedform_certificate(), other_fields.jornaya_leadid()), (None, None));
    }

    #[test]
    fn a_url_is_parsed_strictly_and_kept_without_its_query() {
        let expected = format!("https://cert.trustedform.com/{ID}");
        for text in [
            expected.clone(),
            format!(" HTTPS://Cert.TrustedForm.com/{ID}/ "),
            format!("{expected}?shared_token=secret#top"),
            ID.to_uppercase(),
        ] {
            assert_eq!(trustedform(text.trim()), Ok(expected.clone()), "{text}");
        }
        assert!(trustedform(&format!("https://ping.trustedform.com/0.{ID}")).is_ok());
        for (text, problem) in [
            ("yes", NotAUrl),
            ("cert.trustedform.com/1", NotAUrl),
            ("http://cert.trustedform.com/1", NotHttps),
            ("https://cert.trustedform.com.evil.example/1", OtherHost),
            ("https://cert.trustedform.com@evil.example/1", OtherHost),
            ("https://user@cert.trustedform.com/1", OtherHost),
            ("https://cert.trustedform.com:8443/1", OtherHost),
            ("https://trustedform.com/1", OtherHost),
            ("https://cert.trustedform.com", NoId),
            ("https://cert.trustedform.com/?a=1", NoId),
            ("https://cert.trustedform.com/a/b", NoId),
            ("https://cert.trustedform.com/ann lee", NoId),
        ] {
            assert_eq!(trustedform(text), Err(problem), "{text}");
        }
        for text in ["12345", "79d2d183101202cf6ef5bf3aace09570", "00000000-0000-0000-0000-000000000000"] {
            assert_eq!(jornaya(text), Err(NotAGuid), "{text}");
        }
    }

    #[test]
    fn a_valid_certificate_wins_over_an_invalid_one_with_a_better_name() {
        let url = format!("https://cert.trustedform.com/{ID}");
        let invalid_first = json!({ "xxTrustedFormCertUrl": "undefined", "trustedform_url": ["", url] });
        assert_eq!(consent(invalid_first).trustedform_certificate(), Some(Ok(url)));
        let ping = format!("https://ping.trustedform.com/{ID}");
        let both = consent(json!({ "xxTrustedFormPingUrl": ping, "xxTrustedFormCertUrl": "undefined" }));
        assert_eq!(both.trustedform_certificate(), Some(Ok(ping)));
        let invalid =
            consent(json!({ "xxTrustedFormCertUrl": "http://cert.trustedform.com/1", "jornaya": "x" }));
        assert_eq!(invalid.trustedform_certificate(), Some(Err(NotHttps)));
        assert_eq!(invalid.jornaya_leadid(), Some(Err(NotAGuid)));
    }
}
