//! A scratch directory for one run, removed afterwards.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A scratch directory; removed on drop.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Creates an empty directory in `target`, named for this process.
    pub(crate) fn new(target: &Path, name: &str) -> Result<Self> {
        let path = target.join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    /// Creates a subdirectory and returns its path.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(path)
    }

    /// Returns the path of a file in the directory, which may be missing.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ignored = fs::remove_dir_all(&self.0);
    }
}
