//! Arguments against patterns that explode: an answer within the steps that one match may take.

use connectors::openapi::{ImportRequest, Limits, import};
use connectors::rehearse;
use domain::provider::{AuthScheme, CallLimits, Health, ProviderKind, Selection};
use domain::{CallErrorKind, Provider, ProviderId, TenantId, Tool, ToolId};
use serde_json::{Value, json};

use crate::case::posting;

fn call(property: Value, argument: Value) -> Result<Vec<u8>, (CallErrorKind, String)> {
    let description = posting(
        json!({"type": "object", "properties": {"p": property}}),
        json!({}),
    );
    let request = ImportRequest {
        provider_name: "acme",
        base_url: None,
        description_url: None,
        selection: &Selection::default(),
        limits: Limits::default(),
    };
    let imported = import(&description.to_string(), &request).unwrap();
    let provider = provider(imported.base_url);
    let draft = imported.tools.into_iter().next().unwrap();
    let tool = Tool {
        id: ToolId::generate(),
        tenant_id: provider.tenant_id,
        provider_id: provider.id,
        name: draft.name,
        title: None,
        description: String::new(),
        tags: Vec::new(),
        input_schema: draft.input_schema,
        output_schema: None,
        annotations: draft.annotations,
        binding: draft.binding,
    };
    rehearse(&provider, &tool, json!({"p": argument}))
        .map(|request| request.body.to_vec())
        .map_err(|failure| (failure.kind, failure.message))
}

fn provider(base_url: String) -> Provider {
    Provider {
        id: ProviderId::generate(),
        tenant_id: TenantId::generate(),
        name: "acme".to_owned(),
        kind: ProviderKind::Openapi,
        base_url,
        auth: AuthScheme::None,
        selection: Selection::default(),
        allowed_hosts: Vec::new(),
        limits: CallLimits::default(),
        health: Health::Unknown,
        version: 1,
        created_at: chrono::DateTime::UNIX_EPOCH,
        refreshed_at: chrono::DateTime::UNIX_EPOCH,
    }
}

#[test]
fn a_text_that_makes_a_pattern_explode_is_refused_and_one_that_fits_is_sent() {
    let attack = format!("{}!", "a".repeat(5_000));
    for pattern in [
        "^(a+)+$",
        "^(a|aa)+$",
        "^(a|a?)+$",
        "^(?=(a+)+$).*$",
        "^(a+)+\\1$",
        "^((a*)*)*$",
        "^(.*a){20}$",
    ] {
        let property = json!({"type": "string", "pattern": pattern});
        let (kind, message) = call(property.clone(), json!(attack)).unwrap_err();
        assert_eq!(kind, CallErrorKind::InvalidArguments, "{pattern}: {message}");
        assert!(!message.contains("aaaa"), "{pattern}: the value is not repeated");
        assert!(message.len() < 1_000, "{pattern}: {message}");
        assert!(call(property, json!("a".repeat(20))).is_ok(), "{pattern}");
    }
}

#[test]
fn a_pattern_that_is_none_is_left_to_the_upstream() {
    for pattern in ["([", "(?{ system('id') })", "(a{1000}){1000}", "*"] {
        let body = call(json!({"type": "string", "pattern": pattern}), json!("x")).unwrap();
        assert_eq!(body, br#"{"p":"x"}"#, "{pattern}");
    }
}

#[test]
fn a_hundred_thousand_items_with_a_pattern_each_are_answered() {
    let property = json!({"type": "array", "items": {"type": "string", "pattern": "^[a-z]{1,5}$"}});
    let many: Vec<&str> = std::iter::repeat_n("UPPER", 100_000).collect();
    let (kind, message) = call(property, json!(many)).unwrap_err();
    assert_eq!(kind, CallErrorKind::InvalidArguments);
    assert!(message.len() < 2_000, "{} bytes", message.len());
}
