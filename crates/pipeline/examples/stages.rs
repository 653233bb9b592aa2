//! Measures the time per lead in each stage: `cargo run --release -p leadgate-pipeline --example stages`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that prints its results"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadgate_domain::secret::MatchKey;
use leadgate_domain::{
    ActiveScoring, ClientInfo, Dialect, Fields, Judge, OrganizationId, Patch, Scoring, Source, Submission,
    SubmissionId, SuppressionMatches, TextField, Timestamp,
};
use leadgate_pipeline::Pipeline;

const LEADS: u32 = 5_000;
const BATCH: usize = 100;
const ROUNDS: usize = 15;

fn submissions(source: &Source, is_rich: bool) -> Vec<Submission> {
    let submission = |number: u32| {
        let text = |text: &str| Some(text.to_owned());
        let texts = match is_rich {
            false => [(TextField::FullName, text("Ann Lee"))].into(),
            true => BTreeMap::from([
                (TextField::FullName, text("Dr. José  van der Berg, Jr.")),
                (TextField::State, text("california")),
                (TextField::Locale, text("en_us")),
                (TextField::Currency, text("usd")),
                (
                    TextField::PageUrl,
                    text("https://x.example/roof?utm_source=google&utm_medium=cpc&gclid=Cj0KCQ"),
                ),
            ]),
        };
        let fields = Fields {
            phone: Patch::Value(format!("(415) 555-{:04}", number % 10_000)),
            email: Patch::Value(format!(
                "Ann.{number}@{}",
                if is_rich { "münchen-dach.de" } else { "gmail.com" }
            )),
            texts: texts.into_iter().collect(),
            ..Fields::default()
        };
        let id = SubmissionId::from_uuid(uuid::Uuid::from_u128(u128::from(number) + 1));
        let agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/17.5 Mobile/15E148 Safari/604.1";
        let client = ClientInfo {
            user_agent: is_rich.then(|| agent.to_owned()),
            address: Some("192.0.2.1".to_owned()),
            ..ClientInfo::default()
        };
        let at = Timestamp::from_microseconds(i64::from(number));
        Submission { client, ..Submission::new(id, source, at, fields, b"{}") }
    };
    (0..LEADS).map(submission).collect()
}

fn main() {
    let source = Source::new(
        OrganizationId::generate(),
        &leadgate_dialect::protocol(Dialect::Native).source_defaults,
        None,
        Timestamp::from_microseconds(0),
    );
    let source = Arc::new(Source { default_region: "US".parse().ok(), ..source });
    let start = Instant::now();
    let pipeline = Pipeline::new(MatchKey::new([0x55; 32]));
    println!("loading the tables: {:?}", start.elapsed());
    for (name, is_rich) in [("plain", false), ("rich", true)] {
        // The best of several rounds, because other load on the machine only adds time.
        let mut best = [Duration::MAX; 5];
        for _ in 0..ROUNDS {
            let elapsed = round(&pipeline, &source, submissions(&source, is_rich));
            best = std::array::from_fn(|stage| best[stage].min(elapsed[stage]));
        }
        let [normalize, deduplicate, judge, score, hundred] =
            best.map(|elapsed| format!("{:.2} µs", elapsed.as_secs_f64() * 1e6 / f64::from(LEADS)));
        println!(
            "{name}, per lead: normalize {normalize}, deduplicate {deduplicate}, screen to decide {judge}, of which \
             score {score}; score with 100 rules {hundred}"
        );
    }
}

fn round(pipeline: &Pipeline, source: &Arc<Source>, all: Vec<Submission>) -> [Duration; 5] {
    let start = Instant::now();
    let normalize =
        |submission| pipeline.normalize(submission, Some(Arc::clone(source)), ActiveScoring::standard());
    let normalized: Vec<_> = all.into_iter().map(normalize).collect();
    let normalizing = start.elapsed();
    let (mut resolving, mut judging) = (Duration::ZERO, Duration::ZERO);
    let (mut scoring, mut by_hundred, hundred) = (Duration::ZERO, Duration::ZERO, hundred_rules());
    for batch in normalized.chunks(BATCH) {
        let claims =
            batch.iter().flat_map(|item| item.claim_keys().map(|key| (*key, item.provisional_claim(*key))));
        let claims = claims.collect();
        let start = Instant::now();
        let resolution = pipeline.resolve(batch.iter().collect(), claims);
        resolving += start.elapsed();
        let start = Instant::now();
        let changes = black_box(pipeline.judge(resolution, Vec::new(), &SuppressionMatches::new()));
        judging += start.elapsed();
        for (scoring, total) in
            [(&ActiveScoring::standard().scoring, &mut scoring), (&hundred, &mut by_hundred)]
        {
            let start = Instant::now();
            for lead in &changes.created {
                black_box(scoring.score(lead));
            }
            *total += start.elapsed();
        }
    }
    [normalizing, resolving, judging, scoring, by_hundred]
}

/// The maximum number of rules, with two conditions each.
fn hundred_rules() -> Scoring {
    let rule = |number: u32| {
        format!(
            "[[rules]]\nname = 'r{number}'\npoints = 1\nwhen = {{ all = [\
             {{ field = 'custom_fields.f{number}', present = false }}, {{ field = 'state', one_of = ['NV', 'AZ', 'CA'] }}] }}\n"
        )
    };
    let rules: String = (0..100).map(rule).collect();
    Scoring::from_toml(&format!("hot = 2\nwarm = 1\n{rules}")).unwrap()
}
