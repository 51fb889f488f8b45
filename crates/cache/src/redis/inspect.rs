//! What Redis says of itself: INFO and SLOWLOG.

use domain::ports::cache::ServerFigures;
use redis::Value;

/// A command that took long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowCommand {
    /// When it ran, in seconds of Unix time.
    pub at: i64,
    /// Microseconds that it took in the server.
    pub microseconds: i64,
    /// Its name, for example `EVAL`.
    pub command: String,
    /// Which of our caches it was about: the first word of its key. `-` for other commands. Values are not read.
    pub cache: String,
}

/// The four figures from the text of INFO; what is not there counts 0.
pub(super) fn figures(info: &str) -> ServerFigures {
    let value = |name: &str| {
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| *key == name);
        found
            .and_then(|(_, value)| value.trim().parse().ok())
            .unwrap_or(0)
    };
    ServerFigures {
        operations_per_second: value("instantaneous_ops_per_sec"),
        used_memory: value("used_memory"),
        connected_clients: value("connected_clients"),
        blocked_clients: value("blocked_clients"),
    }
}

/// Entries of SLOWLOG GET: number, time, microseconds, arguments, …
pub(super) fn slow_commands(log: &Value, prefix: &str) -> Vec<SlowCommand> {
    let Value::Array(entries) = log else {
        return Vec::new();
    };
    entries
        .iter()
        .filter_map(|entry| slow_command(entry, prefix))
        .collect()
}

fn slow_command(entry: &Value, prefix: &str) -> Option<SlowCommand> {
    let Value::Array(fields) = entry else {
        return None;
    };
    let [
        _,
        Value::Int(at),
        Value::Int(microseconds),
        Value::Array(arguments),
        ..,
    ] = &**fields
    else {
        return None;
    };
    let mut words = arguments.iter().map(text);
    let command = words.next()?.to_uppercase();
    // Keys are the arguments with our prefix; their first word is closed, what follows is not.
    let key = words.find_map(|word| word.strip_prefix(prefix).map(str::to_owned));
    let cache = key.map_or_else(|| "-".to_owned(), |key| crate::metrics::cache_of(&key).to_owned());
    Some(SlowCommand {
        at: *at,
        microseconds: *microseconds,
        command,
        cache,
    })
}

fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_figures_are_read_from_info() {
        let info = "# Clients\r\nconnected_clients:7\r\nblocked_clients:2\r\n\r\n# Memory\r\nused_memory:1048576\r\n\
                    used_memory_human:1.00M\r\n# Stats\r\ninstantaneous_ops_per_sec:42\r\n";
        let expected = ServerFigures {
            operations_per_second: 42,
            used_memory: 1_048_576,
            connected_clients: 7,
            blocked_clients: 2,
        };
        assert_eq!(figures(info), expected);
    }

    #[test]
    fn a_slow_command_is_shown_without_its_key_and_values() {
        let word = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let arguments = vec![word("set"), word("devmesh:session:SECRET"), word("a value")];
        let entry = Value::Array(vec![
            Value::Int(3),
            Value::Int(99),
            Value::Int(12_000),
            Value::Array(arguments),
        ]);
        let shown = slow_commands(&Value::Array(vec![entry]), "devmesh:");
        assert_eq!((&*shown[0].command, &*shown[0].cache), ("SET", "session"));
        assert!(!format!("{shown:?}").contains("SECRET"), "{shown:?}");
    }
}
