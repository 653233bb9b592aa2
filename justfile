# Recipes for daily work. Each one runs a command that also works without just.

# Gateway and worker in one process; needs no servers
run *arguments:
    cargo run --release -- {{ arguments }}

# Measure the release build against baselines; `just bench --help` lists scenarios and options
bench *arguments:
    cargo build --release --locked --bins
    cargo run --release --locked -p leadgate-bench -- {{ arguments }}

# All checks and tests, with private servers
test *arguments:
    deploy/test {{ arguments }}

# Format and lints, as in deploy/test and the CI
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# The distributed shape with private servers on this machine: gateway, workers, broker, database
up *arguments:
    deploy/up {{ arguments }}

# Build the image and check docker-compose.yml: leads, killed workers, rights; with Docker or podman-compose
compose-check *arguments:
    deploy/compose-check {{ arguments }}

# Import cycles between modules; needs `cargo install cargo-cycles`. It confuses `crate::store` in the crate `store` with the
# crate itself, which is the only finding
circles:
    cargo-cycles

# Check all dependencies for known vulnerabilities, licences and sources
audit:
    deploy/audit

# Long form of a test: workers are killed, stopped and started under a load of 20,000 leads
soak:
    LEADGATE_TEST_LEADS=20000 cargo test -p leadgate --test e2e workers_come_and_go -- --nocapture

# Long form of a test: eight workers with 200 identity keys, 20 s for each policy and database
hammer:
    cargo build -p leadgate-testkit
    LEADGATE_TEST_HAMMER_SECONDS=20 target/debug/leadgate-with-servers -- cargo test -p leadgate-store --test contract -- --test-threads 1 --nocapture hammer

# Long form of a test: 100,000 events, 50 endpoints with many faults, killed dispatchers; with a release build
webhook-chaos:
    cargo build --release --locked
    LEADGATE_TEST_PROGRAMS="$PWD/target/release" LEADGATE_TEST_EVENTS=100000 cargo test -p leadgate --test e2e chaos_loses_no_event -- --test-threads 1 --nocapture

# The tests of the ports and the end-to-end tests on RabbitMQ 4, PostgreSQL 17 and Valkey, unpacked into target/
newer-servers *arguments:
    deploy/newer-servers {{ arguments }}

# Write docs/compliance.md from the cases of the tests
compliance:
    LEADGATE_WRITE_COMPLIANCE=1 cargo test -p leadgate-store --test compliance

# Long form of a test: clients that do not read or send slowly, for a minute, with a release build
memory:
    cargo build --release --locked
    LEADGATE_TEST_PROGRAMS="$PWD/target/release" LEADGATE_TEST_SECONDS=60 cargo test -p leadgate --test e2e memory -- --nocapture

# Cost of the most expensive scorings and leads, in a release build
scoring-cost:
    cargo run --release -p leadgate-domain --example scoring_cost

# Compare the results of validation and worker for 10,000 leads, also on PostgreSQL
agreement:
    LEADGATE_TEST_LEADS=10000 cargo test -p leadgate-gateway --test gateway agreeing -- --nocapture

# Cost of opt-outs and of a repeated phone: batches per second as ratios, with a private PostgreSQL
opt-outs *arguments:
    cargo run --release -p leadgate-store --example opt_outs {{ arguments }}
