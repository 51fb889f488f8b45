//! A server as a child process: its own process group, an unprivileged user, a log file, a guardian.

mod account;
mod guardian;

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tempfile::TempDir;

use account::Account;
pub(crate) use guardian::Guardian;

use crate::{authority::CertificateFiles, wait::eventually};

/// How long a server may take to end after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(20);

/// The directory of one server, owned by the account that the server runs as, gone when dropped.
pub(crate) struct Home {
    dir: TempDir,
    account: Account,
}

impl Home {
    /// An empty directory under the system's temporary directory.
    pub(crate) fn new(server: &str) -> Result<Self> {
        let account = Account::unprivileged()?;
        let dir = tempfile::Builder::new()
            .prefix(&format!("devmesh-test-{server}-"))
            .tempdir()?;
        account.own(dir.path())?;
        Ok(Self { dir, account })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file that the server may read and change.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, content)?;
        self.account.own(&path)?;
        Ok(path)
    }

    /// Gives the server this certificate, as `server.crt` and `server.key`.
    pub(crate) fn take_certificate(&self, files: &CertificateFiles) -> Result<()> {
        self.write("server.crt", &fs::read_to_string(&files.certificate)?)?;
        let key = self.write("server.key", &fs::read_to_string(&files.key)?)?;
        // Postgres takes no key that others may read.
        Ok(fs::set_permissions(key, Permissions::from_mode(0o600))?)
    }

    /// Creates a directory that the server may write to.
    pub(crate) fn create_dir(&self, name: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::create_dir(&path)?;
        self.account.own(&path)?;
        Ok(path)
    }

    /// A command that runs in this directory as the unprivileged account with a small, fixed environment.
    pub(crate) fn command(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        command
            .current_dir(self.path())
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin",
            )
            .env("HOME", self.path())
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        self.account.apply(&mut command);
        command
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// With what it printed, when it fails.
    pub(crate) fn run(&self, mut command: Command) -> Result<()> {
        let output = command
            .output()
            .with_context(|| format!("cannot run {command:?}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{command:?} ended with {}: {said}", output.status);
        }
        Ok(())
    }
}

/// A running, or stopped, server.
pub(crate) struct ServerProcess {
    name: &'static str,
    log: PathBuf,
    running: Mutex<Option<Running>>,
}

struct Running {
    child: Child,
    guardian: Guardian,
}

impl ServerProcess {
    /// A server that is not running yet; its output goes to `<home>/<name>.log`.
    pub(crate) fn new(home: &Home, name: &'static str) -> Self {
        Self {
            name,
            log: home.path().join(format!("{name}.log")),
            running: Mutex::new(None),
        }
    }

    /// Starts the command. Its group and `home` go when this process goes, however it ends.
    pub(crate) fn spawn(&self, home: &Home, mut command: Command) -> Result<()> {
        let mut running = self.lock();
        if running.is_some() {
            bail!("{} is running already", self.name);
        }
        let log = self.open_log()?;
        command.stdout(log.try_clone()?).stderr(log).process_group(0);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}: {command:?}", self.name))?;
        let guardian = Guardian::watch(child.id(), home.path())?;
        *running = Some(Running { child, guardian });
        Ok(())
    }

    /// Waits until `ready` succeeds; a server that does not get there is killed.
    ///
    /// # Errors
    /// With the end of the log, when the server ends or is not ready within `deadline`.
    pub(crate) async fn wait_ready<F, Fut>(&self, deadline: Duration, ready: F) -> Result<()>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<()>>,
    {
        let answer = eventually(deadline, || async {
            match self.exited()? {
                Some(status) => Ok(Err(anyhow!("ended with {status}"))),
                None => ready().await.map(Ok),
            }
        });
        let Err(error) = answer.await.and_then(|ended| ended) else {
            return Ok(());
        };
        self.kill()?;
        Err(error.context(format!(
            "{} did not start; its log ends with:\n{}",
            self.name,
            self.log_tail()
        )))
    }

    /// SIGTERM, then SIGKILL to the whole group when it takes longer than the grace time.
    pub(crate) async fn stop(&self) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        let ended = eventually(GRACE, || async { self.exited().ok().flatten() }).await;
        self.kill()?;
        ended
            .map(drop)
            .with_context(|| format!("{} had to be killed", self.name))
    }

    /// SIGKILL to the whole group, as a crash would.
    pub(crate) fn kill(&self) -> Result<()> {
        match self.lock().take() {
            Some(running) => running.end(),
            None => bail!("{} is not running", self.name),
        }
    }

    /// The process id, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.lock().as_ref().map(|running| running.child.id())
    }

    /// Sends a signal to the server alone.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self
            .pid()
            .with_context(|| format!("{} is not running", self.name))?;
        nix::sys::signal::kill(as_pid(pid)?, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    fn exited(&self) -> Result<Option<ExitStatus>> {
        match self.lock().as_mut() {
            Some(running) => Ok(running.child.try_wait()?),
            None => bail!("is not running"),
        }
    }

    fn open_log(&self) -> Result<File> {
        Ok(OpenOptions::new().create(true).append(true).open(&self.log)?)
    }

    fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if let Some(running) = self.lock().take() {
            // Nobody is left to tell; the guardian has been told to leave the rest alone.
            drop(running.end());
        }
    }
}

impl Running {
    fn end(mut self) -> Result<()> {
        self.guardian.dismiss()?;
        // ESRCH: every process of the group has ended.
        let _gone = killpg(as_pid(self.child.id())?, Signal::SIGKILL);
        self.child.wait()?;
        Ok(())
    }
}

pub(crate) fn as_pid(pid: u32) -> Result<Pid> {
    Ok(Pid::from_raw(i32::try_from(pid)?))
}

/// The first of `names` that is an executable file in `folders` or, after that, in the standard places.
///
/// # Errors
/// Says which package to install.
pub(crate) fn find_program(name: &str, folders: &[PathBuf], package: &str) -> Result<PathBuf> {
    let standard = [
        "/usr/local/bin",
        "/usr/local/sbin",
        "/usr/bin",
        "/usr/sbin",
        "/bin",
        "/opt/homebrew/bin",
    ];
    let standard = standard.iter().map(PathBuf::from);
    folders
        .iter()
        .cloned()
        .chain(standard)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| {
            format!("{name} is not installed: install the package {package} (see scripts/lib/install.sh)")
        })
}
