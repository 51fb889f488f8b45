//! `/debug/pprof/*`: profiles of this process, as pprof protobuf or, with `?format=svg`, as a flame graph.

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream;
use profiling::{Profile, ProfileError, Turn, cpu, heap};
use serde::Deserialize;
use serde_json::json;
use telemetry::http::LongAnswer;
use telemetry::{AdminAccess, Telemetry, problem};

use crate::lifecycle::Lifecycle;

/// What `go tool pprof` asks for by itself.
const SECONDS: u64 = 30;

#[derive(Clone)]
struct Debug {
    access: AdminAccess,
    service: &'static str,
    life: Lifecycle,
}

pub(super) fn router(access: AdminAccess, telemetry: &Telemetry, life: &Lifecycle) -> Router {
    let service = telemetry.info().name;
    Router::new()
        .route("/debug/pprof", get(index))
        .route("/debug/pprof/", get(index))
        .route("/debug/pprof/heap", get(heap_profile))
        .route("/debug/pprof/profile", get(cpu_profile))
        .route("/debug/pprof/tasks", get(tasks_profile))
        .route("/debug/pprof/goroutine", get(tasks_profile))
        .with_state(Debug {
            access,
            service,
            life: life.clone(),
        })
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Pprof,
    Svg,
}

/// What other readers of pprof ask for besides is not minded.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    seconds: Option<u64>,
    format: Format,
}

type AskedOrNot = Result<Query<Asked>, QueryRejection>;

async fn index(State(debug): State<Debug>, headers: HeaderMap) -> Response {
    if let Err(refused) = debug.access.admit(&headers) {
        return *refused;
    }
    Json(json!({
        "service": debug.service,
        "profiles": {
            "profile": "where CPU time goes, for ?seconds=N (1 to 120, 30 by default): 99 samples for each second of CPU time",
            "heap": "what holds memory now: one stack for about every four megabytes allocated",
            "tasks": "what each task waits for; it is woken once for that",
        },
        "formats": { "pprof": "pprof protobuf, for `go tool pprof`", "svg": "?format=svg: a flame graph" },
    }))
    .into_response()
}

async fn heap_profile(State(debug): State<Debug>, headers: HeaderMap, asked: AskedOrNot) -> Response {
    let taken = async |turn| heap::take(turn).await;
    debug.answer("heap", &headers, asked, taken).await
}

async fn tasks_profile(State(debug): State<Debug>, headers: HeaderMap, asked: AskedOrNot) -> Response {
    let tasks = debug.life.tasks();
    let alive = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let others = alive.saturating_sub(tasks.len());
    let taken = async |turn| tasks.take(turn, others).await;
    debug.answer("tasks", &headers, asked, taken).await
}

/// Its head is sent at once: a profile of a minute is no request that took a minute.
async fn cpu_profile(State(debug): State<Debug>, headers: HeaderMap, asked: AskedOrNot) -> Response {
    let (asked, turn) = match debug.admit(&headers, asked) {
        Ok(admitted) => admitted,
        Err(refused) => return *refused,
    };
    let duration = Duration::from_secs(asked.seconds.unwrap_or(SECONDS));
    if duration.is_zero() || duration > cpu::LONGEST {
        let longest = cpu::LONGEST.as_secs();
        return problem(StatusCode::BAD_REQUEST, &format!("seconds: from 1 to {longest}"));
    }
    let (stop, service) = (debug.life.soft_stop(), debug.service);
    let taken = async move {
        let profile = cpu::take(turn, duration, stop.cancelled_owned()).await?;
        written(
            &profile,
            asked.format,
            &format!("{service}: CPU time of {} s", duration.as_secs()),
        )
    };
    let body = Body::from_stream(stream::once(taken));
    let mut response = debug.file("profile", asked.format, body);
    response.extensions_mut().insert(LongAnswer);
    response
}

impl Debug {
    async fn answer(
        &self,
        kind: &'static str,
        headers: &HeaderMap,
        asked: AskedOrNot,
        take: impl AsyncFnOnce(Turn) -> Result<Profile, ProfileError>,
    ) -> Response {
        let (asked, turn) = match self.admit(headers, asked) {
            Ok(admitted) => admitted,
            Err(refused) => return *refused,
        };
        let taken = take(turn).await;
        let title = format!("{}: {kind}", self.service);
        match taken.and_then(|profile| written(&profile, asked.format, &title)) {
            Ok(bytes) => self.file(kind, asked.format, bytes.into()),
            Err(error) => refused(&error),
        }
    }

    /// Who may, what was asked, and the turn.
    fn admit(&self, headers: &HeaderMap, asked: AskedOrNot) -> Result<(Asked, Turn), Box<Response>> {
        self.access.admit(headers)?;
        let Query(asked) =
            asked.map_err(|error| Box::new(problem(StatusCode::BAD_REQUEST, &error.body_text())))?;
        let turn = Turn::take().map_err(|error| Box::new(refused(&error)))?;
        Ok((asked, turn))
    }

    fn file(&self, kind: &str, format: Format, body: Body) -> Response {
        let (media, ending, how) = match format {
            Format::Pprof => ("application/octet-stream", "pb.gz", "attachment"),
            Format::Svg => ("image/svg+xml", "svg", "inline"),
        };
        let name = format!("{how}; filename=\"{}-{kind}.{ending}\"", self.service);
        let headers = [
            (header::CONTENT_TYPE, media.to_owned()),
            (header::CONTENT_DISPOSITION, name),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        ];
        (headers, body).into_response()
    }
}

fn written(profile: &Profile, format: Format, title: &str) -> Result<Vec<u8>, ProfileError> {
    match format {
        Format::Pprof => profile
            .to_pprof()
            .map_err(|error| ProfileError::Failed(error.to_string())),
        Format::Svg => Ok(profile.to_svg(title).into_bytes()),
    }
}

fn refused(error: &ProfileError) -> Response {
    let status = match error {
        ProfileError::Busy => StatusCode::CONFLICT,
        ProfileError::NoHeapProfile(_) => StatusCode::NOT_IMPLEMENTED,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    problem(status, &error.to_string())
}
