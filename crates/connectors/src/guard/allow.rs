//! The lists of hosts that may be reached although they are not public.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use url::Host;

use super::AddressClass;

/// An entry that is no host, suffix, address or block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no host name, `*.suffix`, address or CIDR block (each with an optional `:port`)")]
pub struct InvalidEntry(pub String);

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowEntry {
    subject: Subject,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    /// This name, whatever it resolves to.
    Name(String),
    /// Every name that ends so; begins with a dot.
    Suffix(String),
    /// These addresses, and names that resolve to them.
    Block(IpNet),
}

impl AllowEntry {
    /// Metadata services hand out credentials, so a wide entry does not open them: only one that names them exactly.
    fn is_exact(&self) -> bool {
        match &self.subject {
            Subject::Name(_) => true,
            Subject::Suffix(_) => false,
            Subject::Block(block) => block.prefix_len() == block.max_prefix_len(),
        }
    }

    fn names(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.port.is_none_or(|only| only == port)
            && match &self.subject {
                Subject::Name(name) => *name == host,
                Subject::Suffix(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
                Subject::Block(block) => {
                    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
                    address.is_ok_and(|address| block.contains(&address))
                }
            }
    }

    fn holds(&self, port: u16, address: IpAddr) -> bool {
        self.port.is_none_or(|only| only == port)
            && matches!(&self.subject, Subject::Block(block) if block.contains(&address.to_canonical()))
    }
}

impl FromStr for AllowEntry {
    type Err = InvalidEntry;

    fn from_str(text: &str) -> Result<Self, InvalidEntry> {
        let invalid = || InvalidEntry(text.to_owned());
        let text = text.trim();
        if let Some(block) = block(text) {
            return Ok(Self {
                subject: Subject::Block(block),
                port: None,
            });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| invalid())?)),
            None => (text, None),
        };
        let subject = match host.strip_prefix("*.") {
            Some(suffix) => Subject::Suffix(format!(".{}", name(suffix).ok_or_else(invalid)?)),
            None => match block(host) {
                Some(block) => Subject::Block(block),
                None => Subject::Name(name(host).ok_or_else(invalid)?),
            },
        };
        Ok(Self { subject, port })
    }
}

/// `10.0.0.0/8`, `10.1.2.3`, `fd00::/8`, `::1`, `[::1]`.
fn block(text: &str) -> Option<IpNet> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse().ok().or_else(|| {
        bare.parse::<IpAddr>()
            .ok()
            .map(|address| IpNet::from(address.to_canonical()))
    })
}

/// A host name in the form that `url` gives it.
fn name(text: &str) -> Option<String> {
    match Host::parse(text).ok()? {
        Host::Domain(name) if !name.contains(['*', '/']) => {
            Some(name.trim_end_matches('.').to_owned()).filter(|name| !name.is_empty())
        }
        _ => None,
    }
}

/// A list of entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<AllowEntry>);

impl AllowList {
    /// Reads a list as it is written in settings.
    ///
    /// # Errors
    /// The first entry that is none.
    pub fn parse(entries: &[String]) -> Result<Self, InvalidEntry> {
        entries
            .iter()
            .map(|entry| entry.parse())
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// This list and another one.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().chain(&other.0).cloned().collect())
    }

    /// Whether an entry names this host.
    #[must_use]
    pub fn names(&self, host: &str, port: u16) -> bool {
        self.0.iter().any(|entry| entry.names(host, port))
    }

    /// Whether `host`, being or resolving to `address`, may be reached although it is of this class.
    #[must_use]
    pub fn allows(&self, host: &str, port: u16, address: IpAddr, class: AddressClass) -> bool {
        self.0.iter().any(|entry| {
            (entry.is_exact() || class != AddressClass::Metadata)
                && (entry.names(host, port) || entry.holds(port, address))
        })
    }
}
