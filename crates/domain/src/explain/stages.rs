//! What each stage wrote into the trace, in sentences.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::words::{Part, date, list, words};
use crate::{Basis, ClaimKind, Inferred, Policy, QuarantineReason, Reason, Repair, TimeProblem, Timestamp};

pub(super) fn tell(stage: &str, part: &Value) -> Vec<String> {
    let told = match (stage, part) {
        ("screen", Value::Array(hits)) => Some(screen(hits, "that was sent")),
        ("screen_lead", Value::Array(hits)) => Some(screen(hits, "of the lead")),
        ("quarantine", Value::String(reason)) => Some(vec![aside(reason)]),
        ("reassess", Value::String(why)) => {
            Some(vec![format!("No new submission: the lead was decided again because {why}.")])
        }
        ("opt_out", Value::Array(leads)) => Some(opt_out(leads)),
        ("erased", Value::String(at)) => Some(vec![erased(at)]),
        _ => Part::of(part).and_then(|part| stage_of(stage, part)),
    };
    told.unwrap_or_else(|| vec![words(part)])
}

fn stage_of(stage: &str, mut part: Part) -> Option<Vec<String>> {
    let mut told = match stage {
        "reprocess" => reprocess(&mut part),
        "remap" => remap(&mut part),
        "normalize" => normalize(&mut part),
        "deduplicate" => deduplicate(&mut part),
        "merge" => merge(&mut part),
        "enrich" => enrich(&mut part),
        "score" => score(&mut part),
        "decide" => decide(&mut part),
        _ => return None,
    };
    let rest = part.rest();
    if !rest.is_empty() {
        told.push(format!("Recorded besides: {rest}."));
    }
    Some(told)
}

fn reprocess(part: &mut Part) -> Vec<String> {
    let mut told = vec![
        "It was read again, by the mapping, the settings, the lists and the scoring of that day.".to_owned(),
    ];
    told.extend(named("Other leads hold what it is known by now", part.take_list("identity_conflict")));
    told
}

fn remap(part: &mut Part) -> Vec<String> {
    let version = part.take("mapping_version").filter(|version| !version.is_null());
    let by = version
        .map_or("without a mapping".to_owned(), |version| format!("by version {version} of the mapping"));
    vec![format!("Its body was read once more, {by}.")]
}

/// The leads that an opt-out reached without being merged into them.
fn opt_out(leads: &[Value]) -> Vec<String> {
    let lead = |lead: &Value| {
        let lead = Part::of(lead).and_then(|mut lead| lead.take_text("lead"))?;
        Some(format!("The person asked not to be contacted: the lead {lead} is held since."))
    };
    leads.iter().map(|told| lead(told).unwrap_or_else(|| words(told))).collect()
}

fn erased(at: &str) -> String {
    let at = Timestamp::parse(at).map_or_else(|| at.to_owned(), date);
    format!("What it said was erased on {at}, and with it what was read and inferred from that.")
}

/// A code as the value that it stands for, if this build knows it.
pub(super) fn known<T: DeserializeOwned>(code: &Value) -> Option<T> {
    T::deserialize(code).ok()
}

fn aside(reason: &str) -> String {
    let known = known::<QuarantineReason>(&reason.into()).map(QuarantineReason::sentence);
    format!("It was put aside: {}.", known.unwrap_or(reason))
}

fn normalize(part: &mut Part) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(reason) = part.take_text("quarantined") {
        told.push(aside(&reason));
    }
    if let Some(mut fault) = part.take("mapping").as_ref().and_then(Part::of) {
        let (to, code) = (fault.take_text("to"), fault.take_text("code"));
        let (to, code) = (to.unwrap_or_default(), code.unwrap_or_default());
        told.push(format!("The mapping could not fill {to}: {code}{}.", fault.remark()));
    }
    // The source is part of the sentence about the receipt.
    part.take("source");
    let read_in = match part.take_text("phone_read_in") {
        Some(region) => format!("as a number of {region} unless it has a country code of its own"),
        None => "by its own country code".to_owned(),
    };
    let phone = format!("The phone was read in E.164, {read_in}.");
    told.extend(contact(part, "phone", phone));
    told.extend(contact(part, "email", "The email was read as an address.".to_owned()));
    told.extend(named("Written in the one spelling of their kind", part.take_list("rewritten")));
    let nothing = "Taken for nothing, which is all that programs mean by it";
    told.extend(named(nothing, part.take_list("not_said")));
    for code in part.take_list("repaired") {
        let what = known::<Repair>(&code).map_or_else(|| words(&code), |repair| repair.sentence().to_owned());
        told.push(format!("Repaired: {what}."));
    }
    let kept = "Kept but not used, because a public credential may not set it";
    told.extend(named(kept, part.take_list("not_trusted")));
    for field in part.take_named("unknown") {
        told.push(format!("The {field} is on no list of such values and was kept as it came."));
    }
    if let Some(zone) = part.take_text("consent_time_read_in") {
        told.push(format!(
            "When consent was given was read as a time of {zone}: it was sent without a zone."
        ));
    }
    if let Some(problem) = part.take("consent_time") {
        let why = known::<TimeProblem>(&problem).map_or_else(|| words(&problem), |known| known.to_string());
        told.push(format!("When consent was given cannot be read: {why}."));
    }
    told
}

/// What was read of a phone or an email.
fn contact(part: &mut Part, name: &str, valid: String) -> Option<String> {
    let verdict = part.take_text(name)?;
    let reason = part.take_text(&format!("{name}_reason"));
    Some(match (verdict.as_str(), reason) {
        ("valid", _) => valid,
        ("absent", _) => format!("No {name} was sent."),
        ("invalid", Some(reason)) => format!("The {name} was kept as it came: {reason}."),
        ("invalid", None) => format!("The {name} was kept as it came."),
        (verdict, reason) => format!("The {name}: {verdict} {}.", reason.unwrap_or_default()),
    })
}

fn named(what: &str, fields: Vec<Value>) -> Option<String> {
    let fields: Vec<_> = fields.iter().map(words).collect();
    if fields.is_empty() { None } else { Some(format!("{what}: {}.", list(&fields))) }
}

/// Whose phone and email were looked for, `which` says.
fn screen(hits: &[Value], which: &str) -> Vec<String> {
    if hits.is_empty() {
        return vec![format!("No entry of a suppression list names the phone or the email {which}.")];
    }
    hits.iter().map(|found| found_entry(found, which)).collect()
}

/// An entry by which a lead is held.
pub(super) fn screened(found: &Value) -> String {
    found_entry(found, "of the lead")
}

fn found_entry(found: &Value, which: &str) -> String {
    Part::of(found).map_or_else(|| words(found), |part| hit(part, which))
}

fn hit(mut part: Part, which: &str) -> String {
    let what = match part.take_text("reason").as_deref() {
        Some("suppressed_phone") => format!("The phone {which}"),
        Some("suppressed_email") => format!("The email {which}"),
        Some("opted_out") => format!("The phone or the email {which}"),
        Some("suppressed_domain") => format!("The domain of the email {which}"),
        reason => format!("The contact {which} ({})", reason.unwrap_or("no reason given")),
    };
    let on = part
        .take_text("list")
        .map_or_else(|| "the suppression list".to_owned(), |list| format!("the suppression list \"{list}\""));
    let since = part.take_date("added_at").map(|at| format!(", since {at}")).unwrap_or_default();
    let until = part.take_date("expires_at").map(|at| format!(", until {at}")).unwrap_or_default();
    format!("{what} is on {on}{since}{until}{}.", part.remark())
}

fn deduplicate(part: &mut Part) -> Vec<String> {
    let rule = part.take_text("rule");
    // The policy was not applied in this case.
    let over_public = part.take("over_public") == Some(true.into());
    let policy = part.take("policy").filter(|_| !over_public);
    let by_mailbox_alone = part.take("by_mailbox_alone") == Some(true.into());
    let mut told = Vec::new();
    let correction = part.take("correction").as_ref().and_then(Part::of);
    match (part.take("matched").as_ref().and_then(Part::of), &rule) {
        _ if correction.is_some() => told.extend(correction.map(self::correction)),
        (Some(met), _) => told.push(matched(met, policy.as_ref())),
        // The part has neither rule nor match if the idempotency key was used with another body.
        (None, None) => told.push("Its idempotency key was used before, with another body.".to_owned()),
        (None, Some(rule)) => {
            let by = match rule.as_str() {
                "any_of" => "any key of its source".to_owned(),
                "first_of" => "the first key of its source that was sent".to_owned(),
                other => other.to_owned(),
            };
            told.push(format!("It met no lead by {by}."));
        }
    }
    if over_public {
        told.push(
            "The lead was created by public submissions only, so this submission with a secret credential updated it."
                .to_owned(),
        );
    }
    if by_mailbox_alone {
        told.push(
            "Only the mailbox at Gmail is the same, so the lead kept its phone, email and consent."
                .to_owned(),
        );
    }
    for conflict in part.take_list("identity_conflict") {
        told.push(Part::of(&conflict).map_or_else(
            || words(&conflict),
            |other| {
                let (by, lead, seen, remark) = met(other);
                format!(
                    "Its {by} points at another lead, {lead}{seen}: the keys disagree, and the first of them \
                 decided{remark}."
                )
            },
        ));
    }
    for kind in part.take_list("expired") {
        let by = key(&words(&kind));
        told.push(format!("Its {by} was known, but not seen for longer than the source's window."));
    }
    told
}

fn correction(mut part: Part) -> String {
    let [lead, by, reason] =
        ["lead", "by", "reason"].map(|name| part.take_text(name).unwrap_or_else(|| "unknown".to_owned()));
    format!("It corrects the lead {lead}. Made by: {by}. Reason: {reason}.")
}

/// By what, which lead, when it was last seen by that, and whatever else is told.
fn met(mut part: Part) -> (String, String, String, String) {
    let by = key(&part.take_text("by").unwrap_or_default());
    let lead = part.take_text("lead").unwrap_or_default();
    let seen = part.take_date("last_seen").map(|at| format!(" (last seen on {at})")).unwrap_or_default();
    (by, lead, seen, part.remark())
}

fn matched(part: Part, policy: Option<&Value>) -> String {
    let (by, lead, seen, remark) = met(part);
    let then = match policy {
        Some(policy) => match known::<Policy>(policy) {
            Some(Policy::ReturnExisting) => ". By the policy return_existing the lead stayed as it was",
            Some(Policy::Update) => ". By the policy update the lead took over what was said anew",
            Some(Policy::Link) => ". By the policy link it is listed under the lead, which stayed as it was",
            Some(Policy::Create) => ". By the policy create it made a lead of its own all the same",
            None => {
                return format!(
                    "It met the lead {lead} by its {by}{seen}; policy {}{remark}.",
                    words(policy)
                );
            }
        },
        None => "",
    };
    format!("It met the lead {lead} by its {by}{seen}{then}{remark}.")
}

/// The name of an identity key, for people.
fn key(code: &str) -> String {
    match code.parse() {
        Ok(ClaimKind::ExternalId) => "external id".to_owned(),
        Ok(ClaimKind::LineId) => "line id".to_owned(),
        Ok(ClaimKind::Idempotency) => "idempotency key".to_owned(),
        Ok(ClaimKind::GmailMailbox) => "mailbox at Gmail".to_owned(),
        Ok(ClaimKind::Phone | ClaimKind::Email) | Err(_) => code.to_owned(),
    }
}

fn merge(part: &mut Part) -> Vec<String> {
    let mut count = |name| part.take_text(name).unwrap_or_default();
    let (fields, tags) = (count("custom_fields"), count("tags"));
    vec![format!(
        "The lead has as much as a lead can have; custom fields left out: {fields}, tags left out: {tags}."
    )]
}

fn enrich(part: &mut Part) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(kind) = part.take_text("email_kind") {
        told.push(format!("The email is of the kind {kind}."));
    }
    if let Some(region) = part.take_text("phone_region") {
        told.push(format!("The phone is one of {region}."));
    }
    match part.take("inferred") {
        Some(Value::Object(inferred)) => {
            told.extend(inferred.iter().map(|(name, value)| self::inferred(name, value)));
        }
        Some(other) => told.push(format!("Inferred: {}.", words(&other))),
        None => told.push("Nothing was inferred.".to_owned()),
    }
    told
}

fn inferred(name: &str, value: &Value) -> String {
    let Some(Inferred { value: inferred, basis }) = known(value) else {
        return format!("{name} was inferred: {}.", words(value));
    };
    let from = match basis {
        Basis::FullName => "the full name",
        Basis::NameParts => "first and last name",
        Basis::PhonePrefix => "the first digits of the phone",
        Basis::EmailDomain => "the domain of the email",
        Basis::PageUrl => "the address of the page",
        Basis::Referrer => "the page from which the person came",
        Basis::UserAgent => "what the browser says it is",
        Basis::ClientAddress => "the address of the browser",
        Basis::Unknown => value.get("basis").and_then(Value::as_str).unwrap_or("something"),
    };
    format!("{name} was inferred from {from}: {}.", words(&inferred))
}

fn score(part: &mut Part) -> Vec<String> {
    let score = part.take_text("score").unwrap_or_else(|| "unknown".to_owned());
    let temperature = part.take_text("temperature").map(|how| format!(", so the lead is {how}"));
    let rules = match part.take("scoring_version") {
        None => String::new(),
        Some(version) if version == 0 => ", by the standard rules".to_owned(),
        Some(version) => format!(", by version {} of the rules", words(&version)),
    };
    let mut told = vec![format!("The score is {score}{}{rules}.", temperature.unwrap_or_default())];
    told.extend(part.take_list("points").iter().map(points));
    told
}

/// One rule, as a pair of its name and its points, or as an object that names both.
fn points(entry: &Value) -> String {
    let (rule, points, remark) = match (entry, Part::of(entry)) {
        (_, Some(mut part)) => {
            let rule = part.take_text("rule").or_else(|| part.take_text("name"));
            (rule, part.take("points"), part.remark())
        }
        (Value::Array(pair), None) => match pair.as_slice() {
            [rule, points] => (Some(words(rule)), Some(points.clone()), String::new()),
            _ => (None, None, String::new()),
        },
        _ => (None, None, String::new()),
    };
    let (Some(rule), Some(points)) = (rule, points) else { return format!("{}.", words(entry)) };
    match points.as_i64() {
        Some(points @ ..0) => format!("{rule} takes {} points{remark}.", points.unsigned_abs()),
        Some(points) => format!("{rule} gives {points} points{remark}."),
        None => format!("{rule}: {}{remark}.", words(&points)),
    }
}

fn decide(part: &mut Part) -> Vec<String> {
    let until = part.take_date("eligible_until");
    let reasons = part.take_list("reasons");
    let mut told = match (part.take_text("eligibility").as_deref(), until) {
        (Some("eligible"), Some(until)) => vec![format!("The lead is eligible until {until}.")],
        (Some("eligible"), None) => {
            vec!["The lead is eligible; no evidence that it needed expires.".to_owned()]
        }
        (Some("held"), _) if !reasons.is_empty() => Vec::new(),
        (eligibility, _) => vec![format!("The lead is {}.", eligibility.unwrap_or("not decided"))],
    };
    for reason in &reasons {
        let why = match known::<Reason>(reason) {
            Some(known) if !matches!(known, Reason::Newer(_)) => known.sentence().to_owned(),
            _ => words(reason),
        };
        told.push(format!("The lead is held because {why}."));
    }
    if part.take("consent_not_required") == Some(true.into()) {
        told.push("Its sources do not require consent.".to_owned());
    }
    if let Some(registry) = part.take_text("registry") {
        told.push(match registry.as_str() {
            "off" => "No national do-not-call registry was consulted.".to_owned(),
            other => format!("National do-not-call registry: {other}."),
        });
    }
    told
}
