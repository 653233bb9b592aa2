//! `multipart/form-data` (RFC 7578).

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use multer::{Field, Multipart};
use serde_json::{Value, json};

use super::error::FormFault;
use super::form::FormBuilder;

/// Reads a complete body. All bytes are in memory, so the future is ready at its first poll.
pub(super) fn read(boundary: &str, body: &[u8]) -> Result<FormBuilder, FormFault> {
    let body = stream::iter([Ok::<_, Infallible>(Bytes::copy_from_slice(body))]);
    let parts = read_parts(Multipart::new(body, boundary));
    parts.now_or_never().unwrap_or(Err(FormFault::BrokenMultipart))
}

async fn read_parts(mut multipart: Multipart<'_>) -> Result<FormBuilder, FormFault> {
    let mut form = FormBuilder::default();
    while let Some(part) = multipart.next_field().await.map_err(|_| FormFault::BrokenMultipart)? {
        let name = part.name().ok_or(FormFault::BrokenMultipart)?.to_owned();
        if let Some(value) = read_value(part, &mut form).await? {
            form.add(&name, value)?;
        }
    }
    Ok(form)
}

/// The value of a part. A file becomes its name, type and size; its content is only in the raw body. `None`
/// if the form has a file field and no file was chosen.
async fn read_value(part: Field<'_>, form: &mut FormBuilder) -> Result<Option<Value>, FormFault> {
    let file = part.file_name().map(str::to_owned);
    let media = part.content_type().map(ToString::to_string);
    let content = part.bytes().await.map_err(|_| FormFault::BrokenMultipart)?;
    match file {
        Some(name) if name.is_empty() && content.is_empty() => Ok(None),
        Some(name) => Ok(Some(json!({ "filename": name, "content_type": media, "bytes": content.len() }))),
        None => Ok(Some(Value::from(form.decode_text(&content)))),
    }
}
