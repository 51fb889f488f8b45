//! A control plane that says what the test tells it to say.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use domain::Entity;
use domain::catalogue::EntityKind;
use proto::v1::audit_service_server::{AuditService, AuditServiceServer};
use proto::v1::catalogue_service_server::{CatalogueService, CatalogueServiceServer};
use proto::v1::job_service_server::JobServiceServer;
use proto::v1::watch_event::Event;
use proto::v1::{self, *};
use runtime::lifecycle::Lifecycle;
use runtime::link::{InMemoryLink, LinkConnector};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::behind::Jobs;
use crate::jobs::GrpcJobs;

pub const SERVICE_KEY: &str = "0123456789abcdef0123456789abcdef";
const PATIENCE: Duration = Duration::from_secs(10);

/// The test's end of the control plane.
pub struct ControlPlane {
    pub connector: LinkConnector,
    pub heard: Arc<Heard>,
    watches: mpsc::UnboundedReceiver<Watcher>,
}

/// What it was told.
#[derive(Default)]
pub struct Heard {
    pub records: Mutex<Vec<AuditRecord>>,
    pub uses: Mutex<Vec<KeyUse>>,
    /// The jobs that it was asked for.
    pub jobs: Arc<Jobs>,
    /// Prefixes of the keys that it says it has.
    pub keys: Mutex<Vec<String>>,
    /// Those that it was asked for.
    pub looked_for: Mutex<Vec<String>>,
    /// Whether new watches are refused.
    pub refuses: AtomicBool,
}

/// One open watch.
pub struct Watcher {
    pub request: WatchRequest,
    events: mpsc::UnboundedSender<Result<WatchEvent, Status>>,
}

#[derive(Clone)]
struct Server {
    heard: Arc<Heard>,
    opened: mpsc::UnboundedSender<Watcher>,
}

impl ControlPlane {
    pub fn start(life: &Lifecycle) -> Self {
        let (connector, incoming) = InMemoryLink::new().split();
        let (opened, watches) = mpsc::unbounded_channel();
        let heard = Arc::new(Heard::default());
        let server = Server {
            heard: Arc::clone(&heard),
            opened,
        };
        let serving = tonic::transport::Server::builder()
            .add_service(CatalogueServiceServer::with_interceptor(
                server.clone(),
                check_key,
            ))
            .add_service(AuditServiceServer::with_interceptor(server, check_key))
            .add_service(JobServiceServer::with_interceptor(
                GrpcJobs(Arc::clone(&heard.jobs)),
                check_key,
            ))
            .serve_with_incoming_shutdown(incoming, life.hard_stop().cancelled_owned());
        // No part: it serves until the edge has drained, which is when the test ends.
        life.spawn_task(async move {
            let _ = serving.await;
        });
        Self {
            connector,
            heard,
            watches,
        }
    }

    /// The next watch that is opened.
    pub async fn watcher(&mut self) -> Watcher {
        let opened = tokio::time::timeout(PATIENCE, self.watches.recv()).await;
        opened.expect("no watch was opened").unwrap()
    }

    /// Whether no further watch was opened.
    pub fn is_left_alone(&mut self) -> bool {
        self.watches.is_empty()
    }

    pub fn refuse(&self, refuse: bool) {
        self.heard.refuses.store(refuse, Ordering::SeqCst);
    }
}

fn check_key(request: Request<()>) -> Result<Request<()>, Status> {
    let shown = request.metadata().get("authorization");
    if shown.is_some_and(|shown| shown == format!("Bearer {SERVICE_KEY}").as_str()) {
        Ok(request)
    } else {
        Err(Status::unauthenticated("no service key"))
    }
}

impl Watcher {
    pub fn send(&self, event: Event) {
        // The edge may have gone; the test sees that elsewhere.
        let _ = self.events.send(Ok(WatchEvent { event: Some(event) }));
    }

    pub fn begin(&self, epoch: &str) {
        self.send(Event::SnapshotBegin(SnapshotBegin {
            epoch: epoch.to_owned(),
        }));
    }

    pub fn entities<'a>(&self, entities: impl IntoIterator<Item = &'a Entity>) {
        for entity in entities {
            self.send(Event::Entity(wire(entity)));
        }
    }

    pub fn end(&self, number: i64) {
        self.send(Event::SnapshotEnd(SnapshotEnd { number }));
    }

    pub fn snapshot<'a>(&self, epoch: &str, number: i64, entities: impl IntoIterator<Item = &'a Entity>) {
        self.begin(epoch);
        self.entities(entities);
        self.end(number);
    }

    pub fn change(&self, number: i64, entity: &Entity) {
        self.changed(number, wire(entity));
    }

    pub fn gone(&self, number: i64, kind: EntityKind, id: Uuid) {
        self.changed(number, of(kind, id, Bytes::new()));
    }

    pub fn unreadable(&self, number: i64, kind: EntityKind, id: Uuid) {
        self.changed(number, of(kind, id, Bytes::from_static(b"{\"new\":true}")));
    }

    pub fn heartbeat(&self, number: i64) {
        self.send(Event::Heartbeat(Heartbeat { number }));
    }

    /// The link breaks.
    pub fn breaks(self) {
        let _ = self.events.send(Err(Status::unavailable("broken on purpose")));
    }

    fn changed(&self, number: i64, entity: CatalogueEntity) {
        let entity = Some(entity);
        self.send(Event::Change(CatalogueChange { number, entity }));
    }
}

fn wire(entity: &Entity) -> CatalogueEntity {
    let (kind, id, json) = match entity {
        Entity::Tenant(tenant) => (EntityKind::Tenant, tenant.id.0, serde_json::to_vec(tenant)),
        Entity::Key(key) => (EntityKind::Key, key.id.0, serde_json::to_vec(key)),
        Entity::Provider(provider) => (EntityKind::Provider, provider.id.0, serde_json::to_vec(provider)),
        Entity::Tool(tool) => (EntityKind::Tool, tool.id.0, serde_json::to_vec(tool)),
        Entity::Limit(limit) => (EntityKind::Limit, limit.id.0, serde_json::to_vec(limit)),
    };
    of(kind, id, json.unwrap().into())
}

fn of(kind: EntityKind, id: Uuid, json: Bytes) -> CatalogueEntity {
    let kind = match kind {
        EntityKind::Tenant => v1::EntityKind::Tenant,
        EntityKind::Key => v1::EntityKind::Key,
        EntityKind::Provider => v1::EntityKind::Provider,
        EntityKind::Tool => v1::EntityKind::Tool,
        EntityKind::Limit => v1::EntityKind::Limit,
    };
    CatalogueEntity {
        kind: kind.into(),
        id: id.to_string(),
        tenant_id: String::new(),
        json,
    }
}

#[tonic::async_trait]
impl CatalogueService for Server {
    type WatchStream = UnboundedReceiverStream<Result<WatchEvent, Status>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        if self.heard.refuses.load(Ordering::SeqCst) {
            return Err(Status::unavailable("refused on purpose"));
        }
        let (events, stream) = mpsc::unbounded_channel();
        let request = request.into_inner();
        let _ = self.opened.send(Watcher { request, events });
        Ok(Response::new(UnboundedReceiverStream::new(stream)))
    }

    async fn get_tool(&self, _: Request<GetToolRequest>) -> Result<Response<GetToolResponse>, Status> {
        Err(Status::unimplemented("the edge asks for no single tool"))
    }

    async fn get_provider(
        &self,
        _: Request<GetProviderRequest>,
    ) -> Result<Response<GetProviderResponse>, Status> {
        Err(Status::unimplemented("the edge asks for no single provider"))
    }

    async fn get_credential(
        &self,
        _: Request<GetCredentialRequest>,
    ) -> Result<Response<GetCredentialResponse>, Status> {
        Ok(Response::new(GetCredentialResponse {
            secret: Bytes::from_static(b"upstream-secret"),
        }))
    }

    async fn find_key(&self, request: Request<FindKeyRequest>) -> Result<Response<FindKeyResponse>, Status> {
        let prefix = request.into_inner().prefix;
        let found = self.heard.keys.lock().unwrap().contains(&prefix);
        self.heard.looked_for.lock().unwrap().push(prefix);
        Ok(Response::new(FindKeyResponse { found }))
    }

    async fn touch_keys(
        &self,
        request: Request<TouchKeysRequest>,
    ) -> Result<Response<TouchKeysResponse>, Status> {
        self.heard.uses.lock().unwrap().extend(request.into_inner().uses);
        Ok(Response::new(TouchKeysResponse {}))
    }
}

#[tonic::async_trait]
impl AuditService for Server {
    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendResponse>, Status> {
        let records = request.into_inner().records;
        let stored = records.len() as u64;
        self.heard.records.lock().unwrap().extend(records);
        Ok(Response::new(AppendResponse { stored }))
    }
}
