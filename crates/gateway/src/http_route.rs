//! A route: a method, a path, and the query parameters that it accepts.

use actix_web::guard::{GuardContext, fn_guard};
use actix_web::web::{Data, Payload, ServiceConfig, resource, to};
use actix_web::{HttpRequest, Resource, Route};
use leadgate_dialect::{IntakeParameters, IntakePath};
use leadgate_domain::Dialect;

use crate::authorized_request::{Handler, IncomingRequest, respond};
use crate::context::RequestContext;
use crate::intake;
use crate::origin;
use crate::problem::ProblemResponse;
use crate::query::{self, NoParameters};
use crate::refusal::Refusal;
use crate::route_metrics::RouteMetrics;
use crate::route_response::RouteResponse;
use crate::state::GatewayState;

/// One row of the tables of routes, [`routes`](crate::routes) and
/// [`operator_routes`](crate::operator_routes).
pub struct HttpRoute {
    /// `GET` routes also serve `HEAD` (RFC 9110, section 9.1).
    pub method: &'static str,
    /// A template with the placeholders `{id}`, `{token}` and `{campaign}`.
    pub path: &'static str,
    /// The names of its query parameters. Each may be sent once. Others are refused: if a filter were
    /// ignored, the response would be wrong.
    pub parameters: &'static [&'static str],
    /// Which further parameters an intake path accepts.
    pub intake: Option<IntakeParameters>,
    /// The dialect of its responses. With `None` several dialects share the path, and the source of the
    /// caller decides.
    dialect: Option<Dialect>,
    handler: Box<dyn Fn() -> Route + Send + Sync>,
}

impl HttpRoute {
    pub(crate) fn get<Args: 'static>(path: &'static str, handler: impl Handler<Args> + Send + Sync) -> Self {
        Self::new("GET", path, Some(Dialect::Native), handler)
    }

    pub(crate) fn post<Args: 'static>(path: &'static str, handler: impl Handler<Args> + Send + Sync) -> Self {
        Self::new("POST", path, Some(Dialect::Native), handler)
    }

    pub(crate) fn put<Args: 'static>(path: &'static str, handler: impl Handler<Args> + Send + Sync) -> Self {
        Self::new("PUT", path, Some(Dialect::Native), handler)
    }

    pub(crate) fn patch<Args: 'static>(
        path: &'static str,
        handler: impl Handler<Args> + Send + Sync,
    ) -> Self {
        Self::new("PATCH", path, Some(Dialect::Native), handler)
    }

    pub(crate) fn delete<Args: 'static>(
        path: &'static str,
        handler: impl Handler<Args> + Send + Sync,
    ) -> Self {
        Self::new("DELETE", path, Some(Dialect::Native), handler)
    }

    /// A route that responds in `dialect`, or in the dialect of the caller's source.
    pub(crate) fn new<H: Handler<Args> + Send + Sync, Args: 'static>(
        method: &'static str,
        path: &'static str,
        dialect: Option<Dialect>,
        handler: H,
    ) -> Self {
        let serve = move |request: HttpRequest, payload: Payload, state: Data<GatewayState>| {
            let context = RequestContext::new(&request, &state, dialect.unwrap_or(Dialect::Native));
            let context = RequestContext { shares_path: dialect.is_none(), ..context };
            handler.handle(IncomingRequest { request, payload, state, context })
        };
        let handler = Box::new(move || to(serve));
        Self { method, path, parameters: H::parameters(), intake: None, dialect, handler }
    }

    /// A route without authentication.
    pub(crate) fn unauthenticated<R: RouteResponse>(
        path: &'static str,
        handler: impl AsyncFn(&HttpRequest, &GatewayState) -> Result<R, Refusal> + Copy + Send + Sync + 'static,
    ) -> Self {
        let serve = move |request: HttpRequest, state: Data<GatewayState>| async move {
            let context = RequestContext::new(&request, &state, Dialect::Native);
            let answer = match query::read::<NoParameters>(&request) {
                Ok(_) => handler(&request, &state).await,
                Err(refusal) => Err(refusal),
            };
            respond(answer, context)
        };
        let handler = Box::new(move || to(serve));
        Self { method: "GET", path, parameters: &[], intake: None, dialect: Some(Dialect::Native), handler }
    }

    /// An intake path of a dialect.
    pub(crate) fn intake(path: &'static IntakePath, dialect: Dialect) -> Self {
        Self::authenticated_as_intake("POST", path, dialect, intake::leads)
    }

    /// A route that authenticates like an intake path.
    pub(crate) fn authenticated_as_intake<R: RouteResponse>(
        method: &'static str,
        path: &'static IntakePath,
        dialect: Dialect,
        handler: impl AsyncFn(&mut intake::IntakeRequest<'_>, Payload) -> Result<R, Refusal>
        + Copy
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let serve = move |request: HttpRequest, payload: Payload, state: Data<GatewayState>| async move {
            let context = RequestContext::new(&request, &state, dialect);
            let mut intake = intake::IntakeRequest::new(path, &request, &state, context);
            let answer = handler(&mut intake, payload).await;
            respond(answer, intake.context)
        };
        let handler = Box::new(move || to(serve));
        let (path, intake) = (path.path, Some(path.parameters));
        Self { method, path, parameters: &[], intake, dialect: Some(dialect), handler }
    }

    fn serves(&self, method: &str) -> bool {
        self.method == method || (self.method == "GET" && method == "HEAD")
    }
}

/// Registers the routes of a table. If two paths match a URL, the first one in the table is used.
pub(crate) fn serve(routes: &'static [HttpRoute], config: &mut ServiceConfig) {
    let mut paths: Vec<Vec<&'static HttpRoute>> = Vec::new();
    for route in routes {
        match paths.iter_mut().find(|of_same_path| of_same_path.iter().any(|other| other.path == route.path))
        {
            Some(of_same_path) => of_same_path.push(route),
            None => paths.push(vec![route]),
        }
    }
    for of_same_path in paths {
        config.service(path_resource(&of_same_path));
    }
}

/// Serves the routes of a path, and CORS preflights. Other methods get a 405 in the dialect of the path.
fn path_resource(routes: &[&'static HttpRoute]) -> Resource {
    let path = routes.first().map_or("", |route| route.path);
    let mut served = resource(path);
    for route in routes.iter().copied() {
        let guard = fn_guard(move |context: &GuardContext<'_>| route.serves(context.head().method.as_str()));
        served = served.route((route.handler)().guard(guard));
    }
    let methods = routes.iter().map(|route| if route.method == "GET" { "GET, HEAD" } else { route.method });
    let allowed = methods.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ");
    let dialect = routes.first().and_then(|route| route.dialect).unwrap_or(Dialect::Native);
    let other = move |request: HttpRequest| {
        let answer: Result<_, ProblemResponse> = match request.method().as_str() {
            "OPTIONS" => Ok(origin::preflight(&request, &allowed)),
            _ => Err(Refusal::MethodNotAllowed { allowed: allowed.clone() }.without_route(dialect)),
        };
        std::future::ready(answer)
    };
    served.app_data(RouteMetrics::new(path)).default_service(to(other))
}
