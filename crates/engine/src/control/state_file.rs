//! The last good configuration on disk, for starts while the API is down.
//!
//! The first line of the file is an HMAC (RFC 2104) of the rest, with the token as its key: it finds damage, and keeps one
//! account from starting with another's configuration. The rest is JSON.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;
use serde::{Deserialize, Serialize};

use super::account::{Account, SavedAccount};
use crate::config::StateFileConfig;
use crate::secret::Secret;

/// Where the last good configuration is kept.
#[derive(Debug, Clone)]
pub(super) struct StateFile {
    path: PathBuf,
    max_age: Duration,
    key: hmac::Key,
}

/// A configuration that was saved.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) account: Account,
    pub(super) age: Duration,
}

/// Why the file is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    #[error("it is damaged, or was saved with another token")]
    Damaged,
    #[error("it was saved {} hours ago, which is more than stateMaxAgeMs allows", .0.as_secs() / 3600)]
    TooOld(Duration),
}

#[derive(Serialize, Deserialize)]
struct Content {
    version: u32,
    /// Seconds since 1970.
    saved_at: u64,
    account: SavedAccount,
}

impl StateFile {
    pub(super) fn new(config: &StateFileConfig, token: &Secret) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, token.expose().as_bytes());
        Self { path: config.path.clone(), max_age: config.max_age, key }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file. `None` where there is none.
    pub(super) fn load(&self) -> Result<Option<Saved>, Unusable> {
        // What is no file, such as a pipe, may have no end.
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(io::Error::other("it is no regular file").into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes)?;
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(Unusable::Damaged)?;
        let (tag, content) = (&bytes[..end], &bytes[end + 1..]);
        hmac::verify(&self.key, content, &from_hex(tag).ok_or(Unusable::Damaged)?).map_err(|_| Unusable::Damaged)?;
        let content: Content = serde_json::from_slice(content).map_err(|_| Unusable::Damaged)?;
        if content.version != VERSION {
            return Err(Unusable::Damaged);
        }
        // A clock that was set back makes it younger than it is, never older.
        let age = Duration::from_secs(now().saturating_sub(content.saved_at));
        if age > self.max_age {
            return Err(Unusable::TooOld(age));
        }
        let account = content.account.check().map_err(|_| Unusable::Damaged)?;
        Ok(Some(Saved { account, age }))
    }

    /// Replaces the file, so that whoever reads it finds the old one or the new one, whole. Only the user may read it.
    pub(super) fn save(&self, account: &Account) -> io::Result<()> {
        let content = Content { version: VERSION, saved_at: now(), account: account.to_saved() };
        let content = serde_json::to_vec(&content)?;
        let tag = to_hex(hmac::sign(&self.key, &content).as_ref());
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.remove_leftovers(&name);
        let temporary = self.path.with_file_name(format!(".{name}.{:016x}{LEFTOVER}", rand::random::<u64>()));
        let replaced =
            write(&temporary, &[tag.as_bytes(), b"\n", &content]).and_then(|()| fs::rename(&temporary, &self.path));
        replaced.inspect_err(|_| {
            // It may not even be there.
            let _ = fs::remove_file(&temporary);
        })
    }
}

impl StateFile {
    /// Removes the file, if there is one.
    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes what processes that were killed while they wrote have left: it has credentials in it. As far as that goes.
    fn remove_leftovers(&self, name: &str) {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let is_leftover = |entry: &fs::DirEntry| {
            let is_named_so = entry.file_name().to_str().is_some_and(|found| {
                found
                    .strip_prefix('.')
                    .and_then(|rest| rest.strip_prefix(name))
                    .is_some_and(|rest| rest.ends_with(LEFTOVER))
            });
            let age = entry.metadata().and_then(|metadata| metadata.modified()).map(|time| time.elapsed());
            is_named_so && matches!(age, Ok(Ok(age)) if age > BEING_WRITTEN)
        };
        for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(is_leftover) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn write(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    text.len().is_multiple_of(2).then(|| text.chunks(2).map(byte).collect()).flatten()
}

/// What a file that is being written ends in.
const LEFTOVER: &str = ".aluvia-tmp";
/// No longer than this.
const BEING_WRITTEN: Duration = Duration::from_secs(60);
/// Of the format.
const VERSION: u32 = 1;
/// More than the largest configuration that the API may tell.
const LARGEST: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account::parse(br#"{"proxy_username":"u","proxy_password":"p","rules":["a.test"],"session_id":"s"}"#).unwrap()
    }

    /// A file in a folder of its own, which goes with it.
    struct Scene {
        folder: PathBuf,
        file: StateFile,
    }

    impl Scene {
        fn new() -> Self {
            let folder = std::env::temp_dir().join(format!("aluvia-state-{:016x}", rand::random::<u64>()));
            fs::create_dir(&folder).unwrap();
            let file = Self::file(&folder, "token");
            Self { folder, file }
        }

        fn file(folder: &Path, token: &str) -> StateFile {
            let config = StateFileConfig { path: folder.join("state"), max_age: Duration::from_secs(3600) };
            StateFile::new(&config, &Secret::new(token))
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let scene = Scene::new();
        assert!(scene.file.load().unwrap().is_none());

        scene.file.save(&account()).unwrap();
        scene.file.save(&account()).unwrap();

        let saved = scene.file.load().unwrap().unwrap();
        assert_eq!(saved.account, account());
        assert!(saved.age < Duration::from_secs(60));
        let names: Vec<_> = fs::read_dir(&scene.folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["state"]);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let scene = Scene::new();

        fs::write(scene.file.path(), "").unwrap();
        scene.file.save(&account()).unwrap();

        assert_eq!(fs::metadata(scene.file.path()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_was_damaged_anywhere_is_not_used() {
        let scene = Scene::new();
        scene.file.save(&account()).unwrap();
        let whole = fs::read(scene.file.path()).unwrap();

        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(scene.file.path(), &damaged).unwrap();
            assert!(matches!(scene.file.load(), Err(Unusable::Damaged)), "at {at}");
            fs::write(scene.file.path(), &whole[..at]).unwrap();
            assert!(matches!(scene.file.load(), Err(Unusable::Damaged)), "up to {at}");
        }
    }

    #[test]
    fn another_account_does_not_use_it() {
        let scene = Scene::new();
        scene.file.save(&account()).unwrap();

        let other = Scene::file(&scene.folder, "another token");

        assert!(matches!(other.load(), Err(Unusable::Damaged)));
    }

    #[test]
    fn it_grows_too_old() {
        let scene = Scene::new();
        scene.file.save(&account()).unwrap();

        let strict = StateFile { max_age: Duration::ZERO, ..scene.file.clone() };
        #[expect(clippy::disallowed_methods, reason = "the age is told by the system's clock")]
        std::thread::sleep(Duration::from_millis(2100));

        assert!(matches!(strict.load(), Err(Unusable::TooOld(_))));
        assert!(scene.file.load().unwrap().is_some());
    }

    #[test]
    fn a_folder_in_its_place_is_told() {
        let scene = Scene::new();
        fs::create_dir(scene.file.path()).unwrap();

        assert!(matches!(scene.file.load(), Err(Unusable::Unreadable(_))));
        assert!(scene.file.save(&account()).is_err());
        assert_eq!(fs::read_dir(&scene.folder).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn debug_shows_no_key() {
        assert!(!format!("{:?}", Scene::new().file).contains("token"));
    }
}
