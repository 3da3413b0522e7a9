"""What a paper says of a run under "Methods", made of the run's own settings, and what it then cites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from core.catalog import METHODS, find
from core.statistics.ends import INTERVALS
from core.training.method import Paper

Plain = Mapping[str, Any]
LORA = Paper("2106.09685", 2021, "Hu, Edward J. and others", "LoRA: Low-Rank Adaptation of Large Language Models")


def paragraph(sets: Sequence[Plain], settings: Plain, figures: Plain, environment: Plain) -> str:
    """From what set.json, settings.yaml, metrics.json and environment.json hold; what is not there is not told."""
    return " ".join(
        [
            *_tuned(sets, settings),
            *_trained(settings),
            *_compared(sets, settings),
            *_answered(sets, settings),
            *_measured(settings, figures),
            *_calibrated(figures),
            *_made_with(environment),
        ]
    )


def citations(settings: Plain) -> str:
    """BibTeX: the method's paper where it has one, LoRA, and the studio."""
    papers = [paper for paper in (_paper(settings), LORA) if paper is not None]
    studio = (
        "@software{vitaskstudio,\n  title = {VITask Studio},\n"
        f"  version = {{{version('vitask-studio')}}},\n  note = {{Research use only}}\n}}\n"
    )
    return "\n".join([*map(_bibtex, papers), studio])


def _tuned(sets: Sequence[Plain], settings: Plain) -> Iterator[str]:
    vlm, method = settings["vlm"], find(METHODS, settings["method"]["name"], "method")
    model = f"The vision-language model {' '.join(vlm[name] for name in ('family', 'checkpoint') if vlm.get(name))}"
    paper = _paper(settings)
    cited = f" (arXiv {paper.arxiv})" if paper else ""
    named = " and ".join(_set_words(image_set) for image_set in sets)
    yield f"{model} was tuned by {method.TITLE}{cited}{f' on {named}' if named else ''}."


def _set_words(image_set: Plain) -> str:
    cases, task = image_set.get("cases") or {}, image_set.get("task") or {}
    counts = [f"{cases[split]:,} {word}" for split, word in _SPLITS.items() if cases.get(split)]
    facts = [f"{', '.join(counts)} cases" if counts else "", task.get("modality") or ""]
    answers = task.get("answers") or ()
    facts.append(f"{len(answers)} labels" if answers else "")
    brackets = "; ".join(fact for fact in facts if fact)
    return f"{image_set.get('name', 'a set')}{f' ({brackets})' if brackets else ''}"


def _trained(settings: Plain) -> Iterator[str]:
    lora, training = settings.get("lora") or {}, settings.get("training") or {}
    if not settings["method"].get("lora", True):
        yield "The vision encoder and the language model were frozen; what the method adds to them was trained."
    elif lora:
        values = ", ".join(f"{name} {lora[name]:g}" for name in ("rank", "alpha", "dropout") if name in lora)
        yield f"The language model was tuned by LoRA ({values}); the vision encoder was frozen."
    if training:
        rate = training.get("learning_rate")
        steps = training.get("steps")
        how_long = f"{steps:,} steps a stage" if steps else ", ".join(_epochs(settings["method"]))
        facts = [
            f"learning rate {rate:g}" if rate else "",
            f"batches of {training['batch_size']}" if training.get("batch_size") else "",
            how_long,
            f"{training['precision']} arithmetic" if training.get("precision") not in (None, "auto") else "",
            f"seed {settings.get('seed', 0)}",
        ]
        yield f"It was trained by AdamW ({', '.join(fact for fact in facts if fact)})."


def _epochs(method: Plain) -> Iterator[str]:
    for name, value in method.items():
        if name.endswith("epochs") and value:
            yield f"{name.replace('_', ' ')} {value:g}"


def _compared(sets: Sequence[Plain], settings: Plain) -> Iterator[str]:
    tsms = settings.get("tsm") or ()
    blocks = [tsms] if isinstance(tsms, Mapping) else tsms
    if blocks:
        names = " and ".join(block["name"] for block in blocks)
        yield f"The task-specific model ({names}) was trained on the same training cases."
        mirrored = {(image_set.get("task") or {}).get("mirrored") for image_set in sets} - {None}
        if mirrored and any(block.get("flips") == "as_set" for block in blocks):
            both = "left and right" if mirrored == {"sideways"} else "left and right, and up and down"
            yield f"Its training images were mirrored at random ({both}), where the set says that labels stay the same."


def _answered(sets: Sequence[Plain], settings: Plain) -> Iterator[str]:
    method = find(METHODS, settings["method"]["name"], "method")
    plans = method.readers(method.Settings())
    is_by_cosine, has_head = any(plan.embedder for plan in plans), any(plan.classifier for plan in plans)
    model = "The untuned model" if is_by_cosine else "A vision-language model"
    model += " that answers in words" if has_head else ""
    kinds = {(image_set.get("task") or {}).get("kind", "single") for image_set in sets} or {"single"}
    if kinds != {"multi"}:
        yield (
            f"{model} answered with the label that it found likeliest, by the sum of the log-probabilities of its "
            "tokens, softmaxed over all labels."
        )
    if "multi" in kinds:
        answered = "answered with every label that it found likelier than not, by its marginal probability"
        yield f"{model} {answered}{', where a case may have several' if len(kinds) > 1 else ''}."
    if is_by_cosine:
        yield "The tuned model answered by the cosine between an image and what each label is called."
    if has_head:
        yield (
            "The model with a class head answered by a linear layer on the last state of the question (a softmax over "
            "all labels, or a sigmoid each where a case may have several)."
        )


def _measured(settings: Plain, figures: Plain) -> Iterator[str]:
    cases = figures.get("cases")
    if not cases:
        return
    draws = (settings.get("reading") or {}).get("draws")
    whose, over = _patients(list((figures.get("sets") or {"": figures}).values()))
    drawn = f" ({draws:,} draws)" if draws else ""
    compared = "readers were compared by paired differences on the same draws"
    if _has_bands(figures):
        compared += f", all but {_asked_for(figures)} with bands that hold for every pair at once (max-t)"
    yield f"Figures are of {cases:,} test cases{whose} by which nothing was chosen; {compared}."
    yield f"{_intervals(figures)} over {over}{drawn}."


def _calibrated(figures: Plain) -> Iterator[str]:
    parts = (figures.get("sets") or {"": figures}).values()
    learned = [row["cases"] for part in parts for row in (part.get("calibration") or {}).values()]
    if learned:
        yield (
            "Probabilities are raw where nothing else is said; calibrated ones are by one temperature a reader "
            f"(arXiv 1706.04599), learned on {max(learned):,} validation cases with smoothed labels."
        )


def _asked_for(figures: Plain) -> str:
    """What was settled before any figure was seen, and has intervals of its own."""
    made_for = "the comparison that the run was made for"
    if not figures.get("best"):
        return made_for
    return f"{made_for} and that of the best tuned reader with the best simple one, both chosen on validation cases,"


def _has_bands(figures: Plain) -> bool:
    """Runs of before have none."""
    parts = (figures.get("sets") or {"": figures}).values()
    pairs = (pair for part in parts for pair in (part.get("differences") or {}).values())
    return any("band_low" in figure for pair in pairs for figure in pair.values())


def _intervals(figures: Plain) -> str:
    """Which they are: runs of before have percentiles, and say so by saying nothing."""
    if figures.get("intervals") != INTERVALS:
        return "Intervals (95 %) are percentiles of a bootstrap"
    return (
        "Intervals (95 %) of shares are Wilson's, or with several cases a patient t intervals of their logit with a "
        "design effect; those of other figures are t intervals with the standard error of a bootstrap and "
        "Satterthwaite's degrees of freedom, on the logit scale where a figure lies between 0 and 1; those of "
        "differences are the wider of a t interval and expanded percentiles; where cases or mistakes were too few none "
        "is given. All are taken"
    )


def _patients(parts: Sequence[Plain]) -> tuple[str, str]:
    """Whose the cases are, as far as that is certain, and what was drawn; a patient may be in several sets."""
    patients = sum(part.get("patients") or 0 for part in parts)
    if not patients:
        return "", "cases"
    has_unknown = any(not part.get("patients") or part.get("cases_without_patient") for part in parts)
    whose = f" of {patients:,} {'known ' if has_unknown else ''}patients" if len(parts) == 1 else ""
    return whose, "patients, and cases where those are unknown" if has_unknown else "patients"


def _made_with(environment: Plain) -> Iterator[str]:
    packages = environment.get("packages") or {}
    named = [f"{name} {packages[name]}" for name in ("torch", "transformers", "peft") if name in packages]
    device = environment.get("device")
    where = "on a processor" if device == "cpu" else f"on {device}" if device else ""
    software = ", ".join([f"VITask Studio {version('vitask-studio')}", *named])
    yield f"Software: {software}{f'; {where}' if where else ''}."


def _paper(settings: Plain) -> Paper | None:
    return getattr(find(METHODS, settings["method"]["name"], "method"), "PAPER", None)


def _bibtex(paper: Paper) -> str:
    key = f"arxiv{paper.arxiv.replace('.', '')}"
    fields = {
        "title": f"{{{paper.title}}}",
        "author": paper.authors,
        "year": str(paper.year),
        "eprint": paper.arxiv,
        "archivePrefix": "arXiv",
    }
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{{key},\n{lines}\n}}\n"


_SPLITS = {"train": "training", "val": "validation", "test": "test"}
