//! How the entries of a filter's lists are described to those who write one, for the API's page.
//!
//! Not here: the check itself (`faults`, `window`), which is as strict as this or stricter.

use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// 1 to 256 printable characters.
pub(super) enum Text {}
/// 1 to 31, or from the end of the month.
pub(super) enum DayOfMonth {}
/// 1 to 12.
pub(super) enum Month {}

impl PartialSchema for Text {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .min_length(Some(1))
            .max_length(Some(256))
            .pattern(Some(PRINTABLE))
            .into()
    }
}

/// No control character, in the spelling of ECMA-262.
const PRINTABLE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

impl PartialSchema for DayOfMonth {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new().item(whole(1, 31)).item(whole(-31, -1)).into()
    }
}

impl PartialSchema for Month {
    fn schema() -> RefOr<Schema> {
        whole(1, 12).into()
    }
}

fn whole(least: i32, most: i32) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Integer))
        .minimum(Some(least))
        .maximum(Some(most))
}

impl ToSchema for Text {}
impl ToSchema for DayOfMonth {}
impl ToSchema for Month {}
