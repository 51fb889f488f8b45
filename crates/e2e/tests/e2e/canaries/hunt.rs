//! What was looked at, and what was found.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use e2e::Canaries;
use test_support::http::Request;

/// Gathers texts, and looks for the canaries in all of them at the end, when every canary is known.
#[derive(Default)]
pub struct Hunt {
    pub canaries: Canaries,
    /// Place, whose canary may be there, bytes.
    texts: Vec<(&'static str, String, Vec<u8>)>,
}

impl Hunt {
    pub fn look(&mut self, place: &'static str, bytes: &[u8]) {
        self.look_but(place, "", bytes);
    }

    pub fn look_all(&mut self, place: &'static str, texts: &[String]) {
        self.look(place, texts.join("\n").as_bytes());
    }

    /// Looks at a text where the canary `except` belongs.
    pub fn look_but(&mut self, place: &'static str, except: &str, bytes: &[u8]) {
        self.texts.push((place, except.to_owned(), bytes.to_vec()));
    }

    /// Sends a request that must be refused, and looks at the answer.
    pub async fn refused(&mut self, request: Request) -> Result<()> {
        let answer = request.send().await?;
        ensure!(
            answer.status.is_client_error(),
            "{} {}",
            answer.status,
            answer.text()
        );
        let text = format!("{:?} {}", answer.headers, answer.text());
        self.look("an answer", text.as_bytes());
        Ok(())
    }

    /// Whether `text` was seen in `place`: what is looked at is what it should be.
    pub fn has_seen(&self, place: &str, text: &str) -> bool {
        let mut there = self.texts.iter().filter(|(of, ..)| *of == place);
        there.any(|(_, _, bytes)| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    }

    /// Fails with every place where a canary was found, or when one of `places` was not looked at.
    pub fn verdict(&self, places: &[&str]) -> Result<()> {
        let (mut found, mut bytes) = (Vec::new(), BTreeMap::<&str, usize>::new());
        for (place, except, text) in &self.texts {
            *bytes.entry(place).or_default() += text.len();
            let hits = self.canaries.found_in(text, except)?.into_iter();
            found.extend(hits.map(|hit| format!("{place}: {hit}")));
        }
        for place in places {
            ensure!(
                bytes.get(place).is_some_and(|bytes| *bytes > 0),
                "{place} was not looked at: {bytes:?}"
            );
        }
        found.sort();
        found.dedup();
        ensure!(found.is_empty(), "found:\n{}", found.join("\n"));
        ensure!(self.canaries.len() >= 10);
        Ok(())
    }
}
