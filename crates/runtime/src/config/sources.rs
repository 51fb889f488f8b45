//! Where settings come from.

use std::fs;
use std::path::PathBuf;

use super::error::{Origin, Problem};
use super::layers::Layers;
use super::shape::Shape;

/// The sources of one configuration, from weak to strong: file, environment, overrides.
///
/// ```
/// use runtime::config::Sources;
/// let sources = Sources::new()
///     .file_if_present("devmesh.toml")
///     .env("DEVMESH")
///     .env_alias("DATABASE_URL", "database.url")
///     .overrides(["listen.address=127.0.0.1:0"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sources {
    file: Option<(PathBuf, Presence)>,
    prefix: String,
    env: Vec<(String, String)>,
    aliases: Vec<(String, String)>,
    not_settings: Vec<String>,
    overrides: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Presence {
    Required,
    Optional,
}

impl Sources {
    /// Defaults only.
    pub fn new() -> Self {
        Self::default()
    }

    /// A TOML file that must exist (the user named it).
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some((path.into(), Presence::Required));
        self
    }

    /// A TOML file that is read where it exists (the usual place).
    #[must_use]
    pub fn file_if_present(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some((path.into(), Presence::Optional));
        self
    }

    /// This process's environment variables `PREFIX_SECTION__KEY`.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads settings from the environment"
    )]
    pub fn env(self, prefix: &str) -> Self {
        let text = |s: std::ffi::OsString| s.to_string_lossy().into_owned();
        self.env_from(
            prefix,
            std::env::vars_os().map(|(name, value)| (text(name), text(value))),
        )
    }

    /// Environment variables given as pairs.
    #[must_use]
    pub fn env_from(mut self, prefix: &str, vars: impl IntoIterator<Item = (String, String)>) -> Self {
        self.prefix = format!("{prefix}_");
        self.env = vars.into_iter().collect();
        self.env.sort();
        self
    }

    /// A variable without the prefix that also sets `key` (`DATABASE_URL` for `database.url`). The prefixed
    /// name wins where both are set.
    #[must_use]
    pub fn env_alias(mut self, variable: &str, key: &str) -> Self {
        self.aliases.push((variable.to_owned(), key.to_owned()));
        self
    }

    /// A variable with the prefix that is not a setting (`DEVMESH_CONFIG` names the file itself).
    #[must_use]
    pub fn env_ignored(mut self, variable: &str) -> Self {
        self.not_settings.push(variable.to_owned());
        self
    }

    /// Overrides `section.key=value`, the last one wins.
    #[must_use]
    pub fn overrides<S: Into<String>>(mut self, overrides: impl IntoIterator<Item = S>) -> Self {
        self.overrides.extend(overrides.into_iter().map(Into::into));
        self
    }

    pub(super) fn apply(&self, layers: &mut Layers<'_>) {
        self.apply_file(layers);
        self.apply_aliases(layers);
        self.apply_env(layers);
        self.overrides
            .iter()
            .for_each(|text| apply_override(layers, text));
    }

    fn apply_file(&self, layers: &mut Layers<'_>) {
        let Some((path, presence)) = &self.file else {
            return;
        };
        match fs::read_to_string(path) {
            Ok(text) => layers.add_file(path, &text),
            Err(error) if *presence == Presence::Optional && error.kind() == std::io::ErrorKind::NotFound => {
            }
            Err(error) => {
                let message = error.to_string();
                layers.problems.push(Problem::Unreadable {
                    path: path.clone(),
                    key: None,
                    message,
                });
            }
        }
    }

    fn apply_aliases(&self, layers: &mut Layers<'_>) {
        for (variable, key) in &self.aliases {
            let path: Vec<_> = key.split('.').map(str::to_owned).collect();
            // Other programs' names too, so empty means unset; but a secret that is empty is a mistake.
            let says_nothing = |value: &str| value.is_empty() && !layers.is_secret(&path);
            let said: Vec<_> = self
                .env
                .iter()
                .filter(|(_, value)| !says_nothing(value))
                .collect();
            for (name, value) in said {
                if name == variable {
                    layers.add_text(&path, value, Origin::Env(name.clone()));
                } else if name.strip_suffix("_FILE") == Some(variable) {
                    layers.add_text_file(&path, value, Origin::Env(name.clone()));
                }
            }
        }
    }

    fn apply_env(&self, layers: &mut Layers<'_>) {
        for (name, value) in &self.env {
            let Some(key) = name
                .strip_prefix(&self.prefix)
                .filter(|_| !self.prefix.is_empty())
            else {
                continue;
            };
            if self.not_settings.contains(name) {
                continue;
            }
            let origin = Origin::Env(name.clone());
            let of_file = name
                .strip_suffix("_FILE")
                .and_then(|stem| stem.strip_prefix(&self.prefix));
            if let Some(path) = path_of(layers.shape, key) {
                self.refuse_both(layers, name);
                layers.add_text(&path, value, origin);
            } else if let Some(path) = of_file.and_then(|key| path_of(layers.shape, key)) {
                layers.add_text_file(&path, value, origin);
            } else if !is_service_link(key, value) {
                let nearest = layers.nearest(&key.to_lowercase().replace("__", "."));
                let nearest =
                    nearest.map(|key| format!("{}{}", self.prefix, key.replace('.', "__").to_uppercase()));
                layers.problems.push(Problem::UnknownKey {
                    key: name.clone(),
                    origin,
                    nearest,
                });
            }
        }
    }

    /// `KEY` and `KEY_FILE` together leave open which one counts.
    fn refuse_both(&self, layers: &mut Layers<'_>, name: &str) {
        let file = format!("{name}_FILE");
        if self.env.iter().any(|(other, _)| *other == file) {
            let message = format!("{file} is set too; set one of the two");
            let (key, origin) = (name.to_owned(), Origin::Env(name.to_owned()));
            layers.problems.push(Problem::WrongValue { key, origin, message });
        }
    }
}

fn apply_override(layers: &mut Layers<'_>, text: &str) {
    let Some((key, value)) = text.split_once('=') else {
        let (key, message) = (text.to_owned(), "expected section.key=value".to_owned());
        layers.problems.push(Problem::WrongValue {
            key,
            origin: Origin::Override,
            message,
        });
        return;
    };
    let path: Vec<_> = key.trim().split('.').map(str::to_owned).collect();
    layers.add_text(&path, value, Origin::Override);
}

/// The key that `SECTION__KEY` names, where there is one. Case does not matter, `-` in a key is written `_`.
fn path_of(shape: &Shape, variable: &str) -> Option<Vec<String>> {
    let mut path = Vec::new();
    let mut shape = shape;
    for segment in variable.split("__") {
        let segment = segment.to_lowercase();
        let same = |name: &str| name.to_lowercase().replace('-', "_") == segment;
        let known = shape.fields().iter().find(|field| same(&field.name));
        let name = known.map_or(segment, |field| field.name.clone());
        shape = shape.child(&name)?;
        path.push(name);
    }
    Some(path)
}

/// Kubernetes gives every pod variables for each Service of its namespace; for a Service called `devmesh`
/// they look like our settings: `DEVMESH_SERVICE_HOST`, `DEVMESH_PORT=tcp://…`, `DEVMESH_PORT_8080_TCP_ADDR`.
fn is_service_link(key: &str, value: &str) -> bool {
    let ends = |suffix: &str| key == suffix || key.ends_with(&format!("_{suffix}"));
    ends("SERVICE_HOST")
        || ends("SERVICE_PORT")
        || key.contains("SERVICE_PORT_")
        || (key.contains("PORT") && (value.starts_with("tcp://") || value.starts_with("udp://")))
        || (key.contains("PORT_") && (key.contains("_TCP_") || key.contains("_UDP_")))
}
