//! What fails, in which order.

use std::fmt;

use crate::Service;
use crate::chaos::Server;

/// Something that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// kill -9 of one process, which is started again.
    Kill {
        /// Whose.
        service: Service,
        /// Which of its processes, from 1.
        replica: usize,
    },
    /// A server is killed, and is away for some seconds.
    Away(Server),
    /// kill -9 of a process with agents: their connections end without a word. It is started again, after `absent` seconds.
    Crew {
        /// Which, from 0.
        number: usize,
        /// How long they are gone.
        absent: u64,
    },
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { service, replica } => write!(f, "kill -9 of {} {replica}", service.name()),
            Self::Away(server) => write!(f, "{server:?} killed and away"),
            Self::Crew { absent, .. } => write!(f, "agents vanish for {absent} s"),
        }
    }
}

/// Everything that fails in a run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// One after the other.
    pub strikes: Vec<Strike>,
}

impl Plan {
    /// Everything in turn, `rounds` times: both replicas of the edge, the control plane, the worker, the three servers; and a
    /// crew of agents between any two of them.
    pub fn whole(crews: usize, rounds: usize) -> Self {
        let kill = |service, replica| Strike::Kill { service, replica };
        let away = [Server::RabbitMq, Server::Redis, Server::Postgres].map(Strike::Away);
        let round = [
            kill(Service::McpServer, 1),
            away[1],
            kill(Service::RestApi, 1),
            kill(Service::McpServer, 2),
            away[2],
            kill(Service::Worker, 1),
            away[0],
        ];
        let all = round.iter().cycle().take(round.len() * rounds);
        let strikes = all.enumerate().flat_map(|(turn, strike)| {
            // Every other crew is gone for longer than the mesh waits for it.
            let absent = if turn % 2 == 0 { 0 } else { 10 };
            [
                *strike,
                Strike::Crew {
                    number: turn % crews,
                    absent,
                },
            ]
        });
        Self {
            strikes: strikes.collect(),
        }
    }

    /// A little of it, for a minute.
    pub fn small() -> Self {
        let kill = |service, replica| Strike::Kill { service, replica };
        Self {
            strikes: vec![
                kill(Service::McpServer, 1),
                Strike::Crew { number: 0, absent: 8 },
                Strike::Away(Server::Redis),
                kill(Service::RestApi, 1),
                Strike::Crew { number: 1, absent: 0 },
                Strike::Away(Server::Postgres),
            ],
        }
    }

    /// Whether it takes this server away.
    pub(super) fn takes(&self, server: Server) -> bool {
        self.strikes.contains(&Strike::Away(server))
    }
}
