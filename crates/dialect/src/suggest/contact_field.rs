//! Recognizes contact fields by their names, in the languages that are common in forms.

/// Structural names without a meaning of their own.
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

/// Things that have a name and are not persons.
const OTHER_THINGS: [&str; 10] =
    ["page", "campaign", "ad", "adset", "utm", "event", "product", "file", "domain", "form"];

/// Numbers that cannot be called, although `phone` may be in their name.
const NOT_PHONES: [&str; 2] = ["fax", "ext"];

/// A field for which a mapping can be suggested.
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

    /// Scores the names of a path for this field: 3 if the last name is a name of the field, 2 if a word of
    /// the last name is, 1 if a word of an earlier name is. `None` if the path belongs to another person or
    /// thing.
    pub(super) fn score(self, names: &[String]) -> Option<u8> {
        let words: Vec<Vec<String>> = names.iter().map(|name| words(name)).collect();
        let (last, before) = words.split_last()?;
        let before: Vec<&String> = before.iter().flatten().collect();
        let known = |word: &String| self.words().contains(&word.as_str());
        let is_field_name = self.words().contains(&last.concat().as_str());
        if self.belongs_to_other_person(last, &before) {
            return None;
        }
        // `{"company": {"name": …}}`
        let is_company_name =
            self == Self::Company && *last == ["name"] && before.iter().any(|word| known(word));
        let is_address = matches!(self, Self::Email | Self::Phone);
        let score = if is_field_name || is_company_name {
            3
        } else if last.iter().any(known) {
            2
        } else if is_address && before.iter().any(|word| known(word)) {
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
            Self::Phone => last.iter().any(|word| NOT_PHONES.contains(&word.as_str())),
            Self::FullName => any(&OTHER_THINGS) || [FIRST, LAST, COMPANY].into_iter().any(any),
            Self::FirstName | Self::LastName | Self::Company => any(&OTHER_THINGS),
        };
        is_other || any(&OTHER_PEOPLE)
    }
}

/// The names of a path, without positions and structural names.
pub(super) fn significant_names(path: &[String]) -> Vec<String> {
    let name = |segment: &String| match segment.strip_prefix('[').and_then(|label| label.strip_suffix(']')) {
        Some(label) => label.split_once('=').map_or(label, |(_, name)| name).to_owned(),
        None => segment.clone(),
    };
    let is_significant = |name: &String| {
        let words = words(name);
        // `form` is kept because `{"form": {"name": …}}` is the name of a form, not of a lead.
        words == ["form"] || words.iter().any(|word| !STRUCTURE.contains(&word.as_str()))
    };
    path.iter().map(name).filter(is_significant).collect()
}

/// Splits names such as `q4_phoneNumber`, `Phone (mobile)*`, `phone_c` into words in lower case, without
/// numbers and single letters.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut previous = ' ';
    for c in name.chars() {
        let starts_word = !c.is_alphabetic() || (c.is_uppercase() && previous.is_lowercase());
        if starts_word {
            words.push(String::new());
        }
        if c.is_alphabetic() {
            words.last_mut().into_iter().for_each(|word| word.extend(c.to_lowercase()));
        }
        previous = c;
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
    fn names_are_scored_by_their_words() {
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
