use std::str::FromStr;

use serde::Deserialize;

/// The number of items of a page, or of the newest submissions or leads that a preview or a suggestion reads: 1
/// to 100. [`Default`] is the default of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct ItemLimit(u32);

impl ItemLimit {
    /// Also the default of a mapping suggestion and of a scoring preview, which are better with many items.
    pub const MAX: Self = Self(100);
    /// The default of a mapping preview: enough to see whether the mapping fits.
    pub const DEFAULT_PREVIEW: Self = Self(10);

    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for ItemLimit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<u32> for ItemLimit {
    type Error = String;

    fn try_from(limit: u32) -> Result<Self, String> {
        if (1..=Self::MAX.0).contains(&limit) { Ok(Self(limit)) } else { Err(expected()) }
    }
}

impl FromStr for ItemLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.trim().parse::<u32>().map_err(|_| expected())?.try_into()
    }
}

fn expected() -> String {
    format!("expected a number from 1 to {}", ItemLimit::MAX.0)
}
