//! Words that mean about the same to people who build and run software. General English and the trade's own words;
//! no name of a product, because a word that helps one catalogue must not be here for its sake.

mod phrases;

pub(super) use phrases::{COMPOUNDS, PHRASAL, SHORT};

/// How much a synonym counts beside the word itself.
pub(super) const WEIGHT: f32 = 0.7;

/// What a verb orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// Something new.
    Create,
    /// Something other than it was, or something done.
    Change,
    /// Something gone or ended.
    Delete,
}

/// Verbs that order something new.
const CREATES: &[&str] = &[
    "create", "add", "make", "new", "open", "insert", "register", "define", "generate", "write", "setup",
    "invite", "upload", "publish", "fork", "copy", "ask", "request", "attach", "post", "start", "run",
    "trigger", "launch", "record", "report", "store", "save", "submit", "form", "build",
];

/// Verbs that order an end.
const DELETES: &[&str] = &[
    "delete",
    "remove",
    "drop",
    "erase",
    "wipe",
    "destroy",
    "purge",
    "clear",
    "discard",
    "uninstall",
    "revoke",
    "withdraw",
    "unassign",
    "detach",
    "strip",
    "kick",
    "expel",
    "exclude",
    "stop",
    "cancel",
    "abort",
    "kill",
    "halt",
    "terminate",
    "end",
    "disable",
    "deactivate",
    "unblock",
    "unfollow",
    "unstar",
    "unlock",
    "unsubscribe",
];

/// Verbs that order something, with what else may be said.
const ORDERS: &[&[&str]] = &[
    &[
        "create", "add", "make", "new", "open", "insert", "register", "define", "generate", "write", "setup",
    ],
    &[
        "delete",
        "remove",
        "drop",
        "erase",
        "wipe",
        "destroy",
        "purge",
        "clear",
        "discard",
        "uninstall",
    ],
    &[
        "remove", "revoke", "withdraw", "unassign", "detach", "strip", "kick", "expel", "exclude", "take",
    ],
    &[
        "update", "edit", "change", "modify", "set", "patch", "alter", "adjust", "replace", "correct", "fix",
    ],
    &["update", "close", "reopen", "archive"],
    &["rename", "change"],
    &["replace", "set", "overwrite", "put"],
    &[
        "start", "run", "trigger", "launch", "begin", "dispatch", "execute", "kick",
    ],
    &["create", "trigger", "start"],
    &[
        "stop",
        "cancel",
        "abort",
        "kill",
        "halt",
        "terminate",
        "end",
        "interrupt",
        "shutdown",
    ],
    &["rerun", "retry", "restart", "redo", "repeat", "rerequest"],
    &["resend", "redeliver", "retry", "replay", "repeat"],
    &["enable", "activate", "allow", "require", "start"],
    &["disable", "deactivate", "turn", "suspend", "pause"],
    &[
        "block",
        "ban",
        "forbid",
        "prevent",
        "deny",
        "restrict",
        "limit",
        "restriction",
        "lock",
    ],
    &["approve", "accept", "confirm", "permit", "allow", "review"],
    &["reject", "decline", "deny", "dismiss", "refuse", "withdraw"],
    &[
        "assign", "give", "given", "grant", "add", "allocate", "bind", "binding",
    ],
    &["add", "attach", "put", "append", "insert", "link"],
    &["upload", "attach", "import", "add"],
    &["publish", "release", "issue"],
    &["transfer", "move", "hand", "migrate"],
    &[
        "merge",
        "combine",
        "join",
        "land",
        "integrate",
        "squash",
        "merged",
        "landed",
    ],
    &["copy", "fork", "clone", "duplicate"],
    &["restore", "recover", "undelete", "undo", "revert", "rollback"],
    &["lock", "freeze"],
    &["unlock", "unfreeze"],
    &["invite", "invitation"],
    &["notify", "tell", "inform", "report", "notification"],
    &["report", "create", "submit", "send", "record"],
    &["send", "post", "submit", "deliver", "ping"],
    &["answer", "reply", "respond", "comment"],
    &["mark", "set", "update", "flag"],
    &["store", "save", "create", "keep", "put", "add", "record"],
    &["buy", "purchase", "subscribe", "add"],
    &["ask", "request"],
    &["sync", "synchronize", "pull", "refresh"],
    &["rebuild", "build"],
    &["scale", "resize", "replicas", "grow"],
    &["rotate", "renew", "replace"],
    &["expose", "publish", "create"],
    &["let", "allow", "permit", "approve"],
    &["bring", "update"],
    &["follow", "subscribe", "watch"],
    &["bookmark", "star", "favorite", "favourite"],
    &["move", "evict", "eviction", "drain"],
    &["route", "forward", "redirect", "ingress"],
];

/// Everything else.
const NOUNS: &[&[&str]] = &[
    &[
        "get", "show", "read", "fetch", "retrieve", "view", "see", "display", "look", "download", "describe",
        "check",
    ],
    &["list", "show", "all", "which", "enumerate", "get", "read"],
    &["find", "search", "query", "look", "lookup"],
    &["check", "test", "verify", "validate"],
    &[
        "user",
        "person",
        "people",
        "somebody",
        "someone",
        "anybody",
        "anyone",
        "everybody",
        "everyone",
        "human",
    ],
    &[
        "user",
        "member",
        "account",
        "developer",
        "colleague",
        "contractor",
        "login",
        "profile",
    ],
    &["member", "people", "person", "employee", "works"],
    &["collaborator", "access", "contractor", "person"],
    &["contributor", "contribute", "contribution", "author"],
    &["organization", "company", "org", "firm", "business"],
    &["username", "login", "handle", "profile"],
    &["conversation", "comment", "commenting", "discussion"],
    &["team", "group"],
    &["repository", "repo", "repos", "project", "codebase"],
    &["issue", "ticket", "bug", "problem", "incident"],
    &["issue", "discussion", "conversation", "thread"],
    &["comment", "remark", "note", "reply", "message", "discussion"],
    &["event", "history", "timeline", "happen", "activity"],
    &["activity", "event", "doing"],
    &["secret", "password", "credential", "passphrase", "token"],
    &["token", "credential", "key", "bearer"],
    &["variable", "setting", "parameter", "config", "value"],
    &["configuration", "config", "setting", "option", "preference"],
    &["permission", "access", "right", "rights", "privilege", "role"],
    &["owner", "admin", "administrator", "role", "membership"],
    &["membership", "member", "belong"],
    &["workflow", "pipeline", "ci", "build"],
    &["action", "ci", "pipeline"],
    &["run", "build", "execution", "pipeline", "job"],
    &["daemon", "agent"],
    &["limit", "restrict", "allowed"],
    &["job", "step", "stage", "task"],
    &["runner", "agent", "executor", "machine", "worker"],
    &["machine", "server", "host", "computer", "instance", "vm", "node"],
    &["log", "output", "console", "print", "printed"],
    &["artifact", "output", "result", "outcome"],
    &["failed", "broken", "broke", "failure", "error", "unsuccessful"],
    &["branch", "ref", "reference", "trunk"],
    &["reference", "ref", "commit", "sha", "branch", "tag"],
    &["commit", "revision", "changeset", "change", "sha"],
    &["history", "commit", "version"],
    &["file", "document", "content", "contents"],
    &["documentation", "readme", "docs", "manual"],
    &["readme", "front", "introduction"],
    &["compare", "diff", "difference", "between", "changed"],
    &["diff", "line", "patch"],
    &["pull", "merge"],
    &["release", "version", "changelog"],
    &["tag", "version", "keyword", "label"],
    &["changelog", "note", "notes"],
    &["latest", "newest", "current", "recent", "last"],
    &["topic", "keyword", "subject"],
    &["deployment", "deploy", "rollout", "rolled"],
    &[
        "status",
        "state",
        "health",
        "healthy",
        "condition",
        "finished",
        "succeed",
        "progress",
        "ready",
    ],
    &["status", "success", "succeeded", "pass", "passed", "green", "red"],
    &["environment", "env", "stage", "staging", "production"],
    &["webhook", "hook", "callback"],
    &["email", "mail", "address"],
    &["alert", "warning", "finding", "warn"],
    &[
        "vulnerability",
        "vulnerable",
        "security",
        "hole",
        "weakness",
        "cve",
        "advisory",
    ],
    &["scanning", "scan", "scanner", "analysis", "analyser", "analyzer"],
    &["leak", "leaked", "exposed", "scanning", "detected"],
    &["dismiss", "ignore"],
    &["dependency", "package", "library", "depend", "component"],
    &["package", "image", "container"],
    &["bill", "sbom", "materials", "spdx", "inventory"],
    &["location", "where", "appear", "place"],
    &["private", "confidential", "confidence", "secretly"],
    &["license", "licence", "licensing"],
    &["usage", "use", "used", "uses", "consumption", "space"],
    &[
        "billing", "bill", "cost", "spend", "spent", "billable", "money", "price", "invoice",
    ],
    &["limit", "quota", "left", "remaining", "cap", "rate"],
    &["notification", "inbox", "unread", "message"],
    &["read", "clear", "seen"],
    &["invitation", "invite", "pending", "accepted"],
    &["review", "approval", "approve", "reviewer", "feedback"],
    &["reviewer", "review", "over"],
    &[
        "protection",
        "protected",
        "protect",
        "restriction",
        "rule",
        "require",
    ],
    &["rule", "ruleset", "policy", "forbid"],
    &["policy", "rule"],
    &["signature", "signed", "sign", "signing"],
    &["outside", "outsider", "external", "guest"],
    &["app", "application", "integration"],
    &["installation", "installed", "install"],
    &["child", "sub", "subtask", "nested"],
    &["blocked", "depend", "must", "prerequisite"],
    &["milestone", "goal", "deadline", "due"],
    &["reaction", "thumbs", "emoji", "like"],
    &["assignee", "assign", "assigned", "responsible"],
    &["website", "site", "page", "pages", "static"],
    &["schedule", "cron", "nightly", "periodic", "recurring", "night"],
    &["volume", "disk", "storage"],
    &["claim", "request", "ask"],
    &[
        "scale",
        "replica",
        "copies",
        "copy",
        "autoscaler",
        "automatically",
    ],
    &["pod", "container"],
    &["exec", "shell", "terminal", "command"],
    &["ingress", "traffic", "host"],
    &["network", "traffic"],
    &["endpoint", "address", "backend"],
    &["archive", "zip", "tarball", "tar"],
    &["source", "code"],
    &["seat", "license", "licence", "subscription"],
    &["public", "open"],
    &["starred", "star", "bookmark"],
    &["traffic", "visitor", "view", "clone", "referrer"],
    &["referrer", "referral", "visitor", "come"],
    &["template", "ready", "boilerplate"],
    &["tree", "recursive", "recursively", "directory", "folder"],
    &["annotation", "warning", "lint", "linter"],
    &["authenticated", "current", "myself"],
    &["meta", "information", "range"],
    &["ip", "address"],
    &["cloud", "hosted", "virtual", "dev"],
    &["encrypt", "encrypted", "public"],
    &["cache", "cached"],
    &["review", "check", "validate", "valid"],
    &["identity", "account"],
    &["disruption", "maintenance"],
    &["markdown", "render", "html"],
    &["snippet", "snippets", "paste"],
    &["board", "kanban", "planning", "project"],
    &["item", "entry", "card"],
    &["color", "colour", "colored", "coloured"],
    &["branch", "main", "master"],
    &["default", "main", "master"],
    &["pending", "waiting", "outstanding"],
    &["delivery", "call", "attempt", "sent"],
    &["webhook", "notify"],
    &["blocked", "before", "first"],
    &["upstream", "original"],
    &["visibility", "private", "public", "internal"],
    &["push", "pushes", "write"],
];

/// Every group, verbs first.
pub(super) fn groups() -> impl Iterator<Item = &'static [&'static str]> {
    ORDERS.iter().chain(NOUNS).copied()
}

/// What the words of a request order, by the verb that they begin with; none when they begin with no such verb.
pub(super) fn verb(said: &[String]) -> Option<Verb> {
    let first = said.first()?;
    let phrase = PHRASAL.iter().find(|(verb, particle, _)| {
        verb == first && said.iter().skip(1).take(5).any(|word| word == particle)
    });
    let verb = phrase.map_or(first.as_str(), |(_, _, meaning)| meaning);
    if CREATES.contains(&verb) {
        Some(Verb::Create)
    } else if DELETES.contains(&verb) {
        Some(Verb::Delete)
    } else {
        let asks = ["check", "get", "read", "look", "find", "tell"].contains(&verb);
        (!asks && ORDERS.iter().any(|group| group.contains(&verb))).then_some(Verb::Change)
    }
}

/// Whether a word is, first of all, a verb that orders something.
pub(super) fn is_verb(word: &str) -> bool {
    CREATES.contains(&word)
        || DELETES.contains(&word)
        || ["update", "change", "set", "edit", "give", "put", "let"].contains(&word)
}
