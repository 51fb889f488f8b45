//! Finds tools by what they do: the ranking behind `search_tools`.
//!
//! BM25F (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009) over the words of a tool: its name,
//! title, path, tags, description and arguments, each field with a weight and a length of its own. Three things are
//! added, all of them about English and about HTTP interfaces in general, none about one catalogue: words are stemmed,
//! a word may be met by another that means about the same ([`synonyms`]), and a request that asks is answered rather
//! by a tool that reads, one that orders by a tool that does it ([`intent`]).
//!
//! Pure: tools in, an immutable [`ToolIndex`] out; a search takes no lock and changes nothing.

mod fields;
mod index;
mod intent;
mod query;
mod synonyms;
mod words;

pub use index::{Hit, ToolIndex};
