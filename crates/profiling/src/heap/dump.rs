//! Makes jemalloc write its heap profile.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::sys::memfd::{MFdFlags, memfd_create};
use tikv_jemalloc_ctl::{Access, AsName};

use crate::error::ProfileError;

/// Where jemalloc writes: a file in memory, so that no directory needs to be writable and nobody else can name it. It is
/// made once, because jemalloc takes a path that lives as long as the process.
struct Target {
    file: Mutex<File>,
    path: &'static [u8],
}

/// jemalloc's profile as text.
pub(super) fn text() -> Result<String, ProfileError> {
    if !matches!(b"opt.prof\0".name().read(), Ok(true)) {
        return Err(ProfileError::NoHeapProfile(
            "jemalloc keeps no track of who holds memory: it was built, or started with MALLOC_CONF, without prof:true",
        ));
    }
    let target = target()?;
    let mut file = target.file.lock().unwrap_or_else(PoisonError::into_inner);
    b"prof.dump\0"
        .name()
        .write(target.path)
        .map_err(ProfileError::failed)?;
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).map_err(ProfileError::failed)?;
    file.read_to_string(&mut text).map_err(ProfileError::failed)?;
    // Its memory is not needed until the next profile.
    file.set_len(0).map_err(ProfileError::failed)?;
    Ok(text)
}

fn target() -> Result<&'static Target, ProfileError> {
    static TARGET: OnceLock<Target> = OnceLock::new();
    if let Some(target) = TARGET.get() {
        return Ok(target);
    }
    let file = memfd_create(c"heap-profile", MFdFlags::MFD_CLOEXEC).map_err(ProfileError::failed)?;
    let path = format!("/proc/self/fd/{}\0", file.as_raw_fd());
    Ok(TARGET.get_or_init(|| Target {
        file: Mutex::new(File::from(file)),
        path: Box::leak(path.into_bytes().into_boxed_slice()),
    }))
}
