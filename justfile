# The daily recipes. Each is a thin call of what works without just.

# Everything in one process, with nothing installed
run *arguments:
    cargo run --release -- {{ arguments }}

# Every test, on servers of its own
test *arguments:
    deploy/test {{ arguments }}

# Format and lints, as deploy/test and the CI check them
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# The production shape from servers installed here: gateway, workers, broker, database
up *arguments:
    deploy/up {{ arguments }}

# Builds the image and runs docker-compose.yml: leads, killed workers, rights; with Docker or podman-compose
compose-check *arguments:
    deploy/compose-check {{ arguments }}

# Import circles between modules, after `cargo install cargo-cycles`. It takes `crate::store` within the crate `store` for the
# crate itself; nothing else is left
circles:
    cargo-cycles

# Known vulnerabilities, licences and sources of all dependencies
audit:
    deploy/audit

# The long form of what deploy/test runs short: workers killed, leaving and joining under 20,000 leads
soak:
    LEADGATE_TEST_LEADS=20000 cargo test -p leadgate --test e2e workers_come_and_go -- --nocapture

# The long form of what deploy/test runs short: eight workers over 200 keys, 20 s under each policy on each database
hammer:
    cargo build -p leadgate-testkit
    LEADGATE_TEST_HAMMER_SECONDS=20 target/debug/leadgate-with-servers -- cargo test -p leadgate-store --test contract -- --test-threads 1 --nocapture hammer

# The tests of the ports and the end-to-end suite on RabbitMQ 4, PostgreSQL 17 and Valkey, unpacked into target/
newer-servers *arguments:
    deploy/newer-servers {{ arguments }}

# Writes docs/compliance.md from the cases that the tests play
compliance:
    LEADGATE_WRITE_COMPLIANCE=1 cargo test -p leadgate-store --test compliance

# The long form of what deploy/test runs short: clients that do not read and clients that send slowly, for a minute,
# against a release build
memory:
    cargo build --release --locked
    LEADGATE_TEST_PROGRAMS="$PWD/target/release" LEADGATE_TEST_SECONDS=60 cargo test -p leadgate --test e2e memory -- --nocapture

# The worst scorings over the worst leads, in a release build
scoring-cost:
    cargo run --release -p leadgate-domain --example scoring_cost

# Compares the result of validation with that of the worker for 10,000 leads, on PostgreSQL too
agreement:
    LEADGATE_TEST_LEADS=10000 cargo test -p leadgate-gateway --test gateway agreeing -- --nocapture

# What opt-outs and a repeated phone cost: batches per second as ratios, on a PostgreSQL of its own
opt-outs *arguments:
    cargo run --release -p leadgate-store --example opt_outs {{ arguments }}
