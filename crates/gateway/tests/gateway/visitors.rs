//! Forms without a script: the HTML pages that visitors see.

use leadgate_domain::{ApiKey, Dialect, KeyKind};

use crate::world::{Answer, World, send};

const FORM: &str = "application/x-www-form-urlencoded";
/// The `Accept` header of browsers.
const PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// The text of an HTML page.
fn text(answer: &Answer) -> &str {
    answer.body.as_str().unwrap_or_default()
}

async fn url(world: &World, dialect: Dialect, origins: &[&str]) -> String {
    let (source, _) = world.source_of(dialect, |source| source.rate = "100000/min".parse().ok()).await;
    let origins: Vec<_> = origins.iter().map(|origin| (*origin).to_owned()).collect();
    let bind = move |token: &mut ApiKey| {
        token.source = source.id;
        token.origins = origins;
    };
    world.url(&format!("/api/webhooks/{}", world.credential(KeyKind::Token, bind).await))
}

#[tokio::test]
async fn a_visitor_sees_a_page_and_a_program_a_dialect_response() {
    let world = World::start().await;
    for dialect in Dialect::ALL.iter().copied() {
        let url = url(&world, dialect, &[]).await;
        let post = || {
            world
                .client
                .post(&url)
                .header("content-type", FORM)
                .body("name=Ann+Lee&email=ann%40example.com&phone=%2B14155550132")
        };
        let shown = send(post().header("accept", PAGE)).await;
        assert_eq!(
            (shown.status, shown.header("content-type")),
            (200, "text/html; charset=utf-8"),
            "{dialect}"
        );
        assert!(text(&shown).contains("Thank you"), "{dialect}: {}", text(&shown));
        let navigated = send(post().header("sec-fetch-mode", "navigate").header("accept", "*/*")).await;
        assert_eq!(text(&navigated), text(&shown), "{dialect}");
        for program in [
            post(),
            post().header("accept", "application/json"),
            post().header("accept", PAGE).header("sec-fetch-mode", "cors"),
        ] {
            let answer = send(program).await;
            assert!(answer.status < 300 && !text(&answer).contains("<html"), "{dialect}: {}", text(&answer));
        }
    }
    world.end().await;
}

#[tokio::test]
async fn a_visitor_is_redirected_only_to_origins_of_the_token() {
    let world = World::start().await;
    let url = url(&world, Dialect::Native, &["https://shop.example", "http://localhost:8000"]).await;
    let post = |redirect: &str| {
        let body: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("email", "ann@example.com"), ("redirect_url", redirect)])
            .finish();
        let request = world.client.post(&url).header("content-type", FORM).header("accept", PAGE);
        send(request.header("origin", "https://shop.example").body(body))
    };
    for good in ["https://shop.example/thanks?a=1", " https://shop.example ", "http://localhost:8000/x"] {
        let answer = post(good).await;
        assert_eq!(answer.status, 303, "{good}");
        assert!(answer.header("location").starts_with(good.trim()), "{good}: {}", answer.header("location"));
    }
    for bad in [
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "http://shop.example/",
        "https://shop.example:8443/",
        "//evil.example/",
        "/thanks",
        "javascript:alert(1)",
        "",
    ] {
        assert_eq!(post(bad).await.status, 200, "{bad}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_visitor_sees_a_page_with_the_error() {
    let world = World::start().await;
    let url = url(&world, Dialect::Native, &[]).await;
    let post = |url: &str, body: &'static str| {
        send(world.client.post(url).header("content-type", FORM).header("accept", PAGE).body(body))
    };
    for (url, body, status, words) in [
        (url.as_str(), "full_name=Ann", 422, "correct the form"),
        (url.as_str(), "", 400, "correct the form"),
        (url.as_str(), "full_name=%3Cscript%3E", 422, "correct the form"),
        (&world.url("/api/webhooks/nonsense"), "email=a%40b.com", 404, "owner of this site"),
    ] {
        let shown = post(url, body).await;
        assert_eq!(
            (shown.status, shown.header("content-type")),
            (status, "text/html; charset=utf-8"),
            "{body}"
        );
        assert!(
            text(&shown).contains(words) && !text(&shown).contains("<script"),
            "{body}: {}",
            text(&shown)
        );
    }
    world.end().await;
}
