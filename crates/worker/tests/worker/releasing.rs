//! The worker maps released submissions again.

use leadgate_domain::mapping::{Mapping, MappingFault, MappingFaultCode};
use leadgate_domain::{Fields, Outcome, QuarantineReason, Submission, Timestamp};
use serde_json::{Value, json};

use crate::world::World;

const FAILED: (Outcome, Option<QuarantineReason>) =
    (Outcome::Quarantined, Some(QuarantineReason::MappingFailed));

fn mapping(rules: Value) -> Mapping {
    serde_json::from_value(json!({ "rules": rules })).unwrap()
}

impl World {
    async fn add_mapping(&self, rules: Value) {
        let mapping = mapping(rules);
        self.store.add_mapping(self.source.organization, self.source.id, &mapping).await.unwrap().unwrap();
    }

    /// Publishes a submission whose mapping failed, as a gateway does after it has accepted the body.
    async fn publish_faulty(&self, body: &str) -> Submission {
        let mut submission = self.submission("");
        submission.fields = Fields::default();
        submission.raw = leadgate_domain::RawBody::new(body.as_bytes());
        submission.body_hash = leadgate_domain::BodyHash::compute(body.as_bytes());
        submission.mapping_version = Some(1);
        submission.mapping_fault = Some(MappingFault { to: "email".into(), code: MappingFaultCode::Missing });
        self.publish(&submission).await;
        submission
    }

    async fn release(&mut self, submission: &Submission) {
        let entry = submission.id.as_uuid();
        let released = submission.clone().released_from_quarantine(
            entry,
            QuarantineReason::MappingFailed,
            Timestamp::now(),
        );
        self.publish(&released).await;
        self.drain().await;
    }
}

#[tokio::test]
async fn a_released_submission_uses_the_repaired_mapping() {
    let mut world = World::new().await;
    world.add_mapping(json!([{"to": "email", "from": ["mail"], "required": true}])).await;
    let submission = world.publish_faulty(r#"{"post":"ann@example.com","size":7}"#).await;
    world.drain().await;
    assert_eq!(world.outcome(&submission).await, Some(FAILED));

    world.release(&submission).await;
    assert_eq!(world.outcome(&submission).await, Some(FAILED), "the mapping is unchanged");

    world.add_mapping(json!([{"to": "email", "from": ["mail", "post"], "required": true}])).await;
    world.release(&submission).await;
    assert_eq!(world.outcome(&submission).await, Some((Outcome::Created, None)));
    let lead = world.store.lead(submission.organization, submission.id.into()).await.unwrap().unwrap();
    assert_eq!(lead.email_address(), Some("ann@example.com"));
    assert_eq!(lead.custom_fields["size"], 7, "a field without a rule is kept");
}

#[tokio::test]
async fn a_released_submission_with_invalid_fields_is_quarantined_as_invalid() {
    let mut world = World::new().await;
    let submission = world.publish_faulty(r#"{"mail":"ann@example.com","tags":7}"#).await;
    world.drain().await;
    assert_eq!(world.outcome(&submission).await, Some(FAILED));
    world.add_mapping(json!([{"to": "email", "from": ["mail"]}])).await;
    world.release(&submission).await;
    let invalid = (Outcome::Quarantined, Some(QuarantineReason::Invalid));
    assert_eq!(world.outcome(&submission).await, Some(invalid));
}
