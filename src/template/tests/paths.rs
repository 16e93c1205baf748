//! Tests of the controller's files.

use super::Test;
use crate::template::arguments::Call;
use crate::template::fault::Outcome;
use crate::template::paths::expanded;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

pub static TESTS: [Test; 9] = [
    Test::new("exists", "value", |call| Ok(path(call)?.exists())),
    Test::new("file is_file isfile", "value", |call| Ok(path(call)?.is_file())),
    Test::new("directory is_dir isdir", "value", |call| Ok(path(call)?.is_dir())),
    Test::new("link is_link islink", "value", |call| Ok(path(call)?.is_symlink())),
    Test::new("link_exists lexists", "value", |call| Ok(path(call)?.symlink_metadata().is_ok())),
    Test::new("abs is_abs isabs", "value", |call| Ok(call.text(0)?.starts_with('/'))),
    Test::new("mount is_mount ismount", "value", |call| {
        let path = path(call)?;
        let (Ok(here), Ok(above)) = (path.symlink_metadata(), path.join("..").metadata()) else { return Ok(false) };
        Ok(!here.is_symlink() && (here.dev() != above.dev() || here.ino() == above.ino()))
    }),
    Test::new("same_file is_same_file samefile", "value, other", |call| {
        let other = PathBuf::from(expanded(&call.text(1)?));
        let same = path(call)?.metadata().and_then(|one| Ok((one, other.metadata()?)));
        match same {
            Ok((one, other)) => Ok(one.dev() == other.dev() && one.ino() == other.ino()),
            Err(error) => crate::template::fault::fail(error.to_string()),
        }
    }),
    Test::new("vaulted_file", "value", |call| {
        Ok(std::fs::read(path(call)?).is_ok_and(|content| crate::vault::is_encrypted(&content)))
    }),
];

fn path(call: &Call<'_, '_>) -> Outcome<PathBuf> {
    Ok(PathBuf::from(expanded(&call.text(0)?)))
}
