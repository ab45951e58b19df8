//! What the pickle of a PyTorch archive unpacks to.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use zip::ZipArchive;

/// The most bytes of a pickle for each byte of its archive; PyTorch does not compress it at all.
const RATIO: u64 = 16;
/// What the pickle of a small archive may have all the same.
const SMALL: u64 = 1 << 20;

/// Refuses an archive whose pickle unpacks to far more than it holds.
///
/// A byte of a pickle can be an object of a hundred bytes, of which Burn's reader makes as many as
/// there are: a compressed file of a hundred kilobytes could take gigabytes. Files that are no
/// archives pass.
///
/// # Errors
///
/// How much it unpacks to, or why that cannot be told.
pub(super) fn check(path: &Path) -> Result<(), String> {
    match pickle(path).map_err(|error| error.to_string())? {
        Some((size, limit)) if size > limit => Err(format!(
            "its data.pkl unpacks to {size} bytes, and in a file of this size may have {limit}; if \
             the file is to be trusted, save it anew with torch.save"
        )),
        _ => Ok(()),
    }
}

/// The size of the largest pickle, and the limit of it; none if the file is no archive.
fn pickle(path: &Path) -> zip::result::ZipResult<Option<(u64, u64)>> {
    let mut file = BufReader::new(File::open(path)?);
    let mut mark = [0; 2];
    file.read_exact(&mut mark)?;
    if mark != *b"PK" {
        return Ok(None);
    }
    file.rewind()?;
    let limit = SMALL.max(RATIO.saturating_mul(file.get_ref().metadata()?.len()));
    let mut archive = ZipArchive::new(file)?;
    let mut largest = 0;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        if entry.name()?.ends_with("data.pkl") {
            largest = largest.max(entry.size());
        }
    }
    Ok(Some((largest, limit)))
}
