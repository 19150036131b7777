"""How what a lesson prints and shows is compared with what was saved: one rule for every lesson.

Words, and numbers without a fraction, have to be the same on every machine. By how much another
number may differ depends on where it comes from:

- In most cells numbers follow from arithmetic. They may differ by rounding, which is one unit of
  the last digit printed.
- In a cell tagged `trained` the training of a model decided them, and every processor rounds a
  little differently on the way there. An effect with its interval, +4.9 [+3.6, +6.1], may differ
  by the interval's half-width, a mean with its standard error by a few of these, a percentage by
  some points, any other number by a part of its size. The constants below say how much;
  `python tools/processors.py` tries them on the processors that one machine can play.

A verdict (helps, harms, no effect found) has to be the one that its own interval gives, in what
was saved and in what was printed now; an interval that ends at 0, as printed, allows for either.
Pictures are counted; what they show is compared by their alt texts.

A cell that needs a number of its own carries it as a tag: `rtol-0.3` (a part of the size) and
`atol-2` (in the units printed) for numbers with a fraction, `counts-20` for those without. It has
to say why in its metadata, under "reason".
"""

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

HALVES = 1  # half-widths of its interval, for an effect and both ends: it stays within what it was
ERRORS = 3  # standard errors, for a mean
POINTS = 4  # for a percentage
SIZE = 0.1  # of its size, for any other number that training decided
ROUNDING = 1e-12  # smaller numbers are nothing but rounding, and alike

OWN = ("rtol-", "atol-", "counts-")  # how a tag with a number of a cell's own begins
NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf)(?!\.?\w)", re.IGNORECASE
)
_FRACTION = r"[-+]?\d+\.\d+"
EFFECT = re.compile(rf"({_FRACTION})(?: points)?\s*\[\s*({_FRACTION}),\s*({_FRACTION})\]")
MEAN_AND_ERROR = re.compile(rf"({_FRACTION}) \+- ({_FRACTION})")
VERDICT = re.compile(r"\b(helps|harms|no effect found)$")
CLAIM = re.compile(r"^(holds|differs here): ")
# What differs from run to run and says nothing: the regular expression, and what stands for it.
NOISE = {
    re.compile(r"0x[0-9a-fA-F]+"): "ADDRESS",
    re.compile(r"(/[\w.+-]+)+/ipykernel_\d+/\d+\.py"): "CELL.py",
    re.compile(r"(/[\w.+-]+)+/site-packages/"): "PACKAGES/",
    re.compile(r"\b\d+(\.\d+)? (ns|µs|μs|us|ms|s|min)\b"): "DURATION",
    re.compile(r"\[\d+:\d+<[^\]]*\]"): "[CLOCK]",
}


class Rule(NamedTuple):
    """What the tags of a cell say about its numbers."""

    trained: bool = False
    rtol: float = 0.0
    atol: float = 0.0
    counts: float = 0.0

    @classmethod
    def of(cls, tags: Iterable[str]) -> "Rule":
        """The rule of a cell with these tags.

        Raises:
            ValueError: a tolerance that is no number.
        """
        own = dict(tag.split("-", 1) for tag in tags if tag.startswith(OWN))
        return cls("trained" in tags, **{name: float(value) for name, value in own.items()})


Texts = dict[str, list[str]]


def texts(outputs: Iterable[dict]) -> Texts:
    """What a cell put out, by kind: printed and shown texts, and the alt text of each picture."""
    kinds: Texts = {}
    for output in outputs:
        if output["output_type"] == "stream":
            name = output["name"]  # many pieces may make up one text
            kinds[name] = ["".join([*kinds.get(name, []), output["text"]])]
        elif output["output_type"] == "error":
            kinds.setdefault("error", []).append(f"{output['ename']}: {output['evalue']}")
        for kind, content in output.get("data", {}).items():
            if kind.startswith("text/") and content:
                kinds.setdefault(kind, []).append("".join(content))
            elif kind.startswith("image/"):
                alt = output.get("metadata", {}).get(kind, {}).get("alt", "")
                kinds.setdefault("picture", []).append(alt)
    return {kind: [without_noise(text) for text in parts] for kind, parts in kinds.items()}


def differences(saved: Texts, fresh: Texts, rule: Rule) -> list[str]:
    """What differs between a cell's saved texts and those of a new run, in words; none if alike."""
    lines = [f"{kind} is missing" for kind in saved if kind not in fresh]
    lines += [f"{kind} is new: {fresh[kind][0][:200]!r}" for kind in fresh if kind not in saved]
    for kind in saved.keys() & fresh.keys():
        if len(saved[kind]) != len(fresh[kind]):
            lines.append(f"{kind}: {len(fresh[kind])} instead of {len(saved[kind])}")
        for old, new in zip(saved[kind], fresh[kind], strict=False):
            lines += [f"{kind}: {line}" for line in text_differences(old, new, rule)]
    return lines


def without_noise(text: str) -> str:
    """The text with a name for whatever differs from run to run."""
    for pattern, name in NOISE.items():
        text = pattern.sub(name, text)
    return text


def text_differences(saved: str, fresh: str, rule: Rule) -> list[str]:
    """What differs between two texts beyond what the rule allows, line by line."""
    before, now = saved.strip().split("\n"), fresh.strip().split("\n")
    if len(before) != len(now):
        return [f"{len(now)} lines instead of {len(before)}: {fresh.strip()[:500]!r}"]
    lines = []
    for old, new in zip(before, now, strict=True):
        wrong = verdict_errors(old, "saved") + verdict_errors(new, "now")
        if words(old) != words(new):
            wrong.append("other words")
        else:
            wrong += number_errors(old, new, rule)
        if wrong:
            lines.append(f"{'; '.join(wrong)}\n  saved: {old}\n  now:   {new}")
    return lines


def words(line: str) -> str:
    """The line with `#` for each number, no verdict, and no spacing, which follows the numbers."""
    if not CLAIM.match(line):
        line = VERDICT.sub("VERDICT", line.rstrip())
    return re.sub(r"\s*#\s*", "#", " ".join(NUMBER.sub("#", line).split()))


def verdict_errors(line: str, which: str) -> list[str]:
    """Whether a line ends in a verdict that its own interval does not give."""
    verdict, effects = VERDICT.search(line.rstrip()), EFFECT.findall(line)
    if CLAIM.match(line) or not verdict:
        return []
    if not effects:
        return [f"{which}: the verdict {verdict[0]!r} stands without the interval it rests on"]
    _, low, high = map(float, effects[-1])
    possible = {"helps": low >= 0, "harms": high <= 0, "no effect found": low <= 0 <= high}
    return (
        [] if possible[verdict[0]] else [f"{which}: {verdict[0]!r} is not what its interval says"]
    )


def number_errors(saved: str, fresh: str, rule: Rule) -> list[str]:
    """The numbers of two lines with the same words that differ by more than the rule allows."""
    pairs = zip(NUMBER.findall(saved), NUMBER.findall(fresh), allowances(saved, rule), strict=True)
    return [
        f"{new} instead of {old}, which may differ by {allowed:.2g}"
        for old, new, allowed in pairs
        if not close(old, new, allowed)
    ]


def allowances(line: str, rule: Rule) -> list[float]:
    """By how much each number of a line may differ beyond rounding."""
    scales, allowed = _scales(line) if rule.trained else {}, []
    for number in NUMBER.finditer(line):
        size = abs(float(number[0]))
        own = rule.counts if whole(number[0]) else max(rule.rtol * size, rule.atol)
        usual = 0.0 if whole(number[0]) or not rule.trained else SIZE * size
        allowed.append(max(own, scales.get(number.start(), usual)))
    return allowed


def _scales(line: str) -> dict[int, float]:
    """Where a number with an uncertainty beside it begins: by how much it may differ."""
    scales = {}
    for match in re.finditer(rf"({_FRACTION}|\b\d+)%", line):
        scales[match.start()] = POINTS
    for match in MEAN_AND_ERROR.finditer(line):
        mean, error = abs(float(match[1])), float(match[2])
        scales[match.start(1)] = max(ERRORS * error, SIZE * mean)
        scales[match.start(2)] = error / 2
    for match in EFFECT.finditer(line):
        half = (float(match[3]) - float(match[2])) / 2
        scales |= {match.start(group): HALVES * half for group in (1, 2, 3)}
    return scales


def close(saved: str, fresh: str, allowed: float) -> bool:
    """Whether two printed numbers are the same but for `allowed` and the rounding of both."""
    if saved == fresh:
        return True
    if not math.isfinite(float(saved)) or not math.isfinite(float(fresh)):
        return False
    rounding = 0.0 if whole(saved) and whole(fresh) else min(unit(saved), unit(fresh))
    rounding = max(rounding, ROUNDING)
    return abs(float(saved) - float(fresh)) <= 1.001 * (allowed + rounding)


def whole(number: str) -> bool:
    """Whether a printed number is a whole one, with neither a fraction nor an exponent."""
    return number.lstrip("+-").isdigit()


def unit(number: str) -> float:
    """One unit of the last digit of a printed number: 0.01 for 3.14, 100 for 2e2."""
    mantissa, _, exponent = number.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
