//! What every adapter promises, each promise once for each adapter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod cases;
mod concurrent;
mod in_redis;
mod markers;
mod one_rule;
mod world;

macro_rules! promises {
    ($($flavor:ident: $($module:ident::$promise:ident)*;)*) => {
        mod memory {
            $($(promises!(@one $flavor, $module::$promise, memory);)*)*
        }
        mod redis {
            $($(promises!(@one $flavor, $module::$promise, redis);)*)*
        }
    };
    (@one stepped, $module:ident::$promise:ident, $adapter:ident) => {
        #[tokio::test]
        async fn $promise() {
            crate::$module::$promise(crate::world::World::$adapter().await.stepped()).await;
        }
    };
    (@one running, $module:ident::$promise:ident, $adapter:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $promise() {
            crate::$module::$promise(crate::world::World::$adapter().await).await;
        }
    };
}

promises! {
    stepped:
        cases::a_window_starts_at_its_first_permit_and_ends_exactly
        cases::remaining_and_reset_are_exact
        cases::all_counters_give_or_none_does
        cases::the_binding_counter_is_told
        cases::a_batch_is_taken_whole_or_not_at_all
        cases::larger_than_the_limit_is_a_verdict_of_its_own
        cases::what_was_taken_before_the_body_belongs_to_the_batch
        cases::a_look_takes_nothing
        cases::a_refusal_takes_nothing_and_delays_nothing
        cases::organizations_and_scopes_do_not_touch_each_other
        cases::a_scope_named_twice_is_asked_once
        cases::odd_rates_hurt_nobody;
    running:
        concurrent::of_many_at_once_exactly_the_limit_is_allowed
        concurrent::all_or_nothing_holds_at_once_too
        concurrent::batches_fill_a_window_to_the_last_permit
        concurrent::several_instances_share_one_limit
        markers::a_repeat_is_told_how_far_the_first_came
        markers::another_body_is_told_from_a_repeat_at_any_time
        markers::of_fifty_at_once_exactly_one_is_first
        markers::what_was_refused_frees_its_key_and_no_other
        markers::a_key_whose_end_nobody_tells_is_soon_free_again
        markers::the_one_that_is_durable_first_holds_the_key
        markers::keys_and_organizations_do_not_touch_each_other;
}
