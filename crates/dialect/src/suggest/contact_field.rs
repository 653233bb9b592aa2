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

/// People who are not the lead.
const OTHER_PEOPLE: [&str; 13] = [
    "agent",
    "owner",
    "rep",
    "sender",
    "recipient",
    "admin",
    "notify",
    "notification",
    "reply",
    "assigned",
    "seller",
    "referrer",
    "referred",
];

/// What has a name without being a person.
const OTHER_THINGS: [&str; 10] =
    ["page", "campaign", "ad", "adset", "utm", "event", "product", "file", "domain", "form"];

/// Numbers with the name of a phone that nobody answers.
const NO_PHONES: [&str; 2] = ["fax", "ext"];

/// A field that may be filled from a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContactField {
    Email,
    Phone,
    FirstName,
    LastName,
    FullName,
    Company,
}

impl ContactField {
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
        let (last, before) = words.split_last()?;
        let before: Vec<&String> = before.iter().flatten().collect();
        let known = |word: &String| self.words().contains(&word.as_str());
        let is_whole = self.words().contains(&last.concat().as_str());
        if self.belongs_to_other_person(last, &before) {
            return None;
        }
        // `{"company": {"name": …}}`
        let is_named = self == Self::Company && *last == ["name"] && before.iter().any(|word| known(word));
        let of_contact = matches!(self, Self::Email | Self::Phone);
        let score = if is_whole || is_named {
            3
        } else if last.iter().any(known) {
            2
        } else if of_contact && before.iter().any(|word| known(word)) {
            1
        } else {
            0
        };
        Some(score)
    }

    fn belongs_to_other_person(self, last: &[String], before: &[&String]) -> bool {
        let all = || last.iter().chain(before.iter().copied());
        let any = |others: &[&str]| all().any(|word| others.contains(&word.as_str()));
        let is_other = match self {
            Self::Email => false,
            Self::Phone => last.iter().any(|word| NO_PHONES.contains(&word.as_str())),
            Self::FullName => any(&OTHER_THINGS) || [FIRST, LAST, COMPANY].into_iter().any(any),
            Self::FirstName | Self::LastName | Self::Company => any(&OTHER_THINGS),
        };
        is_other || any(&OTHER_PEOPLE)
    }
}

/// The names on a path without positions and without those that only say that a value follows.
pub(super) fn significant_names(path: &[String]) -> Vec<String> {
    let name = |segment: &String| match segment.strip_prefix('[').and_then(|label| label.strip_suffix(']')) {
        Some(label) => label.split_once('=').map_or(label, |(_, name)| name).to_owned(),
        None => segment.clone(),
    };
    let says_something = |name: &String| {
        let words = words(name);
        // The name of a form is not the lead's: `{"form": {"name": …}}`.
        words == ["form"] || words.iter().any(|word| !STRUCTURE.contains(&word.as_str()))
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
        let score = |field: ContactField, path: &[&str]| {
            field.score(&significant_names(&path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()))
        };
        for (field, path, expected) in [
            (ContactField::Email, &["email"][..], Some(3)),
            (ContactField::Email, &["q4_e-Mail*"], Some(3)),
            (ContactField::Email, &["contact", "Work Email Address"], Some(2)),
            (ContactField::Email, &["properties", "email", "value"], Some(3)),
            (ContactField::Email, &["agent_email"], None),
            (ContactField::Phone, &["field_data", "[name=phone_number]", "values", "0"], Some(3)),
            (ContactField::Phone, &["phone", "full"], Some(1)),
            (ContactField::Phone, &["fax_phone"], None),
            (ContactField::FirstName, &["q3_name", "first"], Some(3)),
            (ContactField::LastName, &["Last Name"], Some(3)),
            (ContactField::FullName, &["your-name"], Some(3)),
            (ContactField::FullName, &["campaign_name"], None),
            (ContactField::FullName, &["campaign", "name"], None),
            (ContactField::FullName, &["first_name"], None),
            (ContactField::Company, &["Company Name"], Some(3)),
            (ContactField::Company, &["company", "name"], Some(3)),
            (ContactField::FullName, &["company", "name"], None),
            (ContactField::FullName, &["form", "name"], None),
            (ContactField::FullName, &["form_fields", "name"], Some(3)),
            (ContactField::Email, &["form", "email"], Some(3)),
            (ContactField::Email, &["owner", "email"], None),
            (ContactField::Email, &["user_email"], Some(2)),
            (ContactField::Email, &["3"], None),
        ] {
            assert_eq!(score(field, path), expected, "{field:?} {path:?}");
        }
    }
}
