"""Small changes of a paper, each checked by name: what `recipes.py` makes its recipes of."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce

from gandeblur.data.degradations import Step
from gandeblur.experiments.spec import Paper, Training
from gandeblur.losses import pixel
from gandeblur.losses.terms import OnImages, Term
from gandeblur.training.schedules import Cosine

Change = Callable[[Paper], Paper]


def chain(*changes: Change) -> Change:
    """One change after the other."""
    return lambda paper: reduce(lambda changed, change: change(changed), changes, paper)


def fast(training: Training, learning_rate: float, discriminator_rate: float = 1e-4) -> Training:
    """Adam in the cosine basis of the generator's kernels, at a high rate that falls by half a cosine."""
    training = replace(training, cosine_basis=True, schedule=Cosine())
    return replace(training, learning_rate=learning_rate, discriminator_rate=discriminator_rate)


def lasting(epochs: int, steps_per_epoch: int) -> Change:
    return lambda paper: replace(
        paper, training=replace(paper.training, epochs=epochs, steps_per_epoch=steps_per_epoch)
    )


def batches_of(images: int) -> Change:
    return lambda paper: replace(paper, training=replace(paper.training, batch_size=images))


def generator_steps(count: int) -> Change:
    return lambda paper: replace(paper, training=replace(paper.training, generator_steps=count))


def drawn_start(paper: Paper) -> Paper:
    """From initial weights that the seed draws again, so that the network can be published as differences."""
    return replace(paper, training=replace(paper.training, drawn_start=True))


def frozen_norm(paper: Paper) -> Paper:
    """Batch normalisation stays as it starts, so that the network that is trained is the one that restores."""
    return replace(paper, training=replace(paper.training, frozen_norm=True))


def zoomed_to(factor: float) -> Change:
    return lambda paper: replace(paper, data=replace(paper.data, max_zoom=factor))


def l1_of(weight: float) -> Change:
    return lambda paper: replace(paper, generator_terms=replaced(paper.generator_terms, l1=pixels_as("l1", weight)))


def blurred_by(*photographs: Step) -> Change:
    return lambda paper: replace(paper, data=replace(paper.data, photographs=photographs))


def widths(**others: object) -> Change:
    """Other widths of the generator."""
    return lambda paper: replace(paper, generator=paper.generator.with_widths(**others))


def pixels_as(name: str, weight: float) -> Term:
    """The mean absolute error in the place of a paper's term, or as one more."""
    return Term(name, OnImages(pixel.mean_absolute_error), weight)


def replaced(terms: Sequence[Term], **others: Term) -> tuple[Term, ...]:
    """The terms, with others in the places of the terms of these names.

    Raises:
        KeyError: there is no term of that name.
    """
    if missing := sorted(others.keys() - {term.name for term in terms}):
        raise KeyError(f"no loss is called {', '.join(missing)}")
    return tuple(others.get(term.name, term) for term in terms)


def without_adversary(paper: Paper) -> Paper:
    """The generator alone, trained by its terms that need no discriminator."""
    terms = tuple(term for term in paper.generator_terms if not term.adversarial)
    return replace(paper, generator_terms=terms, discriminator=None, discriminator_terms=())


def second_phase(paper: Paper) -> Paper:
    """Ten epochs at a lower rate, from weights that pixels have trained."""
    return replace(paper, training=replace(paper.training, learning_rate=1e-4, epochs=10))


def with_own_losses(change: Change) -> Change:
    """A change that leaves the paper its losses."""
    return lambda paper: replace(change(paper), generator_terms=paper.generator_terms)


def features_follow(change: Change, features: float, pixels: float) -> Change:
    """A change under which the paper's perceptual loss counts little beside the pixels."""

    def changed(paper: Paper) -> Paper:
        (content,) = (term for term in paper.generator_terms if term.name == "content")
        terms = replaced(paper.generator_terms, content=replace(content, weight=features))
        return replace(change(paper), generator_terms=(*terms, pixels_as("pixel", pixels)))

    return changed


def crops_of(px: int) -> Change:
    return lambda paper: replace(paper, data=replace(paper.data, crop_px=px))
