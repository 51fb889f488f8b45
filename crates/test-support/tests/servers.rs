//! The servers really are private, fresh, restartable, and gone afterwards.

use std::{path::Path, time::Duration};

use sqlx::{Connection, PgConnection, Row};
use test_support::{
    Postgres, Process, RabbitMq, Redis, eventually, fresh_database, fresh_redis_prefix, fresh_vhost_or_prefix,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn two_fresh_databases_do_not_see_each_other_and_their_owner_is_no_superuser() {
    let (one, two) = (fresh_database().await.unwrap(), fresh_database().await.unwrap());
    let mut one = PgConnection::connect(&one).await.unwrap();
    sqlx::query("CREATE TABLE thing (id int)")
        .execute(&mut one)
        .await
        .unwrap();
    let mut two = PgConnection::connect(&two).await.unwrap();
    let missing = sqlx::query("SELECT * FROM thing").execute(&mut two).await;
    assert!(missing.unwrap_err().to_string().contains("does not exist"));
    let role = sqlx::query("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user");
    let role = role.fetch_one(&mut one).await.unwrap();
    assert!(!role.get::<bool, _>(0) && !role.get::<bool, _>(1));
}

#[tokio::test]
async fn a_killed_postgres_keeps_what_was_committed_and_its_port() {
    let postgres = Postgres::start().await.unwrap();
    let url = postgres.database("kept").await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query("CREATE TABLE thing AS SELECT 7 AS id")
        .execute(&mut connection)
        .await
        .unwrap();
    postgres.kill().unwrap();
    assert!(PgConnection::connect(&url).await.is_err());
    postgres.start_again().await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let row = sqlx::query("SELECT id FROM thing")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(row.get::<i32, _>(0), 7);
    postgres.stop().await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", postgres.port())).await.is_err());
}

#[tokio::test]
async fn a_stopped_redis_comes_back_with_its_data_or_without() {
    let redis = Redis::start().await.unwrap();
    assert_eq!(
        redis_says(redis.port(), "SET key value").await.unwrap(),
        "+OK\r\n"
    );
    redis.stop().await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", redis.port())).await.is_err());
    redis.start_again().await.unwrap();
    assert_eq!(
        redis_says(redis.port(), "GET key").await.unwrap(),
        "$5\r\nvalue\r\n"
    );
    redis.kill().unwrap();
    redis.start_empty().await.unwrap();
    assert_eq!(redis_says(redis.port(), "GET key").await.unwrap(), "$-1\r\n");
    assert_ne!(fresh_redis_prefix(), fresh_redis_prefix());
}

#[tokio::test]
async fn two_fresh_virtual_hosts_do_not_share_queues() {
    let (one, two) = (
        fresh_vhost_or_prefix().await.unwrap(),
        fresh_vhost_or_prefix().await.unwrap(),
    );
    declare(&one, false).await.unwrap();
    assert!(
        declare(&two, true).await.is_err(),
        "the queue of one virtual host shows in the other"
    );
    assert!(declare(&one, true).await.is_ok());
}

#[tokio::test]
async fn a_stopped_rabbitmq_comes_back_with_its_durable_queues() {
    let rabbitmq = RabbitMq::start().await.unwrap();
    let url = rabbitmq.vhost("kept").await.unwrap();
    declare(&url, false).await.unwrap();
    rabbitmq.stop().await.unwrap();
    assert!(declare(&url, true).await.is_err());
    rabbitmq.start_again().await.unwrap();
    eventually(DEADLINE, || declare(&url, true)).await.unwrap();
}

#[tokio::test]
async fn servers_and_their_files_go_when_the_test_process_is_killed() {
    let run = Process::command(env!("CARGO_BIN_EXE_test-servers"));
    let script = "echo $DEVMESH_TEST_REDIS_URL; exec sleep 600";
    let run = run
        .args(["run", "--only", "redis", "--", "sh", "-c", script])
        .start()
        .unwrap();
    let port = run.wait_for_line(DEADLINE, port_of).await.unwrap();
    let home = redis_says(port, "CONFIG GET dir").await.unwrap();
    let home = home
        .lines()
        .find(|line| line.starts_with('/'))
        .unwrap()
        .to_owned();
    assert!(Path::new(&home).exists());
    run.kill().unwrap();
    eventually(DEADLINE, || async {
        TcpStream::connect(("127.0.0.1", port)).await.is_err()
    })
    .await
    .unwrap();
    eventually(DEADLINE, || async { !Path::new(&home).exists() })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_run_ends_with_the_exit_code_of_its_command() {
    let run = Process::command(env!("CARGO_BIN_EXE_test-servers"));
    let run = run
        .args(["run", "--only", "redis", "--", "sh", "-c", "exit 7"])
        .start()
        .unwrap();
    assert_eq!(run.exit_code(DEADLINE).await.unwrap(), Some(7));
}

#[tokio::test]
async fn a_run_that_is_told_to_stop_stops_its_command_first_and_then_its_servers() {
    let script =
        "trap 'echo stopping; exit 5' TERM; echo $DEVMESH_TEST_REDIS_URL; while :; do sleep 0.05; done";
    let run = Process::command(env!("CARGO_BIN_EXE_test-servers"));
    let run = run
        .args(["run", "--only", "redis", "--", "sh", "-c", script])
        .start()
        .unwrap();
    let port = run.wait_for_line(DEADLINE, port_of).await.unwrap();
    run.terminate().unwrap();
    assert_eq!(run.exit_code(DEADLINE).await.unwrap(), Some(5));
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

fn port_of(line: &str) -> Option<u16> {
    line.strip_prefix("redis://127.0.0.1:")?
        .trim_end_matches('/')
        .parse()
        .ok()
}

/// The answer to one inline command.
async fn redis_says(port: u16, command: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream
        .write_all(format!("{command}\r\nQUIT\r\n").as_bytes())
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.strip_suffix("+OK\r\n").unwrap_or_default().to_owned())
}

async fn declare(url: &str, passive: bool) -> Result<(), lapin::Error> {
    let connection = lapin::Connection::connect(url, lapin::ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let options = lapin::options::QueueDeclareOptions {
        durable: true,
        passive,
        ..Default::default()
    };
    channel
        .queue_declare("jobs".into(), options, Default::default())
        .await?;
    Ok(())
}
