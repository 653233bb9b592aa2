//! A method of a path, with the query parameters that it takes.

use actix_web::guard::{GuardContext, fn_guard};
use actix_web::web::{ServiceConfig, resource, to};
use actix_web::{HttpRequest, Resource, Route};
use leadgate_domain::Dialect;

use crate::origin;
use crate::problem::Refused;
use crate::refusal::Refusal;

/// One row of the tables of routes, [`ROUTES`](crate::ROUTES) and [`OPERATOR_ROUTES`](crate::OPERATOR_ROUTES).
#[derive(Debug, Clone, Copy)]
pub struct HttpRoute {
    /// `GET` is served for `HEAD`, too (RFC 9110, section 9.1).
    pub method: &'static str,
    /// With `{id}`, `{token}` and `{campaign}` in the place of what a client inserts there.
    pub path: &'static str,
    pub parameters: Parameters,
    /// The dialect of its answers; `None` where several dialects share the path and the caller's source decides.
    pub(crate) dialect: Option<Dialect>,
    handler: fn() -> Route,
}

/// Which parameters the query of a route may have. Others are refused: a request whose filter was ignored would get an
/// answer to another question.
#[derive(Debug, Clone, Copy)]
pub enum Parameters {
    /// These, each at most once.
    Only(&'static [&'static str]),
    /// Those that browsers and ad platforms append to the URL of a form. They are ignored.
    Tracking,
    /// Any: clients of the dialect send fields of the lead in the query.
    Fields,
}

impl HttpRoute {
    pub(crate) const fn get(
        path: &'static str,
        parameters: &'static [&'static str],
        handler: fn() -> Route,
    ) -> Self {
        let parameters = Parameters::Only(parameters);
        Self { method: "GET", path, parameters, dialect: Some(Dialect::Native), handler }
    }

    pub(crate) const fn post(
        path: &'static str,
        parameters: &'static [&'static str],
        handler: fn() -> Route,
    ) -> Self {
        Self { method: "POST", ..Self::get(path, parameters, handler) }
    }

    pub(crate) const fn put(
        path: &'static str,
        parameters: &'static [&'static str],
        handler: fn() -> Route,
    ) -> Self {
        Self { method: "PUT", ..Self::get(path, parameters, handler) }
    }

    pub(crate) const fn patch(path: &'static str, handler: fn() -> Route) -> Self {
        Self { method: "PATCH", ..Self::get(path, &[], handler) }
    }

    pub(crate) const fn delete(path: &'static str, handler: fn() -> Route) -> Self {
        Self { method: "DELETE", ..Self::get(path, &[], handler) }
    }

    pub(crate) const fn taking(self, parameters: Parameters) -> Self {
        Self { parameters, ..self }
    }

    pub(crate) const fn of(self, dialect: Dialect) -> Self {
        Self { dialect: Some(dialect), ..self }
    }

    pub(crate) const fn shared(self) -> Self {
        Self { dialect: None, ..self }
    }

    /// The path that a request came by, as a template.
    pub(crate) fn path_of(request: &HttpRequest) -> Option<&'static str> {
        request.app_data::<OfPath>()?.0.first().map(|route| route.path)
    }

    /// The route that a request came by.
    pub(crate) fn of_request(request: &HttpRequest) -> Option<&'static Self> {
        let of_path = &request.app_data::<OfPath>()?.0;
        of_path.iter().copied().find(|route| route.serves(request.method().as_str()))
    }

    fn serves(&self, method: &str) -> bool {
        self.method == method || (self.method == "GET" && method == "HEAD")
    }
}

/// The routes of one path, for requests to it.
struct OfPath(Vec<&'static HttpRoute>);

/// Serves the routes of a table. Of two paths that fit a URL, the one that stands first in the table is taken.
pub(crate) fn serve(routes: &'static [HttpRoute], config: &mut ServiceConfig) {
    let mut paths: Vec<OfPath> = Vec::new();
    for route in routes {
        match paths.iter_mut().find(|of_path| of_path.0.iter().any(|other| other.path == route.path)) {
            Some(of_path) => of_path.0.push(route),
            None => paths.push(OfPath(vec![route])),
        }
    }
    for of_path in paths {
        config.service(path_resource(of_path));
    }
}

/// Serves the routes of a path and CORS preflights; other methods get a 405 in the path's dialect.
fn path_resource(of_path: OfPath) -> Resource {
    let routes = &of_path.0;
    let mut served = resource(routes.first().map_or("", |route| route.path));
    for route in routes.iter().copied() {
        let guard = fn_guard(move |context: &GuardContext<'_>| route.serves(context.head().method.as_str()));
        served = served.route((route.handler)().guard(guard));
    }
    let methods = routes.iter().map(|route| if route.method == "GET" { "GET, HEAD" } else { route.method });
    let allowed = methods.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ");
    let dialect = routes.first().and_then(|route| route.dialect).unwrap_or(Dialect::Native);
    let other = move |request: HttpRequest| {
        let answer: Result<_, Refused> = match request.method().as_str() {
            "OPTIONS" => Ok(origin::preflight(&request, &allowed)),
            _ => Err(Refusal::MethodNotAllowed { allowed: allowed.clone() }.said_in(dialect)),
        };
        std::future::ready(answer)
    };
    served.app_data(of_path).default_service(to(other))
}
