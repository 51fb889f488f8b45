//! Names that people and readers of pprof can work with.

/// Without hash and type arguments, and an implementation under its type: `<A<B> as C>::f` is `A::f`. Go's pprof takes
/// everything between angle brackets away, which of many names leaves `::poll`.
pub(super) fn plain(name: &backtrace::SymbolName<'_>) -> String {
    without_arguments(&format!("{name:#}"))
}

fn without_arguments(name: &str) -> String {
    let Some(rest) = name.strip_prefix('<') else {
        return cut_arguments(name);
    };
    // `<TYPE>::f` and `<TYPE as TRAIT>::f`.
    let Some(end) = closing(rest) else {
        return cut_arguments(name);
    };
    let (inner, method) = (&rest[..end], &rest[end + 1..]);
    let of = top_level_as(inner).map_or(inner, |at| &inner[..at]);
    format!(
        "{}{}",
        without_arguments(of.trim_start_matches(['&', '*']).trim_start_matches("mut ")),
        cut_arguments(method)
    )
}

/// The place of the `>` that belongs to a `<` before this text. An arrow (`->`) is none.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' if before == '-' => {}
            '>' if depth == 0 => return Some(at),
            '>' => depth -= 1,
            _ => {}
        }
        before = letter;
    }
    None
}

fn top_level_as(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 && text[at..].starts_with(" as ") => return Some(at),
            _ => {}
        }
    }
    None
}

/// Without everything between angle brackets.
fn cut_arguments(name: &str) -> String {
    let (mut plain, mut depth, mut before) = (String::with_capacity(name.len()), 0_usize, ' ');
    for letter in name.chars() {
        match letter {
            '<' => depth += 1,
            '>' if before == '-' && depth == 0 => plain.push(letter),
            '>' if before == '-' => {}
            '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
        before = letter;
    }
    // What is left of `Vec::<T>::new`.
    plain.replace("::::", "::")
}

/// A name without its path gets that of its file: `…/tokio-1.54.1/src/sync/mpsc/chan.rs` is `tokio::sync::mpsc::chan`.
pub(super) fn with_path(name: String, file: &str) -> String {
    if name.contains("::") {
        return name;
    }
    match path_of(file) {
        Some(path) => format!("{path}::{name}"),
        None => name,
    }
}

fn path_of(file: &str) -> Option<String> {
    let (before, inside) = file.rsplit_once("/src/")?;
    let folder = before.rsplit('/').next()?;
    // The folder of a dependency has its version behind the name.
    let name = match folder.rsplit_once('-') {
        Some((name, version)) if version.starts_with(|first: char| first.is_ascii_digit()) => name,
        _ => folder,
    };
    let inside = inside.strip_suffix(".rs")?;
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    let path = format!("{}::{}", name.replace('-', "_"), inside.replace('/', "::"));
    Some(path.trim_end_matches("::lib").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_arguments_go_and_an_implementation_is_named_after_its_type() {
        let names = [
            (
                "tokio::runtime::task::core::Core<T,S>::poll::{{closure}}",
                "tokio::runtime::task::core::Core::poll::{{closure}}",
            ),
            (
                "<profiling::tasks::Watched<F> as core::future::Future>::poll",
                "profiling::tasks::Watched::poll",
            ),
            ("<&alloc::vec::Vec<(u8, u8)>>::len", "alloc::vec::Vec::len"),
            ("<<a::B as c::D>::E as f::G>::h", "a::B::E::h"),
            (
                "core::ops::FnOnce::call_once::<fn(u8) -> u8, ()>",
                "core::ops::FnOnce::call_once::",
            ),
            ("main", "main"),
        ];
        for (name, wanted) in names {
            assert_eq!(
                without_arguments(name).trim_end_matches("::"),
                wanted.trim_end_matches("::"),
                "{name}"
            );
        }
    }

    #[test]
    fn a_short_name_gets_the_path_of_its_file() {
        let names = [
            (
                "/x/registry/src/index-1/tokio-1.54.1/src/sync/mpsc/chan.rs",
                "tokio::sync::mpsc::chan::poll",
            ),
            (
                "/rustc/59807/library/core/src/task/wake.rs",
                "core::task::wake::poll",
            ),
            (
                "crates/rest-api/src/parts/relay.rs",
                "rest_api::parts::relay::poll",
            ),
            ("/x/tower-http-0.7.1/src/lib.rs", "tower_http::poll"),
            ("/x/main.rs", "poll"),
        ];
        for (file, wanted) in names {
            assert_eq!(with_path("poll".to_owned(), file), wanted);
        }
        assert_eq!(with_path("a::poll".to_owned(), "/x/b/src/c.rs"), "a::poll");
    }
}
