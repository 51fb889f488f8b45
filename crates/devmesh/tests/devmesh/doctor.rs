//! The usual mistakes of an installation, each made on purpose: `devmesh doctor` finds it, says what to do, and finds it no
//! more once that is done.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use domain::{Clock, SystemClock};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;
use test_support::{Authority, RawUpstream, Redis, Then, free_port};

use crate::mesh::{Mesh, PATIENCE, run};

/// A place where a mesh could be, and what is asked about it.
struct Place {
    dir: TempDir,
    arguments: Vec<String>,
}

impl Place {
    /// `devmesh up`, which has not been started yet.
    fn of_up() -> Self {
        let place = Self {
            dir: TempDir::new().unwrap(),
            arguments: Vec::new(),
        };
        fs::create_dir(place.data()).unwrap();
        fs::set_permissions(place.data(), Permissions::from_mode(0o700)).unwrap();
        place
    }

    /// rest-api as a process of its own, with settings that fit.
    fn of_rest_api() -> Self {
        let mut place = Self::of_up();
        fs::write(place.path("service-key"), "k".repeat(40)).unwrap();
        let key = format!("grpc.service_key_file={}", place.path("service-key").display());
        let data = format!("data_dir={}", place.data().display());
        let database = format!(
            "database.url=sqlite:{}",
            place.data().join("devmesh.db").display()
        );
        let settings = [&key, &data, &database].map(String::as_str);
        place.arguments = ["--for", "rest-api"].map(String::from).to_vec();
        for setting in settings {
            place.arguments.extend(["--set".to_owned(), setting.to_owned()]);
        }
        place
    }

    fn data(&self) -> std::path::PathBuf {
        self.path(".devmesh")
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn look(&self, more: &[&str], env: &[(&str, &str)]) -> Value {
        let arguments: Vec<&str> = ["doctor", "--output", "json"]
            .into_iter()
            .chain(self.arguments.iter().map(String::as_str))
            .chain(more.iter().copied())
            .collect();
        let said = run(self.dir.path(), &arguments, env).unwrap();
        serde_json::from_str(&said.stdout)
            .unwrap_or_else(|_| panic!("{more:?}: {} {}", said.stdout, said.stderr))
    }

    /// The mistake is found, by this check and these words, with advice.
    fn finds(&self, check: &str, words: &str, more: &[&str]) {
        soon(|| found(&self.look(more, &[]), check, words));
    }

    /// There is nothing to say about it.
    fn is_quiet(&self, check: &str, more: &[&str]) {
        soon(|| quiet(&self.look(more, &[]), check));
    }
}

/// On a busy machine a server may take longer than `doctor` waits: then it is asked again.
fn soon(look: impl Fn() -> Result<(), String>) {
    let until = Instant::now() + PATIENCE;
    while let Err(why) = look() {
        assert!(Instant::now() < until, "{why}");
    }
}

fn is_bad(finding: &Value) -> bool {
    finding["verdict"] == "fail" || finding["verdict"] == "warn"
}

fn found(findings: &Value, check: &str, words: &str) -> Result<(), String> {
    let mut all = findings.as_array().unwrap().iter();
    let is_it = |finding: &&Value| {
        finding["check"] == check && is_bad(finding) && finding["found"].as_str().unwrap().contains(words)
    };
    let it = all.find(is_it);
    let it = it.ok_or_else(|| format!("`{check}` with `{words}` is not in {findings:#}"))?;
    let advice = it["advice"].as_str().unwrap_or_default();
    if advice.len() > 10 {
        Ok(())
    } else {
        Err(it.to_string())
    }
}

fn quiet(findings: &Value, check: &str) -> Result<(), String> {
    let mut all = findings.as_array().unwrap().iter();
    match all.find(|finding| (check.is_empty() || finding["check"] == check) && is_bad(finding)) {
        None => Ok(()),
        Some(said) => Err(said.to_string()),
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn mistakes_of_one_machine_are_found_and_gone_when_they_are_mended() {
    let place = Place::of_up();
    let (data, file) = (place.data(), place.path("devmesh.toml"));

    fs::write(&file, "[rest_api.databse]\nurl = 'x'\n").unwrap();
    place.finds("settings", "databse", &[]);
    fs::remove_file(&file).unwrap();
    place.is_quiet("settings", &[]);

    mode(&data, 0o755);
    place.finds("data directory", "mode 755", &[]);
    mode(&data, 0o700);
    place.is_quiet("data directory", &[]);

    let elsewhere = place.path("no-directory");
    fs::write(&elsewhere, "").unwrap();
    place.finds(
        "data directory",
        "is no directory",
        &["--data", elsewhere.to_str().unwrap()],
    );

    let key = data.join("bootstrap.key");
    fs::write(&key, "dm_").unwrap();
    mode(&key, 0o644);
    place.finds("bootstrap.key", "others can read it", &[]);
    mode(&key, 0o600);
    place.is_quiet("bootstrap.key", &[]);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("rest_api.listen.address={}", taken.local_addr().unwrap());
    place.finds("port of rest-api", "in use", &["--set", &port]);
    drop(taken);
    place.is_quiet("port of rest-api", &["--set", &port]);

    let open = ["--set", "mcp_server.listen.address=0.0.0.0:0"];
    place.finds("door of mcp-server", "plain text", &open);
    place.finds("names of mcp-server", "403", &open);
    let named = [
        &open[..],
        &["--set", r#"mcp_server.http.allowed_hosts=["mesh.example.com"]"#],
    ]
    .concat();
    place.is_quiet("names of mcp-server", &named);
    place.is_quiet("door of mcp-server", &[]);

    found(
        &place.look(&[], &[("DATABASE_URL", "postgres://x")]),
        "DATABASE_URL",
        "does not hear it",
    )
    .unwrap();
    place.is_quiet("DATABASE_URL", &[]);
}

#[test]
fn mistakes_with_the_keys_are_found_and_gone_when_they_are_mended() {
    let place = Place::of_rest_api();
    let key = place.path("service-key");
    place.is_quiet("service key", &[]);
    fs::write(&key, "too short").unwrap();
    place.finds("service key", "too few", &[]);
    fs::remove_file(&key).unwrap();
    place.finds("service key", "No such file", &[]);
    fs::write(&key, "k".repeat(40)).unwrap();
    place.is_quiet("service key", &[]);

    let insecure = ["--set", "grpc.allow_insecure_credentials=true"];
    place.finds("credentials between services", "without TLS", &insecure);
    place.is_quiet("credentials between services", &[]);

    let up = run(place.dir.path(), &["migrate", "up"], &[]).unwrap();
    assert_eq!(up.code, 0, "{}", up.stderr);
    let sealing = place.data().join("credentials.key");
    place.finds("sealing keys", "is missing", &[]);
    fs::write(&sealing, "local 123\n").unwrap();
    place.finds("sealing keys", "64 hexadecimal digits", &[]);
    fs::write(&sealing, format!("local {}\n", "ab".repeat(32))).unwrap();
    place.is_quiet("sealing keys", &[]);
}

#[test]
fn mistakes_with_certificates_are_found_and_gone_when_they_are_mended() {
    let place = Place::of_rest_api();
    let (certificate, key) = (place.path("tls.crt"), place.path("tls.key"));
    let write = |until: i32| {
        let pair = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.not_before = date_time_ymd(2001, 1, 1);
        parameters.not_after = date_time_ymd(until, 1, 1);
        fs::write(&certificate, parameters.self_signed(&pair).unwrap().pem()).unwrap();
        fs::write(&key, pair.serialize_pem()).unwrap();
    };
    let files = [
        format!("grpc.listen.tls.certificate={}", certificate.display()),
        format!("grpc.listen.tls.key={}", key.display()),
    ];
    let tls = ["--set", &files[0], "--set", &files[1]];
    let check = "certificate of rest-api's gRPC";
    place.finds(check, "tls.crt", &tls);
    write(2002);
    place.finds(check, "days ago", &tls);
    write(4000);
    place.is_quiet(check, &tls);
    fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    place.finds(check, "tls.key", &tls);
    write(4000);
    place.is_quiet(check, &tls);
}

#[test]
fn client_certificates_that_rest_api_would_refuse_are_found_and_gone_when_they_are_mended() {
    let place = Place::of_rest_api();
    let (ours, theirs) = (Authority::new("ours").unwrap(), Authority::new("theirs").unwrap());
    let dir = place.dir.path();
    let server = ours.server(dir, "server").unwrap();
    let authorities = place.path("ca.crt");
    fs::write(&authorities, ours.pem()).unwrap();
    let shown = place.path("worker.crt");
    let settings = [
        format!("grpc.listen.tls.certificate={}", server.certificate.display()),
        format!("grpc.listen.tls.key={}", server.key.display()),
        format!("grpc.listen.tls.client_ca_file={}", authorities.display()),
    ];
    let mut more: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    more.extend(["--client-certificate", shown.to_str().unwrap()]);
    let check = format!("client certificate {}", shown.display());
    place.finds(&check, "No such file", &more);
    ours.client_until(dir, "worker", 2020).unwrap();
    place.finds(&check, "certificate expired", &more);
    theirs.client(dir, "worker").unwrap();
    place.finds(&check, "UnknownIssuer", &more);
    ours.server(dir, "worker").unwrap();
    place.finds(&check, "for clients", &more);
    ours.client(dir, "worker").unwrap();
    place.is_quiet(&check, &more);
    // Without authorities nobody is asked for one.
    place.finds(
        &check,
        "client_ca_file is not set",
        &[&more[..4], &more[6..]].concat(),
    );
    // The authority itself: gone, then ended.
    fs::remove_file(&authorities).unwrap();
    place.finds("certificate of rest-api's gRPC", "tls.client_ca_file", &more);
    fs::write(&authorities, Authority::until("ended", 2020).unwrap().pem()).unwrap();
    place.finds("certificate of rest-api's gRPC", "has ended", &more);
    fs::write(&authorities, ours.pem()).unwrap();
    place.is_quiet("certificate of rest-api's gRPC", &more);
    let said = run(dir, &["doctor", "--client-certificate", "worker.crt"], &[]).unwrap();
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(said.stderr.contains("--for rest-api"), "{}", said.stderr);
}

#[tokio::test]
async fn a_database_whose_clock_is_an_hour_slow_is_found_and_one_whose_clock_agrees_is_not() {
    let place = Place::of_rest_api();
    let url = test_support::fresh_database().await.unwrap();
    let (database, keys) = (format!("database.url={url}"), keys());
    let more = ["--set", &database, "--set", &keys];
    // A function that is found before the server's own.
    let mut owner = PgConnection::connect(&url).await.unwrap();
    let slow = "DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET search_path = slow, pg_catalog, public', current_database());
        END $$;
        CREATE SCHEMA slow;
        CREATE FUNCTION slow.clock_timestamp() RETURNS timestamptz
            LANGUAGE sql RETURN pg_catalog.clock_timestamp() - interval '1 hour';";
    sqlx::raw_sql(slow).execute(&mut owner).await.unwrap();
    place.finds("database: clock", " s apart", &more);
    owner.execute("DROP SCHEMA slow CASCADE").await.unwrap();
    place.is_quiet("database: clock", &more);
    let findings = place.look(&more, &[]);
    let mut all = findings.as_array().unwrap().iter();
    assert!(
        all.any(|finding| finding["check"] == "database: clock"),
        "{findings:#}"
    );
}

#[tokio::test]
async fn mistakes_with_the_database_are_found_and_gone_when_they_are_mended() {
    let place = Place::of_rest_api();
    let with = |url: &str| {
        [
            "--set".to_owned(),
            format!("database.url={url}"),
            "--set".to_owned(),
            keys(),
        ]
    };
    let finds = |url: &str, words: &str| {
        let with = with(url);
        place.finds("database", words, &with.each_ref().map(String::as_str));
    };
    finds("mysql://127.0.0.1/mesh", "postgres://");
    let nobody = format!("postgres://devmesh@127.0.0.1:{}/mesh", free_port().unwrap());
    finds(&nobody, "cannot reach");
    let text = place.path("a.db");
    fs::write(&text, "this is a text, and no database at all. ".repeat(50)).unwrap();
    finds(&format!("sqlite:{}", text.display()), "not a database");

    let url = test_support::fresh_database().await.unwrap();
    let login = url.split_once("//").unwrap().1.split_once('@').unwrap().0;
    finds(&url.replace(login, "nobody_of_that_name"), "nobody_of_that_name");
    let up = ["migrate", "up", "--for", "rest-api", "--set"];
    let setting = format!("database.url={url}");
    let said = run(place.dir.path(), &[&up[..], &[&setting]].concat(), &[]).unwrap();
    assert_eq!(said.code, 0, "{}", said.stderr);
    let mut owner = PgConnection::connect(&url).await.unwrap();
    let newest = "(SELECT max(version) FROM _sqlx_migrations)";
    owner
        .execute(sqlx::AssertSqlSafe(format!(
            "CREATE TABLE gone AS SELECT * FROM _sqlx_migrations WHERE version = {newest}"
        )))
        .await
        .unwrap();
    owner
        .execute(sqlx::AssertSqlSafe(format!(
            "DELETE FROM _sqlx_migrations WHERE version = {newest}"
        )))
        .await
        .unwrap();
    finds(&url, "1 migrations are pending");
    owner
        .execute("INSERT INTO _sqlx_migrations SELECT * FROM gone")
        .await
        .unwrap();
    place.is_quiet("database", &with(&url).each_ref().map(String::as_str));
    owner
        .execute("INSERT INTO _sqlx_migrations SELECT 9999, 'needs 9999 more', installed_on, success, checksum, 0 FROM gone")
        .await
        .unwrap();
    finds(&url, "later version");
    owner
        .execute("DELETE FROM _sqlx_migrations WHERE version = 9999")
        .await
        .unwrap();
    place.is_quiet("database", &with(&url).each_ref().map(String::as_str));
}

/// `queue.ca_file` with an authority that signed nothing.
fn authorities_file(place: &Place) -> String {
    let path = place.path("authorities.crt");
    fs::write(&path, Authority::new("ours").unwrap().pem()).unwrap();
    format!("queue.ca_file={}", path.display())
}

/// A database of PostgreSQL needs its keys named.
fn keys() -> String {
    format!(
        r#"credentials.keys=[{{id = "local", key = "{}"}}]"#,
        "ab".repeat(32)
    )
}

#[tokio::test]
async fn mistakes_with_broker_and_cache_are_found_and_gone_when_they_are_mended() {
    let place = Place::of_rest_api();
    place.finds("queue", "no worker sees a job", &[]);
    let nobody = free_port().unwrap();
    let queue = |url: &str| format!("queue.url={url}");
    let away = queue(&format!("amqp://guest:guest@127.0.0.1:{nobody}/%2f"));
    place.finds("queue", "", &["--set", &away]);
    let nowhere = format!("queue.ca_file={}", place.path("missing.crt").display());
    let secure = queue(&format!("amqps://guest:guest@127.0.0.1:{nobody}/%2f"));
    place.finds("queue", "queue.ca_file", &["--set", &secure, "--set", &nowhere]);
    place.finds(
        "queue",
        "amqps://",
        &["--set", &away, "--set", &authorities_file(&place)],
    );
    let there = queue(&test_support::rabbitmq_url().await.unwrap());
    place.is_quiet("queue", &["--set", &there]);

    let cache = |url: &str| format!("cache.url={url}");
    let away = cache(&format!("redis://127.0.0.1:{nobody}"));
    place.finds("cache", "", &["--set", &away]);
    let server = Redis::start().await.unwrap();
    place.is_quiet("cache", &["--set", &cache(&server.url())]);
    let wrong = server.url().replace("redis://", "redis://:wrong-password@");
    place.finds("cache", "", &["--set", &cache(&wrong)]);
}

#[tokio::test]
async fn a_service_whose_clock_is_an_hour_slow_is_found_and_one_whose_clock_agrees_is_not() {
    let mesh = Mesh::up().await.unwrap();
    let look = |more: &[&str]| {
        let said = mesh
            .run(&[&["doctor", "--output", "json"], more].concat())
            .unwrap();
        serde_json::from_str::<Value>(&said.stdout)
            .unwrap_or_else(|_| panic!("{} {}", said.stdout, said.stderr))
    };
    let an_hour_ago = (SystemClock.now() - chrono::Duration::hours(1)).to_rfc2822();
    let answer = format!("HTTP/1.1 200 OK\r\ndate: {an_hour_ago}\r\ncontent-length: 2\r\n\r\n{{}}");
    let slow = RawUpstream::start(answer, Then::Close).await.unwrap();
    soon(|| {
        found(
            &look(&["--url", slow.url()]),
            "rest-api: clock",
            " s apart from this machine's",
        )
    });
    soon(|| quiet(&look(&[]), "rest-api: clock"));
}

#[tokio::test]
async fn mistakes_with_a_mesh_that_runs_are_found_and_gone_when_they_are_mended() {
    let mut mesh = Mesh::up().await.unwrap();
    let look = |mesh: &Mesh, more: &[&str]| {
        let said = mesh
            .run(&[&["doctor", "--output", "json"], more].concat())
            .unwrap();
        serde_json::from_str::<Value>(&said.stdout)
            .unwrap_or_else(|_| panic!("{} {}", said.stdout, said.stderr))
    };
    soon(|| quiet(&look(&mesh, &[]), ""));
    let whole = look(&mesh, &[]);
    for check in ["versions", "database", "queue", "sealing keys", "rest-api: clock"] {
        assert!(
            whole
                .as_array()
                .unwrap()
                .iter()
                .any(|finding| finding["check"] == check),
            "{check}: {whole:#}"
        );
    }

    let other = mesh.dir().join("other.key");
    fs::write(&other, format!("dm_{}_{}", "a".repeat(12), "b".repeat(64))).unwrap();
    let as_other = ["--key-file", other.to_str().unwrap()];
    soon(|| found(&look(&mesh, &as_other), "key", ""));
    let narrow = mesh
        .json(&[
            "keys",
            "create",
            "narrow",
            "--kind",
            "user",
            "--scope",
            "jobs:read",
        ])
        .unwrap();
    fs::write(&other, narrow["secret"].as_str().unwrap()).unwrap();
    soon(|| found(&look(&mesh, &as_other), "key", "tools:call"));
    soon(|| quiet(&look(&mesh, &[]), "key"));

    // A key-encryption key of the right name that is another one.
    assert_eq!(mesh.stop().await.unwrap(), Some(0));
    // Without an address it would ask the usual ports, where another mesh may run.
    let nobody = format!("http://127.0.0.1:{}", free_port().unwrap());
    soon(|| found(&look(&mesh, &["--url", &nobody]), "rest-api", ""));
    let file = mesh.data().join("credentials.key");
    let right = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("local {}\n", "ab".repeat(32))).unwrap();
    soon(|| found(&look(&mesh, &[]), "sealing keys", "do not open"));
    let status = mesh.run(&["secrets", "status"]).unwrap();
    assert!(
        status.code == 1 && status.stdout.contains("another key"),
        "{} {}",
        status.stdout,
        status.stderr
    );
    fs::write(&file, &right).unwrap();
    soon(|| quiet(&look(&mesh, &[]), "sealing keys"));
    assert_eq!(mesh.run(&["secrets", "status"]).unwrap().code, 0);
    mesh.again(&[]).await.unwrap();
    soon(|| quiet(&look(&mesh, &[]), "rest-api"));
}
