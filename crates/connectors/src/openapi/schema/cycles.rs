//! Circles of definitions that describe the same value: `A` is all of `A`. A validator would never come back from
//! one, so the reference that closes it goes. So does one by which compositions of compositions multiply.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use serde_json::Value;

use super::closure::Definitions;
use super::walk;

/// Keywords whose schemas describe the same value.
const LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const SINGLE: [&str; 4] = ["not", "if", "then", "else"];

/// The definitions that `schema` refers to for the same value.
pub(super) fn in_place(schema: &Value, found: &mut Vec<Rc<str>>) {
    found.extend(walk::definition(schema).map(Rc::from));
    let lists = LISTS
        .iter()
        .filter_map(|key| schema.get(key)?.as_array())
        .flatten();
    let dependent = schema.get("dependentSchemas").and_then(Value::as_object);
    let single = SINGLE.iter().filter_map(|key| schema.get(key));
    lists
        .chain(single)
        .chain(dependent.into_iter().flat_map(|map| map.values()))
        .for_each(|s| in_place(s, found));
}

/// Removes the references that close a circle; whether there were any.
pub(super) fn cut(root: &Value, definitions: &mut Definitions) -> bool {
    let mut search = Search {
        definitions,
        open: HashSet::new(),
        done: HashMap::new(),
        closing: BTreeMap::new(),
    };
    let mut starts = super::closure::references(root);
    let mut all: Vec<Rc<str>> = search.definitions.keys().cloned().collect();
    all.sort();
    starts.extend(all);
    for name in starts {
        search.visit(&name, 0);
    }
    let closing = search.closing;
    for (name, targets) in &closing {
        if let Some(definition) = definitions.get_mut(name) {
            let mut schema = definition.schema.clone();
            for target in targets {
                remove(&mut schema, target);
            }
            *definition = Rc::new(definition.with_schema(schema));
        }
    }
    !closing.is_empty()
}

struct Search<'d> {
    definitions: &'d Definitions,
    open: HashSet<Rc<str>>,
    /// How many schemas a validator walks for one value, by definition that is done.
    done: HashMap<Rc<str>, usize>,
    closing: BTreeMap<Rc<str>, Vec<Rc<str>>>,
}

impl Search<'_> {
    /// Longest chain that is followed; what is beyond is cut like a circle.
    const MAX_CHAIN: usize = 200;
    /// Most schemas that a validator may walk for one value; compositions of compositions multiply.
    const MAX_WALKED: usize = 2_000;

    fn visit(&mut self, name: &Rc<str>, depth: usize) -> usize {
        if let Some(walked) = self.done.get(name) {
            return *walked;
        }
        let Some(definition) = self.definitions.get(name).map(Rc::clone) else {
            return 0;
        };
        self.open.insert(Rc::clone(name));
        let mut walked = 1;
        for target in &definition.in_place {
            let inner = if self.open.contains(target) || depth == Self::MAX_CHAIN {
                None
            } else {
                Some(self.visit(target, depth + 1)).filter(|inner| walked + inner <= Self::MAX_WALKED)
            };
            match inner {
                Some(inner) => walked += inner,
                None => self
                    .closing
                    .entry(Rc::clone(name))
                    .or_default()
                    .push(Rc::clone(target)),
            }
        }
        self.open.remove(name);
        self.done.insert(Rc::clone(name), walked);
        walked
    }
}

/// Removes what refers to `target` for the same value, together with the keyword that would change its meaning.
fn remove(schema: &mut Value, target: &str) {
    if walk::definition(schema) == Some(target) {
        _ = schema
            .as_object_mut()
            .and_then(|members| members.shift_remove("$ref"));
    }
    let refers = |schema: &Value| {
        let mut found = Vec::new();
        in_place(schema, &mut found);
        found.iter().any(|name| &**name == target)
    };
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(parts)) = members.get_mut("allOf") {
        parts.iter_mut().for_each(|part| remove(part, target));
        parts.retain(|part| part.as_object().is_none_or(|part| !part.is_empty()));
        if parts.is_empty() {
            members.shift_remove("allOf");
        }
    }
    members.retain(|key, value| match key.as_str() {
        "anyOf" | "oneOf" => !value.as_array().is_some_and(|list| list.iter().any(refers)),
        "dependentSchemas" => !value.as_object().is_some_and(|map| map.values().any(refers)),
        key if SINGLE.contains(&key) => !refers(value),
        _ => true,
    });
}
