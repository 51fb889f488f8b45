use super::*;

fn telemetry(variables: &[(&str, &str)]) -> Result<TelemetryConfig, ConfigError> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    config::load(with_telemetry_aliases(
        Sources::new().env_from("DEVMESH", variables),
    ))
}

#[test]
fn the_variables_of_the_contract_set_logs_and_traces() {
    let config = telemetry(&[
        ("LOG_LEVEL", "debug"),
        ("LOG_FORMAT", "pretty"),
        ("ENABLE_TRACING", "true"),
        ("TRACING_SAMPLE_RATE", "0.25"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"),
    ])
    .unwrap();
    assert_eq!(config.monitoring.logging.level, "debug");
    assert_eq!(
        serde_json::to_value(config.monitoring.logging.format).unwrap(),
        "pretty"
    );
    assert!(config.tracing.enabled);
    assert!((config.tracing.sample_rate - 0.25).abs() < f64::EPSILON);
    assert_eq!(config.tracing.endpoint, "http://collector:4317");
}

#[test]
fn every_usual_word_for_yes_and_no_is_understood() {
    for (word, expected) in [
        ("1", true),
        ("yes", true),
        ("on", true),
        ("TRUE", true),
        ("0", false),
        ("no", false),
        ("Off", false),
        ("false", false),
    ] {
        let tracing = telemetry(&[("ENABLE_TRACING", word)]).unwrap().tracing;
        assert_eq!(tracing.enabled, expected, "{word}");
    }
    let error = telemetry(&[("ENABLE_TRACING", "2")]).unwrap_err().to_string();
    assert!(
        error.contains("tracing.enabled") && error.contains("ENABLE_TRACING"),
        "{error}"
    );
}

#[test]
fn a_variable_that_is_empty_counts_as_unset() {
    let empty = TELEMETRY_ALIASES.map(|(variable, _)| (variable, ""));
    assert_eq!(telemetry(&empty).unwrap(), TelemetryConfig::default());
}

#[test]
fn a_value_that_does_not_fit_is_refused_with_its_variable() {
    for (variable, value) in [("LOG_FORMAT", "xml"), ("TRACING_SAMPLE_RATE", "often")] {
        let error = telemetry(&[(variable, value)]).unwrap_err().to_string();
        assert!(error.contains(variable), "{error}");
    }
}

#[test]
fn the_variables_of_the_command_line_are_no_settings_of_a_service() {
    let with = |names: &[&str]| {
        let variables = names.iter().map(|name| ((*name).to_owned(), "x".to_owned()));
        let sources = without_foreign(Sources::new().env_from("DEVMESH", variables));
        config::load::<TelemetryConfig>(sources)
    };
    assert!(with(&NOT_SETTINGS).is_ok());
    let error = with(&["DEVMESH_API_KEYS"]).unwrap_err().to_string();
    assert!(error.contains("DEVMESH_API_KEYS"), "{error}");
}

#[test]
fn what_is_wrong_with_the_settings_ends_with_2_and_all_else_with_1() {
    let settings = StartError::of_settings("control_plane.url: expected a URL");
    assert_eq!(
        (settings.exit_code(), settings.to_string().as_str()),
        (2, "control_plane.url: expected a URL")
    );
    assert_eq!(StartError::failed("the disk is full").exit_code(), 1);
}
