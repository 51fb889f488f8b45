//! Puts an agent together.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::Error;
use crate::agent::Agent;
use crate::connect::Address;
use crate::options::{AgentType, Options};
use crate::post::Reader;
use crate::standing::{Standing, Watcher};
use crate::task::Handler;
use crate::trace::{Carry, Tracing};

/// Who does which tasks.
pub(crate) struct Handlers {
    by_type: HashMap<String, Arc<dyn Handler>>,
    others: Option<Arc<dyn Handler>>,
}

impl Handlers {
    pub(crate) fn of(&self, kind: &str) -> Option<Arc<dyn Handler>> {
        self.by_type.get(kind).or(self.others.as_ref()).cloned()
    }
}

/// An agent to be. Every limit has a default; see [`Options`].
#[must_use]
pub struct Builder {
    urls: Vec<String>,
    key: String,
    options: Options,
    handlers: Handlers,
    reader: Option<Arc<dyn Reader>>,
    tracing: Arc<dyn Tracing>,
    watcher: Watcher,
}

/// A method that sets one option.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, $name: $type) -> Self {
            self.options.$name = $name;
            self
        }
    )*};
}

impl Builder {
    pub(crate) fn new(url: &str, key: &str) -> Self {
        Self {
            urls: vec![url.to_owned()],
            key: key.to_owned(),
            options: Options::default(),
            handlers: Handlers {
                by_type: HashMap::new(),
                others: None,
            },
            reader: None,
            tracing: Arc::new(Carry),
            watcher: Watcher::default(),
        }
    }

    /// Another address of the same mesh: when one does not answer, the next one is tried.
    pub fn also(mut self, url: &str) -> Self {
        self.urls.push(url.to_owned());
        self
    }

    /// What it calls itself; see [`Options::name`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = name.into();
        self
    }

    /// Something that it can do: `NAME`, or `NAME@1.2` with a version.
    pub fn capability(mut self, capability: impl Into<String>) -> Self {
        self.options.capabilities.push(capability.into());
        self
    }

    /// Something that it says of itself.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.labels.insert(name.into(), value.into());
        self
    }

    /// Certificate authority (PEM) of the mesh, in place of the public ones.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.ca_file = Some(path.into());
        self
    }

    setters! {
        /// What it is; see [`Options::agent_type`].
        agent_type: AgentType,
        /// How many tasks it works on at once; see [`Options::capacity`].
        capacity: u32,
        /// See [`Options::heartbeat`].
        heartbeat: Duration,
        /// See [`Options::task_timeout`].
        task_timeout: Duration,
        /// See [`Options::grace`].
        grace: Duration,
        /// See [`Options::drain`].
        drain: Duration,
        /// See [`Options::request_timeout`].
        request_timeout: Duration,
        /// See [`Options::reconnect_first`].
        reconnect_first: Duration,
        /// See [`Options::reconnect_most`].
        reconnect_most: Duration,
        /// See [`Options::key_in_first_message`].
        key_in_first_message: bool,
        /// See [`Options::manifest`].
        manifest: Option<String>,
    }

    /// Changes any of the options.
    pub fn options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    /// Who does tasks of this type. A task of a type that nobody does is refused, and goes to another agent.
    pub fn on(mut self, kind: impl Into<String>, handler: impl Handler) -> Self {
        self.handlers.by_type.insert(kind.into(), Arc::new(handler));
        self
    }

    /// Who does tasks of all other types.
    pub fn otherwise(mut self, handler: impl Handler) -> Self {
        self.handlers.others = Some(Arc::new(handler));
        self
    }

    /// Who reads messages to this agent: one after another, in the order in which they were sent; each is acknowledged once it was
    /// read. Without a reader they wait at the mesh until they expire.
    pub fn on_message(mut self, reader: impl Reader) -> Self {
        self.reader = Some(Arc::new(reader));
        self
    }

    /// How handlers get their spans; [`Carry`] when nothing is said.
    pub fn tracing(mut self, tracing: impl Tracing) -> Self {
        self.tracing = Arc::new(tracing);
        self
    }

    /// Who is told how it stands with the mesh: called at every change, and at every try to connect that came to nothing. It
    /// must not block.
    pub fn watched_by(mut self, tell: impl Fn(Standing) + Send + Sync + 'static) -> Self {
        self.watcher = Watcher::new(tell);
        self
    }

    /// The agent. It does not connect before [`Agent::run`].
    ///
    /// # Errors
    /// [`Error::Settings`], for an address, a key or a limit that cannot be.
    pub fn build(self) -> Result<Agent, Error> {
        check(&self.options)?;
        let address = |url: &String| {
            let parsed = Url::parse(url);
            let parsed = parsed.map_err(|error| Error::Settings(format!("address `{url}`: {error}")))?;
            Address::new(parsed, &self.key, &self.options)
        };
        let addresses = self.urls.iter().map(address).collect::<Result<_, _>>()?;
        let hooks = (self.reader, self.tracing, self.watcher);
        Ok(Agent::new(addresses, self.options, self.handlers, hooks))
    }
}

fn check(options: &Options) -> Result<(), Error> {
    let seconds = options.heartbeat.as_secs();
    let wrong = if !(1..=1_000).contains(&options.capacity) {
        "capacity: expected 1 to 1000"
    } else if !(2..=600).contains(&seconds) {
        "heartbeat: expected 2 s to 600 s"
    } else if options.max_in_flight == 0 {
        "max_in_flight: expected at least 1"
    } else if options.reconnect_first.is_zero() || options.reconnect_most < options.reconnect_first {
        "reconnect_first: expected more than 0 and at most reconnect_most"
    } else if options.ping.is_zero() || options.silence <= options.ping {
        "silence: expected more than ping, and ping more than 0"
    } else {
        return Ok(());
    };
    Err(Error::Settings(wrong.to_owned()))
}
