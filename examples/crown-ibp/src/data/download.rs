//! Burn's download, with an error where it panics.

use std::panic;
use std::sync::Once;
use std::thread;

use burn::data::network::downloader::download_file_as_bytes;

/// The name of the threads that download, by which the panic hook knows them.
const THREAD: &str = "download";

/// What Burn's panic says before the error itself.
const UNWRAPPED: &str = "called `Result::unwrap()` on an `Err` value: ";

/// Downloads a file with Burn's progress bar.
///
/// Burn's downloader panics where it fails, so it runs in a thread of its own, and the panic
/// becomes the error.
///
/// # Errors
///
/// What the downloader said.
pub(super) fn download(url: &str, message: &str) -> Result<Vec<u8>, String> {
    silence_downloads();
    let (owned_url, message) = (url.to_string(), message.to_string());
    thread::Builder::new()
        .name(THREAD.into())
        .spawn(move || download_file_as_bytes(&owned_url, &message))
        .map_err(|error| format!("cannot start the download of {url}: {error}"))?
        .join()
        .map_err(|payload| {
            let said = payload
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| payload.downcast_ref::<&str>().copied())
                .unwrap_or("the downloader failed");
            let said = said.strip_prefix(UNWRAPPED).unwrap_or(said);
            format!("the download of {url} failed: {said}")
        })
}

/// Keeps the panic message of a failed download off the screen: it is in the error.
fn silence_downloads() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() != Some(THREAD) {
                others(info);
            }
        }));
    });
}
