//! Where a file lies that is reached by a symbolic link: links may lead elsewhere later.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use crate::disk::OpenFile;

/// What the kernel adds to the name of a file that has none any more.
const DELETED: &[u8] = b" (deleted)";

/// Where an open file lies, if links were on the path that led to it; `None` if that is not known,
/// too.
pub(crate) fn real_path<F: OpenFile>(handle: &F, path: &Path) -> Option<Arc<Path>> {
    let name = handle.name_now().ok()?;
    let deleted = name.as_os_str().as_bytes().ends_with(DELETED);
    (name != path && !deleted).then(|| Arc::from(name))
}

/// The directories in which a file may be found again: where its path leads now, and where links
/// on it led.
pub(crate) fn directories<'p>(
    path: &'p Path,
    real: Option<&'p Path>,
) -> impl Iterator<Item = &'p Path> {
    [Some(path), real].into_iter().flatten().filter_map(Path::parent)
}
