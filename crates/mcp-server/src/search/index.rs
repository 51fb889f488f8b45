//! The index of a list of tools, and the search in it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use domain::Tool;

use super::fields::{self, COUNT, FIELDS};
use super::intent::{Deed, Wish};
use super::query::{Query, Term};
use super::words::{self, Words};

/// How soon more occurrences of a word stop counting (BM25's k1).
const SATURATION: f32 = 3.0;
/// A word of at least this many letters also meets words that it begins: `contribut` and `contributor`.
const FAMILY: usize = 6;
/// A word that no tool has meets those that it begins from this many letters on: `config` and `configuration`.
const ABBREVIATION: usize = 3;
/// A word of at least this many letters also meets longer ones that begin with it and some letters more.
const COMPOUND: usize = 4;
/// What a word that another begins counts, times the part of it that is the same.
const RELATED: f32 = 0.8;
/// Most words that one beginning meets.
const MOST_RELATED: usize = 12;
/// What a word counts where it is said plainly. Where it counts less it is mentioned in passing, and makes the word
/// less common only in part: every second description explains which tokens have access to the repository.
const COMMON: f32 = 2.2;
/// Where a description says that its tool is on its way out, in characters from its beginning.
const BEGINS: usize = 100;
/// What a tool that is on its way out counts.
const DEPRECATED: f32 = 0.6;
/// What a tool counts that meets nearly nothing of the request, against 1 for one that meets all of it.
const UNSAID: f32 = 0.7;
/// What a tool counts of whose title the request says nothing, against 1 for one whose whole title it says: of two that
/// fit, the one that does nothing else is meant.
const UNTITLED: f32 = 0.5;

/// A tool that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its place in the list that was indexed.
    pub place: usize,
    /// How well it fits; only good for comparing hits of one search.
    pub score: f32,
}

/// The words of a list of tools. 1 to 2 KiB a tool.
pub struct ToolIndex {
    words: BTreeMap<Box<str>, Postings>,
    tools: Vec<Facts>,
}

/// Where a word is.
#[derive(Default)]
struct Postings {
    /// How much the word tells (BM25's idf).
    idf: f32,
    /// Where it is: places of tools, rising.
    places: Vec<Place>,
}

/// A word in a tool.
struct Place {
    tool: u32,
    /// What the word counts there.
    impact: f32,
    /// Whether it is a word of the tool's title.
    in_title: bool,
}

/// What else counts of a tool.
struct Facts {
    /// How much all words of the title tell.
    title: f32,
    deed: Deed,
    always: f32,
}

impl ToolIndex {
    /// Indexes a list. Ten thousand tools take a good part of a second: call it off the threads that serve.
    #[must_use]
    pub fn new(tools: &[Arc<Tool>]) -> Self {
        let words = Words::default();
        let texts: Vec<[Vec<String>; COUNT]> = tools.iter().map(|tool| fields::of(tool, &words)).collect();
        let average = average_lengths(&texts);
        let titles: Vec<Vec<String>> = tools.iter().map(|tool| fields::title(tool, &words)).collect();
        let mut index: HashMap<String, Postings> = HashMap::new();
        for (place, (text, title)) in texts.into_iter().zip(&titles).enumerate() {
            for (word, frequency) in frequencies(text, &average) {
                let place = Place {
                    tool: place as u32,
                    impact: frequency / (SATURATION + frequency) * (1.0 + SATURATION),
                    in_title: title.contains(&word),
                };
                index.entry(word).or_default().places.push(place);
            }
        }
        let count = tools.len() as f32;
        let words: BTreeMap<Box<str>, Postings> = index
            .into_iter()
            .map(|(word, postings)| (word.into_boxed_str(), postings.weighed(count)))
            .collect();
        let idf = |word: &String| words.get(word.as_str()).map_or(0.0, |postings| postings.idf);
        let facts = tools
            .iter()
            .zip(&titles)
            .map(|(tool, title)| Facts::of(tool, title.iter().map(idf).sum()));
        Self {
            tools: facts.collect(),
            words,
        }
    }

    /// How many tools it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tools.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// The `limit` tools among those that `admits` (by place) that fit the request best, best first. Equal ones stand
    /// in the order of the list.
    #[must_use]
    pub fn search(&self, request: &str, limit: usize, admits: impl Fn(usize) -> bool) -> Vec<Hit> {
        let query = Query::parse(request, &Words::default());
        let scores = self.scores(&query);
        let mut hits: Vec<Hit> = scores
            .into_iter()
            .enumerate()
            .filter(|(place, score)| *score > 0.0 && admits(*place))
            .map(|(place, score)| Hit { place, score })
            .collect();
        hits.sort_by(|one, other| {
            other
                .score
                .total_cmp(&one.score)
                .then(one.place.cmp(&other.place))
        });
        hits.truncate(limit);
        hits
    }

    fn scores(&self, query: &Query) -> Vec<f32> {
        let mut sums = vec![Sum::default(); self.tools.len()];
        let mut best = vec![Best::default(); self.tools.len()];
        let mut whole = 0.0;
        for term in &query.terms {
            let told = self.best_of(term, &mut best);
            let said = if term.extra { 0.0 } else { told };
            whole += said;
            for (sum, best) in sums.iter_mut().zip(&mut best) {
                if best.score > 0.0 {
                    sum.score += best.score;
                    sum.said += said * (best.score / (told * (1.0 + SATURATION))).min(1.0).sqrt();
                    sum.title += best.title;
                    *best = Best::default();
                }
            }
        }
        let scored = sums.iter().zip(&self.tools).map(|(sum, facts)| {
            let said = sum.said / whole.max(f32::MIN_POSITIVE);
            let title = (sum.title / facts.title.max(f32::MIN_POSITIVE)).min(1.0);
            sum.score * covered(UNSAID, said) * covered(UNTITLED, title) * facts.factor(query.wish)
        });
        scored.collect()
    }

    /// Puts into `best` what the best of the term's alternatives counts for each tool; returns how much the term tells.
    fn best_of(&self, term: &Term, best: &mut [Best]) -> f32 {
        let mut told = 0.0_f32;
        let most = self.most_told(term);
        for (stem, fit) in &term.stems {
            for (postings, related) in self.related(stem, !term.extra) {
                let weight = term.weight * fit * related * postings.idf.min(most);
                told = told.max(weight);
                for place in &postings.places {
                    if let Some(best) = best.get_mut(place.tool as usize) {
                        best.score = best.score.max(weight * place.impact);
                        if place.in_title {
                            best.title = best.title.max(fit.sqrt() * related * postings.idf);
                        }
                    }
                }
            }
        }
        told
    }

    /// What other words for the same thing may tell at most: not more than the word itself, only because they are rare
    /// here; and where it is no word of this catalogue, what all of them would tell if they were one.
    fn most_told(&self, term: &Term) -> f32 {
        let idf = |stem: &str| self.words.get(stem).map(|postings| postings.idf);
        let said = term.stems.first().and_then(|(stem, _)| idf(stem));
        said.or_else(|| {
            term.stems
                .iter()
                .filter_map(|(stem, _)| idf(stem))
                .reduce(f32::min)
        })
        .unwrap_or(f32::MAX)
        .min(term.most)
    }

    /// A word and those that it begins: relatives of a long word, words that a short one abbreviates where it is none
    /// of this catalogue, and else compounds (`user` and `username`).
    fn related<'a>(&'a self, stem: &'a str, family: bool) -> impl Iterator<Item = (&'a Postings, f32)> {
        let exact = self.words.get(stem);
        let more = match stem.len() {
            FAMILY.. => Some(1),
            ABBREVIATION.. if exact.is_none() => Some(1),
            COMPOUND.. => Some(ABBREVIATION),
            _ => None,
        };
        let begun = more.filter(|_| family).map(|more| {
            let from = (Bound::Excluded(stem), Bound::Unbounded);
            self.words
                .range::<str, _>(from)
                .take_while(move |(word, _)| word.starts_with(stem))
                .filter(move |(word, _)| word.len() >= stem.len() + more)
                .take(MOST_RELATED)
                .map(move |(word, postings)| (postings, RELATED * stem.len() as f32 / word.len() as f32))
        });
        let exact = exact.into_iter().map(|postings| (postings, 1.0));
        exact.chain(begun.into_iter().flatten())
    }
}

/// What one term counts for a tool.
#[derive(Clone, Default)]
struct Best {
    score: f32,
    /// How much the word of the title tells that it meets.
    title: f32,
}

/// What the terms so far count for a tool.
#[derive(Clone, Default)]
struct Sum {
    score: f32,
    /// How much of the request the tool meets.
    said: f32,
    /// How much of its title the request meets.
    title: f32,
}

/// The factor of a part that is met: `least` for none of it, 1 for all.
fn covered(least: f32, part: f32) -> f32 {
    least + (1.0 - least) * part
}

impl Postings {
    fn weighed(mut self, tools: f32) -> Self {
        let found: f32 = self
            .places
            .iter()
            .map(|place| (place.impact / COMMON).min(1.0))
            .sum();
        self.idf = (1.0 + (tools - found + 0.5) / (found + 0.5)).ln();
        self.places.shrink_to_fit();
        self
    }
}

impl Facts {
    fn of(tool: &Tool, told_by_title: f32) -> Self {
        let title = tool.title.as_deref().unwrap_or_default().to_lowercase();
        let begins: String = tool.description.chars().take(BEGINS).collect();
        let leaves = begins.to_lowercase().contains("deprecated") || title.contains("legacy");
        Self {
            title: told_by_title,
            deed: Deed::of(tool),
            always: if leaves { DEPRECATED } else { 1.0 },
        }
    }

    fn factor(&self, wish: Wish) -> f32 {
        self.always * self.deed.fits(wish)
    }
}

fn average_lengths(texts: &[[Vec<String>; COUNT]]) -> [f32; COUNT] {
    std::array::from_fn(|field| {
        let total: usize = texts
            .iter()
            .filter_map(|text| text.get(field))
            .map(Vec::len)
            .sum();
        (total as f32 / texts.len().max(1) as f32).max(1.0)
    })
}

/// What each word of a tool counts, its fields taken together (BM25F).
fn frequencies(text: [Vec<String>; COUNT], average: &[f32; COUNT]) -> HashMap<String, f32> {
    let mut all: HashMap<String, f32> = HashMap::new();
    for ((words, field), average) in text.into_iter().zip(FIELDS).zip(average) {
        let length = 1.0 - field.length + field.length * words.len() as f32 / average;
        if field.weight >= 1.0 {
            for pair in words.windows(2) {
                if let [one, two] = pair {
                    *all.entry(words::pair(one, two)).or_default() += field.weight / length;
                }
            }
        }
        for word in words {
            *all.entry(word).or_default() += field.weight / length;
        }
    }
    all
}
