//! What this process may use of the machine.

/// Cores this process may use, cgroup quota included; 1 if the system does not say.
pub(super) fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Bytes of memory this process may use: the least limit of its cgroup and of those above it, or else
/// what the machine has. `None` if the system does not say.
pub(super) fn available_memory() -> Option<u64> {
    memory(&|path| std::fs::read_to_string(path).ok())
}

/// The same from the texts of files; `read` gives the text of a path, `None` where there is no such file.
fn memory(read: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    let machine = read("/proc/meminfo").as_deref().and_then(machine_memory);
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().filter_map(limit_file).filter_map(|(root, group, file)| {
        let number = |path: String| read(&path)?.trim().parse::<u64>().ok();
        // A container may see its own group as the root, and the path of the host all the same.
        lineage(group).filter_map(|group| number(format!("{root}{group}/{file}"))).min()
    });
    limits.chain(machine).min()
}

/// Where the limit of one line of `/proc/self/cgroup` is kept: the root, the group's path and the
/// file's name. `None` for the controllers of version 1 that are not about memory.
fn limit_file(line: &str) -> Option<(&'static str, &str, &'static str)> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, group) = rest.split_once(':')?;
    if controllers.is_empty() {
        return Some(("/sys/fs/cgroup", group, "memory.max"));
    }
    let memory = controllers.split(',').any(|name| name == "memory");
    memory.then_some(("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"))
}

/// A group and all above it, the root as the empty path.
fn lineage(group: &str) -> impl Iterator<Item = &str> {
    let group = group.trim_end_matches('/');
    std::iter::successors(Some(group), |at| at.rfind('/').map(|end| &at[..end]))
}

/// `MemTotal` of `/proc/meminfo`.
fn machine_memory(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: (&str, &str) = ("/proc/meminfo", "MemTotal:        4096 kB\nMemFree:  1 kB\n");

    fn of(files: &[(&str, &str)]) -> Option<u64> {
        memory(&|path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_string()))
    }

    #[test]
    fn without_a_limit_it_is_the_machines() {
        assert_eq!(of(&[MEMINFO]), Some(4 << 20));
        let max = ("/sys/fs/cgroup/memory.max", "max\n");
        assert_eq!(of(&[MEMINFO, ("/proc/self/cgroup", "0::/\n"), max]), Some(4 << 20));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("/proc/meminfo", "MemTotal: lots"), ("/proc/self/cgroup", "x\n:\n::\n")]), None);
    }

    #[test]
    fn version_2_the_least_limit_on_the_way_to_the_root_holds() {
        let group = ("/proc/self/cgroup", "0::/a.slice/b.service\n");
        let own = ("/sys/fs/cgroup/a.slice/b.service/memory.max", "2097152\n");
        assert_eq!(of(&[MEMINFO, group, own]), Some(2 << 20));
        let above = ("/sys/fs/cgroup/a.slice/memory.max", "1048576\n");
        assert_eq!(of(&[MEMINFO, group, own, above]), Some(1 << 20));
        assert_eq!(of(&[group, above]), Some(1 << 20));
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_root() {
        let root = ("/sys/fs/cgroup/memory.max", "1048576\n");
        assert_eq!(of(&[MEMINFO, ("/proc/self/cgroup", "0::/\n"), root]), Some(1 << 20));
        let host = ("/proc/self/cgroup", "5:cpu,cpuacct:/docker/f00\n4:memory:/docker/f00\n");
        let root = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "3145728\n");
        assert_eq!(of(&[MEMINFO, host, root]), Some(3 << 20));
    }

    #[test]
    fn version_1_writes_no_limit_as_a_number_beyond_any_machine() {
        let group = ("/proc/self/cgroup", "9:name=systemd:/\n4:memory:/app\n0::/\n");
        let own = ("/sys/fs/cgroup/memory/app/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(of(&[MEMINFO, group, own]), Some(4 << 20));
        let own = (own.0, "2097152\n");
        assert_eq!(of(&[MEMINFO, group, own]), Some(2 << 20));
    }
}
