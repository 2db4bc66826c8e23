# Runs a program as a part of the node: in its cgroups and all of its namespaces, in its folder.
# $1: the node's folder, the rest is the program with its arguments.
set -eu
folder=$1
shift
while read -r cgroup; do echo 0 >"$cgroup/cgroup.procs"; done <"$folder/join"
# A container would inherit the signals that the supervisor ignores.
exec nsenter --target "$(cat "$folder/init.pid")" --mount --net --pid --cgroup --ipc --uts \
    sh -c 'cd "$0" && exec env --default-signal=HUP,INT,QUIT HOME="$0/home" TMPDIR="$0/tmp" PATH="$0/bin:$PATH" "$@"' "$folder" "$@"
