//! One tool's schema with the definitions it needs, and no more.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::rc::Rc;

use serde_json::{Map, Value};

use super::{Closed, Schemas, Scope, cycles, prune, walk};

/// Longest definition, in bytes, that is written out wherever it is used; a longer one is written out only where it
/// is used once.
const SMALL: usize = 200;

/// A converted definition.
pub(super) struct Definition {
    /// The schema, with references into `$defs`.
    pub(super) schema: Value,
    /// The definitions that it refers to, as often as it does.
    pub(super) references: Vec<Rc<str>>,
    /// Those of them that describe the same value.
    pub(super) in_place: Vec<Rc<str>>,
    bytes: usize,
    foreign: Option<String>,
}

/// Deepest chain of definitions written out into each other; the next one stays a reference.
const MAX_CHAIN: usize = 6;

/// Definitions by name.
pub(super) type Definitions = HashMap<Rc<str>, Rc<Definition>>;

impl Schemas<'_> {
    /// Completes a schema made by [`Self::convert`] with its definitions, within the bound on its size.
    pub(in crate::openapi) fn close(&mut self, root: Value) -> Closed {
        let mut foreign = self.foreign.take();
        let all = self.gather(&root);
        for (_, definition) in &all {
            foreign = foreign.or_else(|| definition.foreign.clone());
        }
        let mut left = self.max_bytes.saturating_sub(walk::bytes(&root));
        let mut kept = Definitions::new();
        for (name, definition) in &all {
            if definition.bytes <= left {
                left -= definition.bytes;
                kept.insert(Rc::clone(name), Rc::clone(definition));
            }
        }
        let cut = cycles::cut(&root, &mut kept);
        let loosened = cut || kept.len() < all.len();
        let written = self.written_out(&root, &kept);
        let mut schema = Assembly {
            kept: &kept,
            written: &written,
        }
        .assemble(root);
        if loosened {
            prune::relax(&mut schema);
        }
        Closed {
            schema: prune::fit(schema, self.max_bytes),
            foreign,
        }
    }

    /// The definitions that `root` needs, the nearest first.
    fn gather(&mut self, root: &Value) -> Vec<(Rc<str>, Rc<Definition>)> {
        let mut pending: VecDeque<Rc<str>> = references(root).into();
        let mut seen: HashSet<Rc<str>> = HashSet::new();
        let mut found = Vec::new();
        while let Some(name) = pending.pop_front() {
            if !seen.insert(Rc::clone(&name)) {
                continue;
            }
            if let Some(definition) = self.definition(&name) {
                pending.extend(definition.references.iter().cloned());
                found.push((name, definition));
            }
        }
        found
    }

    fn definition(&mut self, name: &Rc<str>) -> Option<Rc<Definition>> {
        if let Some(known) = self.definitions.get(name) {
            return Some(Rc::clone(known));
        }
        let target = self.targets.get(name)?.clone();
        let document = self.document;
        let located = document
            .at(&format!("#{}", target.pointer.replace('%', "%25")))
            .ok()?;
        let around = self.foreign.take();
        let schema = self.convert_in(
            located.value,
            Scope {
                target: Some(&target),
                hidden: None,
            },
        );
        let foreign = std::mem::replace(&mut self.foreign, around);
        let definition = Rc::new(Definition::new(schema, foreign));
        self.definitions.insert(Rc::clone(name), Rc::clone(&definition));
        Some(definition)
    }

    /// The definitions that are written where they are used instead of into `$defs`.
    fn written_out(&mut self, root: &Value, kept: &Definitions) -> HashSet<Rc<str>> {
        let mut uses: HashMap<Rc<str>, usize> = HashMap::new();
        let inner = kept
            .values()
            .flat_map(|definition| definition.references.iter().cloned());
        for name in references(root).into_iter().chain(inner) {
            *uses.entry(name).or_default() += 1;
        }
        let is_plain = |name: &Rc<str>, definition: &Definition| {
            uses.get(name) == Some(&1) || definition.bytes <= SMALL && definition.references.is_empty()
        };
        let plain: Vec<_> = kept
            .iter()
            .filter(|(name, d)| is_plain(name, d))
            .map(|(n, _)| Rc::clone(n))
            .collect();
        plain
            .into_iter()
            .filter(|name| !self.is_recursive(name))
            .collect()
    }

    fn is_recursive(&mut self, name: &Rc<str>) -> bool {
        if let Some(known) = self.recursive.get(name) {
            return *known;
        }
        let mut pending = vec![Rc::clone(name)];
        let mut seen: HashSet<Rc<str>> = HashSet::new();
        while let Some(next) = pending.pop() {
            let inner = self
                .definitions
                .get(&next)
                .map(|d| d.references.clone())
                .unwrap_or_default();
            pending.extend(inner.into_iter().filter(|name| seen.insert(Rc::clone(name))));
        }
        let recursive = seen.contains(name);
        self.recursive.insert(Rc::clone(name), recursive);
        recursive
    }
}

impl Definition {
    /// A definition with what is counted of it.
    pub(super) fn new(schema: Value, foreign: Option<String>) -> Self {
        let references = references(&schema);
        let mut in_place = Vec::new();
        cycles::in_place(&schema, &mut in_place);
        let bytes = walk::bytes(&schema);
        Self {
            schema,
            references,
            in_place,
            bytes,
            foreign,
        }
    }

    /// The same definition with another schema.
    pub(super) fn with_schema(&self, schema: Value) -> Self {
        Self::new(schema, self.foreign.clone())
    }
}

/// The definitions that a converted schema refers to, as often as it does.
pub(super) fn references(schema: &Value) -> Vec<Rc<str>> {
    fn visit(schema: &Value, found: &mut Vec<Rc<str>>) {
        found.extend(walk::definition(schema).map(Rc::from));
        if let Some(members) = schema.as_object() {
            walk::each(members, &mut |inner| visit(inner, found));
        }
    }
    let mut found = Vec::new();
    visit(schema, &mut found);
    found
}

/// Puts one schema together.
struct Assembly<'a> {
    kept: &'a Definitions,
    written: &'a HashSet<Rc<str>>,
}

impl Assembly<'_> {
    fn assemble(&self, mut root: Value) -> Value {
        self.expand(&mut root, 0);
        let mut definitions: BTreeMap<Rc<str>, Value> = BTreeMap::new();
        let mut pending = references(&root);
        while let Some(name) = pending.pop() {
            if definitions.contains_key(&name) {
                continue;
            }
            if let Some(definition) = self.kept.get(&name) {
                let mut schema = definition.schema.clone();
                self.expand(&mut schema, 0);
                pending.extend(references(&schema));
                definitions.insert(name, schema);
            }
        }
        if let Some(members) = root.as_object_mut().filter(|_| !definitions.is_empty()) {
            let definitions: Map<String, Value> = definitions
                .into_iter()
                .map(|(name, schema)| (name.to_string(), schema))
                .collect();
            members.insert("$defs".to_owned(), Value::Object(definitions));
        }
        root
    }

    /// Replaces references by what they refer to, where that is to be; one to a definition that is not kept goes,
    /// and what remains is true of every value.
    fn expand(&self, schema: &mut Value, chain: usize) {
        if let Some(name) = walk::definition(schema) {
            let written = self.written.contains(name) && chain < MAX_CHAIN;
            let definition = self.kept.get(name);
            let Some(members) = schema.as_object_mut().filter(|_| written || definition.is_none()) else {
                return;
            };
            members.shift_remove("$ref");
            let Some(definition) = definition else { return };
            let mut inner = definition.schema.clone();
            self.expand(&mut inner, chain + 1);
            if let Some(inner) = inner.as_object_mut() {
                inner.extend(std::mem::take(members));
            }
            *schema = inner;
        } else if let Some(members) = schema.as_object_mut() {
            walk::each_mut(members, &mut |inner| self.expand(inner, chain));
        }
    }
}
