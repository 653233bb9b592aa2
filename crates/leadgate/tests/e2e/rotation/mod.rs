//! Keys and URL tokens are rotated and revoked under load.

mod signed;

use std::time::{Duration, Instant};

use leadgate_testkit::logs;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::systems::{TestSource, send};
use crate::world::{Gateway, Shape, World, http};

const OVERLAP: Duration = Duration::from_secs(2);

/// How long gateways may still accept a key after its end.
const MAX_DELAY: Duration = Duration::from_secs(10);

/// The pause between two posts of a client.
const POST_INTERVAL: Duration = Duration::from_millis(10);

/// One gateway, or three.
struct Gateways {
    world: World,
    others: Vec<Gateway>,
}

impl Gateways {
    async fn start(shape: Shape, name: &str) -> Self {
        let world = World::start(shape, name).await;
        let others = match shape {
            Shape::Embedded => Vec::new(),
            Shape::Distributed => vec![world.start_gateway(&[]).await, world.start_gateway(&[]).await],
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

/// A client that posts leads until one is refused or the client is stopped.
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
                let (mut posts, mut ticks) = (Vec::new(), interval(POST_INTERVAL));
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                    let sent = Instant::now();
                    let response = send(request.try_clone().unwrap()).await;
                    posts.push(Post {
                        sent,
                        answered: Instant::now(),
                        status: response.status,
                        body: response.body,
                    });
                    if !posts.last().unwrap().is_accepted() {
                        break;
                    }
                }
                posts
            }
        });
        Self { posting, stop }
    }

    /// Stops the client, asserts that all posts were accepted, and returns their number.
    async fn assert_never_refused(self) -> usize {
        self.stop.cancel();
        let posts = self.posting.await.unwrap();
        let last = posts.last().unwrap();
        assert!(last.is_accepted(), "{last:?}");
        posts.len()
    }

    /// Waits for the first refused post.
    async fn wait_for_refusal(self) -> Refused {
        let mut posts =
            tokio::time::timeout(OVERLAP + MAX_DELAY, self.posting).await.expect("an end in time").unwrap();
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

/// Rotates a key while clients post with the old one to all gateways, and then also with the new one. Returns
/// the refusals of the old key and the text of the new one.
async fn rotate_under_load(
    gateways: &Gateways,
    id: &str,
    path: impl Fn(&str) -> String,
    bearer: bool,
    old: &str,
) -> (Vec<Refused>, String) {
    let clients = |key: &str| gateways.clients(&path(key), bearer.then_some(key));
    let clients_with_old_key = clients(old);
    let started = Instant::now();
    let created = gateways.world.cli(&["key", "rotate", id, "--overlap", "2s"]).await;
    let rotated = Instant::now();
    let new = created["key"].as_str().unwrap().to_owned();
    logs::expect_absent(&[old.to_owned(), new.clone()]).unwrap();
    let clients_with_new_key = clients(&new);
    let mut refused = Vec::new();
    for client in clients_with_old_key {
        refused.push(client.wait_for_refusal().await);
    }
    let mut accepted_with_new_key = Vec::new();
    for client in clients_with_new_key {
        accepted_with_new_key.push(client.assert_never_refused().await);
    }
    let delays: Vec<_> = refused.iter().map(|refusal| refusal.last.answered - rotated).collect();
    let accepted_in_overlap: Vec<_> = refused.iter().map(|refusal| refusal.accepted_since(rotated)).collect();
    println!(
        "{:?}: rotated: in the overlap {accepted_in_overlap:?} with the old, {accepted_with_new_key:?} with the new;",
        gateways.world.shape
    );
    println!("the old one's end came after {delays:?}");
    for refusal in &refused {
        assert!(
            refusal.accepted_since(rotated) > 0,
            "the old key is valid in the overlap: {accepted_in_overlap:?}"
        );
        assert!(
            refusal.last.answered > started + OVERLAP,
            "the old key is valid for two seconds: {delays:?}"
        );
        assert!(refusal.last.answered < rotated + OVERLAP + MAX_DELAY, "{delays:?}");
    }
    assert!(accepted_with_new_key.iter().all(|count| *count > 0), "{accepted_with_new_key:?}");
    (refused, new)
}

fn id_of(text: &str) -> &str {
    text.rsplit('_').nth(2).unwrap()
}

async fn rotate_and_revoke_a_key(shape: Shape) {
    let gateways = Gateways::start(shape, "rotated-key").await;
    let create = ["key", "create", "--organization", "acme", "--rate", "1000000/min"];
    let created = gateways.world.cli(&create).await;
    let (id, old) = (created["id"].as_str().unwrap(), created["key"].as_str().unwrap());
    let path = |_: &str| "/v1/leads".to_owned();
    let (refused, new) = rotate_under_load(&gateways, id, path, true, old).await;
    for refusal in &refused {
        assert_eq!((refusal.last.status, &refusal.last.body["code"]), (401, &json!("revoked_key")));
    }

    let clients = gateways.clients("/v1/leads", Some(&new));
    let started = Instant::now();
    gateways.world.cli(&["key", "revoke", id_of(&new)]).await;
    let revoked = Instant::now();
    let mut delays = Vec::new();
    for client in clients {
        let refusal = client.wait_for_refusal().await;
        assert_eq!((refusal.last.status, &refusal.last.body["code"]), (401, &json!("revoked_key")));
        assert!(refusal.last.answered > started);
        delays.push(refusal.last.answered.saturating_duration_since(revoked));
    }
    println!(
        "{shape:?}: revoked: refused after {delays:?}, by the last after {:?}",
        delays.iter().max().unwrap()
    );
    assert!(delays.iter().all(|end| *end < MAX_DELAY), "{delays:?}");
}

#[tokio::test]
async fn a_key_is_rotated_and_revoked_under_load_embedded() {
    rotate_and_revoke_a_key(Shape::Embedded).await;
}

#[tokio::test]
async fn a_key_is_rotated_and_revoked_under_load_distributed() {
    rotate_and_revoke_a_key(Shape::Distributed).await;
}

async fn rotate_a_url(shape: Shape) {
    let gateways = Gateways::start(shape, "rotated-url").await;
    // This dialect has no limit per address, so the rate of the source is the only limit.
    let source = TestSource::create_with(&gateways.world, "abc_sales", &["--rate", "1000000/min"]).await;
    let path = |token: &str| format!("/api/webhooks/{token}");
    let (refused, _) = rotate_under_load(&gateways, id_of(&source.token), path, false, &source.token).await;
    for refusal in &refused {
        assert_eq!(
            (refusal.last.status, &refusal.last.body["success"]),
            (404, &json!(false)),
            "the error has the format of the path"
        );
    }
}

#[tokio::test]
async fn a_url_is_rotated_under_load_embedded() {
    rotate_a_url(Shape::Embedded).await;
}

#[tokio::test]
async fn a_url_is_rotated_under_load_distributed() {
    rotate_a_url(Shape::Distributed).await;
}
