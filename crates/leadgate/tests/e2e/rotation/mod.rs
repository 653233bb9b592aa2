//! Keys come and go while leads come in.

mod signed;

use std::time::{Duration, Instant};

use leadgate_testkit::logs;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::systems::{Way, send};
use crate::world::{Gateway, Shape, World, http};

const OVERLAP: Duration = Duration::from_secs(2);

/// How long after its end a key may still open a door.
const BOUND: Duration = Duration::from_secs(10);

/// Between two posts of a client that never stops.
const PACE: Duration = Duration::from_millis(10);

/// One gateway, or three.
struct House {
    world: World,
    others: Vec<Gateway>,
}

impl House {
    async fn start(shape: Shape, name: &str) -> Self {
        let world = World::start(shape, name).await;
        let others = match shape {
            Shape::Embedded => Vec::new(),
            Shape::Production => vec![world.start_gateway(&[]).await, world.start_gateway(&[]).await],
        };
        Self { world, others }
    }

    fn bases(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.world.base).chain(self.others.iter().map(|other| &*other.base))
    }

    /// A client at each gateway.
    fn clients(&self, path: &str, key: Option<&str>) -> Vec<Client> {
        self.bases().map(|base| Client::start(format!("{base}{path}"), key)).collect()
    }
}

/// Posts one lead after the other, until it is refused or told to stop.
struct Client {
    posting: JoinHandle<Vec<Post>>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Post {
    sent: Instant,
    answered: Instant,
    status: u16,
    body: Value,
}

impl Post {
    fn is_accepted(&self) -> bool {
        self.status == 200 || self.status == 202
    }
}

impl Client {
    fn start(url: String, key: Option<&str>) -> Self {
        let stop = CancellationToken::new();
        let http = http();
        let mut request =
            http.post(url).json(&json!({ "name": "Always There", "email": "always@example.com" }));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let posting = tokio::spawn({
            let stop = stop.clone();
            async move {
                let (mut posts, mut ticks) = (Vec::new(), interval(PACE));
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                    let sent = Instant::now();
                    let got = send(request.try_clone().unwrap()).await;
                    posts.push(Post { sent, answered: Instant::now(), status: got.status, body: got.body });
                    if !posts.last().unwrap().is_accepted() {
                        break;
                    }
                }
                posts
            }
        });
        Self { posting, stop }
    }

    /// Stops it; everything was accepted, so many.
    async fn was_never_refused(self) -> usize {
        self.stop.cancel();
        let posts = self.posting.await.unwrap();
        let last = posts.last().unwrap();
        assert!(last.is_accepted(), "{last:?}");
        posts.len()
    }

    /// Waits for the end of it: everything before was accepted.
    async fn refusal(self) -> Refused {
        let mut posts =
            tokio::time::timeout(OVERLAP + BOUND, self.posting).await.expect("an end in time").unwrap();
        let last = posts.pop().unwrap();
        Refused { accepted: posts, last }
    }
}

struct Refused {
    accepted: Vec<Post>,
    last: Post,
}

impl Refused {
    fn accepted_since(&self, moment: Instant) -> usize {
        self.accepted.iter().filter(|post| post.sent > moment).count()
    }
}

/// Rotates while clients post with the old one at every gateway and, as soon as there is one, with the new one: the
/// new one's text.
async fn rotates(
    house: &House,
    id: &str,
    path: impl Fn(&str) -> String,
    bearer: bool,
    old: &str,
) -> (Vec<Refused>, String) {
    let clients = |key: &str| house.clients(&path(key), bearer.then_some(key));
    let with_old = clients(old);
    let begun = Instant::now();
    let made = house.world.cli(&["key", "rotate", id, "--overlap", "2s"]).await;
    let rotated = Instant::now();
    let new = made["key"].as_str().unwrap().to_owned();
    logs::expect_absent(&[old.to_owned(), new.clone()]).unwrap();
    let with_new = clients(&new);
    let mut refused = Vec::new();
    for client in with_old {
        refused.push(client.refusal().await);
    }
    let mut posted = Vec::new();
    for client in with_new {
        posted.push(client.was_never_refused().await);
    }
    let ends: Vec<_> = refused.iter().map(|one| one.last.answered - rotated).collect();
    let during: Vec<_> = refused.iter().map(|one| one.accepted_since(rotated)).collect();
    println!(
        "{:?}: rotated: in the overlap {during:?} with the old, {posted:?} with the new;",
        house.world.shape
    );
    println!("the old one's end came after {ends:?}");
    for one in &refused {
        assert!(one.accepted_since(rotated) >= 5, "the old one went on: {during:?}");
        assert!(one.last.answered > begun + OVERLAP, "and was good for two seconds: {ends:?}");
        assert!(one.last.answered < rotated + OVERLAP + BOUND, "{ends:?}");
    }
    assert!(posted.iter().all(|posted| *posted >= 5), "{posted:?}");
    (refused, new)
}

fn id_of(text: &str) -> &str {
    text.rsplit('_').nth(2).unwrap()
}

async fn a_key(shape: Shape) {
    let house = House::start(shape, "rotated-key").await;
    let create = ["key", "create", "--organization", "acme", "--rate", "1000000/min"];
    let made = house.world.cli(&create).await;
    let (id, old) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let path = |_: &str| "/v1/leads".to_owned();
    let (refused, new) = rotates(&house, id, path, true, old).await;
    for one in &refused {
        assert_eq!((one.last.status, &one.last.body["code"]), (401, &json!("revoked_key")));
    }

    let clients = house.clients("/v1/leads", Some(&new));
    let begun = Instant::now();
    house.world.cli(&["key", "revoke", id_of(&new)]).await;
    let revoked = Instant::now();
    let mut ends = Vec::new();
    for client in clients {
        let one = client.refusal().await;
        assert_eq!((one.last.status, &one.last.body["code"]), (401, &json!("revoked_key")));
        assert!(one.last.answered > begun);
        ends.push(one.last.answered.saturating_duration_since(revoked));
    }
    println!(
        "{shape:?}: revoked: refused after {ends:?}, by the last after {:?}",
        ends.iter().max().unwrap()
    );
    assert!(ends.iter().all(|end| *end < BOUND), "{ends:?}");
}

#[tokio::test]
async fn a_key_is_rotated_and_revoked_under_load_embedded() {
    a_key(Shape::Embedded).await;
}

#[tokio::test]
async fn a_key_is_rotated_and_revoked_under_load_in_production() {
    a_key(Shape::Production).await;
}

async fn a_url(shape: Shape) {
    let house = House::start(shape, "rotated-url").await;
    // A source of a dialect whose limit a rate of its own replaces: 500 Leads' is everybody's own.
    let way = Way::with(&house.world, "abc_sales", &["--rate", "1000000/min"]).await;
    let path = |token: &str| format!("/api/webhooks/{token}");
    let (refused, _) = rotates(&house, id_of(&way.token), path, false, &way.token).await;
    for one in &refused {
        assert_eq!((one.last.status, &one.last.body["success"]), (404, &json!(false)), "as the path speaks");
    }
}

#[tokio::test]
async fn a_url_is_rotated_under_load_embedded() {
    a_url(Shape::Embedded).await;
}

#[tokio::test]
async fn a_url_is_rotated_under_load_in_production() {
    a_url(Shape::Production).await;
}
