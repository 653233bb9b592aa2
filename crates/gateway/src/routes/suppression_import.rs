//! `POST /v1/suppressions/import`: imports a CSV list, for example from a spreadsheet.

use std::io::{self, Cursor};
use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use bytes::Bytes;
use csv::StringRecord;
use leadgate_domain::{Judge, OrganizationId, Region, SuppressionKind};
use leadgate_operations::OperationError;
use leadgate_operations::suppressions::{
    self as operations, CsvColumns, ImportCounts, ImportDefaults, ImportRowResult, SuppressionImport,
};
use leadgate_store::Store;
use serde::{Deserialize, Serialize};

use crate::authorized_request::{AdminAccess, AuthorizedRequest};
use crate::body::{self, BodyLimits};
use crate::long_operation::LongOperation;
use crate::query::parsed;
use crate::refusal::Refusal;
use crate::route_response::JsonResponse;

/// The maximum number of refused rows in the response. All refused rows are counted.
const MAX_REFUSED_ROWS: usize = 1_000;

#[derive(Deserialize)]
pub(crate) struct ImportQuery {
    #[serde(default)]
    list: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    expires_at: Option<String>,
    #[serde(default, deserialize_with = "parsed")]
    phone_country: Option<Region>,
    /// The kind of value, for a list without a header row.
    #[serde(default, deserialize_with = "parsed")]
    kind: Option<SuppressionKind>,
    #[serde(default)]
    sha256: bool,
}

#[derive(Serialize)]
pub(crate) struct ImportResponse {
    #[serde(flatten)]
    counts: ImportCounts,
    encoding: &'static str,
    ignored_columns: Vec<String>,
    /// The first refused rows.
    refused_rows: Vec<RefusedRow>,
}

#[derive(Serialize)]
struct RefusedRow {
    row: u64,
    detail: String,
}

/// Suppresses every row of a list. The import continues if the client disconnects. If the request is sent
/// again, it does what remains.
pub(crate) async fn import(
    call: &mut AuthorizedRequest<AdminAccess, (), ImportQuery>,
    payload: Payload,
) -> Result<JsonResponse<ImportResponse>, Refusal> {
    check_is_csv(call)?;
    if call.query.sha256 && call.query.kind.is_none() {
        let detail = "`sha256` is for a list without names, and needs `kind`.";
        return Err(Refusal::InvalidParameter { name: "sha256", detail: detail.into() });
    }
    let ImportQuery { list, reason, expires_at, phone_country, kind, sha256 } = &call.query;
    let defaults = ImportDefaults {
        list: list.clone(),
        reason: reason.clone(),
        expires_at: expires_at.clone(),
        phone_country: *phone_country,
    };
    let refused =
        |(name, sentence)| Refusal::InvalidParameter { name, detail: format!("{sentence}.").into() };
    defaults.check().map_err(refused)?;
    let permit = call.long_operation_permit()?;
    let config = &call.state.config;
    let limits = BodyLimits { limit: config.bulk_limit, timeout: config.body_timeout };
    body::check_head(call.request.headers(), limits)?;
    let mut room = call.state.bulk_memory.permit(call.organization());
    let body = body::read_with(&call.request, payload, limits, |arrived| room.grow(arrived.len())).await?;
    let list = ImportList { body, kind: kind.map(|kind| (kind, *sha256)), defaults };
    let (state, store, organization) = (Data::clone(&call.state), call.store(), call.organization());
    let judge: Arc<dyn Judge> = call.state.keys.pipeline()?.clone();
    let importing = async move {
        let (imported, due) = list.import(&store, organization, &judge).await?;
        drop(room);
        let _permit = state.rescreening_permits.acquire().await;
        due.run(|_| {}).await?;
        Ok(imported)
    };
    Ok(JsonResponse::ok(&LongOperation::start("suppression import", permit, importing).result().await?))
}

fn check_is_csv(call: &AuthorizedRequest<AdminAccess, (), ImportQuery>) -> Result<(), Refusal> {
    let kind = call.request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("text/csv") { Ok(()) } else { Err(Refusal::NotCsv) }
}

/// A list and the options for reading it.
struct ImportList {
    body: Bytes,
    /// For a list without a header: the kind of its values, and whether they are digests.
    kind: Option<(SuppressionKind, bool)>,
    defaults: ImportDefaults,
}

impl ImportList {
    async fn import(
        self,
        store: &Store,
        organization: OrganizationId,
        judge: &Arc<dyn Judge>,
    ) -> Result<(ImportResponse, operations::PendingRescreen), OperationError> {
        let mut body = Cursor::new(self.body);
        let encoding = operations::encoding_of(&mut body)?;
        let mut reader = operations::csv_reader(body, encoding, self.kind.is_none())?;
        let columns = match self.kind {
            Some((kind, sha256)) => CsvColumns::single_column(kind, sha256)?,
            None => CsvColumns::from_header(reader.headers().map_err(io::Error::from)?).map_err(|error| {
                OperationError::Invalid(format!("{error}; for a list without names send `kind`"))
            })?,
        };
        let ignored_columns = columns.ignored().to_vec();
        let match_key = store.match_key().await?;
        let mut import =
            SuppressionImport::new(store, organization, &match_key, judge, columns, self.defaults);
        let (mut record, mut refused_rows) = (StringRecord::new(), Vec::new());
        while reader.read_record(&mut record).map_err(io::Error::from)? {
            let line = record.position().map_or(0, csv::Position::line);
            keep_refused(import.add_row(line, |at| record.get(at)).await?, &mut refused_rows);
        }
        let (last, counts, due) = import.finish().await?;
        keep_refused(last, &mut refused_rows);
        let encoding = encoding.name();
        Ok((ImportResponse { counts, encoding, ignored_columns, refused_rows }, due))
    }
}

fn keep_refused(results: Vec<ImportRowResult>, kept: &mut Vec<RefusedRow>) {
    let room = MAX_REFUSED_ROWS.saturating_sub(kept.len());
    let refused = results.into_iter().filter(|result| result.result == "refused");
    kept.extend(refused.map(|ImportRowResult { row, detail, .. }| RefusedRow { row, detail }).take(room));
}
