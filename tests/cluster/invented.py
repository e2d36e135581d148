# SPDX-License-Identifier: Apache-2.0
"""Registers that sangam-sample makes, entered at the sites of a tree."""
import csv
import pathlib
import subprocess

import cluster
from cluster import check

SAMPLE = pathlib.Path(cluster.BINARY).parent / "sangam-sample"
LISTS = ["ref_site", "ref_code", "ref_item", "ref_parameter", "ref_course"]


def generate(folder, *arguments):
    """Writes registers into a folder; arguments as sangam-sample has them."""
    done = subprocess.run([SAMPLE, *map(str, arguments), folder], text=True,
                          capture_output=True)
    check(done.returncode == 0, f"{SAMPLE}: {done.stderr}")
    return folder


def tree_of(name, folder):
    """A tree of all sites of the generated register, which headquarters
    imports instead of the usual lists."""
    cluster.REGISTERS = folder / "PB-HQ"
    cluster.REFERENCE = LISTS
    with (folder / "PB-HQ" / "ref_site.csv").open(newline="") as f:
        cluster.PARENTS = {row["site_id"]: row["parent_site_id"] or None
                           for row in csv.DictReader(f)}
    return cluster.Cluster(name)


def enter(tree, folder):
    """Imports at each site what it would have entered; how many rows."""
    rows = 0
    for node in tree:
        if node.site == cluster.ROOT:
            continue
        for path in sorted((folder / node.site).glob("*.csv")):
            said = node.sangam("import", path.stem, path).stdout
            rows += int(said.split()[1])
    return rows


def answer(tree, folder):
    """What sites say later of rows that others began. These must have come."""
    for node in tree:
        path = folder / node.site / "answers.sql"
        if path.exists():
            with node.connect() as db:
                db.executescript(f"BEGIN IMMEDIATE;{path.read_text()}COMMIT;")


def summary(folder):
    """What was made wrong, by its name, and how many breaches of which rule
    follow."""
    with (folder / "summary.csv").open(newline="") as f:
        rows = list(csv.DictReader(f))
    rules = {r["rules"]: int(r["made"]) for r in rows
             if r["what"].startswith("rule_")}
    return {r["what"]: int(r["made"]) for r in rows
            if not r["what"].startswith("rule_")}, rules
