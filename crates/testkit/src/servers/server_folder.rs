//! The folder of a server, and the watchdog that ends the server and removes the folder when this process has
//! ended.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use anyhow::Context;

/// Reads until its input is closed, which happens when this process ends for any reason, also by `kill -9`.
/// Then it kills the processes of the `*.pid` files in the folder, and their descendants. PostgreSQL gets
/// `SIGQUIT` first and has two seconds to release its shared memory; a suspended one does not react.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM
cat >/dev/null
tree() {
  echo "$1"
  for child in $(ps -A -o pid=,ppid= | awk -v parent="$1" '$2 == parent { print $1 }'); do tree "$child"; done
}
all=
for file in "$1"/*.pid; do
  [ -s "$file" ] || continue
  pid=$(cat "$file")
  all="$all $(tree "$pid")"
  case "$file" in */postgres.pid) kill -QUIT "$pid" 2>/dev/null; asked=$pid ;; esac
done
tries=0
while [ -n "$asked" ] && kill -0 "$asked" 2>/dev/null && [ $tries -lt 20 ]; do sleep 0.1; tries=$((tries + 1)); done
[ -z "$all" ] || kill -KILL $all 2>/dev/null
rm -rf "$1"
"#;

/// Writes the process id to a file for the watchdog, and executes the program in the same process.
const WITH_PID_FILE: &str = r#"echo $$ >"$1"; shift; exec "$@""#;

/// The user that runs a server, if it must not be root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerUser {
    uid: u32,
    gid: u32,
}

impl ServerUser {
    /// PostgreSQL does not run as root. If the caller is root, the user is `postgres` or `nobody`; otherwise
    /// it is the caller.
    pub(crate) fn for_postgres() -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let user = ["postgres", "nobody"].iter().find_map(|name| Self::named(name));
        user.map(Some)
            .context("PostgreSQL cannot run as root, and the users postgres and nobody do not exist")
    }

    fn named(name: &str) -> Option<Self> {
        let id = |flag| -> Option<u32> {
            let output = Command::new("id").args([flag, name]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        Some(Self { uid: id("-u")?, gid: id("-g")? })
    }
}

/// The temporary folder of one server. When it is dropped, the watchdog ends the server and removes the
/// folder.
#[derive(Debug)]
pub(crate) struct ServerFolder {
    path: PathBuf,
    owner: Option<ServerUser>,
    // Dropping this closes the input of the watchdog.
    _watchdog_input: ChildStdin,
}

impl ServerFolder {
    pub(crate) fn create(name: &str, owner: Option<ServerUser>) -> anyhow::Result<Self> {
        // Another user must have access to the path. The temporary folder of root may not allow this.
        let parent = if owner.is_some() { PathBuf::from("/tmp") } else { std::env::temp_dir() };
        let prefix = format!("leadgate-{name}-");
        let path = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent)?.keep();
        if let Some(ServerUser { uid, gid }) = owner {
            chown(&path, Some(uid), Some(gid))?;
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("starting the watchdog")?;
        let input = watchdog.stdin.take().context("the watchdog has no input")?;
        Ok(Self { path, owner, _watchdog_input: input })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that only the owner can read, which servers require for their keys.
    pub(crate) fn write(&self, name: &str, contents: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        std::fs::write(&path, contents)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        if let Some(ServerUser { uid, gid }) = self.owner {
            chown(&path, Some(uid), Some(gid))?;
        }
        Ok(path)
    }

    pub(crate) fn pid_file(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.pid"))
    }

    /// A command that runs `program` as the owner of this folder, in its own process group, so that it gets
    /// no signals from the terminal. Its output is appended to `<name>.log`, and its process id is in
    /// `<name>.pid` for the watchdog.
    pub(crate) fn command(&self, name: &str, program: &Path) -> anyhow::Result<Command> {
        let log = std::fs::File::options().create(true).append(true).open(self.log(name))?;
        let mut command = Command::new("sh");
        command.args(["-c", WITH_PID_FILE, name]).arg(self.pid_file(name)).arg(program);
        command.current_dir(&self.path).process_group(0);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        if let Some(ServerUser { uid, gid }) = self.owner {
            command.uid(uid).gid(gid);
        }
        Ok(command)
    }

    /// The last 20 lines of the log of `name`, for error messages.
    pub(crate) fn log_tail(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.log(name)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(20)).map(|line| format!("\n  {line}")).collect()
    }

    fn log(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.log"))
    }
}
