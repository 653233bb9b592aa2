use std::str::FromStr;

use serde::Deserialize;

/// How many of the newest submissions or leads are looked at: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct Last(u32);

impl Last {
    pub const MOST: Self = Self(100);
    /// Enough to see whether a mapping fits.
    pub const FEW: Self = Self(10);

    pub(crate) fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Last {
    type Error = String;

    fn try_from(last: u32) -> Result<Self, String> {
        if (1..=Self::MOST.0).contains(&last) { Ok(Self(last)) } else { Err(expected()) }
    }
}

impl FromStr for Last {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.trim().parse::<u32>().map_err(|_| expected())?.try_into()
    }
}

fn expected() -> String {
    format!("expected a number from 1 to {}", Last::MOST.0)
}
