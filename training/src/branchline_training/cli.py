"""The command ``branchline-train``: one sub-command for each thing a quality engineer does."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from rich.console import Console
from rich.table import Table

from . import __version__
from .bundle import BundleError, content_hash, read_manifest, write_manifest
from .calibration import TooFewParts
from .clips import cut_clips
from .dataset import DatasetError, read_specs
from .decode_error import DecodeError
from .evaluate import (
    encode_parts,
    evaluate_branches,
    evaluate_captures,
    into_manifest,
    read_captures,
)
from .examination import examine_test, examine_training
from .examination.findings import exit_code
from .merge import export_single_files
from .picture_size import fit_specs
from .precision import PRECISIONS, Bounds, comparison_table, export_precision
from .progress import Track, bars, silent
from .published import LAYOUTS, import_category
from .run_folder import RunFolder
from .runtime import BundleRuntime
from .selection import DETECTORS
from .student import METHOD_PARTS, StudentConfig
from .study.methods import BASELINES, baselines, ours, single_figures
from .study.missing_rates import Parts, missing_table, read_visible
from .study.report import plot_missing, to_markdown
from .study.retrained import open_workshop
from .subsets import Protocol
from .synthesize import synthesize
from .train import TrainConfig, bundle_name, train
from .verify import verify

EXPECTED_ERRORS = (BundleError, DatasetError, DecodeError, TooFewParts, OSError)
Arguments = argparse.Namespace

ONE_MODALITY = (
    "one modality only: nothing can be missing, and no cross-modal gain can be had; the model is "
    "an ordinary anomaly detector"
)
LAYOUT = """\
DATA is a folder like this; files of one part carry the same ID, and a part may lack any modality:

  DATA/train/good/<modality>/ID.ext            good parts to learn from
  DATA/test/good/<modality>/ID.ext             good parts to judge     (evaluate only)
  DATA/test/<defect>/<modality>/ID.ext         defective parts         (evaluate only)
  DATA/test/<defect>/gt/ID.png                 masks, optional         (evaluate only)
  DATA/modalities.json                         units and scales, optional
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one sub-command; 0 where it did what it was asked, 1 where it could not."""
    arguments = _parser().parse_args(argv)
    command: Callable[[Arguments, Track], int] = arguments.command
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    try:
        return command(arguments, silent if arguments.quiet else bars)
    except EXPECTED_ERRORS as error:
        print(f"branchline-train: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="branchline-train",
        description="Trains Branchline bundles: one ONNX branch for each subset of modalities.",
        epilog="A first run:  branchline-train synthesize data/bracket\n"
        "              branchline-train train data/bracket --out models/bracket/1\n"
        "              branchline-train evaluate models/bracket/1 data/bracket --write\n"
        "              branchline-train verify models/bracket/1",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_synthesize(commands)
    _add_clips(commands)
    _add_import(commands)
    _add_doctor(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_verify(commands)
    _add_export(commands)
    return parser


def _command(
    commands: Any, name: str, run: Callable[[Arguments, Track], int], text: str, epilog: str = ""
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=text,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all cores)")
    parser.set_defaults(command=run)
    return parser


def _add_synthesize(commands: Any) -> None:
    parser = _command(
        commands, "synthesize", _synthesize, "Draws a part in four modalities, good and defective."
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="an empty or new folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--train", type=int, default=180, help="good parts to learn from")
    parser.add_argument("--test-good", type=int, default=60)
    parser.add_argument("--test-per-kind", type=int, default=20, help="of each of six defects")
    parser.add_argument("--size", type=int, default=256, help="pixels a side")


def _synthesize(arguments: Arguments, track: Track) -> int:
    total = arguments.train + arguments.test_good + 6 * arguments.test_per_kind
    ticks = iter(track(range(total), "drawing parts"))

    def advance(_done: int, _total: int) -> None:
        next(ticks, None)

    synthesize(
        arguments.out,
        seed=arguments.seed,
        train=arguments.train,
        test_good=arguments.test_good,
        test_per_kind=arguments.test_per_kind,
        size=arguments.size,
        progress=advance,
    )
    next(ticks, None)
    print(f"{arguments.out}: {total} parts drawn")
    return 0


def _add_clips(commands: Any) -> None:
    parser = _command(
        commands,
        "clips",
        _clips,
        "Cuts long recordings into clips, split by recording, in the layout that train reads.",
        "branchline-train clips recordings data/motor --good 'healthy_*' --seconds 1",
    )
    parser.add_argument("source", type=Path, metavar="RECORDINGS", help="a folder of WAV files")
    parser.add_argument("out", type=Path, metavar="OUT", help="an empty or new folder")
    parser.add_argument("--good", required=True, help="glob of the recordings of good parts")
    parser.add_argument("--modality", default="acoustic")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--test-fraction", type=float, default=0.3, help="of the good recordings")
    parser.add_argument("--seed", type=int, default=1)


def _clips(arguments: Arguments, track: Track) -> int:  # noqa: ARG001
    counts = cut_clips(
        arguments.source,
        arguments.out,
        modality=arguments.modality,
        good=arguments.good,
        seconds=arguments.seconds,
        test_fraction=arguments.test_fraction,
        seed=arguments.seed,
    )
    test = ", ".join(f"{count} {label}" for label, count in sorted(counts.test.items()))
    print(f"{arguments.out}: {counts.train} clips to learn from, {test} to judge")
    return 0


def _add_import(commands: Any) -> None:
    parser = _command(
        commands,
        "import",
        _import,
        "Brings one category of a published data set into the layout that train reads.",
        "branchline-train import mvtec_3d_ad/bagel data/bagel\n\ndocs/benchmarks.md lists the sets",
    )
    parser.add_argument("source", type=Path, metavar="CATEGORY", help="its folder, as published")
    parser.add_argument("out", type=Path, metavar="OUT", help="an empty or new folder")
    parser.add_argument("--layout", choices=("auto", *LAYOUTS), default="auto")


def _import(arguments: Arguments, track: Track) -> int:
    layout, count = import_category(arguments.source, arguments.out, arguments.layout, track)
    print(f"{arguments.out}: {count} parts of {arguments.source.name} ({layout})")
    if len(LAYOUTS[layout].modalities) == 1:
        print(f"note: {ONE_MODALITY}")
    print(f"next: branchline-train doctor {arguments.out}")
    return 0


def _add_doctor(commands: Any) -> None:
    parser = _command(
        commands,
        "doctor",
        _doctor,
        "Examines a data set before training: pairing, copies, files that cannot be read, dead "
        "sensors, registration, labels that the background alone tells, too few parts.",
        "exit code: 0 nothing to do, 1 training cannot work, 2 figures may mislead\n\n" + LAYOUT,
    )
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--modalities", type=_names, help="e.g. rgb,depth (default: all)")
    parser.add_argument("--target-false-call-rate", type=_rate, default=0.02)
    parser.add_argument("--json", type=Path, help="write the findings here too")
    parser.add_argument(
        "--write", type=Path, metavar="BUNDLE", help="put the findings into its manifest"
    )


def _doctor(arguments: Arguments, track: Track) -> int:
    rate = arguments.target_false_call_rate
    specs = fit_specs(read_specs(arguments.data, arguments.modalities), 256)
    findings, signals = examine_training(arguments.data, specs, rate, track)
    if signals.parts:
        findings += examine_test(arguments.data, specs, signals, rate, track)
    for finding in findings:
        print(f"{finding.severity}: {finding.sentence}")
    if not findings:
        print("nothing found")
    said = [finding.to_json() for finding in findings]
    _write_json(arguments.json, {"data": arguments.data.resolve().name, "findings": said})
    if arguments.write:
        manifest = read_manifest(arguments.write)
        manifest["data"]["findings"] = [f"{f.severity}: {f.sentence}" for f in findings]
        write_manifest(arguments.write, manifest)
    return exit_code(findings)


def _add_train(commands: Any) -> None:
    parser = _command(
        commands, "train", _train, "Learns from good parts and writes a bundle.", LAYOUT
    )
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument(
        "--modalities", type=_names, help="e.g. rgb,depth (default: every folder in train/good)"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="models/NAME/VERSION", help="must not exist yet"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=256, help="longest side looked at, pixels")
    parser.add_argument(
        "--target-false-call-rate",
        type=_rate,
        default=0.02,
        help="share of good parts that may land above the review threshold (default 0.02)",
    )
    parser.add_argument(
        "--detector",
        choices=("auto", *DETECTORS),
        default="auto",
        help="auto compares them without labels, modality by modality",
    )
    parser.add_argument(
        "--student",
        choices=("auto", "on", "off"),
        default="auto",
        help="use the distilled student's view: auto, where it adds to the others (default); "
        "on, everywhere; off, and it is not trained",
    )
    parser.add_argument(
        "--without",
        type=_parts_of_method,
        default=(),
        metavar="PART,…",
        help="leave parts of the student's training out, to measure what they are worth: "
        + ", ".join(METHOD_PARTS),
    )
    parser.add_argument("--steps", type=_positive, default=120, help="of the student's training")
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="of trunk and student; on CUDA the student trains in mixed precision",
    )
    parser.add_argument(
        "--run-folder",
        type=Path,
        metavar="DIR",
        help="config, losses, environment and finished stages, so that a run that was cut off goes "
        "on where it stood (default: runs/NAME-VERSION)",
    )
    parser.add_argument("--licence", default="not stated", help="of the bundle, for its manifest")
    parser.add_argument("--backbone", type=Path, help="EfficientNet-Lite0 weights (.pth)")


def _train(arguments: Arguments, track: Track) -> int:
    config = TrainConfig(
        seed=arguments.seed,
        size=arguments.size,
        target_false_call_rate=arguments.target_false_call_rate,
        detector=arguments.detector,
        student=arguments.student,
        student_config=StudentConfig(
            steps=arguments.steps, **{part: False for part in arguments.without}
        ),
        device=arguments.device,
        licence=arguments.licence,
        backbone=arguments.backbone,
    )
    name, version = bundle_name(arguments.out)
    run = RunFolder(arguments.run_folder or Path("runs") / f"{name}-{version}")
    findings = train(arguments.data, arguments.modalities, arguments.out, config, track, run)
    manifest = read_manifest(arguments.out)
    size = sum(f.stat().st_size for f in arguments.out.rglob("*") if f.is_file())
    for finding in findings:
        print(f"note: {finding}")
    if len(manifest["modalities"]) == 1:
        print(f"note: {ONE_MODALITY}")
    for modality, chosen in manifest["trainer"]["config"]["detectors"].items():
        print(f"{modality}: {' + '.join(chosen['chosen'])}")
    print(
        f"{arguments.out}: {len(manifest['branches'])} branches, {size / 1e6:.1f} MB, "
        f"content {content_hash(manifest)[:16]}"
    )
    print(f"next: branchline-train evaluate {arguments.out} {arguments.data} --write")
    return 0


def _add_evaluate(commands: Any) -> None:
    parser = _command(
        commands, "evaluate", _evaluate, "Judges a labelled folder and reports AUROC.", LAYOUT
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument(
        "--protocol",
        choices=(*get_args(Protocol), "all"),
        default="sample",
        help="how sensors fail. one: an incomplete capture lacks one modality; sample: it keeps a "
        "random subset; bern: each modality is lost by itself",
    )
    parser.add_argument("--rates", type=_rates, default="0,0.2,0.4,0.6", help="missing rates")
    parser.add_argument(
        "--baselines",
        type=_baselines,
        default=(),
        metavar="KIND,…",
        help=f"compare with others, trained now on DATA/train: {', '.join(BASELINES)}, or all. "
        "Takes minutes",
    )
    parser.add_argument("--seeds", type=int, default=20, help="draws at each rate")
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap intervals")
    parser.add_argument(
        "--captures", type=Path, help="judge exactly these captures (a JSON plan), nothing else"
    )
    parser.add_argument("--json", type=Path, help="write the report here too")
    parser.add_argument("--markdown", type=Path, help="write the tables here too")
    parser.add_argument(
        "--plot", type=Path, help="draw AUROC over missing rate here (.svg or .png), by protocol"
    )
    parser.add_argument("--write", action="store_true", help="put the figures into the manifest")


def _evaluate(arguments: Arguments, track: Track) -> int:
    runtime = BundleRuntime(arguments.bundle, threads=arguments.threads)
    encoded = encode_parts(runtime, arguments.data, track)
    if arguments.captures:
        report = evaluate_captures(runtime, encoded, read_captures(arguments.captures))
        _write_json(arguments.json, report)
        auroc = report["imageAuroc"]
        print(f"{len(report['scores'])} captures, image AUROC {auroc and round(auroc, 4)}")
        return 0
    parts = Parts([item.part.label for item in encoded], [item.present for item in encoded])
    methods = [ours(runtime, encoded)]
    if arguments.baselines:
        if not parts.defective.any():
            raise DatasetError(f"{arguments.data}/test has no defective parts to compare on")
        workshop = open_workshop(
            runtime.manifest, arguments.data, [item.part for item in encoded], track
        )
        methods += baselines(workshop, parts.defective, arguments.baselines, track)
    several = len({m for present in parts.present for m in present}) > 1
    report = {
        "on": f"{arguments.data.resolve().name}, test split",
        "branches": evaluate_branches(runtime, encoded, seed=arguments.seed, track=track),
        "methods": {method.name: method.about for method in methods},
        "missing": [
            row
            for protocol in (_protocols(arguments.protocol) if several else ())
            for row in missing_table(
                methods,
                parts,
                protocol=protocol,
                rates=arguments.rates,
                seeds=arguments.seeds,
                seed=arguments.seed,
                visible=read_visible(arguments.data),
            )
        ],
        "singleModality": single_figures(methods, parts),
    }
    if not several:
        print(f"note: {ONE_MODALITY}")
    _write_json(arguments.json, report)
    text = to_markdown(report)
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")
    for protocol in _protocols(arguments.protocol) if arguments.plot else ():
        rows = [row for row in report["missing"] if row["protocol"] == protocol]
        name = f"{arguments.plot.stem}-{protocol}{arguments.plot.suffix}"
        plot_missing(rows, arguments.plot.with_name(name), f"{report['on']}, protocol {protocol}")
    if arguments.write:
        manifest = read_manifest(arguments.bundle)
        into_manifest(manifest, report)
        write_manifest(arguments.bundle, manifest)
    print(text, end="")
    return 0


def _add_verify(commands: Any) -> None:
    parser = _command(
        commands,
        "verify",
        _verify,
        "Checks files, golden vectors at batch 1 and 3, and merged against composed graphs.",
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")


def _verify(arguments: Arguments, track: Track) -> int:
    checks = verify(arguments.bundle, track)
    table = Table("check", "result", "", box=None, pad_edge=False)
    for check in checks:
        table.add_row(check.name, "ok" if check.passed else "FAILED", check.detail)
    Console().print(table)
    return 0 if all(check.passed for check in checks) else 1


def _add_export(commands: Any) -> None:
    parser = _command(
        commands,
        "export",
        _export,
        "Writes the branches of a bundle for other runtimes, or the bundle in half precision.",
        "branchline-train export models/bracket/1 single --single-file\n"
        "branchline-train export models/bracket/1 models/bracket/2 --precision fp16 "
        "--data data/bracket",
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="a folder; with --precision models/NAME/VERSION"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--single-file",
        action="store_true",
        help="one ONNX file a branch, encoders and head merged",
    )
    what.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="a bundle with its trunks in half precision (for GPUs: no faster on a CPU)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        help="with --precision: compare both bundles on the good parts of DATA/train, and by "
        "AUROC on DATA/test where there is one",
    )
    parser.add_argument(
        "--max-auroc-loss",
        type=float,
        default=Bounds.auroc_loss,
        help="of any branch, 0 to 1; more is refused (default %(default)s)",
    )


def _export(arguments: Arguments, track: Track) -> int:
    if arguments.precision:
        return _export_precision(arguments, track)
    manifest = read_manifest(arguments.bundle)
    for file in export_single_files(arguments.bundle, manifest, arguments.out, track):
        print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
    return 0


def _export_precision(arguments: Arguments, track: Track) -> int:
    if arguments.data is None:
        raise DatasetError("--precision needs --data, the folder to compare both bundles on")
    said = export_precision(
        arguments.bundle,
        arguments.out,
        arguments.precision,
        data=arguments.data,
        bounds=Bounds(auroc_loss=arguments.max_auroc_loss),
        track=track,
    )
    print(comparison_table(said))
    print(f"next: branchline-train verify {arguments.out}")
    return 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _protocols(name: str) -> tuple[Protocol, ...]:
    return tuple(p for p in get_args(Protocol) if name in (p, "all"))


def _baselines(text: str) -> tuple[str, ...]:
    names = _names(text)
    unknown = sorted(set(names) - {*BASELINES, "all"})
    if unknown:
        raise argparse.ArgumentTypeError(
            f'"{unknown[0]}" is no kind of baseline; these are: {", ".join(BASELINES)}, all'
        )
    return BASELINES if "all" in names else tuple(names)


def _parts_of_method(text: str) -> list[str]:
    names = _names(text)
    unknown = sorted(set(names) - set(METHOD_PARTS))
    if unknown:
        raise argparse.ArgumentTypeError(
            f'"{unknown[0]}" is no part of the method; these are: {", ".join(METHOD_PARTS)}'
        )
    return names


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < 0.5:
        raise argparse.ArgumentTypeError(f"{text} is no rate between 0 and 0.5")
    return value


def _rates(text: str) -> list[float]:
    values = [float(part) for part in text.split(",")]
    if any(not 0 <= value < 1 for value in values):
        raise argparse.ArgumentTypeError(f"{text}: every rate lies in 0…1, like 0,0.2,0.4")
    return values


def _write_json(path: Path | None, report: dict[str, Any]) -> None:
    if path:
        path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
