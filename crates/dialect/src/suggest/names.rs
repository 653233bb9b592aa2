//! What the names of fields mean, in the languages that forms are often written in.

/// Names that only say that a value follows.
const STRUCTURE: [&str; 12] = [
    "value",
    "values",
    "raw",
    "string",
    "answer",
    "answers",
    "data",
    "field",
    "fields",
    "form",
    "properties",
    "body",
];

const EMAIL: &[&str] = &["email", "emails", "mail", "emailaddress", "correo"];
const PHONE: &[&str] = &[
    "phone",
    "phones",
    "tel",
    "telephone",
    "mobile",
    "cell",
    "cellphone",
    "phonenumber",
    "mobilephone",
    "telefon",
    "telefono",
    "handy",
    "celular",
    "whatsapp",
    "rufnummer",
];
const FIRST: &[&str] =
    &["first", "firstname", "fname", "given", "givenname", "forename", "vorname", "prenom", "nombre"];
const LAST: &[&str] =
    &["last", "lastname", "lname", "family", "familyname", "surname", "nachname", "apellido", "apellidos"];
const FULL: &[&str] = &["name", "fullname", "contactname", "yourname"];
const COMPANY: &[&str] =
    &["company", "companyname", "organization", "organisation", "firma", "empresa", "businessname"];

/// What is not the lead's own: a colleague of the recipient, the page, the ad.
const OTHERS: [&str; 24] = [
    "agent",
    "owner",
    "rep",
    "sender",
    "recipient",
    "admin",
    "notify",
    "notification",
    "reply",
    "page",
    "campaign",
    "ad",
    "adset",
    "referrer",
    "utm",
    "assigned",
    "fax",
    "ip",
    "user",
    "event",
    "product",
    "file",
    "domain",
    "ext",
];

/// A field that may be filled from a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Email,
    Phone,
    FirstName,
    LastName,
    FullName,
    Company,
}

impl Field {
    pub(super) const ALL: [Self; 6] =
        [Self::Email, Self::Phone, Self::FirstName, Self::LastName, Self::FullName, Self::Company];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::FullName => "full_name",
            Self::Company => "company",
        }
    }

    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Email => EMAIL,
            Self::Phone => PHONE,
            Self::FirstName => FIRST,
            Self::LastName => LAST,
            Self::FullName => FULL,
            Self::Company => COMPANY,
        }
    }

    /// How well the names on the way to a place name the field: 3 by the last one alone, 2 by a word of it, 1 by one before
    /// it; `None` if they name something of another's.
    pub(super) fn score(self, names: &[String]) -> Option<u8> {
        let words: Vec<Vec<String>> = names.iter().map(|name| words(name)).collect();
        let is_others = |word: &String| OTHERS.contains(&word.as_str());
        // `your email` on a page of a campaign is the lead's own.
        let (last, before) = words.split_last()?;
        if last.iter().any(is_others) || (self == Self::FullName && before.iter().flatten().any(is_others)) {
            return None;
        }
        let known = |word: &String| self.words().contains(&word.as_str());
        let joined = last.concat();
        let whole = self.words().contains(&joined.as_str());
        let is_person = matches!(self, Self::FirstName | Self::LastName);
        let other_name = self == Self::FullName
            && last
                .iter()
                .any(|word| [FIRST, LAST, COMPANY].iter().any(|words| words.contains(&word.as_str())));
        Some(match () {
            () if other_name => 0,
            () if whole => 3,
            () if last.iter().any(known) && !(is_person && last.len() > 2) => 2,
            () if !is_person && before.iter().flatten().any(known) && self != Self::FullName => 1,
            () => 0,
        })
    }
}

/// The names on a path without positions and without those that only say that a value follows.
pub(super) fn meaningful(path: &[String]) -> Vec<String> {
    let name = |segment: &String| match segment.strip_prefix('[').and_then(|label| label.strip_suffix(']')) {
        Some(label) => label.split_once('=').map_or(label, |(_, name)| name).to_owned(),
        None => segment.clone(),
    };
    let says_something = |name: &String| {
        let words = words(name);
        !words.is_empty() && !words.iter().all(|word| STRUCTURE.contains(&word.as_str()))
    };
    path.iter().map(name).filter(says_something).collect()
}

/// The words of `q4_phoneNumber`, `Phone (mobile)*`, `phone_c` in lower case, without numbers and single letters.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let begins = !c.is_alphabetic() || (c.is_uppercase() && before.is_lowercase());
        if begins {
            words.push(String::new());
        }
        if c.is_alphabetic() {
            words.last_mut().into_iter().for_each(|word| word.extend(c.to_lowercase()));
        }
        before = c;
    }
    // `e-mail` is one word.
    let is_e = |word: &String| word == "e";
    let has_e_mail = words.windows(2).any(|pair| matches!(pair, [e, mail] if is_e(e) && mail == "mail"));
    let mut words: Vec<String> = words.into_iter().filter(|word| word.chars().count() > 1).collect();
    if has_e_mail {
        words.iter_mut().filter(|word| *word == "mail").for_each(|word| "email".clone_into(word));
    }
    words.retain(|word| {
        !matches!(word.as_str(), "your" | "my" | "the" | "lead" | "customer" | "contact" | "input")
    });
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_by_their_words() {
        let score = |field: Field, path: &[&str]| {
            field.score(&meaningful(&path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()))
        };
        for (field, path, expected) in [
            (Field::Email, &["email"][..], Some(3)),
            (Field::Email, &["q4_e-Mail*"], Some(3)),
            (Field::Email, &["contact", "Work Email Address"], Some(2)),
            (Field::Email, &["properties", "email", "value"], Some(3)),
            (Field::Email, &["agent_email"], None),
            (Field::Phone, &["field_data", "[name=phone_number]", "values", "0"], Some(3)),
            (Field::Phone, &["phone", "full"], Some(1)),
            (Field::Phone, &["fax_phone"], None),
            (Field::FirstName, &["q3_name", "first"], Some(3)),
            (Field::LastName, &["Last Name"], Some(2)),
            (Field::FullName, &["your-name"], Some(3)),
            (Field::FullName, &["campaign_name"], None),
            (Field::FullName, &["campaign", "name"], None),
            (Field::FullName, &["first_name"], Some(0)),
            (Field::Company, &["Company Name"], Some(3)),
            (Field::Email, &["3"], None),
        ] {
            assert_eq!(score(field, path), expected, "{field:?} {path:?}");
        }
    }
}
