//! What is done with a field of a span or event, found out once for each name.

use super::wire::put::bytes;
use crate::known::Known;
use crate::secrets::is_secret;

static KNOWN: Known<Name> = Known::new();

/// A field's name.
pub(super) struct Name {
    pub(super) role: Role,
    /// As an attribute has it.
    pub(super) name: &'static str,
    /// The same as OTLP has it: the first field of a `KeyValue`.
    pub(super) encoded: Vec<u8>,
    /// One of 64, which other names may have too.
    pub(super) bit: u64,
}

/// What the field is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Attribute,
    /// Named as a secret: that it is there is shown, and not what it is.
    Secret,
    /// An event's message.
    Message,
    /// The span's name.
    Title,
    Kind,
    Status,
    Description,
}

impl Name {
    /// Shows what is known of a name, which is that of a field, and so there as long as the program.
    #[inline]
    pub(super) fn with<T>(name: &'static str, read: impl FnOnce(&Name) -> T) -> T {
        // Two of different lengths may begin at one place.
        let key = name.as_ptr().addr() ^ name.len().rotate_right(16);
        KNOWN.with(key, || Name::of(name), read)
    }

    fn of(name: &'static str) -> Self {
        let role = match name {
            "message" => Role::Message,
            "otel.name" => Role::Title,
            "otel.kind" => Role::Kind,
            "otel.status_code" => Role::Status,
            "otel.status_description" => Role::Description,
            name if is_secret(name) => Role::Secret,
            _ => Role::Attribute,
        };
        let name = match name {
            "tenant_id" => "tenant.id",
            "user_id" => "user.id",
            other => other,
        };
        let mut encoded = Vec::new();
        bytes(&mut encoded, 1, name.as_bytes());
        Self {
            role,
            name,
            encoded,
            bit: bit(name),
        }
    }
}

/// By FNV-1a.
fn bit(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    1 << (hash >> 58)
}
