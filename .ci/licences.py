"""Prints each distribution of this Python with its licence, as JSON: an SPDX expression where it names one."""

import json
from importlib.metadata import distributions

PREFIX = "License :: OSI Approved :: "
# What older packages say in a classifier, and in the words of their authors.
SPDX = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
}


def licence_of(metadata):
    classifiers = [c.removeprefix(PREFIX) for c in metadata.get_all("Classifier", []) if c.startswith(PREFIX)]
    said = metadata.get("License-Expression") or " AND ".join(SPDX.get(c, c) for c in classifiers)
    free = (metadata.get("License") or "").strip()
    return said or SPDX.get(free, free)


found = {d.metadata["Name"]: licence_of(d.metadata) for d in distributions()}
print(json.dumps([{"name": name, "licence": licence} for name, licence in sorted(found.items())]))
