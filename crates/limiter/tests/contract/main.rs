//! The contract suite: each case runs once for each adapter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod cases;
mod concurrent;
mod in_redis;
mod lua_and_rust;
mod markers;
mod world;

macro_rules! contract_tests {
    ($($flavor:ident: $($module:ident::$case:ident)*;)*) => {
        mod memory {
            $($(contract_tests!(@test $flavor, $module::$case, memory);)*)*
        }
        mod redis {
            $($(contract_tests!(@test $flavor, $module::$case, redis);)*)*
        }
    };
    (@test stepped, $module:ident::$case:ident, $adapter:ident) => {
        #[tokio::test]
        async fn $case() {
            crate::$module::$case(crate::world::World::$adapter().await.stepped()).await;
        }
    };
    (@test running, $module:ident::$case:ident, $adapter:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $case() {
            crate::$module::$case(crate::world::World::$adapter().await).await;
        }
    };
}

contract_tests! {
    stepped:
        cases::a_window_starts_at_its_first_permit_and_ends_exactly
        cases::remaining_and_reset_are_exact
        cases::all_counters_grant_their_permits_or_none_does
        cases::the_most_restrictive_counter_is_reported
        cases::a_batch_is_admitted_completely_or_not_at_all
        cases::a_batch_larger_than_the_limit_has_its_own_verdict
        cases::a_request_with_zero_cost_takes_nothing
        cases::a_refusal_takes_nothing_and_extends_no_window
        cases::organizations_and_scopes_count_separately
        cases::a_scope_added_twice_counts_once
        cases::extreme_rates_are_handled;
    running:
        concurrent::concurrent_requests_get_exactly_the_limit
        concurrent::concurrent_requests_take_all_permits_or_none
        concurrent::batches_fill_a_window_to_the_last_permit
        concurrent::several_instances_share_one_limit
        concurrent::the_limiters_of_threads_share_one_limit
        markers::a_repeat_gets_the_state_of_the_first_request
        markers::another_body_is_a_mismatch_before_and_after_completion
        markers::exactly_one_of_fifty_concurrent_calls_is_first
        markers::a_refused_publish_frees_only_its_own_key
        markers::a_key_in_flight_expires
        markers::the_first_durable_submission_holds_the_key
        markers::keys_and_organizations_are_separate;
}
