//! The tables of SQLite. A test compares them with the migrated database.

diesel::table! {
    installation (id) {
        id -> SmallInt,
        match_key -> Text,
        shards -> Integer,
        generation -> BigInt,
        epoch -> Binary,
        lead_changes -> BigInt,
    }
}

diesel::table! {
    organizations (id) {
        id -> Binary,
        name -> Text,
        created_at -> BigInt,
        disabled_at -> Nullable<BigInt>,
        scoring_version -> Nullable<Integer>,
        generation -> BigInt,
    }
}

diesel::table! {
    scorings (organization, version) {
        organization -> Binary,
        version -> Integer,
        document -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    sources (id) {
        id -> Binary,
        organization -> Binary,
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
        created_at -> BigInt,
        disabled_at -> Nullable<BigInt>,
        deleted_at -> Nullable<BigInt>,
        generation -> BigInt,
    }
}

diesel::table! {
    mappings (organization, source, version) {
        organization -> Binary,
        source -> Binary,
        version -> Integer,
        document -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Text,
        kind -> Text,
        organization -> Binary,
        source -> Binary,
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
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        generation -> BigInt,
    }
}

diesel::table! {
    tags (organization, id) {
        organization -> Binary,
        id -> BigInt,
        name -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    submissions (organization, id) {
        organization -> Binary,
        id -> Binary,
        source -> Binary,
        source_revision -> Integer,
        dialect -> Text,
        received_at -> BigInt,
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
        erased_at -> Nullable<BigInt>,
        erased_by -> Nullable<Text>,
    }
}

diesel::table! {
    claims (organization, kind, key) {
        organization -> Binary,
        kind -> Text,
        key -> Binary,
        lead -> Binary,
        submission -> Binary,
        trust -> Text,
        body_hash -> Nullable<Binary>,
        last_seen -> BigInt,
        protected_until -> Nullable<BigInt>,
    }
}

diesel::table! {
    leads (organization, id) {
        organization -> Binary,
        id -> Binary,
        source -> Binary,
        external_id -> Nullable<Text>,
        phone -> Nullable<Text>,
        email_reversed -> Nullable<Text>,
        status -> Text,
        eligibility -> Text,
        temperature -> Text,
        reasons -> Text,
        tags -> Text,
        updated_at -> BigInt,
        document -> Text,
        changed -> BigInt,
    }
}

diesel::table! {
    outcomes (organization, submission, revision) {
        organization -> Binary,
        submission -> Binary,
        revision -> Integer,
        outcome -> Text,
        lead -> Nullable<Binary>,
        decided_at -> BigInt,
        trace -> Text,
    }
}

diesel::table! {
    quarantine (organization, id) {
        organization -> Binary,
        id -> Binary,
        submission -> Binary,
        reason -> Text,
        state -> Text,
        body_hash -> Binary,
        document -> Nullable<Text>,
        quarantined_at -> BigInt,
        settled_at -> Nullable<BigInt>,
        settled_by -> Nullable<Text>,
        note -> Nullable<Text>,
        repair -> Nullable<Text>,
        repaired_at -> Nullable<BigInt>,
        repaired_by -> Nullable<Text>,
        erased_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    consents (organization, submission) {
        organization -> Binary,
        submission -> Binary,
        lead -> Nullable<Binary>,
        source -> Binary,
        received_at -> BigInt,
        recorded_at -> BigInt,
        consent_timestamp -> Nullable<Text>,
        consented_at -> Nullable<BigInt>,
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
        organization -> Binary,
        submission -> Binary,
        person -> Text,
    }
}

diesel::table! {
    suppressions (organization, kind, key, list) {
        organization -> Binary,
        kind -> Text,
        key -> Binary,
        list -> Text,
        form -> Text,
        value -> Nullable<Text>,
        reason -> Nullable<Text>,
        added_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        pending_since -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    crash_attempts (submission) {
        submission -> Binary,
        attempts -> Integer,
        last_at -> BigInt,
    }
}

diesel::table! {
    sweeps (name) {
        name -> Text,
        taken_at -> BigInt,
        until -> BigInt,
        position -> Nullable<Binary>,
    }
}

diesel::table! {
    retention (organization) {
        organization -> Binary,
        submissions_seconds -> Nullable<BigInt>,
        leads_seconds -> Nullable<BigInt>,
        quarantine_seconds -> Nullable<BigInt>,
        audit_seconds -> Nullable<BigInt>,
        events_seconds -> Nullable<BigInt>,
        submissions_swept_to -> Nullable<Binary>,
        last_full_sweep_at -> Nullable<BigInt>,
        leads_swept_to -> Nullable<Binary>,
    }
}

diesel::table! {
    leads_to_rebuild (organization, lead) {
        organization -> Binary,
        lead -> Binary,
        since -> BigInt,
    }
}

diesel::table! {
    endpoints (id) {
        id -> Binary,
        organization -> Binary,
        revision -> Integer,
        settings -> Text,
        sealed -> Text,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        state -> Text,
        state_since -> BigInt,
        failures -> Integer,
        failing_since -> Nullable<BigInt>,
        paused_until -> Nullable<BigInt>,
        lease_number -> BigInt,
        lease_until -> BigInt,
    }
}

diesel::table! {
    events (organization, id) {
        organization -> Binary,
        id -> Binary,
        kind -> Text,
        lead -> Nullable<Binary>,
        submission -> Nullable<Binary>,
        at -> BigInt,
        lead_document -> Nullable<Text>,
        detail -> Text,
    }
}

diesel::table! {
    deliveries (organization, endpoint, event) {
        organization -> Binary,
        endpoint -> Binary,
        event -> Binary,
        state -> Text,
        attempts -> Integer,
        next_attempt_at -> BigInt,
    }
}

diesel::table! {
    attempts (organization, id) {
        organization -> Binary,
        id -> Binary,
        endpoint -> Binary,
        event -> Binary,
        number -> Integer,
        at -> BigInt,
        duration_micros -> BigInt,
        result -> Text,
        status -> Nullable<Integer>,
        response -> Nullable<Text>,
    }
}

diesel::table! {
    audit (organization, id) {
        organization -> Binary,
        id -> Binary,
        at -> BigInt,
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
