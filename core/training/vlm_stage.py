"""A VLM in the training loop: the cases of a run as responses, and a stage of a method made of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache, partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from core.case import Case, Marks, Task
from core.draw import evenly, generator
from core.errors import SettingsError
from core.machine.footprint import give_back
from core.models.features import EncodedPictures, FeatureStore
from core.models.lora import adapter_parameters, using
from core.models.spelled import SpelledCaption, spelled
from core.models.tsm import Tsm
from core.models.vlm import ImageFeatures, Prompt
from core.readings import tsm_words
from core.readings.answer import Answer
from core.readings.class_head import ClassHead
from core.readings.distribution import Asking, distributions
from core.readings.embedder import Embedder, by_cosine
from core.readings.head import Head, See
from core.readings.results import quick_figures
from core.readings.tsm_words import ending_in
from core.sets.captions import CaptionSettings, caption
from core.sets.joint import Item, JointSet
from core.training.batches import Batches, in_parts
from core.training.loop import Stage
from core.training.method import ReaderPlan, StagePlan
from core.training.partners import Pair, Pool, paired_share
from core.training.response import Tuned, counts, response_terms, token_passes
from core.training.settings import TrainingSettings
from core.training.terms import Guests, ResponseBatch, contradicted
from core.training.tsm_stage import tsm_answers

TOLERANCE = 1e-3
BATCHES_BETWEEN_CLEARINGS = 5
CASES_OF_COST = 64
"""By as many is judged what a step costs."""
FEW = 4
"""Cases on which sharing a prefix is tried."""


@dataclass(frozen=True)
class RunCases:
    """The cases of a run with what is known of each before tuning: features of its image, one feature a TSM."""

    joint_set: JointSet
    items: Sequence[Item]
    features: FeatureStore
    exemplars: Sequence[Tensor]
    caption_settings: CaptionSettings | None = None
    own: Mapping[str, EncodedPictures] = field(default_factory=dict)
    """Of the encoders that heads have of their own, by the encoder's name."""
    seed: int = 0
    """Of what is drawn among the cases."""
    tsm_words: Sequence[str] = ()
    """What the TSMs answer for each, where questions end in that."""
    costed_by: RunCases | None = None
    """Other cases, by which is judged what a step costs where of these no more is there than their labels."""
    _spelled: dict[int, SpelledCaption] = field(default_factory=dict, compare=False)
    _answers: dict[tuple[int, tuple[str, ...]], tuple[int, ...]] = field(default_factory=dict, compare=False)

    def places(self, split: str) -> list[int]:
        return [place for place, item in enumerate(self.items) if item.case.split == split]

    def task(self, place: int) -> Task:
        return self.joint_set.tasks[self.items[place].set]

    def marks(self, place: int) -> Marks:
        """What the case's set says of places."""
        return self.joint_set.marks[self.items[place].set]

    def questions(self, places: Sequence[int], exemplars_of: Sequence[int] | None = None) -> list[Asking]:
        """About some cases, each with its own exemplar, or with that of another case."""
        features = self.features.of(places)
        return [
            Asking(
                self.task(place),
                image,
                [of_tsm[shown] for of_tsm in self.exemplars],
                marks=self.marks(place),
                own=self.seen(place),
                tsm_words=self.tsm_words[place] if self.tsm_words else "",
            )
            for place, shown, image in zip(places, exemplars_of or places, features, strict=True)
        ]

    def strangers(self, places: Sequence[int]) -> dict[int, int]:
        """For each of these cases another one of its set among them, each once: the next in a drawn round. A case that
        is alone stays so."""
        next_of: dict[int, int] = {}
        for number in range(len(self.joint_set.sets)):
            own = [place for place in places if self.items[place].set == number]
            order = [own[at] for at in generator(self.seed, "strangers", number).permutation(len(own)).tolist()]
            next_of |= dict(zip(order, order[1:] + order[:1], strict=True))
        return next_of

    def told_by(self, tsms: Sequence[Tsm]) -> RunCases:
        """The same cases with what these TSMs answer for each, by the features that are held of them."""
        sets = [item.set for item in self.items]
        answers = [
            tsm_answers(tsm, features, sets, self.joint_set.tasks)
            for tsm, features in zip(tsms, self.exemplars, strict=True)
        ]
        tasks = [self.joint_set.tasks[number] for number in sets]
        return replace(self, tsm_words=tsm_words.of_cases(tasks, answers))

    def batch(self, places: Sequence[int], partners: Sequence[int | None], lots: Sequence[int] = ()) -> ResponseBatch:
        """Cases by their places in the run, with the places of those whose images contradict them."""
        guests, others = seated(places, partners)
        everybody, cases = [*places, *guests], len(places)
        features, responses = self.features.of(everybody), self.responses(everybody)
        prompts = self.prompts(everybody, features)
        return ResponseBatch(
            features=features[:cases],
            prompts=prompts[:cases],
            responses=responses[:cases],
            exemplars=[of_tsm[list(places)] for of_tsm in self.exemplars],
            others=others,
            guests=Guests(features[cases:], prompts[cases:], responses[cases:]),
            cases=self.cases(places),
            marks=[self.marks(place) for place in places],
            lots=lots,
            vlm=self.features.vlm,
            captions=self.captions(places),
            tasks=[self.task(place) for place in places],
            tsm_words=[self.tsm_words[place] for place in places] if self.tsm_words else (),
            own=[self.seen(place) for place in places],
        )

    def seen(self, place: int) -> dict[str, See]:
        """What the own encoders of heads see in a case."""

        def look(encoded: EncodedPictures) -> ImageFeatures:
            (features,) = encoded.of([place])
            return features

        return {name: partial(look, encoded) for name, encoded in self.own.items()}

    def prompts(self, places: Sequence[int], features: Sequence[ImageFeatures]) -> list[Prompt]:
        """The question of each case's set about its image."""
        instructions = [self.task(place).instruction() for place in places]
        return [
            self.features.vlm.prompt(instruction, image.tokens.shape[0])
            for instruction, image in zip(instructions, features, strict=True)
        ]

    def cases(self, places: Sequence[int]) -> list[Case]:
        return [self.items[place].case for place in places]

    def captions(self, places: Sequence[int]) -> list[SpelledCaption]:
        """What each case is called, in the model's tokens; nothing where the method doesn't learn from that."""
        if self.caption_settings is None:
            return []
        for place in places:
            if place not in self._spelled:
                case, usual = self.items[place].case, self.joint_set.usual_lengths[self.items[place].set]
                words = caption(case, self.task(place), self.caption_settings, usual)
                self._spelled[place] = spelled(self.features.vlm, words)
        return [self._spelled[place] for place in places]

    def responses(self, places: Sequence[int]) -> list[tuple[int, ...]]:
        return [self.response(self.items[place]) for place in places]

    def response(self, item: Item) -> tuple[int, ...]:
        """A case's answer in the model's tokens."""
        key = (item.set, item.case.labels)
        if key not in self._answers:
            self._answers[key] = self.features.vlm.response(self.joint_set.tasks[item.set].response(item.case.labels))
        return self._answers[key]

    def pool(self, places: Sequence[int]) -> Pool:
        """Of cases whose images may contradict each other."""
        items = {place: self.items[place] for place in places}
        return Pool({place: (item.set, self.response(item)) for place, item in items.items()})


def seated(places: Sequence[int], partners: Sequence[int | None]) -> tuple[list[int], list[int | None]]:
    """The guests of some cases, partners who are not among them, each once; and the number of every case's partner,
    where guests are numbered on from the cases."""
    guests = list(dict.fromkeys(partner for partner in partners if partner is not None and partner not in places))
    number_of = {place: number for number, place in enumerate([*places, *guests])}
    return guests, [None if partner is None else number_of[partner] for partner in partners]


@dataclass(frozen=True)
class _Micro:
    """A part of a step. What its cases draw depends on the key of the whole step, however that is cut."""

    cases: RunCases
    plan: StagePlan
    pairs: list[Pair]
    key: tuple[int | str, ...]

    @property
    def places(self) -> list[int]:
        return [place for place, _ in self.pairs]

    @property
    def partners(self) -> list[int | None]:
        return [partner for _, partner in self.pairs]

    def lots(self) -> list[int]:
        return [int(generator(*self.key, "lot", place).integers(2**32)) for place in self.places]

    def counts(self) -> dict[str, int]:
        return counts(self._light(), self.plan.wanted)

    def load(self) -> tuple[ResponseBatch, Any]:
        return self.cases.batch(self.places, self.partners, self.lots()), self.plan.wanted

    def names(self) -> list[str]:
        return [self.cases.items[place].case.id for place in self.places]

    def _light(self) -> ResponseBatch:
        responses, cases = self.cases.responses(self.places), self.cases.cases(self.places)
        marks, vlm = [self.cases.marks(place) for place in self.places], self.cases.features.vlm
        captions, (guests, others) = self.cases.captions(self.places), seated(self.places, self.partners)
        contradicting = Guests(responses=self.cases.responses(guests))
        return ResponseBatch(
            [], [], responses, [], others, cases, marks, self.lots(), vlm, captions, guests=contradicting
        )


def vlm_stage(
    plan: StagePlan,
    tuned: Tuned,
    cases: RunCases,
    readers: Sequence[ReaderPlan],
    training: TrainingSettings,
    seed: int,
    reading_batch: int,
    accelerator: Any,
    is_adapter_tuned: bool = True,
    beside: Sequence[StagePlan] = (),
) -> Stage:
    """One stage of a method: which numbers change, by what losses, on which cases in which order.

    The stages of one adapter among those `beside` it share one schedule, as plain tuning of the same length has it,
    unless each is to have one of its own.
    """
    adapter, beside_it = _what_changes(plan, tuned, is_adapter_tuned and plan.trains_adapter)
    train = cases.places("train")
    size = min(training.batch_size, len(train))
    batches = Batches(len(train), size, seed, plan.batches_of or plan.name)
    micro = micro_batch(training, len(train), accelerator.num_processes)
    terms = plan.wanted.named_terms().values()
    pool = cases.pool(train) if any(contradicted in term.asks for term in terms) else None

    @lru_cache(maxsize=1)
    def pairs(step: int) -> list[Pair]:
        places = [train[case] for case in batches.batch(step)]
        return [(place, None) for place in places] if pool is None else pool.pairs(places, seed, plan.name, step)

    def micro_batches(step: int) -> list[_Micro]:
        key = (seed, plan.name, "others", step)
        return [_Micro(cases, plan, part, key) for part in in_parts(pairs(step), micro)]

    @cache
    def steps_of(name: str) -> int:
        stage = next(stage for stage in beside or (plan,) if stage.name == name)
        if stage.as_costly_as:
            costly = [other for other in beside if other.name in stage.as_costly_as]
            tokens = sum(steps_of(other.name) * tokens_a_case(other, tuned, cases) for other in costly)
            return max(1, round(tokens / tokens_a_case(stage, tuned, cases)))
        return training.steps_of(stage.epochs, stage.length, batches.steps_per_epoch)

    at = [stage.name for stage in beside].index(plan.name) if beside else 0
    before = [stage for stage in beside[:at] if stage.adapter == plan.adapter]
    lengths = [steps_of(stage.name) for stage in beside or (plan,) if stage.adapter == plan.adapter]
    rates = dict.fromkeys(adapter, training.learning_rate) | dict.fromkeys(beside_it, training.connector_learning_rate)
    ways = [reader for reader in readers if reader.adapter == plan.adapter and not reader.is_shuffled]
    begins_there = any(term.begins_at_ln_vocabulary for term in terms)
    return Stage(
        name=plan.name,
        module=tuned,
        tensors=adapter | beside_it,
        learning_rates=rates,
        weights=plan.wanted.weights,
        steps=steps_of(plan.name),
        schedule=((sum(steps_of(stage.name) for stage in before), sum(lengths)) if training.shares_schedule else None),
        steps_after=sum(steps_of(stage.name) for stage in beside[at + 1 :]),
        micro_batches=micro_batches,
        paired_share=None if pool is None else lambda step: paired_share(pairs(step)),
        settings=training,
        seed=seed,
        show=tuned.show if any(term.show is not None for term in terms) else None,
        evaluate=lambda: validation(tuned, cases, ways, training.validation_cases, reading_batch),
        is_chosen_by_figure=plan.is_chosen_by_figure and training.weights_kept == "best",
        facts={"ln_vocabulary": math.log(tuned.vlm.vocabulary_size)} if begins_there else {},
    )


def tokens_a_case(plan: StagePlan, tuned: Tuned, cases: RunCases) -> float:
    """What a step of a stage costs, by formula and not by the clock: tokens that go through the language model for a
    case, the mean over training cases drawn evenly, each with one that contradicts it (docs/method.md)."""
    cases = cases.costed_by or cases
    train = cases.places("train")
    places = evenly(train, CASES_OF_COST)
    asks = [ask for term in plan.wanted.named_terms().values() for ask in term.asks]
    pairs = cases.pool(train).pairs(places, "tokens") if contradicted in asks else [(place, None) for place in places]
    with torch.no_grad():
        batch = cases.batch([place for place, _ in pairs], [partner for _, partner in pairs], [0] * len(pairs))
        return token_passes(tuned, batch, plan.wanted, tuned.vlm.shares_prefix) / len(pairs)


def _what_changes(
    plan: StagePlan, tuned: Tuned, is_adapter_tuned: bool
) -> tuple[dict[str, nn.Parameter], dict[str, Tensor]]:
    """The adapter of a stage by name, and what is kept beside it: the exemplars' connectors and the heads that learn
    here. Only what learns here asks for gradients from here on."""
    tuned.vlm.peft.set_adapter(plan.adapter)
    adapter = adapter_parameters(tuned.vlm, plan.adapter)
    connectors = dict(tuned.exemplars.named_parameters(prefix="exemplars")) if tuned.exemplars else {}
    heads = dict(tuned.heads.named_parameters(prefix="heads"))
    kept = heads | dict(tuned.heads.named_buffers(prefix="heads"))
    learns = tuple(f"heads.{head.name}.{part}" for head in plan.heads for part in plan.head_parts)
    learning = {name: value for name, value in kept.items() if name.startswith(learns)}
    for value in adapter.values():
        value.requires_grad_(is_adapter_tuned)
    for value in connectors.values():
        value.requires_grad_(plan.trains_exemplars)
    for name, value in heads.items():
        value.requires_grad_(name in learning)
    return adapter, connectors | learning


def micro_batch(training: TrainingSettings, cases: int, processes: int) -> int:
    """How many cases go through the model at once; every process has a part in every step."""
    size = min(training.batch_size, cases)
    micro = min(training.micro_batch(), -(-size // processes))
    if -(-size // micro) < processes:
        raise SettingsError(
            f"A step of {size} cases can't be spread over {processes} processes in parts of {micro}. "
            "Use fewer processes, or a batch size that is a multiple of their number."
        )
    return micro


def validation(
    tuned: Tuned, cases: RunCases, ways: Sequence[ReaderPlan], most: int, batch_size: int
) -> dict[str, float]:
    """The mean figures of an adapter's readers on validation cases, drawn evenly through the split."""
    places = evenly(cases.places("val"), most)
    items = [cases.items[place] for place in places]
    answers = read_places(tuned, cases, places, ways, batch_size)
    per_way = [
        quick_figures(items, [each.probabilities for each in answers[way.name]], cases.joint_set) for way in ways
    ]
    figures = {name: float(np.mean([each[name] for each in per_way])) for name in per_way[0]}
    return figures | {
        f"{name} of {way.name}": each[name]
        for way, each in zip(ways, per_way, strict=True)
        for name in ("accuracy", "macro_f1")
    }


def read_places(
    tuned: Tuned,
    cases: RunCases,
    places: Sequence[int],
    ways: Sequence[ReaderPlan],
    batch_size: int,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, list[Answer]]:
    """The distributions of readers that share an adapter: with and without exemplar in one run; with those of other
    cases in another."""
    own = [way for way in ways if not way.is_shuffled]
    shuffled = [way for way in ways if way.is_shuffled]
    strangers = cases.strangers(places) if shuffled else {}
    answers: dict[str, list[Answer]] = {way.name: [] for way in ways}
    with using(tuned.vlm, ways[0].adapter), torch.no_grad(), tuned.vlm.reading():
        for number, start in enumerate(range(0, len(places), batch_size)):
            if number % BATCHES_BETWEEN_CLEARINGS == 0:
                give_back()
            part = places[start : start + batch_size]
            read = read_ways(tuned, cases.questions(part), own)
            if shuffled:
                read |= read_ways(tuned, cases.questions(part, [strangers[place] for place in part]), shuffled)
            for name, of_part in read.items():
                answers[name] += of_part
            progress(start + len(part))
    return answers


def read_ways(tuned: Tuned, questions: Sequence[Asking], ways: Sequence[ReaderPlan]) -> dict[str, list[Answer]]:
    """What readers that share the adapter in use say of some questions, each by its own measure."""
    read: dict[str, list[Answer]] = {}
    for is_told in (False, True):
        by_likelihood = [way for way in ways if way.writes and way.is_told == is_told]
        if by_likelihood:
            read |= _read_by_likelihood(tuned, put_by(by_likelihood[0], questions), by_likelihood)
    for way in ways:
        if way.embedder is not None:
            embedder = cast(Embedder, tuned.heads[way.embedder.name])
            read[way.name] = by_cosine(tuned.vlm, embedder, questions)
        if way.classifier is not None:
            read[way.name] = cast(ClassHead, tuned.heads[way.classifier.name]).answers(tuned.vlm, questions)
    return read


def put_by(way: ReaderPlan, questions: Sequence[Asking]) -> Sequence[Asking]:
    """The questions as they are put to a reader."""
    if not way.is_told:
        return questions
    return [replace(question, instruction=ending_in(question.asked(), question.tsm_words)) for question in questions]


def _read_by_likelihood(
    tuned: Tuned, questions: Sequence[Asking], ways: Sequence[ReaderPlan]
) -> dict[str, list[Answer]]:
    """From one run of their shared prefixes."""
    flags = [way.with_exemplar for way in ways]
    heads = [[cast(Head, tuned.heads[head.name]) for head in way.heads] for way in ways]
    exemplars = tuned.exemplars if any(flags) else None
    learned = tuned.learned() if any(heads) else None
    read = distributions(tuned.vlm, questions, exemplars, flags, heads, learned)
    return dict(zip((way.name for way in ways), read, strict=True))


def sharing_gap(tuned: Tuned, batch: ResponseBatch, plan: StagePlan) -> float:
    """Largest relative difference of any loss between shared and plain passes, in float32 without dropout."""
    wanted = replace(plan.wanted, weights=dict.fromkeys(plan.wanted.weights, 1.0))
    was_training = tuned.training
    tuned.eval()
    with torch.no_grad(), in_float32(tuned.base):
        shared = response_terms(tuned, batch, wanted)
        plain = response_terms(tuned, batch, replace(wanted, is_shared=False))
    tuned.train(was_training)
    gaps = [
        float((shared[name] - plain[name]).abs().max() / plain[name].abs().max().clamp_min(1e-6))
        for name in plain
        if len(plain[name])
    ]
    return max(gaps, default=0.0)  # of losses that these cases have none of


def first_batch(cases: RunCases, plan: StagePlan, seed: int) -> ResponseBatch:
    """A few training cases of the first set, with others that contradict them."""
    train = [place for place in cases.places("train") if cases.items[place].set == 0]
    first, *more = [train[int(place)] for place in generator(seed, "check").permutation(len(train))]
    responses = cases.responses([first, *more])
    different = [place for place, response in zip(more, responses[1:], strict=True) if response != responses[0]][:1]
    few = list(dict.fromkeys([first, *different, *more]))[:FEW]
    return _Micro(cases, plan, cases.pool(train).pairs(few, seed, "check"), (seed,)).load()[0]


@contextmanager
def in_float32(model: nn.Module) -> Iterator[None]:
    """Every number of a model in float32 for a while; going back loses nothing."""
    kept = {name: value.dtype for name, value in [*model.named_parameters(), *model.named_buffers()]}
    model.float()
    try:
        yield
    finally:
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            value.data = value.data.to(kept[name])
