"""Four ranks, each in a network namespace of its own, and between them a slow network that loses packets.

Each namespace has a TUN device, and a thread here is the network: it passes packets from one
to another after the latency, or loses them. (`tc netem` would do as well, where the kernel has it.)
"""

import ctypes
import fcntl
import heapq
import itertools
import json
import os
import random
import select
import shutil
import struct
import subprocess
import threading
import time

RANKS = 4
HOSTS = [f"10.77.0.{i + 1}" for i in range(RANKS)]
TRAIN = "train t.csv --hidden 256,256 --batch-size 256 --epochs 2 --schedule constant -q".split()
# One way: seconds, and the part of the packets that is lost.
NETWORKS = [("as it is", 0, 0), ("1 ms there and back", 0.0005, 0), ("4 ms", 0.002, 0),
            ("1 ms, 1 % lost", 0.0005, 0.005)]
MTU = 9000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
CLONE_NEWNET = 0x40000000


def sh(command):
    subprocess.run(command.split(), check=True, capture_output=True)


def tun(namespace):
    """A TUN device `net0` in a namespace, as a file."""
    libc = ctypes.CDLL(None, use_errno=True)
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/var/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"net0", IFF_TUN | IFF_NO_PI))
        return device
    finally:
        libc.setns(here, CLONE_NEWNET)
        os.close(here)
        os.close(there)


class Network:
    """Passes packets between the namespaces."""

    def __init__(self):
        self.latency, self.loss, self.chance = 0, 0, random.Random(0)
        self.devices = {}
        for i, host in enumerate(HOSTS):
            sh(f"ip netns add rsh{i}")
            self.devices[bytes(map(int, host.split(".")))] = tun(f"rsh{i}")
            sh(f"ip -n rsh{i} addr add {host}/24 dev net0")
            sh(f"ip -n rsh{i} link set net0 mtu {MTU} up")
            sh(f"ip -n rsh{i} link set lo up")
        self.over = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        waiting, number = [], itertools.count()
        while not self.over:
            pause = max(0, min(0.05, waiting[0][0] - time.monotonic())) if waiting else 0.05
            for device in select.select(self.devices.values(), [], [], pause)[0]:
                packet = os.read(device, MTU + 100)
                to = self.devices.get(packet[16:20])
                if to is not None and self.chance.random() >= self.loss:
                    due = time.monotonic() + self.latency
                    heapq.heappush(waiting, (due, next(number), to, packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, to, packet = heapq.heappop(waiting)
                try:
                    os.write(to, packet)
                except BlockingIOError:
                    pass

    def close(self):
        self.over = True
        self.thread.join()
        for device in self.devices.values():
            os.close(device)
        remove()


def remove():
    for i in range(RANKS):
        subprocess.run(["ip", "netns", "del", f"rsh{i}"], capture_output=True)


def try_all(ranks, folder, figures, wrong):
    if os.geteuid() != 0 or not shutil.which("ip") or not os.path.exists("/dev/net/tun"):
        print("skipped: network namespaces: they need root, iproute2 and /dev/net/tun")
        return
    # What mpirun would start on a host by ssh is started in its namespace, as a host of that name
    # with its own temporary files. mpirun itself is in the first one.
    agent = folder / "agent.sh"
    agent.write_text(
        "#!/bin/sh\n"
        "host=$1; shift\n"
        'n=$((${host##*.} - 1)); mkdir -p "' + str(folder) + '/tmp$n"\n'
        'exec ip netns exec "rsh$n" unshare --uts sh -c "hostname rsh$n; export TMPDIR=' + str(folder) + '/tmp$n; $*"\n'
    )
    agent.chmod(0o755)
    command = [
        str(agent), HOSTS[0],
        "mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "--host", ",".join(HOSTS),
        "--mca", "plm_rsh_agent", str(agent), "--mca", "btl", "tcp,self",
        "--mca", "btl_tcp_if_include", "net0", "--mca", "oob_tcp_if_include", "net0",
        "--mca", "mpi_yield_when_idle", "1", "-n", str(RANKS), ranks.program,
    ]
    ranks.run(RANKS, [*TRAIN, "--out", "near"])
    near = (folder / "near" / "model.safetensors").read_bytes()
    steps = {}
    remove()
    network = Network()
    try:
        for name, network.latency, network.loss in NETWORKS:
            env = {**os.environ, "RESHET_THREADS": "1"}
            try:
                done = subprocess.run(
                    [*command, *TRAIN, "--out", "far", "--force"], cwd=folder, env=env,
                    capture_output=True, text=True, timeout=240,
                )
            except subprocess.TimeoutExpired:
                wrong(f"namespaces, {name}: hangs")
                continue
            if done.returncode != 0:
                wrong(f"namespaces, {name}: {done.stderr}")
                continue
            if (folder / "far" / "model.safetensors").read_bytes() != near:
                wrong(f"namespaces, {name}: another model")
            report = json.loads((folder / "far" / "report.json").read_text())
            steps[name] = round(1000 * report["seconds"]["train"] / report["steps"], 2)
    finally:
        network.close()
    figures["four namespaces, ms a step"] = steps
