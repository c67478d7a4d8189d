//! `campanile preview` (replaced by the commands' branch).
use super::{Common, Failure};
use std::io::Write;
#[derive(Debug, clap::Args)]
pub(super) struct PreviewArgs {}
pub(super) async fn run(
    _: PreviewArgs,
    _: &Common,
    _: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    Ok(())
}
