//! The text fields of a lead or a submission.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::TextField;

/// Texts by field. Fields that only a newer build knows are kept and written back unchanged.
#[derive(Debug, Clone, PartialEq)]
pub struct TextValues<T> {
    known: BTreeMap<TextField, T>,
    newer: Map<String, Value>,
}

impl<T> TextValues<T> {
    /// Whether there are no members to write.
    pub fn is_nothing(&self) -> bool {
        self.known.is_empty() && self.newer.is_empty()
    }
}

impl<T> Default for TextValues<T> {
    fn default() -> Self {
        Self { known: BTreeMap::new(), newer: Map::new() }
    }
}

impl<T> Deref for TextValues<T> {
    type Target = BTreeMap<TextField, T>;

    fn deref(&self) -> &Self::Target {
        &self.known
    }
}

impl<T> DerefMut for TextValues<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.known
    }
}

impl<T> FromIterator<(TextField, T)> for TextValues<T> {
    fn from_iter<I: IntoIterator<Item = (TextField, T)>>(texts: I) -> Self {
        Self { known: texts.into_iter().collect(), newer: Map::new() }
    }
}

impl<T, const N: usize> From<[(TextField, T); N]> for TextValues<T> {
    fn from(texts: [(TextField, T); N]) -> Self {
        texts.into_iter().collect()
    }
}

impl<'t, T> IntoIterator for &'t TextValues<T> {
    type Item = (&'t TextField, &'t T);
    type IntoIter = std::collections::btree_map::Iter<'t, TextField, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.known.iter()
    }
}

impl<T: Serialize> Serialize for TextValues<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.newer.is_empty() {
            return self.known.serialize(serializer);
        }
        let known = self.known.iter().map(|(field, text)| Ok((field.as_str(), serde_json::to_value(text)?)));
        let known: serde_json::Result<BTreeMap<&str, Value>> = known.collect();
        let mut all = known.map_err(serde::ser::Error::custom)?;
        all.extend(self.newer.iter().map(|(name, value)| (name.as_str(), value.clone())));
        all.serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for TextValues<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut texts = Self::default();
        for (name, value) in Map::deserialize(deserializer)? {
            match TextField::ALL.iter().copied().find(|field| field.as_str() == name) {
                // The error text of serde would contain the value.
                Some(field) => {
                    let text = T::deserialize(value).map_err(|_| D::Error::custom("not a text"))?;
                    texts.known.insert(field, text);
                }
                None => drop(texts.newer.insert(name, value)),
            }
        }
        Ok(texts)
    }
}
