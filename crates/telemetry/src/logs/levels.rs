//! What is logged, changeable while the service runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::filter::Levels;
use super::modules::Modules;
use crate::error::TelemetryError;
use crate::trace::{SpanState, any_debug_open};

/// The log levels of one service. Cheap to clone; a change is seen by all clones and by the next event.
#[derive(Clone)]
pub struct LogLevels(Arc<Shared>);

struct Shared {
    /// What a temporary change falls back to.
    base: RwLock<Levels>,
    current: RwLock<Levels>,
    /// Whether anything is logged at debug or below, for everybody.
    verbose: AtomicBool,
    /// What is logged of a request that somebody looks at closely; none where nobody may.
    debug: Option<Levels>,
    /// Counts changes, so that an outdated fallback does nothing.
    changes: AtomicU64,
    modules: Modules,
}

impl LogLevels {
    /// Parses `info` or `info,rest_api=debug,h2=info`.
    ///
    /// # Errors
    /// Says which part is not a level.
    pub fn parse(text: &str) -> Result<Self, TelemetryError> {
        Ok(Self::of(Levels::parse(text)?, None))
    }

    fn of(levels: Levels, debug: Option<Levels>) -> Self {
        LogLevels(Arc::new(Shared {
            base: RwLock::new(levels.clone()),
            verbose: AtomicBool::new(levels.most_verbose() > LevelFilter::INFO),
            current: RwLock::new(levels),
            debug,
            changes: AtomicU64::new(0),
            modules: Modules::default(),
        }))
    }

    /// The same levels, with debug lines for requests that somebody looks at closely.
    pub(crate) fn with_debug_requests(self) -> Result<Self, TelemetryError> {
        let levels = read(&self.0.current).clone();
        Ok(Self::of(levels, Some(Levels::parse("debug")?)))
    }

    /// Whether the current span's request is looked at closely and would log this.
    fn is_debugged<S>(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Some(debug) = self.0.debug.as_ref().filter(|_| any_debug_open()) else {
            return false;
        };
        debug.enabled(metadata)
            && context.lookup_current().is_some_and(|span| {
                let extensions = span.extensions();
                extensions.get::<SpanState>().is_some_and(SpanState::is_debug)
            })
    }

    /// What holds now, in the form that [`parse`](Self::parse) takes.
    #[must_use]
    pub fn current(&self) -> String {
        read(&self.0.current).text()
    }

    /// Where lines can come from.
    pub(super) fn modules(&self) -> &Modules {
        &self.0.modules
    }

    /// Replaces the levels for good.
    ///
    /// # Errors
    /// Says which part is not a level; nothing changes then.
    pub fn set(&self, text: &str) -> Result<(), TelemetryError> {
        let levels = Levels::parse(text)?;
        self.apply(levels, true);
        Ok(())
    }

    /// Sets the level of one module (a path prefix such as `rest_api::jobs`), leaving the others.
    ///
    /// # Errors
    /// If `level` is none.
    pub fn set_module(&self, module: &str, level: &str) -> Result<(), TelemetryError> {
        let levels = read(&self.0.current).with_module(module, level)?;
        self.apply(levels, true);
        Ok(())
    }

    /// Changes the levels until [`Temporary::wait`] is over: then those before come back, unless they were changed again meanwhile.
    pub(crate) fn set_for(
        &self,
        module: Option<&str>,
        level: &str,
        time: Duration,
    ) -> Result<Temporary, TelemetryError> {
        let levels = match module {
            Some(module) => read(&self.0.current).with_module(module, level)?,
            None => Levels::parse(level)?,
        };
        let change = self.apply(levels, false);
        Ok(Temporary {
            levels: self.clone(),
            change,
            time,
        })
    }

    fn apply(&self, levels: Levels, for_good: bool) -> u64 {
        let change = self.0.changes.fetch_add(1, Relaxed) + 1;
        self.0
            .verbose
            .store(levels.most_verbose() > LevelFilter::INFO, Relaxed);
        if for_good {
            *self.0.base.write().unwrap_or_else(PoisonError::into_inner) = levels.clone();
        }
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = levels;
        // Call sites remember whether anyone is interested in them.
        tracing_core::callsite::rebuild_interest_cache();
        change
    }
}

fn read(levels: &RwLock<Levels>) -> std::sync::RwLockReadGuard<'_, Levels> {
    levels.read().unwrap_or_else(PoisonError::into_inner)
}

/// A change that ends by itself.
pub(crate) struct Temporary {
    levels: LogLevels,
    change: u64,
    time: Duration,
}

impl Temporary {
    /// Waits for the end and falls back.
    pub(crate) async fn wait(self) {
        tokio::time::sleep(self.time).await;
        if self.levels.0.changes.load(Relaxed) == self.change {
            let base = read(&self.levels.0.base).clone();
            self.levels.apply(base, false);
        }
    }
}

impl<S> Layer<S> for LogLevels
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.0.modules.saw(metadata.target());
        if read(&self.0.current).enabled(metadata) {
            Interest::always()
        } else if self.0.debug.as_ref().is_some_and(|debug| debug.enabled(metadata)) {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    /// Asked where a call site is of interest only sometimes: where only a request that is looked at closely logs it.
    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
        let is_quiet = *metadata.level() > Level::INFO && !self.0.verbose.load(Relaxed);
        (!is_quiet && read(&self.0.current).enabled(metadata)) || self.is_debugged(metadata, &context)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let most = read(&self.0.current).most_verbose();
        let debug = self.0.debug.as_ref().map(Levels::most_verbose);
        Some(debug.map_or(most, |debug| debug.max(most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn would_log(levels: &LogLevels, target: &str, level: Level) -> bool {
        read(&levels.0.current).would_log(target, level)
    }

    #[test]
    fn libraries_stay_quiet_until_they_are_named() {
        let levels = LogLevels::parse("debug").unwrap();
        assert!(would_log(&levels, "rest_api::jobs", Level::DEBUG));
        assert!(!would_log(&levels, "h2::codec", Level::DEBUG));
        assert!(
            !would_log(&levels, "rmcp::service", Level::WARN),
            "the closing line says it"
        );
        levels.set_module("h2", "debug").unwrap();
        assert!(would_log(&levels, "h2::codec", Level::DEBUG));
        assert_eq!(levels.current(), "debug,h2=debug");
    }

    #[test]
    fn a_level_that_is_none_changes_nothing() {
        let levels = LogLevels::parse("warn").unwrap();
        let error = levels.set("loud").unwrap_err();
        assert!(error.to_string().contains(r#""loud" is not a level"#), "{error}");
        assert_eq!(levels.current(), "warn");
    }

    #[tokio::test(start_paused = true)]
    async fn a_temporary_change_falls_back_unless_it_was_changed_again() {
        let levels = LogLevels::parse("info").unwrap();
        let first = levels.set_for(None, "debug", Duration::from_secs(5)).unwrap();
        assert_eq!(levels.current(), "debug");
        first.wait().await;
        assert_eq!(levels.current(), "info");

        let second = levels.set_for(None, "debug", Duration::from_secs(5)).unwrap();
        levels.set("warn").unwrap();
        second.wait().await;
        assert_eq!(levels.current(), "warn", "the later change stands");
    }
}
