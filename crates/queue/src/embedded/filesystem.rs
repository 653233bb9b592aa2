//! Checks the filesystem of the queue file, and sets the permissions of the file.

use std::fs::OpenOptions;
use std::path::Path;

/// Linux names of filesystems that several machines share. The locks and shared memory of SQLite do not work
/// there.
const NETWORK_FILESYSTEMS: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "gfs2",
    "ocfs2",
    "ncpfs",
];

/// Creates the file with access for its owner only. SQLite would create it readable by all users.
pub(crate) fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Returns the kind of the filesystem of `path` if it is a network filesystem. `path` must exist.
pub(crate) fn network_filesystem(path: &Path) -> Option<String> {
    // Only Linux has this list. Other systems are not checked.
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let path = path.canonicalize().ok()?;
    let kind = kind_of_mount(&mounts, &path)?;
    let is_network = NETWORK_FILESYSTEMS.contains(&kind)
        || kind.starts_with("fuse.sshfs")
        || kind.starts_with("fuse.gluster");
    is_network.then(|| kind.to_owned())
}

/// Format in `proc(5)`: field 5 is the mount point, the kind follows the single hyphen.
fn kind_of_mount<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?.replace("\\040", " ");
        let depth = Path::new(&point).components().count();
        path.starts_with(&point).then_some((depth, source.split(' ').next()?))
    });
    // A later mount at the same point covers the earlier one, and `max_by_key` returns the last maximum.
    mounts.max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /srv rw,relatime shared:9 - nfs4 host:/srv rw
31 30 0:26 / /srv/local\\040disk rw,relatime - xfs /dev/vdb rw";

    #[test]
    fn the_deepest_mount_decides() {
        let kind = |path: &str| kind_of_mount(MOUNTS, Path::new(path));
        assert_eq!(kind("/home/data"), Some("ext4"));
        assert_eq!(kind("/srv/data"), Some("nfs4"));
        assert_eq!(kind("/srv/local disk/data"), Some("xfs"));
        assert_eq!(kind("/srvx"), Some("ext4"), "a mount point matches whole folder names only");
    }
}
