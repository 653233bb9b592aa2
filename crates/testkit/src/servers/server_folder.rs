//! A server's folder, and the watchdog that ends the server and removes the folder when this process is gone.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use anyhow::Context;

/// Reads until its input closes, which happens however this process ends, `kill -9` included; then ends what
/// `*.pid` files in the folder name, and everything below it. PostgreSQL is asked first, so that it gives back its
/// shared memory; a frozen one cannot hear.
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

/// Becomes the program in the same process, after noting its id where the watchdog looks.
const NOTED: &str = r#"echo $$ >"$1"; shift; exec "$@""#;

/// The user a server runs as, where that may not be root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerUser {
    uid: u32,
    gid: u32,
}

impl ServerUser {
    /// PostgreSQL refuses to run as root: `postgres` runs it, or `nobody`. Anyone else runs it themselves.
    pub(crate) fn for_postgres() -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let user = ["postgres", "nobody"].iter().find_map(|name| Self::named(name));
        user.map(Some).context("root cannot run PostgreSQL, and there is neither a user postgres nor nobody")
    }

    fn named(name: &str) -> Option<Self> {
        let id = |flag| -> Option<u32> {
            let output = Command::new("id").args([flag, name]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        Some(Self { uid: id("-u")?, gid: id("-g")? })
    }
}

/// A temporary folder of one server. Dropping it ends the server and removes the folder.
#[derive(Debug)]
pub(crate) struct ServerFolder {
    path: PathBuf,
    owner: Option<ServerUser>,
    // Held only to be closed; the watchdog waits for that.
    _lifeline: ChildStdin,
}

impl ServerFolder {
    pub(crate) fn create(name: &str, owner: Option<ServerUser>) -> anyhow::Result<Self> {
        // Another user must be able to walk there, which the temporary folder of root may not allow.
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
        let lifeline = watchdog.stdin.take().context("the watchdog has no input")?;
        Ok(Self { path, owner, _lifeline: lifeline })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that only the owner may read, as servers demand of their keys.
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

    /// A command that runs `program` as this home's owner, away from the terminal's signals, with its output
    /// appended to `<name>.log`, and that the watchdog knows as `name`.
    pub(crate) fn command(&self, name: &str, program: &Path) -> anyhow::Result<Command> {
        let log = std::fs::File::options().create(true).append(true).open(self.log(name))?;
        let mut command = Command::new("sh");
        command.args(["-c", NOTED, name]).arg(self.pid_file(name)).arg(program);
        command.current_dir(&self.path).process_group(0);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        if let Some(ServerUser { uid, gid }) = self.owner {
            command.uid(uid).gid(gid);
        }
        Ok(command)
    }

    /// The end of what `name` wrote, for error messages.
    pub(crate) fn log_tail(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.log(name)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(20)).map(|line| format!("\n  {line}")).collect()
    }

    fn log(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.log"))
    }
}
