//! `devmesh tools add`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::import;
use crate::api::Api;
use crate::failure::Failure;
use crate::terminal::Terminal;

pub(super) const EXAMPLES: &str = "\
Examples:
  devmesh tools add petstore --openapi https://petstore3.swagger.io/api/v3/openapi.json
  devmesh tools add github --openapi api.github.com.json --auth bearer --secret-env GITHUB_TOKEN \\
      --allow 'repos/*' --allow 'GET /user' --deny '*delete*'
  devmesh tools add grafana --openapi grafana.yaml --base-url http://grafana.internal:3000/api \\
      --auth header:X-Grafana-Key --secret-file ./key --allow-host grafana.internal:3000

Globs match the operation id, `METHOD /path`, or a tag. When the description is wrong, every fault is
printed with its JSON pointer, nothing is saved, and the exit code is 1.";

/// Make the operations of an API into tools.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// Short name, a-z, 0-9 and -; tool names begin with it.
    name: String,
    /// OpenAPI 3.x or Swagger 2.0, JSON or YAML: a file, or an address that is read again at every refresh.
    #[arg(long, value_name = "FILE|URL")]
    openapi: String,
    /// Where calls go [default: the description's first server].
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// How calls are authenticated: bearer, basic (the secret is user:password), header:NAME or query:NAME.
    #[arg(long, value_name = "SCHEME", value_parser = auth)]
    auth: Option<Value>,
    /// Environment variable with the credential.
    #[arg(long, value_name = "VAR", conflicts_with = "secret_file")]
    secret_env: Option<String>,
    /// File with the credential; a trailing newline is not part of it.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Only operations that match; repeat it.
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    allow: Vec<String>,
    /// No operation that matches; repeat it.
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    deny: Vec<String>,
    /// A private host that it may reach: a name, `*.suffix`, an address or a CIDR block, each with an optional :port.
    #[arg(long, value_name = "HOST", num_args = 1..)]
    allow_host: Vec<String>,
}

impl Add {
    pub(super) async fn run(self, api: &Api, terminal: &Terminal) -> Result<(), Failure> {
        let body = self.body()?;
        let job = api.post(&["providers"], &[], &body).await?;
        import::finish(api, terminal, &self.name, &job).await
    }

    fn body(&self) -> Result<Value, Failure> {
        let mut body = json!({
            "name": self.name,
            "source": self.source()?,
            "selection": { "allow": self.allow, "deny": self.deny },
            "allowed_hosts": self.allow_host,
        });
        if let Some(url) = &self.base_url {
            body["base_url"] = json!(url);
        }
        match (&self.auth, self.secret()?) {
            (Some(auth), Some(secret)) => {
                body["auth"] = auth.clone();
                body["secret"] = json!(secret.as_str());
            }
            (None, None) => {}
            (Some(_), None) => {
                return Err(Failure::Usage(
                    "--auth needs --secret-env or --secret-file".to_owned(),
                ));
            }
            (None, Some(_)) => return Err(Failure::Usage("a secret needs --auth".to_owned())),
        }
        Ok(body)
    }

    fn source(&self) -> Result<Value, Failure> {
        if self.openapi.starts_with("http://") || self.openapi.starts_with("https://") {
            return Ok(json!({ "type": "url", "url": self.openapi }));
        }
        let text = std::fs::read_to_string(&self.openapi)
            .map_err(|error| Failure::Usage(format!("--openapi {}: {error}", self.openapi)))?;
        Ok(json!({ "type": "inline", "text": text }))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the operator names the variable that holds the credential"
    )]
    fn secret(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        let text = match (&self.secret_env, &self.secret_file) {
            (Some(name), _) => std::env::var(name)
                .map_err(|_| Failure::Usage(format!("--secret-env: the variable {name} is not set")))?,
            (None, Some(path)) => std::fs::read_to_string(path)
                .map_err(|error| Failure::Usage(format!("--secret-file {}: {error}", path.display())))?,
            (None, None) => return Ok(None),
        };
        let text = Zeroizing::new(text);
        Ok(Some(Zeroizing::new(
            text.trim_end_matches(['\r', '\n']).to_owned(),
        )))
    }
}

fn auth(text: &str) -> Result<Value, String> {
    match text.split_once(':') {
        None if matches!(text, "bearer" | "basic") => Ok(json!({ "type": text })),
        Some((kind @ ("header" | "query"), name)) if !name.is_empty() => {
            Ok(json!({ "type": kind, "name": name }))
        }
        _ => Err("expected bearer, basic, header:NAME or query:NAME".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemes_are_read() {
        assert_eq!(auth("bearer").unwrap(), json!({"type": "bearer"}));
        assert_eq!(
            auth("header:X-Key").unwrap(),
            json!({"type": "header", "name": "X-Key"})
        );
        for wrong in ["", "digest", "header", "header:", "cookie:a"] {
            assert!(auth(wrong).is_err(), "{wrong}");
        }
    }
}
