//! Which operations become tools: the globs of a provider's selection.

use domain::provider::Selection;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::pointer::Faults;
use super::site::Site;

/// A compiled selection.
pub(super) struct Globs {
    allow: Option<GlobSet>,
    deny: GlobSet,
}

impl Globs {
    /// Compiles a selection; a glob that does not compile is a fault.
    pub(super) fn new(selection: &Selection, faults: &mut Faults) -> Option<Self> {
        let allow = compile(&selection.allow, "selection.allow", faults);
        let deny = compile(&selection.deny, "selection.deny", faults);
        Some(Self {
            allow: Some(allow?).filter(|_| !selection.allow.is_empty()),
            deny: deny?,
        })
    }

    /// Whether the operation may become a tool.
    pub(super) fn selects(&self, site: &Site<'_>) -> bool {
        self.allow.as_ref().is_none_or(|allow| matches(allow, site)) && !matches(&self.deny, site)
    }
}

fn matches(globs: &GlobSet, site: &Site<'_>) -> bool {
    globs.is_match(site.label())
        || site.id().is_some_and(|id| globs.is_match(id))
        || site.tags().any(|tag| globs.is_match(tag))
}

fn compile(globs: &[String], name: &str, faults: &mut Faults) -> Option<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for (index, glob) in globs.iter().enumerate() {
        let built = GlobBuilder::new(&plain_templates(glob))
            .case_insensitive(true)
            .build();
        match built {
            Ok(glob) => _ = set.add(glob),
            Err(error) => faults.add(
                format!("{name}[{index}]"),
                format!("expected a glob, found: {error}"),
            ),
        }
    }
    match set.build() {
        Ok(set) => Some(set),
        Err(error) => {
            faults.add(name, format!("expected globs, found: {error}"));
            None
        }
    }
}

/// `{owner}` in a glob is the template of a path, not a list of alternatives; a list has a comma.
fn plain_templates(glob: &str) -> String {
    let mut out = String::with_capacity(glob.len());
    let mut rest = glob;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}') {
            Some((inner, tail)) if !inner.contains([',', '{']) => {
                out.push_str(&format!("[{{]{inner}[}}]"));
                rest = tail;
            }
            _ => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}
