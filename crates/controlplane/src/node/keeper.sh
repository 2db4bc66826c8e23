# Makes a world of its own for a node, and unmakes it when standard input ends or the world does.
# $1: the node's folder, $2: a name that no other node of this machine has.
#
# Standard input is a pipe of which only the process that wants the node holds the other end: however that process
# ends, the pipe does. Standard output is the lifeline: see `home`.
set -u
trap '' HUP INT QUIT TERM
folder=$1 name=$2 made= status=0
exec 3<&0 4>&1 </dev/null 1>&2

unmake() {
    # A cgroup can be removed when the last of its processes is gone, which takes the kernel a moment.
    # The list is not read from the folder, which somebody may have removed meanwhile.
    echo "$made" | {
        left=0
        while read -r cgroup; do
            tries=0
            while [ -d "$cgroup" ] && [ "$tries" -lt 200 ]; do
                find "$cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null
                [ ! -d "$cgroup" ] || sleep 0.05
                tries=$((tries + 1))
            done
            [ ! -d "$cgroup" ] || { echo "cannot remove $cgroup"; left=1; }
        done
        exit "$left"
    } || status=1
}

fail() {
    echo "$1"
    unmake
    exit 1
}

# cgroups: what the node runs stays in the accounting of the one that started it.
# In `cgroups`: what becomes the root for the node. In `join`: where its processes are.
top=/sys/fs/cgroup
if [ -e "$top/cgroup.controllers" ]; then
    version=2
    # Children of a cgroup with processes in it get no controllers, so this one is a child of the topmost.
    for controller in $(cat "$top/cgroup.controllers"); do
        { echo "+$controller" >"$top/cgroup.subtree_control"; } 2>/dev/null
    done
    for controller in cpu cpuset memory pids; do
        grep -qw "$controller" "$top/cgroup.subtree_control" ||
            fail "the cgroup controller $controller cannot be given to a child of $top; in a container, give that the machine's cgroup namespace and write access to it"
    done
    mkdir "$top/$name" || fail "cannot make a cgroup"
    made=$top/$name
    mkdir "$top/$name/processes" || fail "cannot make a cgroup"
    echo "$top/$name/processes" >"$folder/join"
else
    version=1
    while IFS=: read -r _ controllers own; do
        [ -n "$controllers" ] || continue # the second version's hierarchy, which has none here
        parent=$top/${controllers#name=}${own%/}
        [ -d "$parent" ] || fail "the cgroup hierarchy $controllers is not mounted: there is no $parent"
        mkdir "$parent/$name" || fail "cannot make a cgroup"
        made="$made
$parent/$name"
        if [ -e "$parent/$name/cpuset.cpus" ]; then
            # A new one has no processor and no memory, and can hold no process.
            cat "$parent/cpuset.cpus" >"$parent/$name/cpuset.cpus"
            cat "$parent/cpuset.mems" >"$parent/$name/cpuset.mems"
            echo 1 >"$parent/$name/cgroup.clone_children"
        fi
    done </proc/self/cgroup
    echo "$made" | sed 1d >"$folder/join"
fi
echo "$made" | sed '/^$/d' >"$folder/cgroups"

# The first process of the world is 1 in there; /proc/self still tells its number out here, which is kept by `exec`.
# It joins the cgroups before the namespace is made that takes them for the root; `unshare` itself stays out of them.
unshare --pid --fork --kill-child sh -c '
    read -r pid _ </proc/self/stat
    echo "$pid" >"$0/init.pid"
    while read -r cgroup; do echo 0 >"$cgroup/cgroup.procs" || exit 1; done <"$0/cgroups"
    exec unshare --mount --net --cgroup --ipc --uts --propagation private sh "$0/init.sh" "$0" "$1"
' "$folder" "$version" 3<&- &
unshare=$!
(
    while read -r _ <&3; do :; done
    # First `unshare`: one that sees its child killed fails to end as that did, and tells an error of its own.
    kill -KILL "$unshare"
    # The kernel ends every process of a pid namespace with its first.
    [ ! -e "$folder/init.pid" ] || kill -KILL "$(cat "$folder/init.pid")"
) 2>/dev/null &
watcher=$!
exec 3<&-
wait "$unshare" 2>/dev/null
status=$?
kill -KILL "$watcher" 2>/dev/null
# Ended on purpose, by a signal, is well.
[ "$status" -lt 128 ] || status=0
unmake
exit "$status"
