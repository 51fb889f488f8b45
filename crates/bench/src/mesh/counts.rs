//! How many there are of what it lists.

use anyhow::{Context, Result};
use serde_json::Value;

use super::Mesh;

impl Mesh {
    /// How many agents take tasks, or may soon.
    ///
    /// # Errors
    /// When rest-api does not answer.
    pub async fn agents_here(&self) -> Result<usize> {
        let (mut count, mut after) = (0, String::new());
        loop {
            let page = self.get(&format!("agents?state=ready&limit=200{after}")).await?;
            count += page["items"].as_array().context("no agents")?.len();
            match page["next"].as_str() {
                Some(next) => after = format!("&cursor={next}"),
                None => return Ok(count),
            }
        }
    }

    /// How many tools the description that was added has become; the mesh has some of its own.
    ///
    /// # Errors
    /// When rest-api does not answer.
    pub async fn added(&self) -> Result<usize> {
        let (mut count, mut after) = (0, String::new());
        loop {
            let page = self.get(&format!("tools?limit=200{after}")).await?;
            let tools = page["items"].as_array().context("no tools")?;
            let is_added = |tool: &&Value| {
                tool["name"]
                    .as_str()
                    .is_some_and(|name| name.starts_with("added_"))
            };
            count += tools.iter().filter(is_added).count();
            match page["next"].as_str() {
                Some(next) => after = format!("&cursor={next}"),
                None => return Ok(count),
            }
        }
    }
}
