"""Four ranks, each in a network namespace of its own, with latency and loss between them."""

import json
import os
import shutil
import subprocess
import time

RANKS = 4
BRIDGE = "rsh-br"
TRAIN = "train t.csv --hidden 256,256 --batch-size 256 --epochs 2 -q".split()
NETWORKS = [
    ("as it is", None),
    ("1 ms", "delay 0.5ms"),
    ("1 ms, 1 % loss", "delay 0.5ms loss 0.5%"),
    ("10 ms, 1 Gbit/s", "delay 5ms rate 1gbit"),
]


def sh(command):
    subprocess.run(command.split(), check=True, capture_output=True)


def build():
    sh(f"ip link add {BRIDGE} type bridge")
    sh(f"ip addr add 10.77.0.254/24 dev {BRIDGE}")
    sh(f"ip link set {BRIDGE} up")
    for i in range(RANKS):
        sh(f"ip netns add rsh{i}")
        sh(f"ip link add rsh-v{i} type veth peer name eth0 netns rsh{i}")
        sh(f"ip link set rsh-v{i} master {BRIDGE} up")
        sh(f"ip -n rsh{i} addr add 10.77.0.{i + 1}/24 dev eth0")
        sh(f"ip -n rsh{i} link set eth0 up")
        sh(f"ip -n rsh{i} link set lo up")


def remove():
    for i in range(RANKS):
        subprocess.run(["ip", "netns", "del", f"rsh{i}"], capture_output=True)
    subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True)


def shape(how):
    for i in range(RANKS):
        subprocess.run(["ip", "netns", "exec", f"rsh{i}", "tc", "qdisc", "del", "dev", "eth0", "root"],
                       capture_output=True)
        if how:
            sh(f"ip netns exec rsh{i} tc qdisc add dev eth0 root netem {how} limit 100000")


def try_all(ranks, folder, figures, wrong):
    if os.geteuid() != 0 or not shutil.which("tc"):
        print("skipped: network namespaces: they need root and tc (Debian: apt install iproute2)")
        return
    # Each host is a namespace: what mpirun would start by ssh is started in it.
    agent = folder / "agent.sh"
    agent.write_text('#!/bin/sh\nhost=$1; shift\nexec ip netns exec "rsh$((${host##*.} - 1))" sh -c "$*"\n')
    agent.chmod(0o755)
    hosts = ",".join(f"10.77.0.{i + 1}" for i in range(RANKS))
    command = [
        "mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "--host", hosts,
        "--mca", "plm_rsh_agent", str(agent), "--mca", "btl", "tcp,self",
        "--mca", "btl_tcp_if_include", "10.77.0.0/24", "--mca", "oob_tcp_if_include", "10.77.0.0/24",
        "--mca", "mpi_yield_when_idle", "1", "-n", str(RANKS), ranks.program,
    ]
    ranks.run(RANKS, [*TRAIN, "--out", "near"])
    near = (folder / "near" / "model.safetensors").read_bytes()
    seconds = {}
    remove()
    try:
        build()
        for name, how in NETWORKS:
            shape(how)
            begun = time.monotonic()
            env = {**os.environ, "RESHET_THREADS": "1"}
            done = subprocess.run(
                [*command, *TRAIN, "--out", "far", "--force"], cwd=folder, env=env,
                capture_output=True, text=True, timeout=600,
            )
            if done.returncode != 0:
                wrong(f"namespaces, {name}: {done.stderr}")
                continue
            if (folder / "far" / "model.safetensors").read_bytes() != near:
                wrong(f"namespaces, {name}: another model")
            report = json.loads((folder / "far" / "report.json").read_text())
            per_step = 1000 * report["seconds"]["train"] / report["steps"]
            seconds[name] = {"ms a step": round(per_step, 2), "s": round(time.monotonic() - begun, 1)}
    finally:
        remove()
    figures["four namespaces"] = seconds
