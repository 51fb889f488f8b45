//! Fields that are named as secrets are. Our types print `***` by themselves; this is for a text that somebody logs as it
//! is, and for what libraries log.

/// What is shown instead.
pub(crate) const HIDDEN: &str = "***";

/// Whether a field of this name holds a secret: one of its words says so. `max_tokens` does not, nor do names of keys.
pub(crate) fn is_secret(name: &str) -> bool {
    let one = |word: &str| {
        matches!(
            word,
            "password"
                | "passwd"
                | "passphrase"
                | "secret"
                | "token"
                | "authorization"
                | "cookie"
                | "credential"
                | "apikey"
                | "bearer"
        )
    };
    let words = || name.split(['.', '_', '-']);
    // Two words that are one thing.
    let two = words().zip(words().skip(1)).any(|pair| {
        matches!(
            pair,
            (
                "api" | "private" | "secret" | "access" | "sealing" | "service" | "signing",
                "key"
            ) | ("database", "url")
        )
    });
    words().any(one) || two
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_and_those_of_other_things_are_not() {
        for name in [
            "password",
            "db.password",
            "admin_token",
            "http.request.header.authorization",
            "api_key",
            "control_plane.service_key",
            "x-api-key",
            "client_secret",
            "set-cookie",
            "database_url",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "key",
            "key_id",
            "gen_ai.usage.input_tokens",
            "max_tokens",
            "secrets",
            "tokens",
            "url",
            "database",
            "user_id",
            "cost.input_tokens",
            "messaging.message.id",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
