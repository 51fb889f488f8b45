use super::*;

const BEFORE: &str = r#"
syntax = "proto3";
package mesh.v1;
// A service.
service Jobs {
  // Claims.
  rpc Claim(Job) returns (Job);
  // Watches.
  rpc Watch(Job) returns (stream Job);
}
// A job.
message Job {
  // Its id.
  string id = 1;
  // How often.
  int32 attempts = 2;
  // Its labels.
  map<string, string> labels = 3;
  // Its end.
  oneof end {
    // Well.
    string result = 4;
    // Badly.
    string error = 5;
  }
  // Inner.
  message Lease {
    // Who.
    string owner = 1;
  }
  // Held by.
  Lease lease = 6;
  // When known.
  optional int32 hint = 7;
}
// A state.
enum State {
  // None.
  STATE_UNSPECIFIED = 0;
  // Finished.
  STATE_DONE = 1;
}
"#;

fn compiled(text: &str) -> FileDescriptorSet {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("mesh/v1")).unwrap();
    fs::write(dir.path().join("mesh/v1/jobs.proto"), text).unwrap();
    compile(dir.path()).unwrap_or_else(|error| panic!("{error:#}\n{text}"))
}

/// What replacing `old` by `new` in the protocol breaks.
fn broken_by(old: &str, new: &str) -> Vec<String> {
    assert_eq!(
        BEFORE.matches(old).count(),
        1,
        "{old} is not in the protocol exactly once"
    );
    breaking::changes(&compiled(BEFORE), &compiled(&BEFORE.replace(old, new)))
}

#[test]
fn additions_and_comments_break_nothing() {
    assert!(broken_by("// Finished.", "// Finished, well.").is_empty());
    assert!(broken_by("STATE_DONE = 1;", "STATE_DONE = 1; STATE_LOST = 2;").is_empty());
    assert!(
        broken_by(
            "optional int32 hint = 7;",
            "optional int32 hint = 7; string more = 8;"
        )
        .is_empty()
    );
    assert!(broken_by("// A state.", "message Extra {} // A state.").is_empty());
    assert!(broken_by("// Watches.", "rpc Extra(Job) returns (Job); // Watches.").is_empty());
}

#[test]
fn removing_or_renaming_a_part_breaks() {
    assert_eq!(
        broken_by("string id = 1;", ""),
        ["field mesh.v1.Job.id was removed or renamed"]
    );
    assert_eq!(
        broken_by("string id = 1;", "string key = 1;"),
        ["field mesh.v1.Job.id was removed or renamed"]
    );
    let done = "enum value mesh.v1.State.STATE_DONE was removed or renamed";
    assert_eq!(broken_by("STATE_DONE = 1;", ""), [done]);
    assert_eq!(broken_by("STATE_DONE = 1;", "STATE_OVER = 1;"), [done]);
    let claim = "rpc mesh.v1.Jobs.Claim was removed or renamed";
    assert_eq!(broken_by("rpc Claim(Job) returns (Job);", ""), [claim]);
    assert_eq!(
        broken_by("service Jobs", "service Works"),
        ["service mesh.v1.Jobs was removed or renamed"]
    );
    assert_eq!(
        broken_by("enum State", "enum Condition"),
        ["enum mesh.v1.State was removed or renamed"]
    );
}

#[test]
fn removing_a_message_is_said_once_and_not_for_each_of_its_fields() {
    let text = BEFORE
        .replace("message Lease", "message Hold")
        .replace("Lease lease", "Hold lease");
    let found = breaking::changes(&compiled(BEFORE), &compiled(&text));
    assert_eq!(
        found,
        [
            "message mesh.v1.Job.Lease was removed or renamed",
            "mesh.v1.Job.lease: type changed from mesh.v1.Job.Lease to mesh.v1.Job.Hold",
        ]
    );
}

#[test]
fn renumbering_breaks() {
    assert_eq!(
        broken_by("attempts = 2;", "attempts = 9;"),
        ["mesh.v1.Job.attempts: number changed from 2 to 9"]
    );
    let value = "mesh.v1.State.STATE_DONE: number changed from 1 to 3";
    assert_eq!(broken_by("STATE_DONE = 1;", "STATE_DONE = 3;"), [value]);
}

#[test]
fn retyping_breaks() {
    let changed = "mesh.v1.Job.attempts: type changed from int32 to int64";
    assert_eq!(broken_by("int32 attempts", "int64 attempts"), [changed]);
    let value = "mesh.v1.Job.LabelsEntry.value: type changed from string to bytes";
    assert_eq!(broken_by("map<string, string>", "map<string, bytes>"), [value]);
    let request = "mesh.v1.Jobs.Claim: request changed from mesh.v1.Job to mesh.v1.Job.Lease";
    assert_eq!(broken_by("rpc Claim(Job)", "rpc Claim(Job.Lease)"), [request]);
    let response = "mesh.v1.Jobs.Claim: response changed from mesh.v1.Job to mesh.v1.Job.Lease";
    assert_eq!(broken_by("returns (Job);", "returns (Job.Lease);"), [response]);
}

#[test]
fn changing_cardinality_breaks() {
    let to = |what: &str, from: &str, to: &str| {
        format!("mesh.v1.Job.{what}: cardinality changed from {from} to {to}")
    };
    assert_eq!(
        broken_by("string id", "repeated string id"),
        [to("id", "single", "repeated")]
    );
    assert_eq!(
        broken_by("string id", "optional string id"),
        [to("id", "single", "optional")]
    );
    assert_eq!(
        broken_by("optional int32 hint", "int32 hint"),
        [to("hint", "optional", "single")]
    );
    assert_eq!(broken_by("oneof end", "oneof ending").len(), 2);
}

#[test]
fn changing_streaming_breaks() {
    let found = broken_by("returns (stream Job)", "returns (Job)");
    assert_eq!(
        found,
        ["mesh.v1.Jobs.Watch: streaming changed from server to none"]
    );
    let found = broken_by("rpc Claim(Job)", "rpc Claim(stream Job)");
    assert_eq!(
        found,
        ["mesh.v1.Jobs.Claim: streaming changed from none to client"]
    );
}

#[test]
fn moving_a_message_to_another_file_breaks_nothing() {
    let before = compiled(BEFORE);
    let mut moved = before.clone();
    let mut elsewhere = moved.file[0].clone();
    moved.file[0].message_type.clear();
    elsewhere.enum_type.clear();
    elsewhere.service.clear();
    moved.file.push(elsewhere);
    assert!(breaking::changes(&before, &moved).is_empty());
}

#[test]
fn a_part_without_comment_is_named() {
    assert!(comments::missing(&compiled(BEFORE)).is_empty());
    for (comment, missing) in [
        ("// A service.", "service mesh.v1.Jobs"),
        ("// Claims.", "rpc mesh.v1.Jobs.Claim"),
        ("// A job.", "message mesh.v1.Job"),
        ("// Its labels.", "field mesh.v1.Job.labels"),
        ("// Badly.", "field mesh.v1.Job.error"),
        ("// Inner.", "message mesh.v1.Job.Lease"),
        ("// Who.", "field mesh.v1.Job.Lease.owner"),
        ("// A state.", "enum mesh.v1.State"),
        ("// Finished.", "enum value mesh.v1.State.STATE_DONE"),
    ] {
        let found = comments::missing(&compiled(&BEFORE.replace(comment, "")));
        assert_eq!(found, [format!("{missing} has no comment above it")]);
    }
}

#[test]
fn the_baseline_survives_being_written_and_read() {
    let now = compiled(BEFORE);
    let again = FileDescriptorSet::decode(now.encode_to_vec().as_slice()).unwrap();
    assert!(breaking::changes(&again, &now).is_empty());
    assert!(breaking::changes(&now, &again).is_empty());
}
