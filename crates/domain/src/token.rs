//! Access tokens: what a user shows after signing in. JSON web tokens (RFC 7519, 9068) signed with Ed25519 (RFC 8037), and
//! nothing else: the algorithm is not for the token to choose. rest-api signs; everybody else has the public keys alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use ring::hmac;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::id::{KeyId, TenantId, UserId};
use crate::key::{KeyRefusal, PresentedKey};

/// Who signs, and for whom.
const DEVMESH: &str = "devmesh";
const ALGORITHM: &str = "EdDSA";
const TYPE: &str = "at+jwt";
/// No token of ours comes near.
const MAX_LEN: usize = 2_048;
/// How far the clocks of two services may be apart, in seconds.
const SKEW: i64 = 60;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// The user.
    pub sub: UserId,
    /// The user's tenant.
    pub tenant: TenantId,
    /// The user's own key, which the token stands for: what it may do is read there, so that a change counts at once.
    pub key: KeyId,
    /// When it was signed, in seconds since 1970.
    pub iat: i64,
    /// From when on it is refused.
    pub exp: i64,
}

impl Claims {
    /// From when on the token is refused.
    #[must_use]
    pub fn until(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.exp, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// A token for this user from `now` on.
    #[must_use]
    pub fn new(user: UserId, tenant: TenantId, key: KeyId, now: DateTime<Utc>, seconds: u32) -> Self {
        let iat = now.timestamp();
        Self {
            iss: DEVMESH.to_owned(),
            aud: DEVMESH.to_owned(),
            sub: user,
            tenant,
            key,
            iat,
            exp: iat + i64::from(seconds),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// What checks signatures: a public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenKey {
    /// Its name: the beginning of its SHA-256.
    pub kid: String,
    /// Its 32 bytes.
    #[serde(with = "hex")]
    pub public: Vec<u8>,
}

/// What signs.
pub struct TokenSigner {
    pair: Ed25519KeyPair,
    key: TokenKey,
}

impl TokenSigner {
    /// The key that follows from a secret which every replica of rest-api has: none of its own has to be kept, and it is
    /// rotated with that secret.
    #[must_use]
    pub fn derived(secret: &[u8; 32]) -> Option<Self> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let mut seed = Zeroizing::new([0; 32]);
        seed.copy_from_slice(hmac::sign(&key, b"devmesh access tokens, Ed25519, 1").as_ref());
        Self::of(&seed)
    }

    /// The key that this seed makes. None only if the library refuses 32 bytes, which it does not.
    #[must_use]
    pub fn of(seed: &[u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let public = pair.public_key().as_ref().to_vec();
        let kid = hex::encode(&Sha256::digest(&public)[..8]);
        Some(Self {
            pair,
            key: TokenKey { kid, public },
        })
    }

    /// What checks its signatures.
    #[must_use]
    pub fn public(&self) -> &TokenKey {
        &self.key
    }

    /// The token's text.
    ///
    /// # Errors
    /// None that can happen: the claims are plain values.
    pub fn sign(&self, claims: &Claims) -> Result<Zeroizing<String>, serde_json::Error> {
        let header = Header {
            alg: ALGORITHM.to_owned(),
            typ: TYPE.to_owned(),
            kid: self.key.kid.clone(),
        };
        let (header, claims) = (serde_json::to_vec(&header)?, serde_json::to_vec(claims)?);
        Ok(Zeroizing::new(self.joined(&header, &claims)))
    }

    fn joined(&self, header: &[u8], payload: &[u8]) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload)
        );
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// Whether a text can be a token: three parts, and the first begins as JSON objects do in base64.
#[must_use]
pub fn has_its_form(text: &str) -> bool {
    text.len() <= MAX_LEN && text.starts_with("ey") && text.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// What a token says, if one of `keys` signed it and it holds at `now`.
///
/// # Errors
/// The reason for the refusal.
pub fn verify(text: &str, keys: &[TokenKey], now: DateTime<Utc>) -> Result<Claims, KeyRefusal> {
    let malformed = |_| KeyRefusal::Malformed;
    if !has_its_form(text) {
        return Err(KeyRefusal::Malformed);
    }
    let (signed, signature) = text.rsplit_once('.').ok_or(KeyRefusal::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(KeyRefusal::Malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| KeyRefusal::Malformed);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(malformed)?;
    if header.alg != ALGORITHM || header.typ != TYPE {
        return Err(KeyRefusal::Malformed);
    }
    let key = keys.iter().find(|key| key.kid == header.kid);
    let key = UnparsedPublicKey::new(&ED25519, &key.ok_or(KeyRefusal::Unknown)?.public);
    key.verify(signed.as_bytes(), &decode(signature)?)
        .map_err(|_| KeyRefusal::Unknown)?;
    let claims: Claims = serde_json::from_slice(&decode(claims)?).map_err(malformed)?;
    let now = now.timestamp();
    if claims.iss != DEVMESH || claims.aud != DEVMESH || claims.iat > now + SKEW {
        return Err(KeyRefusal::Malformed);
    }
    if claims.exp <= now {
        return Err(KeyRefusal::Expired);
    }
    Ok(claims)
}

/// What a caller shows: a key, or the access token of a user.
#[derive(Clone)]
pub enum Presented {
    /// The text of a key.
    Key(PresentedKey),
    /// An access token, not yet checked.
    Token(Zeroizing<String>),
}

impl Presented {
    /// Reads the text that a caller sent.
    ///
    /// # Errors
    /// [`KeyRefusal::Malformed`] when it has the form of neither.
    pub fn parse(text: &str) -> Result<Self, KeyRefusal> {
        if has_its_form(text) {
            return Ok(Self::Token(Zeroizing::new(text.to_owned())));
        }
        PresentedKey::parse(text).map(Self::Key)
    }
}

impl std::fmt::Debug for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Token(_) => f.write_str("Token(***)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn claims() -> Claims {
        let (user, tenant, key) = (UserId::generate(), TenantId::generate(), KeyId::generate());
        Claims::new(user, tenant, key, at(1_000), 900)
    }

    fn signer(seed: u8) -> TokenSigner {
        TokenSigner::of(&[seed; 32]).unwrap()
    }

    #[test]
    fn signatures_are_those_of_the_standard() {
        // RFC 8037, appendix A.
        let seed = URL_SAFE_NO_PAD
            .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .unwrap();
        let signer = TokenSigner::of(&seed.try_into().unwrap()).unwrap();
        assert_eq!(
            signer.joined(br#"{"alg":"EdDSA"}"#, b"Example of Ed25519 signing"),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
             hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn a_token_holds_until_its_time_is_over() {
        let (signer, claims) = (signer(1), claims());
        let text = signer.sign(&claims).unwrap();
        let keys = [signer.public().clone()];
        assert_eq!(verify(&text, &keys, at(1_899)), Ok(claims));
        assert_eq!(verify(&text, &keys, at(1_900)), Err(KeyRefusal::Expired));
        assert_eq!(verify(&text, &keys, at(900)), Err(KeyRefusal::Malformed));
    }

    #[test]
    fn whatever_another_key_signed_or_somebody_changed_is_refused() {
        let (signer, other) = (signer(1), signer(2));
        let text = signer.sign(&claims()).unwrap();
        assert_eq!(
            verify(&text, &[other.public().clone()], at(1_000)),
            Err(KeyRefusal::Unknown)
        );
        // Another's signature under this one's name.
        let forged = TokenSigner {
            pair: other.pair,
            key: signer.key.clone(),
        };
        let keys = [signer.public().clone()];
        let forged = forged.sign(&claims()).unwrap();
        assert_eq!(verify(&forged, &keys, at(1_000)), Err(KeyRefusal::Unknown));
        for place in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(
                verify(&changed, &keys, at(1_000)).is_err(),
                "byte {place} of {}",
                text.len()
            );
        }
    }

    #[test]
    fn a_token_cannot_choose_how_it_is_checked() {
        let signer = signer(1);
        let payload = serde_json::to_vec(&claims()).unwrap();
        let keys = [signer.public().clone()];
        for header in [
            r#"{"alg":"none","typ":"at+jwt","kid":"K"}"#,
            r#"{"alg":"HS256","typ":"at+jwt","kid":"K"}"#,
            r#"{"alg":"EdDSA","typ":"JWT","kid":"K"}"#,
        ] {
            let header = header.replace('K', &signer.public().kid);
            let text = signer.joined(header.as_bytes(), &payload);
            assert_eq!(
                verify(&text, &keys, at(1_000)),
                Err(KeyRefusal::Malformed),
                "{header}"
            );
        }
    }
}
