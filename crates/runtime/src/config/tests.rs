use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::*;

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Config {
    /// Where it listens.
    listen: Listen,
    /// How it stores.
    database: Database,
    /// Hosts by name | with a bar.
    hosts: BTreeMap<String, Host>,
    /// Names that may call.
    allow: Vec<String>,
    /// Ports that may be called.
    ports: Vec<u16>,
    /// How loud it is.
    loud: Loudness,
    /// Takes effect when set.
    extra: Option<Extra>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Listen {
    /// Address and port.
    address: String,
    /// Longest request.
    timeout: Duration,
    max_body: ByteSize,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Database {
    url: String,
    password: Option<Secret>,
    pool_size: Option<u16>,
    verify: bool,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Host {
    address: String,
    token: Option<Secret>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Extra {
    /// No default.
    name: String,
    #[serde(default)]
    size: ByteSize,
}

/// The choices.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Loudness {
    /// Hardly.
    Quiet,
    VeryLoud,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: "0.0.0.0:1".into(),
            timeout: Duration::from_secs(30),
            max_body: ByteSize::mib(1),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Listen {
                address: "127.0.0.1:8080".into(),
                ..Listen::default()
            },
            database: Database {
                password: Some("never in a layer".into()),
                ..Database::default()
            },
            hosts: BTreeMap::new(),
            allow: vec!["a".into()],
            ports: Vec::new(),
            loud: Loudness::Quiet,
            extra: None,
        }
    }
}

fn env(vars: &[(&str, &str)]) -> Sources {
    Sources::new().env_from(
        "APP",
        vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
    )
}

struct TempFile(tempfile::NamedTempFile);

impl TempFile {
    fn holding(text: &str) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Self(file)
    }

    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    fn text(&self) -> String {
        self.path().display().to_string()
    }
}

fn loaded(sources: Sources) -> Config {
    load(sources).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(sources: Sources) -> String {
    load::<Config>(sources).unwrap_err().to_string()
}

#[test]
fn each_layer_wins_over_the_one_before_and_leaves_the_rest() {
    let file = TempFile::holding(
        "[listen]\ntimeout = '5m'\nmax_body = '2MiB'\n[database]\nurl = 'file'\npool_size = 3",
    );
    let vars = [
        ("APP_LISTEN__MAX_BODY", "3MiB"),
        ("APP_DATABASE__URL", "env"),
        ("OTHER_THING", "ignored"),
    ];
    let config = loaded(env(&vars).file(file.path()).overrides(["database.url=flag"]));
    assert_eq!(
        config.listen.address, "127.0.0.1:8080",
        "the outer default, not Listen's own"
    );
    assert_eq!(config.listen.timeout, Duration::from_mins(5));
    assert_eq!(config.listen.max_body, ByteSize::mib(3));
    assert_eq!(
        (config.database.url.as_str(), config.database.pool_size),
        ("flag", Some(3))
    );
    assert_eq!(config.allow, ["a"]);
}

#[test]
fn a_text_is_read_as_the_setting_wants_it() {
    let vars = [
        ("APP_DATABASE__URL", "123"),
        ("APP_DATABASE__POOL_SIZE", "7"),
        ("APP_DATABASE__VERIFY", "true"),
        ("APP_ALLOW", "x, y"),
        ("APP_PORTS", "[80, 443]"),
        ("APP_LOUD", "very_loud"),
        ("APP_HOSTS__GH__ADDRESS", "gh:1"),
        ("APP_EXTRA__NAME", "e"),
    ];
    let config = loaded(env(&vars).overrides(["extra.size=64KiB"]));
    assert_eq!(config.database.url, "123");
    assert_eq!(config.database.pool_size, Some(7));
    assert!(config.database.verify);
    assert_eq!(config.allow, ["x", "y"]);
    assert_eq!(config.ports, [80, 443]);
    assert_eq!(config.loud, Loudness::VeryLoud);
    assert_eq!(config.hosts["gh"].address, "gh:1");
    assert_eq!(config.extra.unwrap().size, ByteSize::kib(64));
}

#[test]
fn a_list_of_numbers_may_be_written_as_words_between_commas() {
    assert_eq!(loaded(env(&[("APP_PORTS", "1,2")])).ports, [1, 2]);
}

#[test]
fn unknown_keys_are_all_refused_with_their_place_and_the_nearest_right_name() {
    let file = TempFile::holding("# first\n[listen]\nadress = 'x'\n\n[databse]\nurl = 'y'\n[zzz]\n");
    let vars = [("APP_DATABASE__PASWORD", "p"), ("APP_POOL_SIZE", "9")];
    let error = refused(env(&vars).file(file.path()).overrides(["listn.timeout=1s"]));
    let path = file.text();
    let expected = [
        "configuration refused:".to_owned(),
        format!("unknown key `listen.adress` ({path}, line 3); did you mean `listen.address`?"),
        format!("unknown key `databse` ({path}, line 5); did you mean `database`?"),
        format!("unknown key `zzz` ({path}, line 7)"),
        "unknown key `APP_DATABASE__PASWORD` (environment variable APP_DATABASE__PASWORD); did you mean `APP_DATABASE__PASSWORD`?".into(),
        "unknown key `APP_POOL_SIZE` (environment variable APP_POOL_SIZE); did you mean `APP_DATABASE__POOL_SIZE`?".into(),
        "unknown key `listn.timeout` (command line); did you mean `listen.timeout`?".into(),
    ];
    assert_eq!(error.lines().map(str::trim).collect::<Vec<_>>(), expected);
}

#[test]
fn a_wrong_type_names_the_key_its_place_what_was_given_and_what_was_expected() {
    let file = TempFile::holding("[database]\npool_size = 'many'\n");
    let expected = "`database.pool_size` (PATH, line 2): invalid type: a text, expected u16";
    let error = refused(Sources::new().file(file.path()));
    assert!(
        error.ends_with(&expected.replace("PATH", &file.text())),
        "{error}"
    );
    let error = refused(env(&[("APP_LISTEN__TIMEOUT", "30")]));
    assert!(
        error.contains("`listen.timeout` (environment variable APP_LISTEN__TIMEOUT): got \"30\""),
        "{error}"
    );
    assert!(error.contains("expected a duration such as \"30s\""), "{error}");
    let error = refused(env(&[("APP_PORTS", "80,http")]));
    assert!(
        error.contains("`ports[1]` (environment variable APP_PORTS)"),
        "{error}"
    );
    let error = refused(Sources::new().overrides(["loud=silent"]));
    assert!(error.contains("`quiet` or `very_loud`"), "{error}");
    let error = refused(Sources::new().overrides(["loud"]));
    assert!(error.contains("expected section.key=value"), "{error}");
}

#[test]
fn a_section_without_its_required_key_is_refused_by_name() {
    let error = refused(env(&[("APP_EXTRA__SIZE", "1B")]));
    assert!(
        error.contains("`extra`") && error.contains("missing field `name`"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_toml_is_refused_with_line_and_column() {
    let file = TempFile::holding("[listen]\naddress = \n");
    let error = refused(Sources::new().file(file.path()));
    assert!(
        error.contains(&file.text()) && error.contains("line 2"),
        "{error}"
    );
}

#[test]
fn what_does_not_fit_may_be_a_secret_in_the_wrong_place_and_is_not_repeated() {
    let files = [
        ("[database]\npassword = \"s3cret\n", "line 2, column"),
        ("[database]\npassword = s3cret\n", "line 2, column"),
        ("database = 'postgres://u:s3cret@h/d'\n", "`database`"),
        ("[hosts]\ngh = ['s3cret']\n", "`hosts.gh`"),
        ("ports = ['s3cret\", expected 4']\n", "expected u16"),
    ];
    for (text, expected) in files {
        let file = TempFile::holding(text);
        let error = refused(Sources::new().file(file.path()));
        assert!(!error.contains("s3cret") && error.contains(expected), "{error}");
    }
    let error = refused(env(&[("APP_DATABASE", "postgres://u:s3cret@h/d")]));
    assert!(
        !error.contains("s3cret") && error.contains("APP_DATABASE"),
        "{error}"
    );
}

#[test]
fn a_named_file_must_exist_and_the_usual_one_need_not() {
    let error = refused(Sources::new().file("/nowhere/app.toml"));
    assert!(error.contains("cannot read /nowhere/app.toml"), "{error}");
    loaded(Sources::new().file_if_present("/nowhere/app.toml"));
}

#[test]
fn secrets_come_from_text_or_from_files_without_the_trailing_newline() {
    let secret = TempFile::holding("s3cret\n");
    let toml = format!(
        "[hosts.gh]\naddress = 'a'\ntoken = {{ file = '{}' }}",
        secret.text()
    );
    let file = TempFile::holding(&toml);
    let path = secret.text();
    let config = loaded(
        env(&[("APP_DATABASE__PASSWORD_FILE", &path), ("DB_FILE", &path)])
            .file(file.path())
            .env_alias("DB", "database.url"),
    );
    assert_eq!(config.database.password.unwrap().expose(), "s3cret");
    assert_eq!(config.hosts["gh"].token.as_ref().unwrap().expose(), "s3cret");
    assert_eq!(config.database.url, "s3cret");
}

#[test]
fn an_empty_or_unreadable_secret_is_refused_and_no_error_shows_one() {
    let error = refused(env(&[("APP_DATABASE__PASSWORD", "")]));
    assert!(
        error.contains("`database.password`") && error.contains("must not be empty"),
        "{error}"
    );
    let error = refused(env(&[("APP_DATABASE__PASSWORD_FILE", "/nowhere/s")]));
    assert!(
        error.contains("cannot read /nowhere/s for `database.password`"),
        "{error}"
    );
    let file = TempFile::holding("database.password = 987654");
    let error = refused(Sources::new().file(file.path()));
    assert!(
        error.contains("got a value of type integer") && !error.contains("987654"),
        "{error}"
    );
    let both = [
        ("APP_DATABASE__PASSWORD", "p4ss"),
        ("APP_DATABASE__PASSWORD_FILE", "/f"),
    ];
    let error = refused(env(&both));
    assert!(
        error.contains("set one of the two") && !error.contains("p4ss"),
        "{error}"
    );
}

#[test]
fn the_alias_of_a_variable_counts_less_than_its_full_name() {
    let alias = |vars| {
        loaded(env(vars).env_alias("DATABASE_URL", "database.url"))
            .database
            .url
    };
    assert_eq!(alias(&[("DATABASE_URL", "short")]), "short");
    assert_eq!(
        alias(&[("DATABASE_URL", "short"), ("APP_DATABASE__URL", "full")]),
        "full"
    );
}

#[test]
fn variables_that_kubernetes_injects_for_a_service_of_our_name_are_no_settings() {
    let vars = [
        ("APP_SERVICE_HOST", "10.0.0.1"),
        ("APP_SERVICE_PORT", "8080"),
        ("APP_SERVICE_PORT_HTTP", "8080"),
        ("APP_PORT", "tcp://10.0.0.1:8080"),
        ("APP_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("APP_REST_PORT_8081_TCP", "tcp://10.0.0.1:8081"),
    ];
    loaded(env(&vars));
    assert!(refused(env(&[("APP_PORT", "8080")])).contains("unknown key `APP_PORT`"));
    loaded(env(&[("APP_CONFIG", "file")]).env_ignored("APP_CONFIG"));
}

#[test]
fn the_shown_configuration_masks_secrets_and_can_be_read_again() {
    let config = loaded(env(&[
        ("APP_DATABASE__PASSWORD", "s3cret"),
        ("APP_LISTEN__TIMEOUT", "90s"),
    ]));
    let shown = masked(&config).unwrap();
    assert!(
        shown.contains("password = \"***\"") && shown.contains("timeout = \"1m 30s\""),
        "{shown}"
    );
    assert!(
        !shown.contains("s3cret") && !format!("{config:?}").contains("s3cret"),
        "{shown}"
    );
    let again = TempFile::holding(&shown);
    assert_eq!(masked(&loaded(Sources::new().file(again.path()))).unwrap(), shown);
}

#[test]
fn a_secret_in_a_default_reaches_neither_a_layer_nor_the_reference() {
    let page = reference::<Config>("App");
    assert!(loaded(Sources::new()).database.password.is_none());
    assert!(page.contains("| `database.password` | secret | – |"), "{page}");
    assert!(!page.contains("never in a layer"), "{page}");
}

#[test]
fn the_reference_has_a_row_for_every_setting() {
    let page = reference::<Config>("App");
    for row in [
        "## App",
        "| `listen.address` | string | `\"127.0.0.1:8080\"` | Address and port. |",
        "| `listen.timeout` | duration | `\"30s\"` | Longest request. |",
        "| `listen.max_body` | size | `\"1MiB\"` |  |",
        "| `hosts.<name>.address` | string | required |  |",
        "| `allow` | list of string | `[\"a\"]` | Names that may call. |",
        "| `loud` | `very_loud`, `quiet` | `\"quiet\"` | How loud it is. |",
        "| `extra.name` | string | required | No default. |",
    ] {
        assert!(page.contains(row), "{row}\n{page}");
    }
}

#[test]
fn sizes_are_exact_both_ways() {
    for (text, bytes, shown) in [
        ("1MiB", 1 << 20, "1MiB"),
        ("64 kib", 65_536, "64KiB"),
        ("1500", 1_500, "1500B"),
        ("2GB", 2_000_000_000, "2GB"),
        ("1024KiB", 1 << 20, "1MiB"),
        ("0", 0, "0B"),
    ] {
        let size: ByteSize = text.parse().unwrap();
        assert_eq!((size.get(), size.to_string().as_str()), (bytes, shown));
        assert_eq!(shown.parse::<ByteSize>().unwrap(), size);
    }
    for wrong in ["", "MiB", "1.5MiB", "-1", "1XB", "99999999999TiB"] {
        assert!(
            wrong.parse::<ByteSize>().unwrap_err().contains("expected a size"),
            "{wrong}"
        );
    }
}
