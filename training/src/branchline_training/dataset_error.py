"""What is wrong with a folder of parts, in words for whoever filled it."""

from __future__ import annotations


class DatasetError(Exception):
    """A folder that cannot be trained on or judged; the message names the culprit and the cure."""
