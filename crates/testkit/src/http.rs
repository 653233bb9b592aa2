//! The HTTP client of the tests.

use std::sync::LazyLock;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;

/// Returns the client that all tests of a process share, because making one reads all certificates of the
/// system. It keeps no connection: a connection belongs to the runtime of the test that opened it, and a
/// server may close one that is not used. It follows no redirect.
#[expect(clippy::expect_used, reason = "without the certificates of the system no test can run")]
pub fn http_client() -> Client {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0).redirect(Policy::none());
        client.timeout(Duration::from_secs(60)).build().expect("an HTTP client")
    });
    CLIENT.clone()
}
