# The first process of a node's world: mounts and addresses that nobody outside sees; then it collects orphans.
# $1: the node's folder, $2: the version of the cgroups.
set -eu
folder=$1 version=$2

echo "$NODE_NAME" >/proc/sys/kernel/hostname
mount -t proc proc /proc
mount -t sysfs sysfs /sys

if [ "$version" = 2 ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    # Only a cgroup without processes of its own gives controllers to its children.
    echo 0 >/sys/fs/cgroup/processes/cgroup.procs
    for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
        echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || echo "without the cgroup controller $controller"
    done
else
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
    while IFS=: read -r _ controllers _; do
        [ -n "$controllers" ] || continue
        place=/sys/fs/cgroup/${controllers#name=}
        mkdir "$place"
        case $controllers in
        name=*) mount -t cgroup -o "none,$controllers" cgroup "$place" ;;
        *) mount -t cgroup -o "$controllers" cgroup "$place" ;;
        esac
        # Programs look for cpu, also where it is mounted together with cpuacct.
        case $controllers in
        *,*) for controller in $(echo "$controllers" | tr , ' '); do ln -s "$controllers" "/sys/fs/cgroup/$controller"; done ;;
        esac
    done </proc/self/cgroup
fi

# Where programs write whatever their settings say.
for place in /run /var/log /var/lib; do
    [ -d "$place" ] || continue
    mkdir -p "$folder/root$place"
    mount --bind "$folder/root$place" "$place"
done
mkdir -p /run/lock

# The kubelet writes these settings, which belong to the kernel and not to a namespace: it sees files that hold the
# values it wants, and writes nothing.
mkdir -p "$folder/sysctl"
while read -r setting value; do
    [ -e "/proc/sys/$setting" ] || continue
    file=$folder/sysctl/$(echo "$setting" | tr / .)
    echo "$value" >"$file"
    mount --bind "$file" "/proc/sys/$setting"
done <<SETTINGS
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
SETTINGS

# Containers' file systems are overlays in this folder, which not every file system can hold.
overlay=$folder/overlay-trial
mkdir -p "$overlay/lower" "$overlay/upper" "$overlay/work" "$overlay/merged"
mount -t overlay -o "lowerdir=$overlay/lower,upperdir=$overlay/upper,workdir=$overlay/work" overlay "$overlay/merged" || {
    echo "$folder cannot hold overlay file systems: choose a folder on ext4, xfs, btrfs or tmpfs, by --dir or TMPDIR"
    exit 1
}
umount "$overlay/merged"

# No way leads out of here: an image, a name or an address of the world outside is unreachable by construction.
# A bridge without ports, because not every kernel has dummy devices.
ip link set lo up
ip link add node type bridge
ip address add "$NODE_ADDRESS/24" dev node
ip link set node up
# The node's own clients of Services need some route before the packet filter rewrites the address.
ip route add "$SERVICE_RANGE" dev node
echo 1 >/proc/sys/net/ipv4/ip_forward

: >"$folder/ready"
# A shell that waits collects also the orphans that it never started.
sleep infinity &
while :; do wait; done
