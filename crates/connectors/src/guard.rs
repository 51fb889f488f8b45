//! The guard against server-side request forgery: which addresses a registered URL may reach.
//!
//! It is asked twice for every hop. [`Guard::check_url`] looks at the URL before anything is sent: scheme, user
//! information, and hosts that are addresses in any notation (`url` turns `0x7f.1` and `2130706433` into
//! `127.0.0.1`). [`Guard::admit`] looks at every address that a name resolved to; connections go only to the
//! addresses that it let through, so a name that changes its mind between check and connection gains nothing.

mod address;
mod allow;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

pub use address::{AddressClass, classify};
pub use allow::{AllowEntry, AllowList, InvalidEntry};

/// Which addresses may be reached: the public ones, and what the lists allow by name.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allowed: AllowList,
}

/// Why an address may not be reached. It does not tell what a name resolved to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only `http` and `https` are spoken.
    #[error("the scheme `{0}` is refused: only http and https are spoken")]
    Scheme(String),
    /// A URL without host.
    #[error("the URL has no host")]
    NoHost,
    /// Credentials belong in the provider's `auth`, where they are sealed.
    #[error("the URL has a user name or password in it: use the provider's auth setting")]
    UserInfo,
    /// The address is not public and nobody allowed it.
    #[error(
        "`{host}` is refused: its address is {class}; name it in the provider's allowed_hosts or in egress.allow_hosts"
    )]
    Address {
        /// The host as it was asked for.
        host: String,
        /// What kind of address it is or resolves to.
        class: AddressClass,
    },
}

impl Guard {
    /// A guard that lets through what is public or on `allowed`.
    #[must_use]
    pub fn new(allowed: AllowList) -> Self {
        Self { allowed }
    }

    /// Checks what a URL itself tells; answers its host and port.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn check_url(&self, url: &Url) -> Result<(String, u16), Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        let (Some(host), Some(name), Some(port)) = (url.host(), url.host_str(), url.port_or_known_default())
        else {
            return Err(Refusal::NoHost);
        };
        let name = name.to_owned();
        match host {
            Host::Ipv4(address) => self.check(&name, port, address.into())?,
            Host::Ipv6(address) => self.check(&name, port, address.into())?,
            Host::Domain(_) => {}
        }
        Ok((name, port))
    }

    /// Of the addresses that `host` resolved to, those that may be connected to.
    ///
    /// # Errors
    /// [`Refusal::Address`] when none is left.
    pub fn admit(
        &self,
        host: &str,
        port: u16,
        resolved: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Vec<SocketAddr>, Refusal> {
        let (mut admitted, mut refusal) = (Vec::new(), None);
        for address in resolved {
            match self.check(host, port, address) {
                Ok(()) => admitted.push(SocketAddr::new(address, port)),
                Err(refused) => refusal = Some(refused),
            }
        }
        match refusal {
            Some(refusal) if admitted.is_empty() => Err(refusal),
            _ => Ok(admitted),
        }
    }

    fn check(&self, host: &str, port: u16, address: IpAddr) -> Result<(), Refusal> {
        let class = classify(address);
        if class == AddressClass::Public || self.allowed.allows(host, port, address, class) {
            return Ok(());
        }
        Err(Refusal::Address {
            host: host.to_owned(),
            class,
        })
    }
}
