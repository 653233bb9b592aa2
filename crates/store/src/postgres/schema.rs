//! The tables of PostgreSQL. A test compares them with the migrated database.

diesel::table! {
    installation (id) {
        id -> SmallInt,
        match_key -> Text,
        shards -> Integer,
        generation -> BigInt,
        epoch -> Uuid,
    }
}

diesel::table! {
    organizations (id) {
        id -> Uuid,
        name -> Text,
        created_at -> Timestamptz,
        disabled_at -> Nullable<Timestamptz>,
        scoring_version -> Nullable<Integer>,
        generation -> BigInt,
    }
}

diesel::table! {
    scorings (organization, version) {
        organization -> Uuid,
        version -> Integer,
        document -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    sources (id) {
        id -> Uuid,
        organization -> Uuid,
        dialect -> Text,
        name -> Nullable<Text>,
        revision -> Integer,
        default_region -> Nullable<Text>,
        timezone -> Nullable<Text>,
        tags -> Text,
        identity_rule -> Text,
        identity -> Text,
        gmail_identity -> Text,
        policy -> Text,
        consent -> Text,
        consent_max_age -> Nullable<BigInt>,
        rate -> Nullable<Text>,
        campaign -> Nullable<Text>,
        networks -> Text,
        signature -> Nullable<Text>,
        mapping_version -> Nullable<Integer>,
        mapping -> Nullable<Text>,
        created_at -> Timestamptz,
        disabled_at -> Nullable<Timestamptz>,
        deleted_at -> Nullable<Timestamptz>,
        generation -> BigInt,
    }
}

diesel::table! {
    mappings (organization, source, version) {
        organization -> Uuid,
        source -> Uuid,
        version -> Integer,
        document -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Text,
        kind -> Text,
        organization -> Uuid,
        source -> Uuid,
        name -> Nullable<Text>,
        scopes -> Text,
        rate -> Nullable<Text>,
        test -> Bool,
        origins -> Text,
        tags -> Text,
        label -> Nullable<Text>,
        created_by -> Nullable<Text>,
        organization_wide -> Bool,
        hash -> Text,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        generation -> BigInt,
    }
}

diesel::table! {
    tags (organization, id) {
        organization -> Uuid,
        id -> BigInt,
        name -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    submissions (organization, id) {
        organization -> Uuid,
        id -> Uuid,
        source -> Uuid,
        source_revision -> Integer,
        dialect -> Text,
        received_at -> Timestamptz,
        trust -> Text,
        client_address -> Nullable<Text>,
        client_user_agent -> Nullable<Text>,
        client_key -> Nullable<Text>,
        fields -> Text,
        raw -> Text,
        raw_encoding -> Text,
        media -> Nullable<Text>,
        query -> Nullable<Text>,
        mapping_version -> Nullable<Integer>,
        mapping_fault -> Nullable<Text>,
        body_hash -> Binary,
        idempotency_key_hash -> Nullable<Binary>,
        traceparent -> Nullable<Text>,
        extra -> Text,
        erased_at -> Nullable<Timestamptz>,
        erased_by -> Nullable<Text>,
    }
}

diesel::table! {
    claims (organization, kind, key) {
        organization -> Uuid,
        kind -> Text,
        key -> Binary,
        lead -> Uuid,
        submission -> Uuid,
        trust -> Text,
        body_hash -> Nullable<Binary>,
        last_seen -> Timestamptz,
        protected_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    leads (organization, id) {
        organization -> Uuid,
        id -> Uuid,
        source -> Uuid,
        external_id -> Nullable<Text>,
        phone -> Nullable<Text>,
        email_reversed -> Nullable<Text>,
        status -> Text,
        eligibility -> Text,
        temperature -> Text,
        reasons -> Text,
        tags -> Text,
        updated_at -> Timestamptz,
        document -> Text,
        changed -> BigInt,
    }
}

diesel::table! {
    outcomes (organization, submission, revision) {
        organization -> Uuid,
        submission -> Uuid,
        revision -> Integer,
        outcome -> Text,
        lead -> Nullable<Uuid>,
        decided_at -> Timestamptz,
        trace -> Text,
    }
}

diesel::table! {
    quarantine (organization, id) {
        organization -> Uuid,
        id -> Uuid,
        submission -> Uuid,
        reason -> Text,
        state -> Text,
        body_hash -> Binary,
        document -> Nullable<Text>,
        quarantined_at -> Timestamptz,
        settled_at -> Nullable<Timestamptz>,
        settled_by -> Nullable<Text>,
        note -> Nullable<Text>,
        repair -> Nullable<Text>,
        repaired_at -> Nullable<Timestamptz>,
        repaired_by -> Nullable<Text>,
        erased_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    consents (organization, submission) {
        organization -> Uuid,
        submission -> Uuid,
        lead -> Nullable<Uuid>,
        source -> Uuid,
        received_at -> Timestamptz,
        recorded_at -> Timestamptz,
        consent_timestamp -> Nullable<Text>,
        consented_at -> Nullable<Timestamptz>,
        text_version -> Nullable<Text>,
        page_url -> Nullable<Text>,
        trustedform_certificate -> Nullable<Text>,
        jornaya_leadid -> Nullable<Text>,
        digest -> Binary,
        revision -> Integer,
    }
}

diesel::table! {
    consent_people (organization, submission) {
        organization -> Uuid,
        submission -> Uuid,
        person -> Text,
    }
}

diesel::table! {
    suppressions (organization, kind, key, list) {
        organization -> Uuid,
        kind -> Text,
        key -> Binary,
        list -> Text,
        form -> Text,
        value -> Nullable<Text>,
        reason -> Nullable<Text>,
        added_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        pending_since -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    crash_attempts (submission) {
        submission -> Uuid,
        attempts -> Integer,
        last_at -> Timestamptz,
    }
}

diesel::table! {
    sweeps (name) {
        name -> Text,
        taken_at -> Timestamptz,
        until -> Timestamptz,
        position -> Nullable<Uuid>,
    }
}

diesel::table! {
    retention (organization) {
        organization -> Uuid,
        submissions_seconds -> Nullable<BigInt>,
        leads_seconds -> Nullable<BigInt>,
        quarantine_seconds -> Nullable<BigInt>,
        audit_seconds -> Nullable<BigInt>,
        events_seconds -> Nullable<BigInt>,
        submissions_swept_to -> Nullable<Uuid>,
        last_full_sweep_at -> Nullable<Timestamptz>,
        leads_swept_to -> Nullable<Uuid>,
    }
}

diesel::table! {
    leads_to_rebuild (organization, lead) {
        organization -> Uuid,
        lead -> Uuid,
        since -> Timestamptz,
    }
}

diesel::table! {
    endpoints (id) {
        id -> Uuid,
        organization -> Uuid,
        revision -> Integer,
        settings -> Text,
        sealed -> Text,
        created_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        state -> Text,
        state_since -> Timestamptz,
        failures -> Integer,
        failing_since -> Nullable<Timestamptz>,
        paused_until -> Nullable<Timestamptz>,
        lease_number -> BigInt,
        lease_until -> Timestamptz,
    }
}

diesel::table! {
    events (organization, id) {
        organization -> Uuid,
        id -> Uuid,
        kind -> Text,
        lead -> Nullable<Uuid>,
        submission -> Nullable<Uuid>,
        at -> Timestamptz,
        lead_document -> Nullable<Text>,
        detail -> Text,
    }
}

diesel::table! {
    deliveries (organization, endpoint, event) {
        organization -> Uuid,
        endpoint -> Uuid,
        event -> Uuid,
        state -> Text,
        attempts -> Integer,
        next_attempt_at -> Timestamptz,
    }
}

diesel::table! {
    attempts (organization, id) {
        organization -> Uuid,
        id -> Uuid,
        endpoint -> Uuid,
        event -> Uuid,
        number -> Integer,
        at -> Timestamptz,
        duration_micros -> BigInt,
        result -> Text,
        status -> Nullable<Integer>,
        response -> Nullable<Text>,
    }
}

diesel::table! {
    audit (organization, id) {
        organization -> Uuid,
        id -> Uuid,
        at -> Timestamptz,
        actor -> Text,
        action -> Text,
        target -> Nullable<Text>,
        detail -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    installation,
    organizations,
    scorings,
    sources,
    mappings,
    api_keys,
    tags,
    submissions,
    claims,
    leads,
    outcomes,
    quarantine,
    consents,
    consent_people,
    suppressions,
    crash_attempts,
    sweeps,
    retention,
    leads_to_rebuild,
    endpoints,
    events,
    deliveries,
    attempts,
    audit,
);
