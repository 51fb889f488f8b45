//! Agents whose connections broke around the death of Redis, with all that it had kept for them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Api, PATIENCE, Setup};
use serde_json::{Value, json};
use test_support::Redis;

use crate::agents::socket::Socket;

/// An agent that comes back to its connection, and reads its messages: the one that is next, once.
struct Reader {
    socket: Socket,
    key: String,
    /// None where Redis was away when the connection began.
    token: Option<String>,
    name: String,
    id: String,
    epoch: Value,
    /// The number of the last message that it has read.
    read: u64,
}

impl Reader {
    async fn start(url: &str, key: &str, name: &str) -> Result<Self> {
        let mut socket = Socket::connect(url, key).await?;
        let token = begin(&mut socket).await?;
        let body = json!({ "name": name, "heartbeat_seconds": 600 });
        let agent = socket.ask("agent.register", body).await?;
        let mut reader = Self {
            socket,
            key: key.to_owned(),
            token,
            name: name.to_owned(),
            id: agent["id"].as_str().context("no id")?.to_owned(),
            epoch: agent["epoch"].clone(),
            read: 0,
        };
        reader.beat().await?;
        Ok(reader)
    }

    async fn beat(&mut self) -> Result<Value> {
        let beat = json!({ "agent_id": self.id, "epoch": self.epoch });
        self.socket.ask("agent.heartbeat", beat).await
    }

    /// Waits for the messages up to this number, each after the one before it.
    async fn hears(&mut self, up_to: u64) -> Result<Vec<Value>> {
        let mut new = Vec::new();
        while self.read < up_to {
            let told = self.socket.told("message.received").await?;
            ensure!(told["agent_id"] == self.id.as_str(), "{told}");
            let number = told["message"]["body"]["n"].as_u64().context("no number")?;
            // What is not acknowledged may come again; nothing may be passed over.
            ensure!(number <= self.read + 1, "{number} after {}", self.read);
            if number == self.read + 1 {
                self.read = number;
                new.push(told["message"]["id"].clone());
            }
        }
        Ok(new)
    }

    async fn acknowledge(&mut self, messages: &[Value]) -> Result<()> {
        for message in messages {
            let ack = json!({ "agent_id": self.id, "message_id": message });
            self.socket.ask("message.ack", ack).await?;
        }
        Ok(())
    }

    /// Comes back as the protocol has it: to its connection, or to a new one where that is refused. Answers whether it was.
    async fn comes_back(&mut self, url: &str) -> Result<bool> {
        let last = self.socket.last;
        self.socket = Socket::connect(url, &self.key).await?;
        let asked = json!({ "token": self.token, "last": last });
        let resumed = tokio::time::timeout(PATIENCE, self.resume(&asked)).await?;
        if let Err(refused) = &resumed {
            ensure!(refused.to_string().contains("-32001"), "{refused}");
            self.token = begin(&mut self.socket).await?;
        }
        if let Err(refused) = self.beat().await {
            ensure!(refused.to_string().contains("register"), "{refused}");
            let agent = json!({ "name": self.name, "heartbeat_seconds": 600 });
            self.epoch = self.socket.ask("agent.register", agent).await?["epoch"].clone();
        }
        Ok(resumed.is_err())
    }

    /// Asks again for as long as the replica does not reach Redis.
    async fn resume(&mut self, asked: &Value) -> Result<Value> {
        loop {
            match self.socket.ask("resume", asked.clone()).await {
                Err(refused) if refused.to_string().contains("try again") => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                answer => return answer,
            }
        }
    }
}

async fn begin(socket: &mut Socket) -> Result<Option<String>> {
    let begun = socket
        .begin(json!({ "experimental": { "io.devmesh/resume": {} } }))
        .await?;
    let token = &begun["_meta"]["io.devmesh/connection"]["resumeToken"];
    Ok(token.as_str().map(str::to_owned))
}

/// Everybody is sent the messages of these numbers.
async fn send(admin: &Api, names: &[&str], numbers: std::ops::RangeInclusive<u64>) -> Result<()> {
    for number in numbers {
        for name in names {
            let message = json!({ "to": { "agent": name }, "body": { "n": number } });
            admin.post("/messages", &message).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn agents_hear_every_message_in_order_and_once_though_redis_dies_with_all_that_it_kept() -> Result<()> {
    let redis = Redis::start().await?;
    let mesh = Setup::cluster().with_cache(redis.url()).start().await?;
    let (key, _) = mesh.agent_key().await?;
    let [here, there] = &mesh.mcp_urls()[..] else {
        anyhow::bail!("two replicas were expected")
    };
    let (admin, names) = (mesh.admin()?, ["steady", "here", "there", "early"]);
    let mut steady = Reader::start(here, &key, names[0]).await?;
    let mut stays = Reader::start(here, &key, names[1]).await?;
    let mut moves = Reader::start(here, &key, names[2]).await?;
    let mut early = Reader::start(there, &key, names[3]).await?;
    send(&admin, &names, 1..=3).await?;
    for reader in [&mut steady, &mut stays, &mut moves, &mut early] {
        let heard = reader.hears(3).await?;
        reader.acknowledge(&heard[..1]).await?;
    }
    // One breaks before, and two while it is away.
    early.socket.cut().await?;
    redis.kill()?;
    send(&admin, &names, 4..=5).await?;
    for reader in [&mut stays, &mut moves] {
        reader.hears(4).await?;
        reader.socket.cut().await?;
    }
    send(&admin, &names, 6..=7).await?;
    steady.hears(7).await?;
    redis.start_empty().await?;
    send(&admin, &names, 8..=9).await?;
    for (reader, url) in [(&mut stays, here), (&mut moves, there), (&mut early, there)] {
        ensure!(reader.comes_back(url).await?, "nothing was kept for it");
    }
    send(&admin, &names, 10..=10).await?;
    for reader in [&mut steady, &mut stays, &mut moves, &mut early] {
        reader.hears(10).await?;
        let list = json!({ "agent_id": reader.id });
        let waiting = reader.socket.ask("message.list", list).await?;
        let waiting = waiting["messages"].as_array().context("no messages")?;
        // The first was acknowledged, and what was heard since was not.
        let numbers: Vec<_> = waiting
            .iter()
            .map(|message| message["body"]["n"].clone())
            .collect();
        ensure!(
            numbers == (2..=10).map(Value::from).collect::<Vec<_>>(),
            "{numbers:?}"
        );
        let ids: Vec<_> = waiting.iter().map(|message| message["id"].clone()).collect();
        reader.acknowledge(&ids).await?;
        // Nothing of that comes again, over whichever connection.
        let mut anew = Socket::open(there, &key).await?;
        let beat = json!({ "agent_id": reader.id, "epoch": reader.epoch });
        anew.ask("agent.heartbeat", beat).await?;
        let last = json!({ "to": { "agent_id": reader.id }, "body": { "n": 11 } });
        admin.post("/messages", &last).await?;
        let told = anew.told("message.received").await?;
        ensure!(told["message"]["body"]["n"] == 11, "{told}");
    }
    Ok(())
}
