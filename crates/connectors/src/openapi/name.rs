//! Tool names: clean, unique, at most 64 characters, the same over refreshes and in any order of the description.

use std::collections::HashMap;

use domain::tool::{MAX_NAME, RESERVED};
use sha2::{Digest, Sha256};

use super::site::Site;

/// The name of each site's tool, in the order of the sites.
///
/// A name is the provider's and the operation id's (or method's and path's) words. Where two operations would have
/// the same one, it is the mesh's own, or it is too long, a hash of method and path ends it: other operations coming and going do not
/// change it.
pub(super) fn assign(provider: &str, sites: &[Site<'_>]) -> Vec<String> {
    let plain: Vec<String> = sites
        .iter()
        .map(|site| format!("{provider}_{}", words_of(site)))
        .collect();
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for name in &plain {
        *uses.entry(name).or_default() += 1;
    }
    sites
        .iter()
        .zip(&plain)
        .map(|(site, name)| {
            let is_free = uses.get(name.as_str()) == Some(&1) && !RESERVED.contains(&name.as_str());
            if is_free && name.len() <= MAX_NAME {
                name.clone()
            } else {
                shorten(name, &site.label())
            }
        })
        .collect()
}

fn words_of(site: &Site<'_>) -> String {
    let from_id = site.id().map(words).filter(|words| !words.is_empty());
    from_id.unwrap_or_else(|| words(&site.label()))
}

/// Lower-case words joined by underscores: `listUserRepos`, `list-user/repos` and `List user repos` are all
/// `list_user_repos`, `getHTTPStatus` is `get_http_status`, `listIPs` is
/// `list_ips`.
pub(super) fn words(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (i, &c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            push_gap(&mut out);
            continue;
        }
        let before = i.checked_sub(1).and_then(|i| chars.get(i));
        let ends_plural =
            chars.get(i + 1) == Some(&'s') && !chars.get(i + 2).is_some_and(char::is_ascii_lowercase);
        let after = chars.get(i + 1).filter(|_| !ends_plural);
        let begins = c.is_ascii_uppercase()
            && before.is_some_and(|b| {
                b.is_ascii_lowercase()
                    || b.is_ascii_digit()
                    || b.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase)
            });
        if begins {
            push_gap(&mut out);
        }
        out.push(c.to_ascii_lowercase());
    }
    out.trim_matches('_').to_owned()
}

fn push_gap(out: &mut String) {
    if !out.ends_with('_') {
        out.push('_');
    }
}

/// `name` cut at a word, with eight hexadecimal digits that stand for `label`.
fn shorten(name: &str, label: &str) -> String {
    let room = MAX_NAME - 9;
    let mut kept: String = name.chars().take(room).collect();
    if name.len() > room
        && let Some(word) = kept.rfind('_').filter(|at| *at > room / 2)
    {
        kept.truncate(word);
    }
    format!("{}_{}", kept.trim_end_matches('_'), digest(label, 8))
}

/// The first `digits` hexadecimal digits of the SHA-256 of `text`.
pub(super) fn digest(text: &str, digits: usize) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let mut hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.truncate(digits);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_split_at_case_and_punctuation() {
        for (text, want) in [
            ("listUserRepos", "list_user_repos"),
            ("repos/list-for-org", "repos_list_for_org"),
            ("getHTTPStatus", "get_http_status"),
            ("v2GetIPs", "v2_get_ips"),
            ("GET /pets/{petId}", "get_pets_pet_id"),
            ("__x__", "x"),
            ("获取用户", ""),
        ] {
            assert_eq!(words(text), want, "{text}");
        }
    }

    #[test]
    fn a_long_name_is_cut_at_a_word_and_ends_in_a_hash_of_method_and_path() {
        let name = shorten(&"word_".repeat(30), "GET /a");
        assert!(name.len() <= MAX_NAME, "{name}");
        assert!(name.starts_with("word_word_"), "{name}");
        assert!(name.ends_with(&digest("GET /a", 8)), "{name}");
        assert_ne!(name, shorten(&"word_".repeat(30), "GET /b"));
    }
}
