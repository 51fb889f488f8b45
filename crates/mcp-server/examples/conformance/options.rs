//! The arguments.

use std::sync::Arc;

use cache::{CacheOptions, RedisCache};
use domain::ports::Cache;

use crate::Error;

const USAGE: &str = "usage: conformance [--listen ADDRESS:PORT] [--replicas N --cache redis://…]";

/// What was asked for.
pub struct Options {
    pub listen: String,
    pub replicas: usize,
    cache: Option<String>,
}

impl Options {
    pub fn from_arguments() -> Result<Self, Error> {
        let mut options = Self {
            listen: "127.0.0.1:0".to_owned(),
            replicas: 1,
            cache: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or(USAGE)?;
            match name.as_str() {
                "--listen" => options.listen = value,
                "--replicas" => options.replicas = value.parse().map_err(|_| USAGE)?,
                "--cache" => options.cache = Some(value),
                _ => return Err(USAGE.into()),
            }
        }
        if options.replicas == 0 || (options.replicas > 1 && options.cache.is_none()) {
            return Err(USAGE.into());
        }
        Ok(options)
    }

    /// The cache as one replica sees it: with connections of its own.
    pub fn cache(&self) -> Result<Arc<dyn Cache>, Error> {
        let Some(url) = &self.cache else {
            return Ok(cache::memory());
        };
        let prefix = format!("conformance-{}:", std::process::id());
        let options = CacheOptions {
            prefix,
            ..CacheOptions::default()
        };
        Ok(Arc::new(RedisCache::new(url, &options)?))
    }
}
