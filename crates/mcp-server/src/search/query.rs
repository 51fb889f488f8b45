//! A request, taken apart: for each of its words what else would do.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::intent::{self, Wish};
use super::synonyms::{self, COMPOUNDS, PHRASAL, SHORT};
use super::words::{self, Words, spoken, tells};

/// Most words of a request that are looked at.
const LONGEST: usize = 40;
/// Most words between a verb and its particle.
const APART: usize = 4;
/// What a verb counts, beside 1 for a noun: things tell tools apart, and the kind of deed counts for itself.
const VERB: f32 = 0.75;
/// What a first word counts that only says that something is asked: `show`, `read`, `find`.
const ASKING: f32 = 0.55;
/// What the words count that say what it is for: `… so that the build can push`.
const PURPOSE: f32 = 0.5;
/// What a hint may tell at most, however rare its words are.
const HINTED: f32 = 2.0;
/// What two words side by side count on top of each of them.
const PAIR: f32 = 0.35;
/// What a hint from the form of a request counts, beside 1 for a word of it.
const HINT: f32 = 0.4;

/// One word of a request.
#[derive(Debug, PartialEq)]
pub(super) struct Term {
    /// What it counts.
    pub(super) weight: f32,
    /// Whether it comes on top of the words: two side by side, or what the form of the request hints at.
    pub(super) extra: bool,
    /// What a word of it may tell at most.
    pub(super) most: f32,
    /// The stems that meet it, and how well.
    pub(super) stems: Vec<(String, f32)>,
}

/// A request, taken apart.
pub(super) struct Query {
    pub(super) terms: Vec<Term>,
    pub(super) wish: Wish,
}

/// What may stand for a stem.
static SYNONYMS: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
    let words = Words::default();
    let mut map: HashMap<String, Vec<String>> = HashMap::new();
    for group in synonyms::groups() {
        let stems: Vec<String> = group.iter().map(|word| words.stem(word)).collect();
        for stem in &stems {
            let known = map.entry(stem.clone()).or_default();
            for other in stems.iter().filter(|other| *other != stem) {
                if !known.contains(other) {
                    known.push(other.clone());
                }
            }
        }
    }
    map
});

impl Query {
    pub(super) fn parse(request: &str, words: &Words) -> Self {
        let mut said = spoken(request);
        said.truncate(LONGEST);
        let mut terms: Vec<Term> = Vec::new();
        for (weight, word) in meant(&said) {
            let stem = words.stem(&word);
            if let Some(term) = terms
                .iter_mut()
                .find(|term| term.stems.first().is_some_and(|(first, _)| *first == stem))
            {
                term.weight = term.weight.max(weight);
                continue;
            }
            terms.push(Term {
                weight,
                extra: false,
                most: f32::MAX,
                stems: alternatives(stem),
            });
        }
        join_neighbours(&said, words, &mut terms);
        let pairs = pairs(&terms);
        terms.extend(pairs);
        if said
            .iter()
            .any(|word| matches!(word.as_str(), "who" | "whom" | "whose"))
        {
            terms.push(hint(words, &["member", "people", "person"]));
        }
        if asks_for_contents(&said) {
            terms.push(hint(words, &["item", "content", "list"]));
        }
        if is_own(&said) {
            terms.push(hint(words, &["authenticated", "current user", "me"]));
        }
        Self {
            terms,
            wish: intent::of(request),
        }
    }
}

/// The words that say what is asked for, with their weights: short forms spelt out, verbs with their particles.
fn meant(said: &[String]) -> Vec<(f32, String)> {
    let mut meant = Vec::new();
    let mut skip = Vec::new();
    let mut said_for = 1.0;
    for (at, word) in said.iter().enumerate() {
        if matches!(word.as_str(), "so" | "because") && at > 0 {
            said_for = PURPOSE;
        }
        if skip.contains(&at) {
            continue;
        }
        if let Some((particle, meaning)) = phrasal(said, at) {
            skip.push(particle);
            meant.push((
                said_for * if intent::asks(meaning) { ASKING } else { VERB },
                meaning.to_owned(),
            ));
            continue;
        }
        if let Some(thing) = compound(said, at) {
            skip.push(at + 1);
            meant.push((said_for, thing.to_owned()));
            continue;
        }
        let short = SHORT.iter().find(|(short, _)| short == word);
        match short {
            Some((_, long)) => {
                let count = long.split(' ').count() as f32;
                meant.extend(
                    long.split(' ')
                        .map(|part| (said_for * 1.4 / (count + 0.4), part.to_owned())),
                );
            }
            None if tells(word) => {
                let weight = match at {
                    0 if intent::asks(word) => ASKING,
                    _ if synonyms::is_verb(word) => VERB,
                    _ => 1.0,
                };
                meant.push((said_for * weight, word.clone()));
            }
            None => {}
        }
    }
    meant
}

/// The thing that this word and the next one name together.
fn compound(said: &[String], at: usize) -> Option<&'static str> {
    let (first, second) = (said.get(at)?, said.get(at + 1)?);
    let second = second.strip_suffix('s').unwrap_or(second);
    let found = COMPOUNDS
        .iter()
        .find(|(one, two, _)| one == first && *two == second);
    found.map(|(_, _, thing)| *thing)
}

/// The particle's place and the meaning, when the verb at `at` has one.
fn phrasal(said: &[String], at: usize) -> Option<(usize, &'static str)> {
    let verb = said.get(at)?;
    let near = said.iter().enumerate().skip(at + 1).take(APART + 1);
    near.clone().find_map(|(place, word)| {
        let found = PHRASAL
            .iter()
            .find(|(first, second, _)| same_verb(verb, first) && second == word);
        found.map(|(_, _, meaning)| (place, *meaning))
    })
}

/// Whether a spoken verb is this one, in any of its regular forms.
fn same_verb(spoken: &str, verb: &str) -> bool {
    spoken == verb
        || spoken
            .strip_prefix(verb)
            .is_some_and(|ending| matches!(ending, "s" | "ed" | "ing" | "es"))
}

fn alternatives(stem: String) -> Vec<(String, f32)> {
    let others = SYNONYMS.get(&stem).map(Vec::as_slice).unwrap_or_default();
    let others: Vec<(String, f32)> = others
        .iter()
        .map(|other| (other.clone(), synonyms::WEIGHT))
        .collect();
    let mut stems = vec![(stem, 1.0)];
    stems.extend(others);
    stems
}

/// Two words that are often written as one: `web hook`, `e-mail`, `re-run`.
fn join_neighbours(said: &[String], words: &Words, terms: &mut [Term]) {
    for pair in said.windows(2) {
        let [one, two] = pair else { continue };
        let joined = words.stem(&format!("{one}{two}"));
        let stems = [words.stem(two), words.stem(one)];
        let term = terms
            .iter_mut()
            .find(|term| term.stems.first().is_some_and(|(first, _)| stems.contains(first)));
        if let Some(term) = term {
            term.stems.push((joined.clone(), 1.0));
            let others = SYNONYMS.get(&joined).map(Vec::as_slice).unwrap_or_default();
            term.stems
                .extend(others.iter().map(|other| (other.clone(), synonyms::WEIGHT)));
        }
    }
}

/// The words side by side, also where one of them is put in another way.
fn pairs(terms: &[Term]) -> Vec<Term> {
    let near = terms.windows(2).filter_map(|pair| match pair {
        [one, two] => {
            let stems = one.stems.iter().flat_map(|(first, fit)| {
                two.stems
                    .iter()
                    .map(move |(second, other)| (words::pair(first, second), fit * other))
            });
            Some(Term {
                weight: PAIR,
                extra: true,
                most: f32::MAX,
                stems: stems.collect(),
            })
        }
        _ => None,
    });
    near.collect()
}

/// Whether it is about the caller's own things. `give me` and the like are about nobody's.
fn is_own(said: &[String]) -> bool {
    let is_given = |at: usize| {
        let verb = at.checked_sub(1).and_then(|before| said.get(before));
        verb.is_some_and(|verb| matches!(verb.as_str(), "give" | "get" | "let" | "send" | "show" | "tell"))
    };
    let mut words = said.iter().enumerate();
    words.any(|(at, word)| match word.as_str() {
        "i" | "my" | "mine" | "myself" => true,
        "me" => !is_given(at),
        _ => false,
    })
}

/// `what is on the board`, `what's in the queue`.
fn asks_for_contents(said: &[String]) -> bool {
    let word = |at: usize| said.get(at).map_or("", String::as_str);
    word(0) == "what"
        && matches!(word(1), "is" | "are" | "s" | "was")
        && matches!(word(2), "on" | "in" | "inside")
}

fn hint(words: &Words, any: &[&str]) -> Term {
    let stem = |text: &&str| match text.split_once(' ') {
        Some((one, two)) => words::pair(&words.stem(one), &words.stem(two)),
        None => words.stem(text),
    };
    Term {
        weight: HINT,
        extra: true,
        most: HINTED,
        stems: any.iter().map(|text| (stem(text), 1.0)).collect(),
    }
}
