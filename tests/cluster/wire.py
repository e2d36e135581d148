# SPDX-License-Identifier: Apache-2.0
"""A network of the test's own: each machine is a network namespace with one TUN
device, and this process carries the packets between them, or does not.

    with wire.Wire(["a", "b"]) as net:
        net.put(node, "a")               # a cluster.Node, before it is started
        net.way("a", "b").cut = True     # one way; the other goes on

Needs root, and a kernel that allows namespaces and TUN: skip_unless_permitted()
says so and ends the test as skipped.
"""
import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import struct
import subprocess
import sys
import threading
import time

SKIPPED = 77                     # what ctest takes for it
CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PACKET_BYTES_MAX = 65536
IDLE_S = 0.2
DEVICE = "wire"


def skip(why, lost="no partitions"):
    print(f"SKIPPED: {why}; {lost} can be tested here", flush=True)
    sys.exit(SKIPPED)


def skip_unless_permitted():
    if os.geteuid() != 0:
        skip("network namespaces need root")
    if subprocess.run(["unshare", "--net", "true"], check=False,
                      capture_output=True).returncode != 0:
        skip("network namespaces are not permitted here")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        skip("there is no /dev/net/tun")


class Way:
    """One direction between two machines; well to begin with."""

    def __init__(self):
        self.mend()

    def mend(self):
        self.cut = False
        self.loss = 0.0              # the share of packets
        self.delay_s = (0.0, 0.0)    # from, to: what differs is reordered


class Machine:
    def __init__(self, name, number):
        self.name = name
        self.address = f"10.77.0.{number}"
        self.anchor = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c",
             "echo; exec sleep infinity"], stdout=subprocess.PIPE)
        self.anchor.stdout.readline()   # the namespace is there
        self.within = ["nsenter", f"--net=/proc/{self.anchor.pid}/ns/net"]
        self.tun = self.open_device()
        for command in (f"addr add {self.address}/24 dev {DEVICE}",
                        f"link set {DEVICE} up", "link set lo up"):
            subprocess.run([*self.within, "ip", *command.split()], check=True)

    def open_device(self):
        """From a thread that enters the namespace for it and ends."""
        opened = []

        def enter():
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/proc/{self.anchor.pid}/ns/net", "rb") as space:
                if libc.setns(space.fileno(), CLONE_NEWNET) != 0:
                    return
            tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(tun, TUNSETIFF, struct.pack(
                "16sH14x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
            opened.append(tun)
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if not opened:
            raise RuntimeError(f"{self.name}: no TUN device")
        return opened[0]

    def end(self):
        os.close(self.tun)
        self.anchor.kill()
        self.anchor.wait()


class Wire:
    def __init__(self, names, seed=0):
        self.rng = random.Random(seed)
        self.machines = {n: Machine(n, i + 1) for i, n in enumerate(names)}
        self.ways = {(a, b): Way() for a in names for b in names if a != b}
        self.late = []               # (when, order, to, packet)
        self.order = itertools.count()
        self.carried = self.lost = self.delayed = 0
        self.ending = threading.Event()
        self.error = None
        self.carrier = threading.Thread(target=self.carry, daemon=True)

    def __enter__(self):
        self.carrier.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.carrier.join()
        for machine in self.machines.values():
            machine.end()

    def way(self, a, b):
        return self.ways[a, b]

    def mend(self):
        for way in self.ways.values():
            way.mend()

    def put(self, node, name):
        machine = self.machines[name]
        node.within, node.host = machine.within, machine.address

    # ---- packets -------------------------------------------------------

    def carry(self):
        try:
            by_tun = {m.tun: m for m in self.machines.values()}
            by_address = {m.address: m for m in self.machines.values()}
            while not self.ending.is_set():
                ready, _, _ = select.select(list(by_tun), [], [], self.rest_s())
                for tun in ready:
                    self.take(by_tun[tun], by_address)
                self.deliver_late()
        except Exception as error:   # told by whoever looks
            self.error = error

    def rest_s(self):
        if not self.late:
            return IDLE_S
        return min(IDLE_S, max(0.0, self.late[0][0] - time.monotonic()))

    def take(self, source, by_address):
        packet = os.read(source.tun, PACKET_BYTES_MAX)
        if len(packet) < 20 or packet[0] >> 4 != 4:
            return                   # IPv6 looks for neighbours
        to = by_address.get(".".join(map(str, packet[16:20])))
        if to is None or to is source:
            return
        way = self.ways[source.name, to.name]
        if way.cut or self.rng.random() < way.loss:
            self.lost += 1
            return
        self.carried += 1
        delay_s = self.rng.uniform(*way.delay_s)
        if delay_s == 0:
            self.give(to, packet)
        else:
            self.delayed += 1
            heapq.heappush(self.late, (time.monotonic() + delay_s,
                                       next(self.order), to, packet))

    def deliver_late(self):
        while self.late and self.late[0][0] <= time.monotonic():
            _, _, to, packet = heapq.heappop(self.late)
            self.give(to, packet)

    @staticmethod
    def give(machine, packet):
        try:
            os.write(machine.tun, packet)
        except BlockingIOError:
            pass                     # its queue is full: as a wire loses it
