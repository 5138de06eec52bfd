"""The report of an evaluation as Markdown tables, and its missing rates as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


def to_markdown(report: Mapping[str, Any]) -> str:
    """Branches, what each sensor sees, missing rates, and how far each method is behind."""
    lines = [f"On {report['on']}. Intervals are 95 % bootstrap intervals over parts.", ""]
    lines += _branches(report["branches"])
    lines += _by_defect(report["branches"])
    for protocol in dict.fromkeys(row["protocol"] for row in report["missing"]):
        lines += _missing([row for row in report["missing"] if row["protocol"] == protocol])
    return "\n".join(lines) + "\n"


def _branches(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| branch | image AUROC | 95 % | pixel AUROC | AUPRO | false calls | 95 % | parts |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['branch']} | {_figure(row['imageAuroc'])} | {_range(row['interval95'])} | "
            f"{_figure(row['pixelAuroc'])} | {_figure(row['aupro'])} | "
            f"{_percent(row['falseCallRate'])} | {_range(row['falseCall95'], '.1%')} | "
            f"{row['n']['good']} + {row['n']['defective']} |"
        )
    return lines


def _by_defect(rows: Sequence[Row]) -> list[str]:
    """Image AUROC of each kind of defect alone, for single sensors and for all together."""
    kinds = sorted({kind for row in rows for kind in row["byDefect"]})
    if not kinds:
        return []
    largest = max(row["branch"].count("+") for row in rows)
    shown = [row for row in rows if row["branch"].count("+") in (0, largest)]
    lines = [
        "",
        "What each sensor sees (image AUROC, one kind of defect at a time):",
        "",
        f"| branch | {' | '.join(kinds)} |",
        f"|---|{'---|' * len(kinds)}",
    ]
    for row in shown:
        cells = (_figure(row["byDefect"].get(kind), ".2f") for kind in kinds)
        lines.append(f"| {row['branch']} | {' | '.join(cells)} |")
    return lines


def _missing(rows: Sequence[Row]) -> list[str]:
    rates = sorted({row["rate"] for row in rows})
    methods = list(dict.fromkeys(row["method"] for row in rows))
    by = {(row["method"], row["rate"]): row for row in rows}
    lines = [
        "",
        f"Protocol `{rows[0]['protocol']}`, {rows[0]['seeds']} draws at each missing rate:",
        "",
        f"| image AUROC | {' | '.join(f'{rate:.0%}' for rate in rates)} |",
        f"|---|{'---|' * len(rates)}",
    ]
    for method in methods:
        cells = (
            f"{by[method, rate]['imageAuroc']:.3f} ({_range(by[method, rate]['interval95'])})"
            for rate in rates
        )
        lines.append(f"| {method} | {' | '.join(cells)} |")
    if rows[0]["ceiling"] is not None:
        cells = (f"{by[methods[0], rate]['ceiling']:.3f}" for rate in rates)
        lines.append(f"| *ceiling* | {' | '.join(cells)} |")
    if len(methods) > 1:
        lines += [
            "",
            f"How far behind {methods[0]}, on the same draws and resamples:",
            "",
            f"| points | {' | '.join(f'{rate:.0%}' for rate in rates)} |",
            f"|---|{'---|' * len(rates)}",
        ]
        for method in methods[1:]:
            cells = (_behind(by[method, rate]) for rate in rates)
            lines.append(f"| {method} | {' | '.join(cells)} |")
    return lines


def _behind(row: Row) -> str:
    low, high = row["behind95"]
    return f"{100 * row['behind']:+.1f} ({100 * low:+.1f} … {100 * high:+.1f})"


def plot_missing(rows: Sequence[Row], file: Path, title: str) -> None:
    """AUROC over missing rate, a line a method, the first with its interval. SVG or PNG.

    ``rows``: of one protocol, as in the report. Raises ValueError for another kind of file.
    """
    import matplotlib as mpl  # slow to load, and only this needs it  # noqa: PLC0415

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "branchline"  # the same picture is the same file
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    styles = ("-", "--", "-.", ":")
    for i, method in enumerate(dict.fromkeys(row["method"] for row in rows)):
        line = sorted((r for r in rows if r["method"] == method), key=lambda r: r["rate"])
        rates = [100 * row["rate"] for row in line]
        figures = [row["imageAuroc"] for row in line]
        if i == 0:
            low, high = zip(*(row["interval95"] for row in line), strict=True)
            axes.fill_between(rates, low, high, alpha=0.15, color="C0", linewidth=0)
        axes.plot(
            rates,
            figures,
            styles[i // 10 % 4] if i else "-",
            color=f"C{i % 10}",
            marker="osv^Dx+*"[i % 8],
            linewidth=2.5 if i == 0 else 1.2,
            markersize=4,
            label=method,
        )
    axes.set_xlabel("captures or sensors missing, %")
    axes.set_ylabel("image AUROC")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
    plt.close(figure)


def _figure(value: float | None, form: str = ".3f") -> str:
    return "–" if value is None else format(value, form)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _range(interval: Sequence[float] | None, form: str = ".3f") -> str:
    return "" if interval is None else "–".join(format(value, form) for value in interval)
