//! What all lines of one call site have in common, worked out at its first line: names are escaped, compared and looked up
//! once, and not for every line.

use tracing::Metadata;
use tracing::field::Field;

use super::fields::is_reserved;
use super::text::escaped;
use crate::known::Known;
use crate::secrets::is_secret;

static KNOWN: Known<Shape> = Known::new();

/// The parts of a line that its call site decides.
pub(super) struct Shape {
    /// `,"caller":"FILE:LINE"`, if it is known.
    pub(super) caller: Vec<u8>,
    /// By the number of the field.
    fields: Vec<Shaped>,
}

/// A field.
pub(super) struct Shaped {
    pub(super) role: Role,
    /// `,"NAME":"`, with a prefix for names of standard fields.
    begin: Vec<u8>,
}

impl Shaped {
    /// What comes before a text, its first quotation mark included.
    pub(super) fn before_text(&self) -> &[u8] {
        &self.begin
    }

    /// What comes before any other value.
    pub(super) fn before_value(&self) -> &[u8] {
        self.begin.split_last().map_or(&[], |(_, begin)| begin)
    }
}

/// What a field is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Message,
    /// Says that an error is critical.
    Critical,
    /// One of those that spans pass on.
    Lifted(&'static str),
    Own,
    /// Named as a secret: that it is there is shown, and not what it is.
    Secret,
    /// Another one of the same name follows, which counts.
    Replaced,
}

impl Shape {
    /// Shows what belongs to the call site.
    pub(super) fn with<T>(metadata: &'static Metadata<'static>, read: impl FnOnce(&Shape) -> T) -> T {
        // The metadata of a call site lives as long as the program: its address is its name.
        let key = std::ptr::from_ref(metadata).addr();
        KNOWN.with(key, || Shape::of(metadata), read)
    }

    fn of(metadata: &Metadata<'_>) -> Self {
        let names: Vec<_> = metadata.fields().iter().map(|field| field.name()).collect();
        let fields = names.iter().enumerate().map(|(at, name)| Shaped {
            role: if names[at + 1..].contains(name) {
                Role::Replaced
            } else {
                role(name)
            },
            begin: begin(name),
        });
        Self {
            caller: caller(metadata),
            fields: fields.collect(),
        }
    }

    pub(super) fn field(&self, field: &Field) -> Option<&Shaped> {
        self.fields.get(field.index())
    }
}

fn role(name: &str) -> Role {
    match name {
        "message" => Role::Message,
        "critical" => Role::Critical,
        "correlation_id" => Role::Lifted("correlation_id"),
        "tenant_id" => Role::Lifted("tenant_id"),
        "user_id" => Role::Lifted("user_id"),
        name if is_secret(name) => Role::Secret,
        _ => Role::Own,
    }
}

fn begin(name: &str) -> Vec<u8> {
    let mut begin = b",\"".to_vec();
    if is_reserved(name) {
        begin.extend_from_slice(b"field_");
    }
    escaped(&mut begin, name);
    begin.extend_from_slice(b"\":\"");
    begin
}

fn caller(metadata: &Metadata<'_>) -> Vec<u8> {
    let (Some(file), Some(line)) = (metadata.file(), metadata.line()) else {
        return Vec::new();
    };
    let mut caller = b",\"caller\":\"".to_vec();
    escaped(&mut caller, of_its_crate(file));
    caller.extend_from_slice(format!(":{line}\"").as_bytes());
    caller
}

/// A library's file without the directory of the machine that built us: `…/registry/src/INDEX/rmcp-3.9.0/src/service.rs`
/// is `rmcp-3.9.0/src/service.rs`.
pub(crate) fn of_its_crate(file: &str) -> &str {
    let library = file
        .split_once("/registry/src/")
        .and_then(|(_, rest)| rest.split_once('/'));
    library.map_or(file, |(_, file)| file)
}

#[cfg(test)]
mod tests {
    use super::of_its_crate;

    #[test]
    fn a_file_of_a_library_is_named_without_the_directory_of_the_build() {
        let file = "/home/me/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/rmcp-3.9.0/src/service.rs";
        assert_eq!(of_its_crate(file), "rmcp-3.9.0/src/service.rs");
        assert_eq!(
            of_its_crate("crates/storage/src/sql.rs"),
            "crates/storage/src/sql.rs"
        );
    }
}
