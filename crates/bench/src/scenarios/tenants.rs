//! Many organizations at once. In every second round one more organization posts one phone again and again, with
//! opt-outs; the others should not notice.

use crate::figures::{Unit, in_turn, median};
use crate::load::{End, LeadTemplate, Load, Pace, native_body, one_phone_body};
use crate::page::{ResultPage, ResultRow};

use super::{Bench, WORKERS};

/// Posts per second: the default limit of a key, 1,200/min.
const HOT_RATE: u32 = 20;
const POSTS_PER_OPT_OUT: usize = 100;

pub(super) async fn run(bench: &Bench, page: &mut ResultPage) -> anyhow::Result<()> {
    let (tenants, rate) = (bench.arguments.tenants, bench.arguments.rate);
    let mut today = bench.distributed().await?;
    let mut templates = Vec::with_capacity(tenants);
    for number in 0..tenants {
        let key = today.create_organization(&format!("tenant {number}")).await?;
        templates.push(LeadTemplate::new(&key, &native_body("Acme")));
    }
    let hot = |number| LeadTemplate::new(&today.key, &one_phone_body(number == 0));
    let hot: Vec<LeadTemplate> = (0..POSTS_PER_OPT_OUT).map(hot).collect();
    today.start_workers(WORKERS)?;
    // Each key once, one after the other: a gateway refuses several new keys of one address at the same time.
    let load = today.load(today.template(), 1, End::Requests(u64::try_from(tenants)?));
    today.post(Load { templates: templates.clone(), ..load }).await?;
    let [without, with] = in_turn(bench.arguments.rounds, [false, true], async |with_hot_phone| {
        let load = today.load(today.template(), 64, End::After(bench.arguments.seconds));
        let (pace, read_every) = (Pace::Rate(rate), bench.read_every());
        let others = Load { templates: templates.clone(), pace, read_every, ..load.clone() };
        if !with_hot_phone {
            return today.post(others).await;
        }
        let hot = Load { templates: hot.clone(), pace: Pace::Rate(HOT_RATE), connections: 4, ..load };
        let first_person = others.first_person;
        let (others, hot) = tokio::try_join!(others.run(), hot.run())?;
        today.record(first_person, &others);
        today.record(first_person, &hot);
        Ok(others)
    })
    .await?;
    let [without, with] = [without, with].map(|rounds| median(&rounds, |report| report.visible_ms(0.99)));
    let what = format!("{tenants} tenants at {rate}/s, post to visible lead, p99");
    page.add(ResultRow::new(what.clone(), without, Unit::Milliseconds));
    let row = ResultRow::new(format!("{what}, with a hot phone of one more"), with, Unit::Milliseconds);
    page.add(row.at_most(1.2, with / without, Unit::Times("without it")));
    today.finish(&bench.servers, "tenants", page).await
}
